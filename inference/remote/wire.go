package remote

import (
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of the protocol (KServe "open_inference_grpc.proto"), by their
// field numbers: ModelInferRequest{model_name=1, inputs=5, outputs=6,
// raw_input_contents=7}, ModelInferResponse{outputs=5, raw_output_contents=6},
// tensors of either and of ModelMetadataResponse{inputs=4, outputs=5}
// {name=1, datatype=2, shape=3}.

// named is ModelReadyRequest and ModelMetadataRequest.
func named(model string) mem.BufferSlice {
	return mem.BufferSlice{mem.SliceBuffer(appendString(nil, 1, model))}
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

// inferRequest is a ModelInferRequest whose tensors are not copied.
func inferRequest(model string, in []tensor, out []string) mem.BufferSlice {
	head := appendString(nil, 1, model)
	for _, t := range in {
		b := appendString(appendString(nil, 1, t.name), 2, t.kind)
		var shape []byte
		for _, d := range t.shape {
			shape = protowire.AppendVarint(shape, uint64(d)) //nolint:gosec // no dimension is negative here
		}
		head = appendBytes(head, 5, appendBytes(b, 3, shape))
	}
	for _, name := range out {
		head = appendBytes(head, 6, appendString(nil, 1, name))
	}
	msg := mem.BufferSlice{mem.SliceBuffer(head)}
	for _, t := range in {
		b := protowire.AppendTag(nil, 7, protowire.BytesType)
		msg = append(msg, mem.SliceBuffer(protowire.AppendVarint(b, uint64(len(t.data)))), mem.SliceBuffer(t.data))
	}
	return msg
}

// readInferReply reads a ModelInferResponse, of which the tensors' values are
// slices.
func readInferReply(reply []byte) ([]tensor, error) {
	const most = 64
	var out []tensor
	var raw [][]byte
	err := eachField(reply, func(field protowire.Number, _ uint64, data []byte) error {
		switch field {
		case 5:
			t, err := readTensor(data)
			if err != nil {
				return err
			}
			out = append(out, t)
		case 6:
			raw = append(raw, data)
		}
		if len(out) > most || len(raw) > most {
			return wrong("the reply has more than %d outputs", most)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if len(raw) != len(out) {
		return nil, wrong("the reply has %d outputs, but raw values of %d", len(out), len(raw))
	}
	for i := range out {
		out[i].data = raw[i]
	}
	return out, nil
}

// readTensor reads name, type and shape of a tensor.
func readTensor(b []byte) (tensor, error) {
	var t tensor
	const mostDims = 16
	err := eachField(b, func(field protowire.Number, value uint64, data []byte) error {
		switch field {
		case 1:
			t.name = string(data)
		case 2:
			t.kind = string(data)
		case 3:
			if data == nil { // not packed
				t.shape = append(t.shape, int64(value)) //nolint:gosec // the same bits
			}
			for len(data) > 0 {
				v, n := protowire.ConsumeVarint(data)
				if n < 0 {
					return wrong("a shape that cannot be read")
				}
				t.shape, data = append(t.shape, int64(v)), data[n:] //nolint:gosec // the same bits
				if len(t.shape) > mostDims {
					break
				}
			}
		}
		if len(t.shape) > mostDims {
			return wrong("a tensor of more than %d dimensions", mostDims)
		}
		return nil
	})
	return t, err
}

// eachField goes through the fields of a message: value of those that are
// numbers, data of those that have a length.
func eachField(b []byte, f func(field protowire.Number, value uint64, data []byte) error) error {
	for len(b) > 0 {
		field, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return wrong("the reply is no message of the protocol")
		}
		b = b[n:]
		var value uint64
		var data []byte
		switch kind {
		case protowire.VarintType:
			value, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(field, kind, b)
		}
		if n < 0 {
			return wrong("the reply is no message of the protocol")
		}
		if err := f(field, value, data); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

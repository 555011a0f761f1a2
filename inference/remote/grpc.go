package remote

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"
)

// service is the protocol's gRPC service.
const service = "/inference.GRPCInferenceService/"

// overGRPC speaks the protocol's gRPC form. Its few messages are written and
// read by hand, so that tensors are not copied into and out of generated types.
type overGRPC struct {
	conn *grpc.ClientConn
}

func newGRPC(target string, tls bool) (*overGRPC, error) {
	secure := insecure.NewCredentials()
	if tls {
		secure = credentials.NewTLS(nil)
	}
	conn, err := grpc.NewClient(target, grpc.WithTransportCredentials(secure), grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{})))
	if err != nil {
		return nil, err
	}
	return &overGRPC{conn}, nil
}

func (g *overGRPC) close() error { return g.conn.Close() }

// rawCodec passes messages through as they are.
type rawCodec struct{}

var _ encoding.CodecV2 = rawCodec{}

func (rawCodec) Name() string { return "proto" }

func (rawCodec) Marshal(v any) (mem.BufferSlice, error) {
	parts, ok := v.(mem.BufferSlice)
	if !ok {
		return nil, fmt.Errorf("no message: %T", v)
	}
	return parts, nil
}

func (rawCodec) Unmarshal(data mem.BufferSlice, v any) error {
	to, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("no message: %T", v)
	}
	*to = data.Materialize()
	return nil
}

func (g *overGRPC) call(ctx context.Context, method string, request mem.BufferSlice, limit int64) ([]byte, error) {
	var reply []byte
	err := g.conn.Invoke(ctx, service+method, request, &reply, grpc.MaxCallRecvMsgSize(int(limit)), grpc.MaxCallSendMsgSize(1<<31-1))
	if err == nil {
		return reply, nil
	}
	s := status.Convert(err)
	err = fmt.Errorf("%v: %s", s.Code(), oneLine(s.Message()))
	switch s.Code() {
	case codes.Unavailable, codes.DeadlineExceeded, codes.Aborted, codes.Canceled, codes.ResourceExhausted:
		return nil, &transient{err}
	default:
		return nil, wrong("%w", err)
	}
}

func (g *overGRPC) ready(ctx context.Context, model string) error {
	reply, err := g.call(ctx, "ModelReady", named(model), maxJSON)
	if err != nil {
		return err
	}
	ready := false
	err = eachField(reply, func(field protowire.Number, value uint64, _ []byte) error {
		ready = ready || field == 1 && value != 0
		return nil
	})
	if err == nil && !ready {
		err = &transient{fmt.Errorf("model %s is not ready", model)}
	}
	return err
}

func (g *overGRPC) describe(ctx context.Context, model string) (metadata, error) {
	reply, err := g.call(ctx, "ModelMetadata", named(model), maxJSON)
	if err != nil {
		return metadata{}, err
	}
	var m metadata
	err = eachField(reply, func(field protowire.Number, _ uint64, data []byte) error {
		if field != 4 && field != 5 {
			return nil
		}
		t, err := readTensor(data)
		switch {
		case err != nil:
			return err
		case field == 4:
			m.inputs = append(m.inputs, port{t.name, t.kind, t.shape})
		default:
			m.outputs = append(m.outputs, port{t.name, t.kind, t.shape})
		}
		return nil
	})
	return m, err
}

func (g *overGRPC) infer(ctx context.Context, model string, in []tensor, out []string, limit int64) ([]tensor, error) {
	reply, err := g.call(ctx, "ModelInfer", inferRequest(model, in, out), limit+maxJSON)
	if err != nil {
		return nil, err
	}
	all, err := readInferReply(reply)
	if err != nil {
		return nil, err
	}
	return pick(all, out)
}

package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"satgraph/inference"
	"satgraph/inference/contract"
)

// signature is what an ONNX file says of its inputs and outputs. It is read
// from the file itself, since ONNX Runtime tells it only of a model that it has
// loaded, which for a large one means loading it twice.
type signature struct {
	inputs, outputs []port
	// pair names the vision network and text encoder that were trained
	// together; empty in files that do not say.
	pair string
}

// port is one input or output. A dimension that the file leaves open is -1.
type port struct {
	name  string
	shape []int64
}

func (s *signature) input(name string) (port, bool)  { return findPort(s.inputs, name) }
func (s *signature) output(name string) (port, bool) { return findPort(s.outputs, name) }

func findPort(list []port, name string) (port, bool) {
	i := slices.IndexFunc(list, func(p port) bool { return p.name == name })
	if i < 0 {
		return port{}, false
	}
	return list[i], true
}

// wants checks that a port is there and that its shape agrees with want, in
// which -1 stands for anything.
func wants(file, what string, list []port, name string, want ...int64) error {
	p, ok := findPort(list, name)
	if !ok {
		return fmt.Errorf("%w: %s has no %s %q", inference.ErrBundleFile, file, what, name)
	}
	if !contract.Fits(p.shape, want) {
		return fmt.Errorf("%w: %s %q of %s has shape %v, the manifest asks for %v (-1 is any)",
			inference.ErrBundleFile, what, name, file, p.shape, want)
	}
	return nil
}

// Field numbers of onnx.proto (ModelProto, StringStringEntryProto, GraphProto,
// TensorProto, ValueInfoProto, TypeProto, TypeProto.Tensor, TensorShapeProto,
// its Dimension).
const (
	modelGraph      = 7
	modelProperty   = 14
	propertyKey     = 1
	propertyValue   = 2
	graphTensor     = 5
	graphInput      = 11
	graphOutput     = 12
	tensorName      = 8
	valueName       = 1
	valueType       = 2
	typeTensor      = 1
	tensorTypeShape = 2
	shapeDim        = 1
	dimValue        = 1
)

var errProto = errors.New("it is not an ONNX file")

// readSignature reads the inputs (without those that are weights) and outputs
// of an ONNX file's main graph.
func readSignature(file string, data []byte) (*signature, error) {
	s := &signature{}
	weights := map[string]bool{}
	err := fields(data, func(n uint64, part []byte, _ uint64) error {
		if n == modelProperty {
			return s.readProperty(part)
		}
		if n != modelGraph {
			return nil
		}
		return fields(part, func(n uint64, b []byte, _ uint64) error {
			switch n {
			case graphTensor:
				return fields(b, func(n uint64, b []byte, _ uint64) error {
					if n == tensorName {
						weights[string(b)] = true
					}
					return nil
				})
			case graphInput, graphOutput:
				p, err := readPort(b)
				if err != nil {
					return err
				}
				if n == graphInput {
					s.inputs = append(s.inputs, p)
				} else {
					s.outputs = append(s.outputs, p)
				}
			}
			return nil
		})
	})
	if err != nil || len(s.outputs) == 0 {
		return nil, fmt.Errorf("%w: %s: %w", inference.ErrBundleFile, file, errProto)
	}
	s.inputs = slices.DeleteFunc(s.inputs, func(p port) bool { return weights[p.name] })
	return s, nil
}

// readProperty takes over the property "pair".
func (s *signature) readProperty(b []byte) error {
	key, value, err := readPair(b)
	if key == "pair" {
		s.pair = value
	}
	return err
}

// readPair reads a key and its value (StringStringEntryProto).
func readPair(b []byte) (key, value string, err error) {
	err = fields(b, func(n uint64, b []byte, _ uint64) error {
		switch n {
		case propertyKey:
			key = string(b)
		case propertyValue:
			value = string(b)
		}
		return nil
	})
	return key, value, err
}

func readPort(value []byte) (port, error) {
	var p port
	err := fields(value, func(n uint64, b []byte, _ uint64) error {
		switch n {
		case valueName:
			p.name = string(b)
		case valueType:
			return fields(b, func(n uint64, b []byte, _ uint64) error {
				if n != typeTensor {
					return nil
				}
				return fields(b, func(n uint64, b []byte, _ uint64) error {
					if n != tensorTypeShape {
						return nil
					}
					return fields(b, func(n uint64, b []byte, _ uint64) error {
						if n != shapeDim {
							return nil
						}
						dim := int64(-1)
						err := fields(b, func(n uint64, _ []byte, v uint64) error {
							if n == dimValue && v > 0 && v < maxFileBytes {
								dim = int64(v)
							}
							return nil
						})
						p.shape = append(p.shape, dim)
						return err
					})
				})
			})
		}
		return nil
	})
	return p, err
}

// fields calls f for each field of a protocol buffers message: its number, and
// its bytes or its value.
func fields(b []byte, f func(number uint64, bytes []byte, value uint64) error) error {
	for len(b) > 0 {
		tag, n := binary.Uvarint(b)
		if n <= 0 {
			return errProto
		}
		b = b[n:]
		var bytes []byte
		var value uint64
		var size int
		switch tag & 7 {
		case 0:
			if value, size = binary.Uvarint(b); size <= 0 {
				return errProto
			}
		case 1:
			size = 8
		case 2:
			length, n := binary.Uvarint(b)
			if n <= 0 || length > maxFileBytes || int(length) > len(b)-n {
				return errProto
			}
			bytes, size = b[n:n+int(length)], n+int(length)
		case 5:
			size = 4
		default:
			return errProto
		}
		if size > len(b) {
			return errProto
		}
		if err := f(tag>>3, bytes, value); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}

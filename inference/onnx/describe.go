package onnx

import (
	"fmt"
	"io/fs"

	"satgraph/inference"
)

// Tensor is an input or output of a network; -1 in its shape is any.
type Tensor struct {
	Name  string
	Shape []int64
}

// Network is what a network of a bundle takes and gives.
type Network struct {
	Inputs, Outputs []Tensor
	Beside          []string // files of the bundle that hold weights of it
}

// Describe reads what a network of a bundle takes and gives, from the file
// itself. The error is inference.ErrBundleFile.
func Describe(bundle fs.FS, man *inference.Manifest, name string) (*Network, error) {
	file, err := readBundleFile(bundle, "", man, name)
	if err != nil {
		return nil, err
	}
	defer file.close()
	sig, err := readSignature(name, file.data)
	if err != nil {
		return nil, err
	}
	net, err := readNetwork(file.data)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", inference.ErrBundleFile, name, err)
	}
	tensors := func(ports []port) (out []Tensor) {
		for _, p := range ports {
			out = append(out, Tensor{p.name, p.shape})
		}
		return out
	}
	return &Network{tensors(sig.inputs), tensors(sig.outputs), net.external}, nil
}

package remote

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"satgraph/inference"
)

// Tensor is an input or output of a network: "FP32" or "INT64"; -1 in its shape
// is any.
type Tensor struct {
	Name  string
	Type  string
	Shape []int64
}

// Network is one network of a bundle, for WriteRepository.
type Network struct {
	Part            string   // backbone, decoder or text
	File            string   // its ONNX file in the bundle
	Beside          []string // files with weights that it refers to
	Inputs, Outputs []Tensor
}

// WriteRepository lays a bundle's networks out as a model repository, as Triton
// reads it with --model-repository and its ONNX Runtime backend:
//
//	PREFIX_backbone/config.pbtxt, PREFIX_backbone/1/model.onnx
//	PREFIX_decoder/…, PREFIX_text/…
//
// Batching is off, since the networks' first axis is part of their contract.
// Files are copied, whole or not at all: the folders of models appear only once
// they are complete, and none that is there already is touched.
//
// Errors: fs.ErrExist (naming the folder), inference.ErrBundleFile, and those
// of files.
func WriteRepository(bundle fs.FS, man *inference.Manifest, networks []Network, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return fmt.Errorf("model repository %s: %w", dir, err)
	}
	staging, err := os.MkdirTemp(dir, ".satgraph-*")
	if err != nil {
		return fmt.Errorf("model repository %s: %w", dir, err)
	}
	defer os.RemoveAll(staging) //nolint:errcheck // what is left is in the way of nothing
	for _, n := range networks {
		name := Prefix(man) + "_" + n.Part
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fmt.Errorf("model repository: %s: %w; remove it or choose another folder", filepath.Join(dir, name), fs.ErrExist)
		}
		if err := writeModel(bundle, n, name, filepath.Join(staging, name)); err != nil {
			return fmt.Errorf("model repository: %s: %w", name, err)
		}
	}
	for _, n := range networks {
		name := Prefix(man) + "_" + n.Part
		if err := os.Rename(filepath.Join(staging, name), filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("model repository: %w", err)
		}
	}
	return nil
}

func writeModel(bundle fs.FS, n Network, name, dir string) error {
	version := filepath.Join(dir, "1")
	if err := os.MkdirAll(version, 0o750); err != nil {
		return err
	}
	if err := copyFile(bundle, n.File, filepath.Join(version, "model.onnx")); err != nil {
		return err
	}
	for _, file := range n.Beside {
		if err := copyFile(bundle, file, filepath.Join(version, filepath.Base(file))); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(dir, "config.pbtxt"), []byte(config(n, name)), 0o600)
}

func copyFile(bundle fs.FS, name, to string) error {
	from, err := bundle.Open(name)
	if err != nil {
		return fmt.Errorf("%w: %w", inference.ErrBundleFile, err)
	}
	defer from.Close() //nolint:errcheck // only read
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, from)
	return errors.Join(err, out.Sync(), out.Close())
}

// config is a model's config.pbtxt (Triton's ModelConfig).
func config(n Network, name string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %q\nbackend: \"onnxruntime\"\nmax_batch_size: 0\n", name)
	for _, side := range []struct {
		name    string
		tensors []Tensor
	}{{"input", n.Inputs}, {"output", n.Outputs}} {
		fmt.Fprintf(&b, "%s [\n", side.name)
		for i, t := range side.tensors {
			dims := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(t.Shape)), ", "), "[]")
			comma := ","
			if i+1 == len(side.tensors) {
				comma = ""
			}
			fmt.Fprintf(&b, "  { name: %q, data_type: TYPE_%s, dims: [ %s ] }%s\n", t.Name, t.Type, dims, comma)
		}
		b.WriteString("]\n")
	}
	return b.String()
}

// Package models holds the demo model that comes with the program: a small
// network of SAT's shape, trained on generated phantoms only. It is for showing
// what the program does, never for clinical use.
//
// The bundle is compiled into the binary, so that nothing needs to be fetched.
// Start from OpenDemo.
package models

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"satgraph/inference"
	"satgraph/inference/onnx"
)

//go:embed all:demo
var files embed.FS

// ErrNoDemo says that the program was built without the demo model.
var ErrNoDemo = errors.New("this program was built without its demo model")

// Demo is the demo bundle's folder. The error is ErrNoDemo.
func Demo() (fs.FS, error) {
	bundle, err := fs.Sub(files, "demo")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoDemo, err)
	}
	if _, err := fs.Stat(bundle, "manifest.json"); err != nil {
		return nil, fmt.Errorf("%w: models/demo held no manifest.json", ErrNoDemo)
	}
	return bundle, nil
}

// OpenDemo opens the demo model. The errors are ErrNoDemo and those of
// onnx.OpenFS.
func OpenDemo(o onnx.Options) (inference.Model, error) {
	bundle, err := Demo()
	if err != nil {
		return nil, err
	}
	m, err := onnx.OpenFS(bundle, o)
	if err != nil {
		return nil, fmt.Errorf("demo model: %w", err)
	}
	return m, nil
}

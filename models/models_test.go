package models_test

import (
	"io/fs"
	"testing"

	"satgraph/inference/onnx"
	"satgraph/models"
)

// The repository stays small, and says of the demo what it is.
func TestDemo(t *testing.T) {
	bundle, err := models.Demo()
	if err != nil {
		t.Fatal(err)
	}
	man, err := onnx.Verify(bundle)
	if err != nil {
		t.Fatal(err)
	}
	if !man.Demo || man.Notice == "" {
		t.Error("the manifest does not call the model a demo")
	}
	const most = 12 << 20
	size := int64(0)
	for name := range man.Files {
		info, err := fs.Stat(bundle, name)
		if err != nil {
			t.Fatal(err)
		}
		size += info.Size()
	}
	if size > most {
		t.Errorf("the bundle has %d bytes, more than %d", size, most)
	}
}

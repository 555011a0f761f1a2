package remote

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"satgraph/inference"
)

func TestWriteRepository(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(demo, inference.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	man, err := inference.ParseManifest(raw)
	if err != nil {
		t.Fatal(err)
	}
	networks := []Network{{
		Part: "text", File: "text.onnx",
		Inputs:  []Tensor{{"input_ids", "INT64", []int64{-1, -1}}, {"modality", "INT64", []int64{-1}}},
		Outputs: []Tensor{{"embeddings", "FP32", []int64{-1, 96}}},
	}}
	dir := t.TempDir()
	if err := WriteRepository(os.DirFS(demo), man, networks, dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "satgraph_demo_text", "config.pbtxt"))
	if err != nil {
		t.Fatal(err)
	}
	const want = `name: "satgraph_demo_text"
backend: "onnxruntime"
max_batch_size: 0
input [
  { name: "input_ids", data_type: TYPE_INT64, dims: [ -1, -1 ] },
  { name: "modality", data_type: TYPE_INT64, dims: [ -1 ] }
]
output [
  { name: "embeddings", data_type: TYPE_FP32, dims: [ -1, 96 ] }
]
`
	if string(got) != want {
		t.Errorf("got\n%s", got)
	}
	copied, err := os.ReadFile(filepath.Join(dir, "satgraph_demo_text", "1", "model.onnx"))
	if err != nil {
		t.Fatal(err)
	}
	if original, err := os.ReadFile(filepath.Join(demo, "text.onnx")); err != nil || string(copied) != string(original) {
		t.Errorf("the network is not the bundle's (%v)", err)
	}

	if err := WriteRepository(os.DirFS(demo), man, networks, dir); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second time: %v", err)
	}
	// Nothing of a failed one stays.
	empty := t.TempDir()
	networks[0].File = "none.onnx"
	if err := WriteRepository(os.DirFS(demo), man, networks, empty); !errors.Is(err, inference.ErrBundleFile) {
		t.Errorf("a file that is missing: %v", err)
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

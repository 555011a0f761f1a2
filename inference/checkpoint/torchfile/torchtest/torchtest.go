// Package torchtest writes checkpoints as torch.save does, for tests of those
// who read them. Start from [Write].
package torchtest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"strconv"
	"testing"
)

// Tensor is one entry of a state dict.
type Tensor struct {
	Name   string
	Shape  []int
	Values []float32
	// Of, where not empty, names the entry whose storage this one shares.
	Of string
}

// File is a checkpoint.
type File struct {
	Step    int
	Pair    string // no entry where empty
	Prefix  string // of the tensors' names, such as "module."
	Bare    bool   // the state dict alone
	Tensors []Tensor
}

// Write writes a checkpoint.
func Write(t testing.TB, path string, f File) {
	t.Helper()
	w := &writer{storage: map[string]int{}}
	w.file(f)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	add := func(name string, data []byte) {
		e, err := z.CreateHeader(&zip.FileHeader{Name: "archive/" + name, Method: zip.Store})
		if err == nil {
			_, err = e.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	add("data.pkl", w.Bytes())
	for i, data := range w.data {
		add("data/"+strconv.Itoa(i), data)
	}
	add("version", []byte("3\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

// writer is a pickle of protocol 2.
type writer struct {
	bytes.Buffer
	data    [][]byte
	storage map[string]int // by entry
}

func (w *writer) file(f File) {
	w.WriteString("\x80\x02}(")
	if f.Bare {
		w.tensors(f)
		w.WriteString("u.")
		return
	}
	w.text("step")
	w.number(f.Step)
	if f.Pair != "" {
		w.text("pair")
		w.text(f.Pair)
	}
	w.text("model_state_dict")
	w.WriteString("ccollections\nOrderedDict\n)R(")
	w.tensors(f)
	w.WriteString("u}")
	w.text("_metadata")
	w.WriteString("}sb")
	w.text("optimizer_state_dict")
	w.WriteString("}u.")
}

func (w *writer) tensors(f File) {
	for _, x := range f.Tensors {
		at, shared := w.storage[x.Of]
		if !shared {
			raw := make([]byte, 0, 4*len(x.Values))
			for _, v := range x.Values {
				raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
			}
			at = len(w.data)
			w.data = append(w.data, raw)
		}
		w.storage[x.Name] = at
		w.text(f.Prefix + x.Name)
		w.WriteString("ctorch._utils\n_rebuild_tensor_v2\n((")
		w.text("storage")
		w.WriteString("ctorch\nFloatStorage\n")
		w.text(strconv.Itoa(at))
		w.text("cpu")
		w.number(len(w.data[at]) / 4)
		w.WriteString("tQ")
		w.number(0)
		strides := make([]int, len(x.Shape))
		n := 1
		for i := len(x.Shape) - 1; i >= 0; i-- {
			strides[i] = n
			n *= x.Shape[i]
		}
		for _, list := range [][]int{x.Shape, strides} {
			w.WriteByte('(')
			for _, n := range list {
				w.number(n)
			}
			w.WriteByte('t')
		}
		w.WriteString("\x89ccollections\nOrderedDict\n)RtR")
	}
}

func (w *writer) text(s string) { w.WriteString("X" + le(len(s)) + s) }

func (w *writer) number(n int) { w.WriteString("J" + le(n)) }

func le(n int) string {
	return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) //nolint:gosec // of a test's own small sizes
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"

	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/volume"
)

// patch is that of SAT's released models.
var patch = [3]int{288, 288, 96}

const templateCount = 4

// fullGrid is of the scan of the full size: two windows of SAT's patch at its
// spacing, with accumulators of 30 classes that leave PyTorch room in 18 GB.
var fullGrid = volume.Grid{Shape: [3]int{266, 239, 96}, Affine: volume.Affine{{-1.2, 0, 0, 160}, {0, -1.2, 0, 144}, {0, 0, 3, -144}, {0, 0, 0, 1}}}

func makeInputs(dir string) error {
	for name, g := range map[string]volume.Grid{
		"prepare": {Shape: [3]int{512, 512, 300}, Affine: volume.Affine{{-0.8, 0, 0, 204}, {0, -0.8, 0, 204}, {0, 0, 1.5, -225}, {0, 0, 0, 1}}},
		"stitch":  {Shape: [3]int{400, 400, 200}, Affine: volume.Affine{{-0.9, 0, 0, 180}, {0, -0.9, 0, 180}, {0, 0, 2.8, -280}, {0, 0, 0, 1}}},
		"whole":   {Shape: [3]int{200, 180, 60}, Affine: volume.Affine{{-1.2, 0, 0, 120}, {0, -1.2, 0, 108}, {0, 0, 3, -90}, {0, 0, 0, 1}}},
	} {
		if err := volume.WriteImage(filepath.Join(dir, name+".nii.gz"), scan(g), volume.Int16); err != nil {
			return err
		}
	}
	out := make([]float32, 0, templateCount*patch[0]*patch[1]*patch[2])
	state := uint32(1)
	for n := range templateCount {
		c := [3]float64{90 + 30*float64(n), 150 - 15*float64(n), 40 + 5*float64(n)}
		r := 30 + 8*float64(n)
		for x := range patch[0] {
			for y := range patch[1] {
				for z := range patch[2] {
					d := math.Sqrt(math.Pow(float64(x)-c[0], 2) + math.Pow(float64(y)-c[1], 2) + math.Pow(3*(float64(z)-c[2]), 2))
					state = state*1664525 + 1013904223
					noise := float64(state>>8)/(1<<24) - 0.5
					out = append(out, float32(math.Max(-15, (r-d)/2)+noise))
				}
			}
		}
	}
	return writeNpy(filepath.Join(dir, "templates.npy"), out, templateCount, patch[0], patch[1], patch[2])
}

// scan is a smooth body with noise, above 0 HU everywhere so that nothing of it
// is cropped.
func scan(g volume.Grid) *volume.Image {
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	state := uint32(7)
	n := 0
	for k := range g.Shape[2] {
		for j := range g.Shape[1] {
			for i := range g.Shape[0] {
				state = state*1664525 + 1013904223
				v := 120 + 60*math.Sin(float64(i)/23) + 40*math.Cos(float64(j)/31+float64(k)/17) + float64(state>>28)
				im.Data[n] = float32(math.Round(math.Max(1, v)))
				n++
			}
		}
	}
	return im
}

func writeQueries(ctx context.Context, bundle, path string) error {
	m, err := onnx.Open(bundle, onnx.Options{Device: onnx.CPU})
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // the process ends
	vectors, err := m.Encode(ctx, wholePrompts(m), inference.CT)
	if err != nil {
		return err
	}
	var flat []float32
	for _, v := range vectors {
		flat = append(flat, v...)
	}
	return writeNpy(path, flat, len(vectors), len(vectors[0]))
}

// npyHead is as long as the header of every array that is written here.
const npyHead = 128

func writeNpy(path string, data []float32, shape ...int) error {
	var text strings.Builder
	text.WriteString("{'descr': '<f4', 'fortran_order': False, 'shape': (")
	for _, n := range shape {
		fmt.Fprintf(&text, "%d,", n)
	}
	text.WriteString(")}")
	return volume.WriteAtomic(path, func(w io.Writer) error {
		out := bufio.NewWriterSize(w, 1<<20)
		_, _ = out.WriteString("\x93NUMPY\x01\x00")
		_ = binary.Write(out, binary.LittleEndian, uint16(npyHead-10))
		_, _ = fmt.Fprintf(out, "%-*s\n", npyHead-11, text.String())
		var b [4]byte
		for _, v := range data {
			binary.LittleEndian.PutUint32(b[:], math.Float32bits(v))
			_, _ = out.Write(b[:])
		}
		return out.Flush()
	})
}

func readTemplates(path string) ([]float32, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read
	in := bufio.NewReaderSize(f, 1<<20)
	head := make([]byte, npyHead)
	if _, err := io.ReadFull(in, head); err != nil || !bytes.HasPrefix(head, []byte("\x93NUMPY")) {
		return nil, errors.New("these are no templates of ours")
	}
	out := make([]float32, templateCount*patch[0]*patch[1]*patch[2])
	return out, binary.Read(in, binary.LittleEndian, out)
}

// given is a model whose logits are given: the same of every window, template c
// % templateCount for class c. It takes no time, so that what is measured is
// the work around a model.
type given struct {
	man    *inference.Manifest
	logits []float32
}

func newGiven(classes int, logits []float32) *given {
	ct := []inference.Modality{inference.CT}
	g := &given{logits: logits, man: &inference.Manifest{
		Name: "given", Spacing: [3]float64{1, 1, 3}, Patch: patch, EmbeddingWidth: 1, Modalities: ct,
	}}
	for c := range classes {
		g.man.Prompts = append(g.man.Prompts, inference.Prompt{Name: fmt.Sprintf("class %d", c), Modalities: ct})
	}
	return g
}

type nothing struct{}

func (nothing) Close() error { return nil }

func (g *given) Manifest() *inference.Manifest { return g.man }
func (g *given) Close() error                  { return nil }

// Footprint makes runs decode templateCount classes at a time.
func (g *given) Footprint() inference.Footprint {
	return inference.Footprint{Query: 256 << 20 / templateCount}
}

func (g *given) Encode(_ context.Context, prompts []string, _ inference.Modality) ([][]float32, error) {
	out := make([][]float32, len(prompts))
	for i := range out {
		out[i] = []float32{float32(i % templateCount)}
	}
	return out, nil
}

func (g *given) Features(context.Context, []float32) (inference.Features, error) {
	return nothing{}, nil
}

var errOrder = errors.New("classes come in another order than the templates")

func (g *given) Decode(_ context.Context, _ inference.Features, queries [][]float32) ([]float32, error) {
	for i, q := range queries {
		if int(q[0]) != i {
			return nil, errOrder
		}
	}
	return g.logits[:len(queries)*patch[0]*patch[1]*patch[2]], nil
}

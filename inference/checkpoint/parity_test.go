package checkpoint

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/inference/checkpoint/torchfile"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/internal/npy"
	"satgraph/internal/sharedtest"
)

// Tolerances of the fixtures' README (largest absolute difference). It gives
// none for the U-Net's stages, which differ from float64 by as much as logits
// do: the deepest normalises over six voxels.
const (
	logitsTolerance = 5e-4
	stageTolerance  = 2e-4
	memoryTolerance = 1e-5
	posTolerance    = 1e-6
	textTolerance   = 5e-5
)

// written opens a checkpoint, builds a graph and writes it with all that it
// can show.
func written(t *testing.T, path string, build func(*source) *builder) (string, []string) {
	t.Helper()
	f, err := torchfile.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // only read
	b := build(newSource(f))
	var names []string
	for name := range b.seen {
		names = append(names, name)
	}
	b.expose(names)
	out := filepath.Join(t.TempDir(), "graph.onnx")
	w, err := os.Create(out)
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Write(context.Background(), w, nil, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out, names
}

func load(t *testing.T, elem ...string) ([]float32, []int) {
	t.Helper()
	a, err := npy.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return a.Float32s(), a.Shape
}

// near compares got with want; index maps want's index to got's.
func near(t *testing.T, what string, got, want []float32, tolerance float64, index func(int) int) {
	t.Helper()
	if index == nil {
		if len(got) != len(want) {
			t.Errorf("%s: %d numbers, not %d", what, len(got), len(want))
			return
		}
		index = func(i int) int { return i }
	}
	worst, at := 0.0, -1
	for i, w := range want {
		if d := math.Abs(float64(got[index(i)]) - float64(w)); !(d <= worst) {
			worst, at = d, i
		}
	}
	t.Logf("%s: largest difference %.2g of %d numbers", what, worst, len(want))
	if !(worst <= tolerance) {
		t.Errorf("%s: number %d is %g, want %g (tolerance %g)", what, at, got[index(at)], want[at], tolerance)
	}
}

func TestVisionParity(t *testing.T) {
	for _, variant := range []string{"nano", "pro"} {
		t.Run(variant, func(t *testing.T) {
			dir := sharedtest.Path(t, "fixtures/sat-tiny/"+variant)
			path := filepath.Join(dir, "vision.pth")
			image, shape := load(t, dir, "image.npy")
			patch := [3]int(shape[2:])
			sizes := func(s *source) *VisionSizes {
				v, err := readVision(s, 0)
				if err != nil {
					t.Fatal(err)
				}
				return v
			}
			bb, bbNames := written(t, path, func(s *source) *builder { return backbone(s, sizes(s), patch, false) })
			dec, decNames := written(t, path, func(s *source) *builder { return decoder(s, sizes(s), false) })
			for batch := range shape[0] {
				visionParity(t, dir, batch, shape[0], image, patch, bb, dec, append(bbNames, "features", "memory", "key"), decNames)
			}
		})
	}
}

func visionParity(t *testing.T, dir string, batch, batches int, image []float32, patch [3]int, bb, dec string, bbNames, decNames []string) {
	t.Helper()
	voxels := patch[0] * patch[1] * patch[2]
	one := image[batch*voxels : (batch+1)*voxels]
	three := append(append(append([]float32{}, one...), one...), one...)
	h, w, d := int64(patch[0]), int64(patch[1]), int64(patch[2])
	seen := onnxtest.Open(t, bb, []string{"image"}, bbNames)(onnxtest.Tensor{Shape: []int64{1, 3, h, w, d}, Floats: three})
	decode := onnxtest.Open(t, dec, []string{"features", "memory", "key", "queries"}, append(decNames, "logits"))

	// Of this batch, and of tensors (T,B,C) that are stored with B in the middle.
	mine := func(v []float32) []float32 { n := len(v) / batches; return v[batch*n : (batch+1)*n] }
	middle := func(v []float32, width int) []float32 {
		var out []float32
		for i := batch * width; i < len(v); i += batches * width {
			out = append(out, v[i:i+width]...)
		}
		return out
	}
	for _, name := range []string{"skip_3", "skip_4", "skip_5", "pooled"} {
		want, _ := load(t, dir, name+".npy")
		near(t, name, seen[name].Floats, mine(want), stageTolerance, nil)
	}
	thinned := func(name, file string, step int) {
		want, shape := load(t, dir, file)
		full := seen[name].Shape
		near(t, file, seen[name].Floats, mine(want), stageTolerance, func(i int) int {
			at := 0
			var c [4]int
			for a := 3; a >= 0; a-- {
				c[a] = i % shape[a+1]
				i /= shape[a+1]
			}
			for a := range 4 {
				p := c[a]
				if a > 0 {
					p *= step
				}
				at = at*int(full[a+1]) + p
			}
			return at
		})
	}
	thinned("skip_0", "skip_0_sub8.npy", 8)
	thinned("skip_2", "skip_2.npy", 2)
	thinned("features", "per_pixel_sub8.npy", 8)
	width := int(seen["memory"].Shape[2])
	want, _ := load(t, dir, "memory.npy")
	near(t, "memory", seen["memory"].Floats, middle(want, width), memoryTolerance, nil)
	want, _ = load(t, dir, "key.npy")
	near(t, "key", seen["key"].Floats, middle(want, width), memoryTolerance, nil)
	want, _ = load(t, dir, "pos.npy")
	near(t, "pos", seen["pos"].Floats, want, posTolerance, nil)

	logits, logitShape := load(t, dir, "logits.npy")
	logits = mine(logits)
	first := 0
	for list := 0; ; list++ {
		file := fmt.Sprintf("queries_%d.npy", list)
		if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
			break
		}
		queries, qs := load(t, dir, file)
		n := int64(qs[0])
		got := decode(seen["features"], seen["memory"], seen["key"], onnxtest.Tensor{Shape: []int64{1, n, int64(width)}, Floats: queries})
		name := func(s string) string { return fmt.Sprintf("%s_%d.npy", s, list) }
		layers, ls := load(t, dir, name("decoder_layers"))
		for l := range ls[0] {
			size := len(layers) / ls[0]
			near(t, fmt.Sprintf("layer %d", l), got[fmt.Sprintf("layer_%d", l)].Floats, middle(layers[l*size:(l+1)*size], width), 1e-4, nil)
		}
		want, _ = load(t, dir, name("decoder"))
		near(t, "decoder", got["decoder"].Floats, middle(want, width), 1e-4, nil)
		want, _ = load(t, dir, name("mask_embed"))
		near(t, "mask_embed", got["mask_embed"].Floats, mine(want), 1e-4, nil)
		want, ws := load(t, dir, name("attn_weights_layer0"))
		near(t, "attention", meanOverHeads(got["attn_weights_layer0"]), mine(want), 1e-5, nil)
		if ws[2] != int(got["attn_weights_layer0"].Shape[3]) {
			t.Errorf("attention over %v tokens", got["attn_weights_layer0"].Shape)
		}
		near(t, "logits", got["logits"].Floats, logits[first*voxels:(first+int(n))*voxels], logitsTolerance, nil)
		first += int(n)
	}
	if first != logitShape[1] {
		t.Errorf("%d queries compared, of %d", first, logitShape[1])
	}
}

func meanOverHeads(a onnxtest.Tensor) []float32 {
	heads, each := int(a.Shape[1]), int(a.Shape[2]*a.Shape[3])
	out := make([]float32, each)
	for i, v := range a.Floats {
		out[i%each] += v / float32(heads)
	}
	return out
}

func TestTextParity(t *testing.T) {
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	for _, file := range []string{"text_encoder.pth", "text_encoder_with_extras.pth"} {
		path, names := written(t, filepath.Join(dir, file), func(s *source) *builder {
			x, err := readText(s, 0)
			if err != nil {
				t.Fatal(err)
			}
			return textEncoder(s, x, false)
		})
		encode := onnxtest.Open(t, path, []string{"input_ids", "attention_mask", "modality"}, append(names, "embeddings"))
		run := func(ids, mask []int64, n, length int, code int64) map[string]onnxtest.Tensor {
			modality := make([]int64, n)
			for i := range modality {
				modality[i] = code
			}
			shape := []int64{int64(n), int64(length)}
			return encode(onnxtest.Tensor{Shape: shape, Ints: ids}, onnxtest.Tensor{Shape: shape, Ints: mask}, onnxtest.Tensor{Shape: shape[:1], Ints: modality})
		}
		ids, shape := loadInts(t, dir, "text", "input_ids_batch.npy")
		mask, _ := loadInts(t, dir, "text", "attention_mask_batch.npy")
		n, length := shape[0], shape[1]
		for table, single := range map[string]bool{"embeddings": false, "embeddings_single": true} {
			want, ws := load(t, dir, "text", table+".npy")
			width := ws[2]
			for code := range ws[0] {
				expected := want[code*n*width : (code+1)*n*width]
				var got []float32
				for i := 0; single && i < n; i++ {
					used := 0
					for _, m := range mask[i*length : (i+1)*length] {
						used += int(m)
					}
					got = append(got, run(ids[i*length:i*length+used], mask[i*length:i*length+used], 1, used, int64(code))["embeddings"].Floats...)
				}
				if !single {
					got = run(ids, mask, n, length, int64(code))["embeddings"].Floats
				}
				near(t, fmt.Sprintf("%s %s modality %d", file, table, code), got, expected, textTolerance, nil)
			}
		}
		all := run(ids, mask, n, length, 0)
		for _, name := range []string{"pooled", "projected"} {
			want, _ := load(t, dir, "text", name+".npy")
			near(t, name, all[name].Floats, want, textTolerance, nil)
		}
		for _, row := range []int{0, 255} {
			want, ws := load(t, dir, "text", fmt.Sprintf("dbg_position_bias_row%d_256.npy", row))
			near(t, fmt.Sprintf("bias row %d %v", row, ws), rowOf(all["position_bias"], row), want, 0, nil)
		}
		dbg, ds := loadInts(t, dir, "text", "dbg_input_ids.npy")
		got := run(dbg, ones(dbg), ds[0], ds[1], 0)
		hidden, hs := load(t, dir, "text", "dbg_hidden_states.npy")
		for i := range hs[0] {
			size := len(hidden) / hs[0]
			near(t, fmt.Sprintf("hidden %d", i), got[fmt.Sprintf("hidden_%d", i)].Floats, hidden[i*size:(i+1)*size], textTolerance, nil)
		}
		emb, _ := load(t, dir, "text", "dbg_embeddings.npy")
		near(t, "token embeddings", got["hidden_0"].Floats, emb, textTolerance, nil)
		bias, bs := load(t, dir, "text", "dbg_position_bias.npy") // the same for every prompt
		near(t, fmt.Sprintf("position bias %v", bs), got["position_bias"].Floats, bias[:len(bias)/bs[0]], 0, nil)
	}
}

// rowOf is one row of every head of a (1,heads,L,L) tensor.
func rowOf(a onnxtest.Tensor, row int) []float32 {
	var out []float32
	n := int(a.Shape[3])
	for h := range int(a.Shape[1]) {
		out = append(out, a.Floats[(h*n+row)*n:(h*n+row+1)*n]...)
	}
	return out
}

// ones marks the ids that are not padding.
func ones(ids []int64) []int64 {
	out := make([]int64, len(ids))
	for i, id := range ids {
		if id > 0 {
			out[i] = 1
		}
	}
	return out
}

func loadInts(t *testing.T, elem ...string) ([]int64, []int) {
	t.Helper()
	a, err := npy.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	v, err := a.Int64s()
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(elem, "/"), err)
	}
	return v, a.Shape
}

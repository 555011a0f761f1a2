package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"satgraph/inference"
	"satgraph/inference/contract"
	"satgraph/inference/modeltest"
	"satgraph/internal/tooltest"
)

const demo = "../../models/demo"

// needLibrary ends the test where ONNX Runtime is missing.
func needLibrary(t *testing.T) {
	t.Helper()
	if _, err := FindLibrary(); err != nil {
		tooltest.Missing(t, "%v", err)
	}
}

func openDemo(t *testing.T) inference.Model {
	t.Helper()
	needLibrary(t)
	m, err := OpenFS(os.DirFS(demo), Options{}) // leaves no cache in the demo's folder
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// selfTest is what the exporter noted of the bundle when it ran it in Python.
type selfTest struct {
	Modality  inference.Modality
	Tolerance float64
	Embedding struct {
		Prompt string
		First  []float64
	}
	Probes []struct {
		Prompt string
		Voxel  [3]int
		Logit  float64
	}
}

func TestDemoAgreesWithItsExporter(t *testing.T) {
	m := openDemo(t)
	text, err := os.ReadFile(filepath.Join(demo, inference.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		SelfTest selfTest `json:"self_test"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	want := doc.SelfTest
	if len(want.Probes) == 0 || want.Tolerance <= 0 {
		t.Fatal("the manifest has no self_test")
	}
	p := m.Manifest().Patch
	patch := make([]float32, 0, p[0]*p[1]*p[2])
	for h := range p[0] {
		for w := range p[1] {
			for d := range p[2] {
				v := math.Sin(0.11*float64(h)) + math.Sin(0.07*float64(w)) + math.Sin(0.05*float64(d))
				patch = append(patch, float32(v))
			}
		}
	}
	ctx := context.Background()
	f, err := m.Features(ctx, patch)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // freeing only
	prompts := []string{want.Embedding.Prompt}
	at := map[string]int{prompts[0]: 0}
	for _, probe := range want.Probes {
		if _, ok := at[probe.Prompt]; !ok {
			at[probe.Prompt] = len(prompts)
			prompts = append(prompts, probe.Prompt)
		}
	}
	queries, err := m.Encode(ctx, prompts, want.Modality)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range want.Embedding.First {
		if math.Abs(float64(queries[0][i])-v) > want.Tolerance {
			t.Errorf("embedding[%d] = %g, the exporter has %g", i, queries[0][i], v)
		}
	}
	logits, err := m.Decode(ctx, f, queries)
	if err != nil {
		t.Fatal(err)
	}
	for _, probe := range want.Probes {
		x := probe.Voxel
		got := logits[((at[probe.Prompt]*p[0]+x[0])*p[1]+x[1])*p[2]+x[2]]
		if math.Abs(float64(got)-probe.Logit) > want.Tolerance {
			t.Errorf("%s at %v: logit %g, the exporter has %g", probe.Prompt, x, got, probe.Logit)
		}
	}
	// Each query is independent of the others.
	alone, err := m.Decode(ctx, f, queries[len(queries)-1:])
	if err != nil {
		t.Fatal(err)
	}
	probe := want.Probes[len(want.Probes)-1]
	x := probe.Voxel
	if got := alone[(x[0]*p[1]+x[1])*p[2]+x[2]]; math.Abs(float64(got)-probe.Logit) > want.Tolerance {
		t.Errorf("%s alone: logit %g, the exporter has %g", probe.Prompt, got, probe.Logit)
	}
}

func TestConformance(t *testing.T) {
	needLibrary(t)
	modeltest.Run(t, func(t *testing.T) inference.Model {
		t.Helper()
		m, err := OpenFS(os.DirFS(demo), Options{})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}, inference.CT, "liver", "right lung middle lobe", "heart")
}

// bundle is the demo as a map, to be spoilt.
func bundle(t *testing.T) fstest.MapFS {
	t.Helper()
	out := fstest.MapFS{}
	for _, name := range []string{inference.ManifestFile, BackboneFile, DecoderFile, TextFile, VocabularyFile} {
		data, err := os.ReadFile(filepath.Join(demo, name))
		if err != nil {
			t.Fatal(err)
		}
		out[name] = &fstest.MapFile{Data: data}
	}
	return out
}

// edit changes the manifest.
func edit(t *testing.T, b fstest.MapFS, change func(m map[string]any)) {
	t.Helper()
	var doc map[string]any
	if err := json.Unmarshal(b[inference.ManifestFile].Data, &doc); err != nil {
		t.Fatal(err)
	}
	change(doc)
	data, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	b[inference.ManifestFile] = &fstest.MapFile{Data: data}
}

// None of these reaches ONNX Runtime, so they need no library.
func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, b fstest.MapFS)
		want  error
		says  string
	}{
		"no manifest": {func(_ *testing.T, b fstest.MapFS) { delete(b, inference.ManifestFile) }, inference.ErrBadManifest, "manifest.json is missing"},
		"broken manifest": {func(_ *testing.T, b fstest.MapFS) {
			b[inference.ManifestFile] = &fstest.MapFile{Data: []byte(`{"name":`)}
		}, inference.ErrBadManifest, ""},
		"huge manifest": {func(_ *testing.T, b fstest.MapFS) {
			b[inference.ManifestFile] = &fstest.MapFile{Data: make([]byte, inference.MaxManifestBytes+1)}
		}, inference.ErrBadManifest, "at most"},
		"missing file": {func(_ *testing.T, b fstest.MapFS) { delete(b, DecoderFile) }, inference.ErrBundleFile, "decoder.onnx is missing"},
		"altered file": {func(_ *testing.T, b fstest.MapFS) {
			data := append([]byte(nil), b[TextFile].Data...)
			data[len(data)/2] ^= 1
			b[TextFile] = &fstest.MapFile{Data: data}
		}, inference.ErrBundleFile, "text.onnx has been altered"},
		"truncated file": {func(_ *testing.T, b fstest.MapFS) {
			b[BackboneFile] = &fstest.MapFile{Data: b[BackboneFile].Data[:1000]}
		}, inference.ErrBundleFile, "backbone.onnx has been altered"},
		"folder for a file": {func(_ *testing.T, b fstest.MapFS) {
			b[VocabularyFile] = &fstest.MapFile{Mode: fs.ModeDir}
		}, inference.ErrBundleFile, "vocab.txt"},
		"unlisted file": {func(t *testing.T, b fstest.MapFS) {
			t.Helper()
			edit(t, b, func(m map[string]any) { delete(m["files"].(map[string]any), VocabularyFile) })
		}, inference.ErrBundleFile, "does not list vocab.txt"},
		"another patch": {func(t *testing.T, b fstest.MapFS) {
			t.Helper()
			edit(t, b, func(m map[string]any) { m["patch"] = []int{32, 64, 96} })
		}, inference.ErrBundleFile, "image"},
		"another embedding width": {func(t *testing.T, b fstest.MapFS) {
			t.Helper()
			edit(t, b, func(m map[string]any) { m["embedding_width"] = 768 })
		}, inference.ErrBundleFile, "768"},
		"another pair": {func(t *testing.T, b fstest.MapFS) {
			t.Helper()
			edit(t, b, func(m map[string]any) { m["pair"] = "somebody else's" })
		}, inference.ErrBundleFile, "belongs to another model"},
		"parts swapped": {func(t *testing.T, b fstest.MapFS) {
			t.Helper()
			b[TextFile], b[DecoderFile] = b[DecoderFile], b[TextFile]
			edit(t, b, func(m map[string]any) {
				files := m["files"].(map[string]any)
				files[TextFile], files[DecoderFile] = files[DecoderFile], files[TextFile]
			})
		}, inference.ErrBundleFile, ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := bundle(t)
			c.spoil(t, b)
			m, err := OpenFS(b, Options{})
			if err == nil {
				t.Fatal(errors.Join(errors.New("it opened"), m.Close()))
			}
			if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %v saying %q", err, c.want, c.says)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("the message has more than one line: %q", err)
			}
		})
	}
	for name, dir := range map[string]string{"no folder": "no such folder", "a file": "onnx_test.go"} {
		if _, err := Open(dir, Options{}); !errors.Is(err, inference.ErrBundleFile) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// copyDemo puts the demo into a folder.
func copyDemo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, f := range bundle(t) {
		if err := os.WriteFile(filepath.Join(dir, name), f.Data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The second process reads what the first computed; an altered, cut or foreign
// file is passed by.
func TestEmbeddingsAreKept(t *testing.T) {
	needLibrary(t)
	dir := copyDemo(t)
	ctx := context.Background()
	encode := func() (vector []float32, kept bool) {
		m, err := Open(dir, Options{Device: CPU})
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close() //nolint:errcheck // freeing only
		known := map[contract.Prompt][]float32{}
		m.(*model).prompts.Load(known)
		v, err := m.Encode(ctx, []string{"liver"}, inference.CT)
		if err != nil {
			t.Fatal(err)
		}
		return v[0], known[contract.Prompt{Text: "liver", Modality: inference.CT}] != nil
	}
	first, kept := encode()
	if kept {
		t.Error("it was known before it was asked")
	}
	second, kept := encode()
	if !kept || !slices.Equal(first, second) {
		t.Errorf("kept: %v; the same: %v", kept, slices.Equal(first, second))
	}
	file := filepath.Join(dir, EmbeddingsFile)
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoilt := range map[string][]byte{
		"cut": good[:len(good)-5], "empty": {}, "altered": append(append([]byte(nil), good[:60]...), append([]byte{good[60] ^ 1}, good[61:]...)...),
		"another encoder's": append([]byte(embeddingsMagic+strings.Repeat("x", 32)), good[len(embeddingsMagic)+32:]...),
	} {
		if err := os.WriteFile(file, spoilt, 0o600); err != nil {
			t.Fatal(err)
		}
		if again, kept := encode(); kept || !slices.Equal(again, first) {
			t.Errorf("%s: kept %v", name, kept)
		}
	}
}

func TestEmbeddingsGoToTheCacheWhereTheBundleIsReadOnly(t *testing.T) {
	cache := t.TempDir()
	man := &inference.Manifest{EmbeddingWidth: 2, Files: map[string]string{TextFile: "a", VocabularyFile: "b"}}
	p := contract.Prompt{Text: "x", Modality: inference.MRI}
	newEmbeddings(man, filepath.Join(cache, "no", string([]byte{0})), cache).write(map[contract.Prompt][]float32{p: {1, 2}})
	got := map[contract.Prompt][]float32{}
	newEmbeddings(man, "", cache).read(got)
	if !slices.Equal(got[p], []float32{1, 2}) {
		t.Errorf("got %v", got)
	}
	man.Files[TextFile] = "c"
	got = map[contract.Prompt][]float32{}
	newEmbeddings(man, "", cache).read(got)
	if len(got) != 0 {
		t.Error("another encoder's were taken")
	}
}

func TestDevices(t *testing.T) {
	needLibrary(t)
	for device, want := range map[string]error{CPU: nil, Auto: nil, "tpu": ErrDevice} {
		m, err := OpenFS(os.DirFS(demo), Options{Device: device})
		if !errors.Is(err, want) {
			t.Errorf("%s: %v", device, err)
		}
		if err == nil {
			_ = m.Close()
		}
	}
	lib, err := FindLibrary()
	if err != nil {
		t.Fatal(err)
	}
	if !hasCUDA(lib) {
		if _, err := OpenFS(os.DirFS(demo), Options{Device: CUDA}); !errors.Is(err, ErrDevice) || !strings.Contains(err.Error(), "onnxruntime-gpu") {
			t.Errorf("CUDA without its library: %v", err)
		}
	}
}

// The footprint is worked out from the graphs. These are the sizes of the
// demo's largest values: two of 16 channels side by side and their
// concatenation, 64x32x64 voxels of 4 bytes.
func TestFootprint(t *testing.T) {
	m := openDemo(t).(inference.Sizer)
	const channel = 64 * 32 * 64 * 4
	f := m.Footprint()
	if f.Features < 64*channel || f.Features > 72*channel {
		t.Errorf("features %d, about %d are expected", f.Features, 64*channel)
	}
	if f.Held < 16*channel || f.Held > 17*channel {
		t.Errorf("held %d, about %d are expected", f.Held, 16*channel)
	}
	// The logits are reshaped at the end, which copies them.
	if f.Query < 2*channel || f.Query > 2*channel+channel/8 || f.Decode > channel {
		t.Errorf("query %d and %d, about %d are expected", f.Query, f.Decode, 2*channel)
	}
}

func FuzzReadNetwork(f *testing.F) {
	f.Add([]byte{})
	if data, err := os.ReadFile(filepath.Join(demo, DecoderFile)); err == nil {
		f.Add(data[:4000])
		f.Add(data[len(data)-20000:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := readNetwork(data)
		if err == nil && (g.peak(g.shapes(nil)) < 0 || g.results(g.shapes(nil)) < 0) {
			t.Error("less than nothing")
		}
	})
}

func FuzzReadSignature(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x3a\x08\x5a\x06\x0a\x04name"))
	if data, err := os.ReadFile(filepath.Join(demo, TextFile)); err == nil {
		f.Add(data[len(data)-2000:])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := readSignature("f", data)
		if err == nil && len(s.outputs) == 0 {
			t.Error("no outputs and no error")
		}
	})
}

package onnx

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"satgraph/inference"
)

const demo = "../../models/demo"

// needLibrary skips where ONNX Runtime is not installed, unless this is a place
// where it must be.
func needLibrary(t *testing.T) {
	t.Helper()
	if _, err := FindLibrary(); err != nil {
		if os.Getenv("SATGRAPH_REQUIRE_SHARED") == "1" || os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

func openDemo(t *testing.T) inference.Model {
	t.Helper()
	needLibrary(t)
	m, err := Open(demo, Options{})
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

func TestModelRefusesMisuse(t *testing.T) {
	m := openDemo(t)
	ctx := context.Background()
	if _, err := m.Features(ctx, make([]float32, 5)); !errors.Is(err, inference.ErrModelOutput) {
		t.Errorf("a small patch: %v", err)
	}
	if _, err := m.Encode(ctx, []string{"liver"}, "ultrasound"); !errors.Is(err, inference.ErrUnknownModality) {
		t.Errorf("an unknown modality: %v", err)
	}
	stopped, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := m.Encode(stopped, []string{"never asked before"}, inference.CT); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled context: %v", err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Encode(ctx, []string{"liver"}, inference.CT); err == nil {
		t.Error("a closed model answers")
	}
}

func TestEncodeIsTheSameAloneAndTogether(t *testing.T) {
	m := openDemo(t)
	ctx := context.Background()
	together, err := m.Encode(ctx, []string{"liver", "right lung middle lobe"}, inference.CT)
	if err != nil {
		t.Fatal(err)
	}
	fresh := openDemo(t)
	alone, err := fresh.Encode(ctx, []string{"liver"}, inference.CT)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range alone[0] {
		if math.Abs(float64(v-together[0][i])) > 1e-4 {
			t.Fatalf("element %d: %g alone, %g together", i, v, together[0][i])
		}
	}
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

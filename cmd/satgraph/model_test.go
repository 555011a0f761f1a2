package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/inference/checkpoint"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/internal/sharedtest"
)

func TestModelConvert(t *testing.T) {
	onnxtest.Need(t)
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	out := filepath.Join(t.TempDir(), "bundle")
	args := []string{
		"model", "convert", "--vision", filepath.Join(dir, "nano", "vision.pth"), "--text", filepath.Join(dir, "text_encoder.pth"),
		"--patch", "64x96x64", "--name", "tiny", "-o", out, "--json",
	}
	code, stdout, stderr := satgraph(t, args...)
	if code != exitDone {
		t.Fatalf("exit code %d: %s", code, stderr)
	}
	var m checkpoint.Manifest
	if err := json.Unmarshal([]byte(stdout), &m); err != nil {
		t.Fatal(err)
	}
	pairs := 0
	for _, p := range m.Prompts {
		pairs += len(p.Modalities)
	}
	// The fixture's own config.json counts the parameters.
	if m.Name != "tiny" || m.Parameters.Vision != 305780 || m.Parameters.Text != 98912 || pairs != 498 || m.SelfTest == nil {
		t.Errorf("%d pairs; manifest %+v", pairs, m)
	}
	if code, _, stderr = satgraph(t, args...); code != exitUsage || !strings.Contains(stderr, "not empty") {
		t.Errorf("a second time: exit code %d: %s", code, stderr)
	}
	if code, stdout, stderr = satgraph(t, "model", "verify", out); code != exitDone || !strings.Contains(stdout, "embeddings") {
		t.Errorf("verify: exit code %d: %s%s", code, stdout, stderr)
	}
	if code, stdout, _ = satgraph(t, "model", "info", out); code != exitDone || !strings.Contains(stdout, "0.3M parameters") || !strings.Contains(stdout, "liver") {
		t.Errorf("info: exit code %d: %s", code, stdout)
	}

	// A bundle that computes something else than it notes.
	path := filepath.Join(out, "manifest.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m.SelfTest.Probes[0].Logit++
	doc, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, doc)
	if code, _, stderr = satgraph(t, "model", "verify", out); code != exitFailed || !strings.Contains(stderr, "the logit of") {
		t.Errorf("verify of other logits: exit code %d: %s", code, stderr)
	}
	write(t, path, text)
	write(t, filepath.Join(out, "vocab.txt"), []byte("altered"))
	if code, _, stderr = satgraph(t, "model", "verify", out); code != exitUsage || !strings.Contains(stderr, "vocab.txt") {
		t.Errorf("verify of an altered file: exit code %d: %s", code, stderr)
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestModelConvertRefuses(t *testing.T) {
	dir := t.TempDir()
	// What a malicious file looks like: a pickle that would run a command.
	var evil bytes.Buffer
	z := zip.NewWriter(&evil)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "archive/data.pkl", Method: zip.Store})
	if err == nil {
		_, err = w.Write([]byte("\x80\x02cposix\nsystem\nX\x04\x00\x00\x00true\x85R."))
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "evil.pth"), evil.Bytes())
	write(t, filepath.Join(dir, "page.pth"), []byte("<!DOCTYPE html><title>404</title>"))
	write(t, filepath.Join(dir, "vocab.txt"), []byte("[CLS]\n[SEP]\n[UNK]\n"))
	out := filepath.Join(dir, "out")
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, c := range []struct {
		args []string
		word string
	}{
		{[]string{"--vision", at("evil.pth"), "--text", at("evil.pth"), "-o", out}, "posix.system"},
		{[]string{"--vision", at("page.pth"), "--text", at("evil.pth"), "-o", out}, "download"},
		{[]string{"--vision", at("none.pth"), "--text", at("evil.pth"), "-o", out}, "none.pth"},
		{[]string{"--vision", at("evil.pth"), "--text", at("nowhere/text.pth"), "-o", out}, "--vocab"},
		{[]string{"--vision", at("evil.pth"), "-o", out}, "--text"},
		{[]string{"--vision", at("evil.pth"), "--text", at("evil.pth")}, "--output"},
		{[]string{"--vision", at("evil.pth"), "--text", at("evil.pth"), "-o", out, "--patch", "1,2"}, "three numbers"},
		{[]string{"--vision", at("evil.pth"), "--text", at("evil.pth"), "-o", out, "--spacing", "1,1,no"}, "not a number"},
		{[]string{"--vision", at("evil.pth"), "--text", at("evil.pth"), "-o", out, "--patch", "100,100,100"}, "patch"},
	} {
		code, _, stderr := satgraph(t, append([]string{"model", "convert"}, c.args...)...)
		if code != exitUsage || !strings.Contains(stderr, c.word) {
			t.Errorf("%v: exit code %d, %s; want %q", c.args, code, stderr, c.word)
		}
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*out*")); err != nil || len(left) > 0 {
		t.Errorf("they left %v, %v", left, err)
	}

	tiny := sharedtest.Path(t, "fixtures/sat-tiny")
	code, _, stderr := satgraph(t, "model", "convert", "--vision", filepath.Join(tiny, "text_encoder.pth"),
		"--text", filepath.Join(tiny, "nano", "vision.pth"), "--vocab", filepath.Join(tiny, "biolord", "vocab.txt"), "-o", out)
	if code != exitUsage || !strings.Contains(stderr, "this is a text encoder") {
		t.Errorf("swapped: exit code %d, %s", code, stderr)
	}
}

func TestModelOfTheDemo(t *testing.T) {
	onnxtest.Need(t)
	if code, out, stderr := satgraph(t, "model", "verify", "--json"); code != exitDone || !strings.Contains(out, `"logits": 6`) {
		t.Errorf("verify: exit code %d: %s%s", code, out, stderr)
	}
	if code, out, _ := satgraph(t, "model", "info", "--json"); code != exitDone || !strings.Contains(out, `"name": "satgraph demo"`) || strings.Contains(out, `"parameters"`) {
		t.Errorf("info: exit code %d: %s", code, out)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLabelsRanker(t *testing.T) {
	file := filepath.Join(t.TempDir(), "labels.txt")
	if err := os.WriteFile(file, []byte("liver\nseptum of something\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bundle := filepath.Join(t.TempDir(), "demo") // a copy, since embeddings are kept beside a model
	if err := os.CopyFS(bundle, os.DirFS(filepath.Join("..", "..", "models", "demo"))); err != nil {
		t.Fatal(err)
	}
	code, out, errOut := satgraph(t, "labels", "suggest", file, "--ranker", bundle, "--json")
	if code != 0 || !strings.Contains(out, "in meaning") {
		t.Errorf("exit %d: %s", code, errOut)
	}
	empty := t.TempDir()
	if code, _, errOut := satgraph(t, "labels", "suggest", file, "--ranker", empty); code != 2 || !strings.Contains(errOut, "sentence encoder") {
		t.Errorf("a folder without an encoder exits %d: %s", code, errOut)
	}
	// An encoder of sentences, where one was made.
	dir := os.Getenv("SATGRAPH_TEST_SENTENCES")
	if dir == "" {
		t.Skip("SATGRAPH_TEST_SENTENCES names no sentence encoder, so none was tried")
	}
	if code, out, errOut := satgraph(t, "labels", "suggest", file, "--ranker", dir, "--json"); code != 0 || !strings.Contains(out, "in meaning") {
		t.Errorf("a sentence encoder exits %d: %s", code, errOut)
	}
}

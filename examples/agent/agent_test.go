package main

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"satgraph/inference/onnx/onnxtest"
)

// The committed transcript is what the script writes: the same words, and figures
// as near as another processor's arithmetic leaves them.
func TestTranscript(t *testing.T) {
	onnxtest.Need(t)
	program := filepath.Join(t.TempDir(), "satgraph")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-race=false", "-buildvcs=false", "-o", program, "../../cmd/satgraph").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Setenv("SATGRAPH_HOME", t.TempDir())
	made := filepath.Join(t.TempDir(), "transcript.md")
	pictures := t.TempDir()
	if err := run(t.Context(), program, made, pictures); err != nil {
		t.Fatal(err)
	}
	if png, err := os.ReadFile(filepath.Join(pictures, "picture.png")); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Errorf("no picture: %v", err)
	}
	got, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("transcript.md")
	if err != nil {
		t.Fatal(err)
	}
	gotWords, gotFigures := apart(string(got))
	wantWords, wantFigures := apart(string(want))
	for i, line := range wantWords {
		if i >= len(gotWords) || gotWords[i] != line {
			t.Fatalf("line %d is\n%s\nand was\n%s\n(go run ./examples/agent -o examples/agent/transcript.md makes it anew)", i+1, gotWords[min(i, len(gotWords)-1)], line)
		}
	}
	if len(gotWords) != len(wantWords) || len(gotFigures) != len(wantFigures) {
		t.Fatalf("%d lines and %d figures, want %d and %d", len(gotWords), len(gotFigures), len(wantWords), len(wantFigures))
	}
	for i, w := range wantFigures {
		if d := math.Abs(gotFigures[i] - w); d > 10 && d > 0.1*math.Abs(w) {
			t.Errorf("figure %d is %v, and was %v", i+1, gotFigures[i], w)
		}
	}
}

// reFigure finds ids, which are words, and figures.
var reFigure = regexp.MustCompile(`[A-Za-z#_]+[:_-]?\d+|-?\d+(?:\.\d+)?`)

// apart takes the figures out of a text.
func apart(text string) (lines []string, figures []float64) {
	text = reFigure.ReplaceAllStringFunc(text, func(s string) string {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return s
		}
		figures = append(figures, v)
		return "N"
	})
	return strings.Split(text, "\n"), figures
}

package suggest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

// likes is an embedder for which all texts that hold its word mean the same, and
// all others something else.
type likes string

func (l likes) Embed(_ context.Context, texts []string) ([][]float32, error) {
	if l == "" {
		return nil, errors.New("out of order")
	}
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = []float32{0, 1}
		if strings.Contains(t, string(l)) || t == "septum of something" {
			out[i] = []float32{1, 0}
		}
	}
	return out, nil
}

func TestRerank(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	engine := New(tree, corpus(t))
	labels := []labelmap.RawLabel{{Dataset: "D", Name: "liver"}, {Dataset: "D", Name: "septum of something"}}
	before, after := engine.Suggest(labels, 10), engine.Suggest(labels, 10)
	open := before[1]
	if !open.Abstained || len(open.Suggestions) < 2 {
		t.Fatalf("want a label without an answer: %+v", open)
	}
	last := open.Suggestions[len(open.Suggestions)-1]
	if err := engine.Rerank(t.Context(), after, likes(last.Name)); err != nil {
		t.Fatal(err)
	}
	if after[0].Suggestions[0].TermID != before[0].Suggestions[0].TermID || after[0].Suggestions[0].Score != before[0].Suggestions[0].Score {
		t.Error("an answer was changed")
	}
	if !after[1].Abstained || after[1].Suggestions[0].TermID != last.TermID {
		t.Errorf("the candidate that means the same is not first: %+v", after[1].Suggestions[0])
	}
	for _, s := range after[1].Suggestions {
		if s.Score >= Accept {
			t.Errorf("%s was lifted to %.2f", s.Name, s.Score)
		}
	}
	if err := engine.Rerank(t.Context(), after, likes("")); err == nil {
		t.Error("a ranker that fails says nothing")
	}
}

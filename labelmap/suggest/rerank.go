package suggest

import (
	"context"
	"fmt"
	"math"
	"slices"

	"satgraph/graph"
)

// Embedder gives texts vectors that lie near one another where the texts mean
// alike. Embed returns one vector a text, all of one length; its errors are
// handed on.
type Embedder interface {
	Embed(ctx context.Context, texts []string) ([][]float32, error)
}

// shareOfMeaning is how much of the order of candidates is decided by how near
// their names lie to the label's.
const shareOfMeaning = 0.5

// Rerank orders the candidates of labels without an answer by what their names
// mean, beside what was found. Answers stay as they are, no candidate reaches
// Accept by this, and a label without an answer stays without one.
func (e *Engine) Rerank(ctx context.Context, results []Result, by Embedder) error {
	texts, at := []string{}, map[string]int{}
	place := func(text string) {
		if _, ok := at[text]; !ok {
			at[text], texts = len(texts), append(texts, text)
		}
	}
	for i := range results {
		if r := &results[i]; unsure(r) {
			place(e.spelledOut(r))
			for _, s := range r.Suggestions {
				place(s.Name)
			}
		}
	}
	if len(texts) == 0 {
		return nil
	}
	vectors, err := by.Embed(ctx, texts)
	if err != nil {
		return err
	}
	if len(vectors) != len(texts) {
		return fmt.Errorf("the ranker gave %d vectors for %d texts", len(vectors), len(texts))
	}
	for i := range results {
		r := &results[i]
		if !unsure(r) {
			continue
		}
		label := vectors[at[e.spelledOut(r)]]
		for k := range r.Suggestions {
			s := &r.Suggestions[k]
			near := cosine(label, vectors[at[s.Name]])
			s.Score = min((1-shareOfMeaning)*s.Score+shareOfMeaning*max(near, 0), Accept-0.01)
			s.Reasons = append(slices.Clone(s.Reasons), fmt.Sprintf("in meaning %.2f alike", near))
		}
		slices.SortStableFunc(r.Suggestions, func(a, b Suggestion) int {
			switch {
			case a.Score > b.Score:
				return -1
			case a.Score < b.Score:
				return 1
			}
			return 0
		})
	}
	return nil
}

// unsure says whether the order of a label's candidates is open.
func unsure(r *Result) bool { return len(r.Suggestions) > 1 && r.Abstained }

// spelledOut is a label's name in words, for a reader who knows no labels.
func (e *Engine) spelledOut(r *Result) string {
	text := e.words.remarksOff(unwrap(split(r.Label.Name)))
	if long, why := e.words.expand(text); why != "" {
		text = long
	}
	side, rest := handed(text)
	if side != graph.Unsided {
		text = string(side)
		for _, w := range rest {
			text += " " + w
		}
	}
	return text
}

func cosine(a, b []float32) float64 {
	var dot, aa, bb float64
	for i := range min(len(a), len(b)) {
		x, y := float64(a[i]), float64(b[i])
		dot, aa, bb = dot+x*y, aa+x*x, bb+y*y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return dot / math.Sqrt(aa*bb)
}

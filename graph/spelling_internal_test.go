package graph

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// osa is the optimal string alignment distance, straight from its definition.
func osa(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// TestWithinFindsWhatTheDefinitionFinds compares the walk over the vocabulary
// with the distance to each of its words, on words made of few letters so that
// many are near.
func TestWithinFindsWhatTheDefinitionFinds(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	word := func(least, most int) string {
		b := make([]byte, least+random.IntN(most-least+1))
		for i := range b {
			b[i] = "abc"[random.IntN(3)]
		}
		return string(b)
	}
	for range 30 {
		var vocabulary []string
		for range 400 {
			vocabulary = append(vocabulary, word(3, 12))
		}
		slices.Sort(vocabulary)
		x := &textIndex{vocabulary: slices.Compact(vocabulary)}
		for range 20 {
			query := word(8, 11)
			for most := 1; most <= 2; most++ {
				got := map[string]int{}
				for _, m := range x.within(query, most) {
					got[x.vocabulary[m.word]] = m.slips
				}
				for _, w := range x.vocabulary {
					n := osa(query, w)
					if slips, ok := got[w]; ok != (n <= most) || ok && slips != n {
						t.Fatalf("%q and %q: %d slips of %d, got %d, %v", query, w, n, most, slips, ok)
					}
				}
			}
		}
	}
}

// TestTables holds the tables to their form.
func TestTables(t *testing.T) {
	kinds := []string{"Latin", "adjective", "direction", "plain word", "spelling", "abbreviation"}
	seen := map[string]bool{}
	for f := range rows(wordsTSV) {
		if len(f) != 3 || !slices.Contains(kinds, f[2]) || f[0] == f[1] {
			t.Errorf("words.tsv: bad row %q", f)
		}
		if key := f[0] + "\t" + f[1]; seen[key] {
			t.Errorf("words.tsv: %q comes twice", key)
		} else {
			seen[key] = true
		}
	}
	for f := range rows(phrasesTSV) {
		if len(f) != 4 || f[0] == "" || f[1] == "" || f[2] != "" && f[2] != "upper" || f[3] == "" {
			t.Errorf("phrases.tsv: bad row %q", f)
			continue
		}
		if key := f[0] + "\t" + f[1]; seen[key] {
			t.Errorf("phrases.tsv: %q comes twice", key)
		} else {
			seen[key] = true
		}
		if slices.ContainsFunc(Words(f[0]), isSide) {
			t.Errorf("phrases.tsv: %q: sides are read before phrases", f)
		}
	}
}

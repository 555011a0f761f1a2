package suggest

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"satgraph/graph"
	"satgraph/graph/builtin"
)

// What the tables name must be in the tree, each name one term's.
func TestTablesNameTerms(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	known := func(table, name string) {
		if m := graph.Best(tree.Lookup(name)); len(m) != 1 {
			t.Errorf("%s: %q names %d terms", table, name, len(m))
		}
	}
	for _, f := range rows("contexts", 4) {
		if where, _, _ := strings.Cut(f[0], "+"); where != "" {
			known("contexts", where)
		}
		for m := range strings.SplitSeq(f[2], "|") {
			known("contexts", m)
		}
	}
	for _, f := range rows("families", 4) {
		for label := range strings.SplitSeq(f[1], "|") {
			if key(label) == "" {
				t.Errorf("families: %q of %q has no letters", label, f[2])
			}
		}
		for where := range strings.SplitSeq(f[0], "|") {
			if where, _, _ := strings.Cut(where, "+"); where != "" {
				known("families", where)
			}
		}
		for m := range strings.SplitSeq(strings.TrimPrefix(f[2], "<"), "|") {
			known("families", m)
		}
	}
	for _, f := range rows("tg263", 2) {
		known("tg263", strings.TrimPrefix(f[1], "<"))
	}
	for _, f := range rows("parcels", 3) {
		if hits := tree.Search("left "+f[1], 1); len(hits) == 0 || hits[0].Score < 0.5 {
			t.Errorf("parcels: %q is not in the tree", f[1])
		}
	}
	for _, f := range rows("volumes", 4) {
		known("volumes", f[0])
	}
	for _, name := range slices.Concat(midlineNames, sortNames, bodyParts) {
		known("names", name)
	}
	for _, name := range regionNames {
		known("regions", name)
	}
	words := wordsOf(tree)
	for _, f := range rows("languages", 3) {
		if len(graph.Best(tree.Lookup(f[2]))) > 0 {
			continue
		}
		for _, w := range graph.Words(f[2]) {
			if !words[w] {
				t.Errorf("languages: %s %q is %q: no word of the tree is %q", f[0], f[1], f[2], w)
			}
		}
	}
}

// Each character of the Chinese phrases has its syllables, and no other.
func TestPinyin(t *testing.T) {
	used, sounds := map[string]bool{}, map[string]bool{}
	for _, f := range rows("languages", 3) {
		if f[0] == "Chinese" {
			for _, r := range simplified.Replace(f[1]) {
				used[string(r)] = used[string(r)] || unicode.Is(unicode.Han, r)
			}
		}
	}
	for n := 1; n <= mostOrdinal; n++ {
		for _, r := range "第" + chineseDigits(n) {
			used[string(r)] = true
		}
	}
	for _, f := range rows("pinyin", 2) {
		if sounds[f[0]] || !used[f[0]] || f[1] == "" || strings.Trim(f[1], "abcdefghijklmnopqrstuvwxyz|") != "" {
			t.Errorf("pinyin: %q: %q is of no use", f[0], f[1])
		}
		sounds[f[0]] = true
	}
	for c, han := range used {
		if han && !sounds[c] {
			t.Errorf("pinyin: %q of a Chinese phrase has no syllables", c)
		}
	}
}

// wordsOf are the words of all names and synonyms, and those that say something of
// a label and no structure.
func wordsOf(tree *graph.Tree) map[string]bool {
	out := map[string]bool{}
	add := func(text string) {
		for _, w := range graph.Words(text) {
			out[w] = true
		}
	}
	for _, t := range tree.Terms() {
		add(t.Name)
		for _, s := range t.Synonyms {
			add(s.Text)
		}
	}
	add("both left right of the and couch dummy contour applicator ipsilateral contralateral infraclavicular hilar metastasis hematoma table")
	return out
}

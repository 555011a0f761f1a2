package suggest

import (
	"embed"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// The reviewed tables: tab-separated, a header line.
//
//go:embed tables/*.tsv
var tables embed.FS

// meaning is what a word or label of a table stands for; broad says that the tree
// has no nearer term than one that holds it ("<" in the table).
type meaning struct {
	meaning, reason string
	broad           bool
	short           bool // the label shortens a name: a term's own name goes before it
	inOrder         bool // the words of the label stand in their order
}

// leastSpelled is how many letters a label has that is no abbreviation, but
// the words themselves.
const leastSpelled = 9

// fieldOf is the field whose abbreviation a label is, empty for none: the table
// gives it before the colon of the reason.
func (c placed) fieldOf(label string) string {
	_, bare := handed(split(label))
	if !c.short || len(strings.Join(bare, "")) >= leastSpelled {
		return ""
	}
	field, _, _ := strings.Cut(c.reason, ":")
	return c.where + " " + field
}

// placed is a label that means something beside certain structures.
type placed struct {
	where string // id of the term whose surroundings it needs; empty for none
	with  string // key of another label that the list must hold; empty for none
	meaning
}

type vocabulary struct {
	languages map[string]*lexicon
	pinyin    *pinyin
	order     []string
	contexts  map[string][]placed // by key
	parcels   map[string]meaning
	shorts    map[string]meaning
	cortex    map[string]string // words of brain atlases, written out
	known     map[string]bool   // words of the tree's names, of the tables, and sides
	starts    map[string]bool   // their first five letters
	remarks   map[string]bool   // words that say how or when a structure was drawn
	divisions map[string]bool   // words for a part of a structure that has no name of its own
	qualities map[string]bool   // words for how a finding looks
	generic   map[string]bool   // words for tissue of which there are many
	foreign   map[string]bool   // words for what lies in or on a structure and is not it
	places    sync.Map          // of bool: what mostlyIn said of two terms
}

// loadVocabulary reads the embedded tables. They are part of the program, so a
// fault in them is a fault of the program.
func loadVocabulary(tree *graph.Tree) *vocabulary {
	v := &vocabulary{
		contexts: map[string][]placed{}, parcels: map[string]meaning{}, shorts: map[string]meaning{}, cortex: map[string]string{},
		remarks: map[string]bool{}, divisions: map[string]bool{}, qualities: map[string]bool{}, foreign: map[string]bool{}, generic: map[string]bool{},
	}
	phrases := rows("languages", 3)
	v.languages, v.pinyin = lexicons(phrases), loadPinyin(phrases)
	v.order = slices.Sorted(maps.Keys(v.languages))
	places := placesOf(tree)
	for _, f := range rows("contexts", 4) {
		v.place(places(f[0]), f[1], meaning{meaning: f[2], reason: f[3]})
	}
	for _, f := range rows("families", 4) {
		name, broad := strings.CutPrefix(f[2], "<")
		for label := range strings.SplitSeq(f[1], "|") {
			v.place(places(f[0]), label, meaning{meaning: name, reason: f[3], broad: broad, short: true})
		}
	}
	for _, f := range rows("tg263", 2) {
		name, broad := strings.CutPrefix(f[1], "<")
		v.place(places(""), f[0], meaning{meaning: name, reason: "TG-263's name", broad: broad, inOrder: true})
	}
	for _, f := range rows("parcels", 3) {
		v.parcels[f[0]] = meaning{meaning: f[1], reason: f[2]}
	}
	for _, f := range rows("shorts", 3) {
		v.shorts[f[0]] = meaning{meaning: f[1], reason: f[2]}
	}
	for _, f := range rows("cortex", 3) {
		v.cortex[f[0]] = f[1]
	}
	for _, f := range rows("beside", 3) {
		map[string]map[string]bool{"remark": v.remarks, "division": v.divisions, "quality": v.qualities, "foreign": v.foreign, "generic": v.generic}[f[1]][f[0]] = true
	}
	v.learn(tree)
	return v
}

// placesOf reads the places of rows, "thorax|neck+lb3", each list of them once.
func placesOf(tree *graph.Tree) func(wheres string) []placed {
	known := map[string][]placed{}
	return func(wheres string) []placed {
		if places, ok := known[wheres]; ok {
			return places
		}
		var places []placed
		for where := range strings.SplitSeq(wheres, "|") {
			where, with, _ := strings.Cut(where, "+")
			if id, ok := one(tree, where); ok || where == "" {
				places = append(places, placed{where: id, with: key(with)})
			}
		}
		known[wheres] = places
		return places
	}
}

// place notes what a label means beside the structures of places, or anywhere.
func (v *vocabulary) place(places []placed, label string, m meaning) {
	k := key(label)
	s := sorted(k)
	for _, c := range places {
		c.meaning = m
		if slices.Contains(v.contexts[k], c) {
			continue
		}
		v.contexts[k] = append(v.contexts[k], c)
		if s != k && !m.inOrder {
			v.contexts[s] = append(v.contexts[s], c)
		}
	}
}

// learn gathers the words that may be run together in a name.
func (v *vocabulary) learn(tree *graph.Tree) {
	v.known, v.starts = map[string]bool{"left": true, "right": true}, map[string]bool{}
	add := func(text string) {
		for w := range strings.FieldsFuncSeq(strings.ToLower(text), func(r rune) bool { return r < 'a' || r > 'z' }) {
			if len(w) >= leastGlued {
				v.known[w] = true
			}
			if len(w) >= glued {
				v.starts[w[:glued]] = true
			}
		}
	}
	for _, t := range tree.Terms() {
		add(t.Name)
		for _, s := range t.Synonyms {
			if s.Scope == graph.ScopeExact {
				add(s.Text)
			}
		}
	}
	for short := range v.shorts {
		if len(short) > leastGlued {
			add(short)
		}
	}
}

func rows(name string, columns int) [][]string {
	text, err := tables.ReadFile("tables/" + name + ".tsv")
	if err != nil {
		panic(err)
	}
	var out [][]string
	for n, line := range strings.Split(strings.TrimSuffix(string(text), "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != columns {
			panic(fmt.Sprintf("%s.tsv, line %d: want %d columns", name, n+1, columns))
		}
		if n > 0 {
			out = append(out, f)
		}
	}
	return out
}

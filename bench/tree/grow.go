package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"satgraph/graph"
)

// modifiers make new names of old ones, as large ontologies do.
var modifiers = []string{
	"cortex of", "wall of", "surface of", "lateral part of", "medial part of", "superior part of", "inferior part of", "anterior border of",
	"posterior border of", "epithelium of", "connective tissue of", "vasculature of", "nerve to", "artery to", "vein of", "lymphatic vessel of",
	"base of", "apex of", "body of", "neck of", "tip of", "lumen of", "capsule of", "trunk of", "branch of", "root of",
}

// grow makes a tree of any size of the words of a source: its terms, then terms
// that modify one of those before ("wall of left kidney"), some numbered, some
// with a word of their own. Each is part of what it modifies, and two of three are
// also a kind of another part of the same sort, so that the graph is full of
// diamonds. The same size gives the same tree.
func grow(source *graph.Snapshot, size int) *graph.Snapshot {
	random := rand.New(rand.NewPCG(1, uint64(size))) //nolint:gosec // not for secrets
	terms := slices.Clone(source.Terms[:min(size, len(source.Terms))])
	relations := slices.Clone(source.Relations)
	last := map[string]int{} // the latest term of each modifier
	for len(terms) < size {
		of := &terms[random.IntN(len(terms))]
		m := modifiers[random.IntN(len(modifiers))]
		if len(of.Name) > 80 {
			continue
		}
		name := m + " " + of.Name
		switch random.IntN(4) {
		case 0:
			name += fmt.Sprintf(" %d", 1+random.IntN(40))
		case 1:
			name = word(random) + " " + name
		}
		t := graph.Term{ID: fmt.Sprintf("GEN:%07d", len(terms)), Name: name, Kind: of.Kind, Laterality: graph.SideOf(name)}
		if t.Kind == graph.KindFinding {
			continue
		}
		first, rest, _ := strings.Cut(name, " of ")
		if rest != "" {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: rest + " " + first, Scope: graph.ScopeExact})
		}
		if random.IntN(2) == 0 {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: name + " proper", Scope: graph.ScopeRelated})
		}
		t.Xrefs = []string{fmt.Sprintf("FMA:%d", 100000+len(terms)), fmt.Sprintf("UMLS:C%07d", len(terms))}
		relations = append(relations, graph.Relation{Child: t.ID, Parent: of.ID, Type: graph.PartOf})
		if before, ok := last[m]; ok && random.IntN(3) > 0 && terms[before].ID != of.ID {
			relations = append(relations, graph.Relation{Child: t.ID, Parent: terms[before].ID, Type: graph.IsA})
		}
		if random.IntN(50) == 0 {
			last[m] = len(terms)
		}
		terms = append(terms, t)
	}
	inTree := map[string]bool{}
	for i := range terms {
		inTree[terms[i].ID] = true
	}
	relations = slices.DeleteFunc(relations, func(r graph.Relation) bool { return !inTree[r.Child] || !inTree[r.Parent] })
	slices.SortFunc(terms, func(a, b graph.Term) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(relations, func(a, b graph.Relation) int {
		return cmp.Or(strings.Compare(a.Child, b.Child), strings.Compare(a.Parent, b.Parent), strings.Compare(string(a.Type), string(b.Type)))
	})
	return &graph.Snapshot{Terms: terms, Relations: relations}
}

// word invents a word of Greek and Latin syllables: tens of thousands of them.
func word(random *rand.Rand) string {
	first := []string{"cardi", "hepat", "neph", "oste", "chondr", "my", "neur", "derm", "gastr", "enter", "splanch", "pneum", "cephal", "brachi", "crur", "dors", "ventr", "medi", "later", "palm", "plant", "ocul", "aur", "nas", "lingu", "dent", "gloss", "phren", "spin", "cost", "lumb", "sacr"}
	middle := []string{"o", "a", "i", "alo", "ino", "ero", "uli", "oni", "ari", "ago", "eno", "osi", "ato", "ilo", "umo", "ori"}
	last := []string{"tomic", "plastic", "genic", "form", "lateral", "pedal", "ligne", "dermal", "cavous", "ferous", "cellular", "nuclear", "vascular", "mural", "basal", "gonal", "metric", "tropic", "phytic", "static"}
	return first[random.IntN(len(first))] + middle[random.IntN(len(middle))] + last[random.IntN(len(last))]
}

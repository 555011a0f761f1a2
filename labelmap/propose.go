package labelmap

import (
	_ "embed" // the table of partitions
	"fmt"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// partitionsTSV lists ways in which datasets cut wholes into parts that the
// tree does not tell from other parts: whole, parts (a group of "|"), reason.
//
//go:embed partitions.tsv
var partitionsTSV string

var partitions = sync.OnceValue(func() map[string][][]string {
	out := map[string][][]string{}
	for n, line := range strings.Split(strings.TrimSuffix(partitionsTSV, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 3 || f[2] == "" {
			panic(fmt.Sprintf("partitions.tsv, line %d: want whole, parts, reason", n+1))
		}
		if n > 0 {
			out[f[0]] = append(out[f[0]], strings.Split(f[1], "|"))
		}
	}
	return out
})

// variantsTSV lists terms that most people lack: id, name, reason. A series
// without them is complete.
//
//go:embed variants.tsv
var variantsTSV string

var variants = sync.OnceValue(func() map[string]bool {
	out := map[string]bool{}
	for n, line := range strings.Split(strings.TrimSuffix(variantsTSV, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != 3 || f[2] == "" {
			panic(fmt.Sprintf("variants.tsv, line %d: want id, name, reason", n+1))
		}
		if n > 0 {
			out[f[0]] = true
		}
	}
	return out
})

// Item is a class or label of one dataset that stands for a term.
type Item struct {
	Name   string
	TermID string
}

// Proposal is a class that other classes of the same dataset make up.
type Proposal struct {
	Class string
	// Parts are the smallest items whose union it is, by name.
	Parts []string
	// Lesions are items found inside the class that datasets sometimes draw
	// apart from it and sometimes within it; a reviewer must say which.
	Lesions []string
	// Complete says whether the tree knows of nothing else in the class; Missing
	// names what the dataset does not have.
	Complete bool
	Missing  []string
	Reason   string
}

// Propose finds, from names and tree alone, the items of a dataset that are
// unions of others: left and right, the members of a kind or a series, the
// parts of a whole. A class of which only some parts are there is not proposed.
func Propose(tree *graph.Tree, items []Item) []Proposal {
	p := newProposer(tree)
	for _, it := range items {
		p.add(it)
	}
	var out []Proposal
	for _, it := range items {
		if p.byTerm[it.TermID] != it.Name {
			continue
		}
		if got := p.of(it.TermID); len(got.names) > 1 {
			out = append(out, Proposal{Class: it.Name, Parts: got.names, Complete: len(got.missing) == 0, Missing: got.missing, Reason: got.reason, Lesions: p.lesions(it.TermID)})
		}
	}
	return out
}

type proposer struct {
	tree   *graph.Tree
	byTerm map[string]string // term -> item
	byName map[string]string // normalised item or class -> term
	called map[string]string // term -> item or class
	memo   map[string]*parts
}

func newProposer(tree *graph.Tree) *proposer {
	return &proposer{tree: tree, byTerm: map[string]string{}, byName: map[string]string{}, called: map[string]string{}, memo: map[string]*parts{}}
}

// add makes an item known; the first of a term counts.
func (p *proposer) add(it Item) {
	if _, ok := p.tree.Term(it.TermID); ok && p.byTerm[it.TermID] == "" {
		p.byTerm[it.TermID] = it.Name
		p.alias(it.Name, it.TermID)
	}
}

// alias gives a term another name, by which its sides are told.
func (p *proposer) alias(name, termID string) {
	if k := graph.Normalize(name); p.byName[k] == "" {
		p.byName[k] = termID
	}
	if p.called[termID] == "" {
		p.called[termID] = name
	}
}

// parts is what makes up a term; no names: not known.
type parts struct {
	names   []string
	missing []string
	reason  string
}

// made is the smallest items that a term is made of: those below it, else
// itself.
func (p *proposer) made(id string) *parts {
	if below := p.of(id); len(below.names) > 0 {
		return below
	}
	if name, ok := p.byTerm[id]; ok {
		return &parts{names: []string{name}}
	}
	return &parts{}
}

// of is what makes up a term of items strictly below it.
func (p *proposer) of(id string) *parts {
	if m, ok := p.memo[id]; ok {
		return m
	}
	p.memo[id] = &parts{} // a tree has no cycles; this is for terms seen twice
	m := p.find(id)
	p.memo[id] = m
	return m
}

func (p *proposer) find(id string) *parts {
	if got := p.namedSides(id); got != nil {
		return got
	}
	for _, cut := range partitions()[id] {
		if got := p.join(cut, len(cut)); got != nil {
			got.reason = "a usual division into parts"
			return got
		}
	}
	kinds := p.sameKind(id, p.tree.Children(id, graph.IsA))
	var pair []string
	for _, k := range kinds {
		if base, ok := p.tree.Base(k); ok && base == id {
			pair = append(pair, k)
		}
	}
	if got := p.join(pair, 2); got != nil {
		got.reason = "left and right"
		return got
	}
	if got := p.series(id); got != nil {
		return got
	}
	wholes := p.sameKind(id, p.tree.Parts(id))
	if got := p.join(wholes, max(2, (len(wholes)+1)/2)); got != nil {
		got.reason = "its parts"
		return got
	}
	return &parts{}
}

// sameKind leaves out findings under anatomy.
func (p *proposer) sameKind(id string, ids []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(x string) bool { return p.isFinding(x) != p.isFinding(id) })
}

func (p *proposer) isFinding(id string) bool {
	t, _ := p.tree.Term(id)
	return t.Kind == graph.KindFinding
}

// series takes the items that are kinds of the term, at any depth.
func (p *proposer) series(id string) *parts {
	got := &parts{reason: "its kinds"}
	for _, d := range p.tree.Descendants(id, graph.IsA) {
		if p.isFinding(d) != p.isFinding(id) {
			continue
		}
		name, ok := p.byTerm[d]
		if !ok {
			name, ok = p.fused(d, id)
		}
		if ok && len(p.of(d).names) == 0 && !slices.Contains(got.names, name) {
			got.names = append(got.names, name)
		}
	}
	if len(got.names) < 2 {
		return nil
	}
	got.missing = p.lacking(id, p.coveredBelow(id), map[string]bool{})
	return got
}

// lacking names the kinds of a term of which the dataset has nothing, the widest
// that say so: of the vertebrae "cervical vertebra", not each of the seven.
func (p *proposer) lacking(id string, covered, seen map[string]bool) []string {
	var out []string
	for _, k := range p.sameKind(id, p.tree.Children(id, graph.IsA)) {
		if seen[k] || covered[k] || variants()[k] {
			continue
		}
		seen[k] = true
		if slices.ContainsFunc(p.tree.Descendants(k, graph.IsA), func(d string) bool { return covered[d] }) {
			out = append(out, p.lacking(k, covered, seen)...)
			continue
		}
		if t, ok := p.tree.Term(k); ok {
			out = append(out, t.Name)
		}
	}
	return out
}

// coveredBelow are the terms below a term that the dataset has: its items, and
// what is a kind or part of them.
func (p *proposer) coveredBelow(id string) map[string]bool {
	out := map[string]bool{}
	for _, d := range p.tree.Descendants(id) {
		if _, ok := p.byTerm[d]; !ok {
			continue
		}
		out[d] = true
		for _, below := range p.tree.Descendants(d, graph.IsA, graph.PartOf) {
			out[below] = true
		}
	}
	for _, d := range p.tree.Descendants(id, graph.IsA) {
		if _, ok := p.fused(d, id); ok {
			out[d] = true
		}
	}
	return out
}

// namedSides takes the items that are called as this one is, with left and
// right before: a dataset's left cerebellum is its half of the cerebellum.
func (p *proposer) namedSides(id string) *parts {
	name, ok := p.called[id]
	if !ok {
		return nil
	}
	got := &parts{reason: "left and right"}
	for _, side := range []graph.Laterality{graph.Left, graph.Right} {
		half, ok := p.byName[graph.Normalize(string(side)+" "+name)]
		if !ok || half == id {
			return nil
		}
		made := p.made(half)
		if len(made.names) == 0 {
			return nil
		}
		got.names = append(got.names, made.names...)
		got.missing = append(got.missing, made.missing...)
	}
	return got
}

// fused finds the item that a member of a series has grown into with others,
// itself of the series' nature: the sacrum, for a sacral vertebra.
func (p *proposer) fused(member, series string) (string, bool) {
	for _, whole := range p.tree.Parents(member, graph.PartOf) {
		name, ok := p.byTerm[whole]
		if ok && len(p.of(whole).names) == 0 && sameNature(p.tree, whole, series) {
			return name, true
		}
	}
	return "", false
}

// sameNature says whether a whole is of the nature of a series: a kind of what
// the series is a kind of, and more than a general kind such as "organ part".
func sameNature(tree *graph.Tree, whole, series string) bool {
	nature := tree.Ancestors(series, graph.IsA)
	return slices.ContainsFunc(tree.Parents(whole, graph.IsA), func(up string) bool {
		return slices.Contains(nature, up) && len(tree.Ancestors(up, graph.IsA)) >= 3
	})
}

// grownFrom says whether a term holds members of a series grown into one.
func grownFrom(tree *graph.Tree, whole, series string) bool {
	return slices.ContainsFunc(tree.Children(whole, graph.PartOf), func(m string) bool {
		return tree.IsDescendant(m, series, graph.IsA)
	}) && sameNature(tree, whole, series)
}

// join unites what the ids are made of, if that is known of at least n of them.
func (p *proposer) join(ids []string, n int) *parts {
	got := &parts{}
	have := 0
	for _, id := range ids {
		m := p.made(id)
		if len(m.names) == 0 {
			t, _ := p.tree.Term(id)
			got.missing = append(got.missing, t.Name)
			continue
		}
		have++
		for _, n := range m.names {
			if !slices.Contains(got.names, n) {
				got.names = append(got.names, n)
			}
		}
		got.missing = append(got.missing, m.missing...)
	}
	if have < n || have == 0 {
		return nil
	}
	return got
}

// lesions are the findings located in the term or its parts.
func (p *proposer) lesions(id string) []string {
	var out []string
	if p.isFinding(id) {
		return nil
	}
	for _, d := range p.tree.Descendants(id) {
		if name, ok := p.byTerm[d]; ok && p.isFinding(d) {
			out = append(out, name)
		}
	}
	return out
}

// Package suggest finds the terms that raw labels stand for, with reasons, and
// says when it cannot tell.
//
// A label is read in every way that its writing allows (readings), each reading
// is looked up in the tree, and what is found is weighed against the rest of the
// list: a list of cardiac chambers makes "LA" an atrium, a list of liver and
// tumour makes the tumour one of the liver. A label that means nothing, several
// things at once, or one of several things, gets candidates and no answer.
//
// It decides nothing: a suggestion counts once a curator, or a policy that names
// itself, has accepted it. Sides are never guessed. Start from New.
package suggest

import (
	"cmp"
	"runtime"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Accept is the score from which a suggestion may be accepted unseen by a
// policy: on the development labels one in a hundred above it is wrong at most.
const Accept = 0.8

// doubt is the score below which there is no answer, only candidates.
const doubt = 0.6

// Class is a name that a corpus gave to a term.
type Class struct {
	Name      string
	Modality  string // "ct", "mri", "pet"
	TermID    string
	Predicate labelmap.Predicate
}

// Decided is what was decided on an equal label before.
type Decided struct {
	TermID    string
	Predicate labelmap.Predicate
	Dataset   string
	Actor     string
}

// Suggestion is one term that a label may stand for.
type Suggestion struct {
	TermID     string
	Name       string
	Base       string // id of the unsided counterpart; the term's own id when it has no side
	Kind       graph.Kind
	Predicate  labelmap.Predicate
	Laterality graph.Laterality
	Score      float64 // in [0, 1]
	Reasons    []string

	evidence evidence
	field    string
}

// Result is what is suggested for one label, best first. When Abstained, the
// suggestions are candidates only, and Why says what is in doubt. Flags name
// what a curator should look at even where the name is clear.
type Result struct {
	Label       *labelmap.RawLabel
	Suggestions []Suggestion
	Abstained   bool
	Why         string
	Flags       []string
}

// Engine suggests terms of one tree. It is safe for concurrent use.
type Engine struct {
	tree    *graph.Tree
	classes map[string][]Class            // by normalised name
	trained map[string]labelmap.Predicate // how the first class of a term relates to it
	whole   []string                      // words of classes that labels cut off
	codes   map[string][]string
	words   *vocabulary
	// Ids of the terms by which places are told apart.
	regions, bodyParts, sorts []string
	decided                   func(name string) []Decided
	sidesOf                   map[string][2]string // left and right counterparts, by base
	findings                  []finding
	midline                   []string // terms in the middle of the body
	sizeTable                 map[string]sizeRange
	shortening                func() map[string][]shortText
	initialed                 func() map[byte][]shortText
	aligning                  func() map[byte][]*alignable
	memory                    *memory
}

// Option changes an engine.
type Option func(*Engine)

// WithCodes adds codes by which terms are known that the tree does not name, as
// CURIEs ("SCT:64033007"), each with its term.
func WithCodes(codes map[string]string) Option {
	return func(e *Engine) {
		for c, id := range codes {
			if _, ok := e.tree.Term(id); ok {
				c = code(c)
				e.codes[c] = append(e.codes[c], id)
			}
		}
	}
}

// WithDecided lets earlier decisions speak: decided gets a label's name and
// returns what equal labels of other datasets were settled as.
func WithDecided(decided func(name string) []Decided) Option {
	return func(e *Engine) { e.decided = decided }
}

// New makes an engine. classes are the corpus's names for terms, which labels
// of other datasets often repeat; terms that the tree lacks are passed over.
func New(tree *graph.Tree, classes []Class, options ...Option) *Engine {
	e := &Engine{tree: tree, classes: map[string][]Class{}, trained: map[string]labelmap.Predicate{}, codes: codesOf(tree), words: loadVocabulary(tree), sidesOf: sidesOf(tree), findings: findingsOf(tree), memory: &memory{}}
	for _, c := range classes {
		if _, ok := tree.Term(c.TermID); ok {
			k := graph.Normalize(c.Name)
			e.classes[k] = append(e.classes[k], c)
			if !e.isTrained(c.TermID) {
				e.trained[c.TermID] = c.Predicate
			}
		}
	}
	e.whole = wholeWords(e.classes)
	e.regions, e.bodyParts, e.sorts = ids(tree, regionNames), ids(tree, bodyParts), ids(tree, sortNames)
	e.midline, e.sizeTable = ids(tree, midlineNames), sizesOf(tree)
	e.shortening = sync.OnceValue(func() map[string][]shortText { return shortTexts(tree) })
	e.aligning = sync.OnceValue(e.alignables)
	e.initialed = sync.OnceValue(func() map[byte][]shortText { return initialTexts(tree) })
	for _, o := range options {
		o(e)
	}
	return e
}

// With returns an engine with further options, which shares all else.
func (e *Engine) With(options ...Option) *Engine {
	further := *e
	for _, o := range options {
		o(&further)
	}
	return &further
}

// one is the id of the only term so named.
func one(tree *graph.Tree, name string) (string, bool) {
	best := graph.Best(tree.Lookup(name))
	if len(best) != 1 {
		return "", false
	}
	return best[0].ID, true
}

// isTrained says whether the corpus has a class for a term.
func (e *Engine) isTrained(id string) bool {
	_, ok := e.trained[id]
	return ok
}

func ids(tree *graph.Tree, names []string) []string {
	var out []string
	for _, name := range names {
		if id, ok := one(tree, name); ok {
			out = append(out, id)
		}
	}
	return out
}

// sidesOf lists the left and right counterparts of unsided terms.
func sidesOf(tree *graph.Tree) map[string][2]string {
	out := map[string][2]string{}
	for _, t := range tree.Terms() {
		base, ok := tree.Base(t.ID)
		if !ok {
			continue
		}
		pair := out[base]
		if t.Laterality == graph.Left {
			pair[0] = t.ID
		} else {
			pair[1] = t.ID
		}
		out[base] = pair
	}
	return out
}

// codesOf indexes cross-references, and the ids themselves, in capitals.
func codesOf(tree *graph.Tree) map[string][]string {
	out := map[string][]string{}
	for _, t := range tree.Terms() {
		for _, x := range t.Xrefs {
			out[code(x)] = append(out[code(x)], t.ID)
		}
		out[code(t.ID)] = append(out[code(t.ID)], t.ID)
	}
	return out
}

// code brings a CURIE to one spelling: SNOMED CT has three prefixes in use.
func code(curie string) string {
	c := strings.ToUpper(strings.TrimSpace(curie))
	prefix, rest, ok := strings.Cut(c, ":")
	switch prefix {
	case "SCT", "SNOMED", "SNOMEDCT", "SCTID", "SRT":
		prefix = "SCTID"
	case "RID":
		prefix = "RADLEX"
	}
	if !ok {
		return c
	}
	return prefix + ":" + strings.TrimPrefix(rest, "FMA")
}

// Suggest answers a list of labels, in its order. Labels of one dataset are read
// together. At most top suggestions are given for each; 0 means 5.
func (e *Engine) Suggest(labels []labelmap.RawLabel, top int) []Result {
	if top <= 0 {
		top = 5
	}
	lists := map[string][]int{}
	var order []string
	for i := range labels {
		d := labels[i].Dataset
		if _, ok := lists[d]; !ok {
			order = append(order, d)
		}
		lists[d] = append(lists[d], i)
	}
	out := make([]Result, len(labels))
	run := *e
	run.memory = &memory{}
	for _, d := range order {
		run.list(labels, lists[d], top, out)
	}
	return out
}

// list answers the labels of one dataset: each alone, then in the light of what
// the others clearly are.
func (e *Engine) list(labels []labelmap.RawLabel, at []int, top int, out []Result) {
	read := make([]labelmap.RawLabel, len(at))
	for k, i := range at {
		read[k] = labels[i]
	}
	e.unshare(read)
	alone := e.eachAlone(read)
	ctx := e.survey(read, alone)
	results := make([]Result, len(at))
	spread(len(at), func(k int) {
		results[k] = e.decide(&read[k], e.within(&read[k], alone[k], ctx), ctx, top)
	})
	for k, i := range at {
		results[k].Label = &labels[i]
	}
	agreed(results)
	once(results)
	e.measured(results)
	for k, i := range at {
		out[i] = results[k]
	}
}

// eachAlone is alone for each label of a list; those that are written alike are
// read once.
func (e *Engine) eachAlone(labels []labelmap.RawLabel) []answer {
	type written struct{ name, modality string }
	first := make(map[written]int, len(labels))
	same := make([]int, len(labels)) // the first label written like this one
	for k := range labels {
		same[k] = k
		l := &labels[k]
		if len(l.Codes) > 0 {
			continue
		}
		w := written{l.Name, l.Modality}
		if f, ok := first[w]; ok {
			same[k] = f
		} else {
			first[w] = k
		}
	}
	out := make([]answer, len(labels))
	spread(len(labels), func(k int) {
		if same[k] == k {
			out[k] = e.alone(&labels[k])
		}
	})
	for k, f := range same {
		if f != k {
			out[k] = out[f].clone()
		}
	}
	return out
}

// spread calls f for 0..n-1 on all processors.
func spread(n int, f func(k int)) {
	workers := min(runtime.GOMAXPROCS(0), n)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for k := w; k < n; k += workers {
				f(k)
			}
		})
	}
	wg.Wait()
}

// once sees to it that one label of a dataset stands for a term: of two that
// were answered alike the worse becomes a question.
func once(out []Result) {
	first := map[string]int{}
	for i := range out {
		r := &out[i]
		if r.Abstained || len(r.Suggestions) == 0 {
			continue
		}
		id := r.Suggestions[0].TermID
		k, ok := first[id]
		if !ok {
			first[id] = i
			continue
		}
		better, worse := &out[k], r
		if worse.Suggestions[0].Score > better.Suggestions[0].Score {
			better, worse = worse, better
			first[id] = i
		}
		if strings.EqualFold(better.Label.Name, worse.Label.Name) {
			continue // the same label twice; the reader has flagged it
		}
		worse.Flags = append(worse.Flags, "also suggested for "+better.Label.Key())
		if worse.Suggestions[0].Score < better.Suggestions[0].Score-0.05 {
			worse.Suggestions[0].Score = min(worse.Suggestions[0].Score, Accept-0.01)
			worse.Suggestions[0].Reasons = append(worse.Suggestions[0].Reasons, "but "+better.Label.Key()+" fits it better")
		}
	}
}

// answer is what was found for a label, by term.
type answer struct {
	found map[string]*candidate
	// none says why the label means nothing that a tree of anatomy holds.
	none string
	// several says that the label names more than one thing, and planned that it is
	// made for planning from what it names.
	several, planned string
	// foreign says why the label means nothing in another language.
	foreign string
	// pinyin says that it was read as Chinese in Latin letters.
	pinyin bool
	// read and loose are the ways to read the label, once they were made, and told
	// what it says in other languages.
	read, loose, told []reading
}

type candidate struct {
	id        string
	score     float64
	found     float64 // its score before it was held below Accept
	ceiling   float64 // above which surroundings do not lift it; 0 for none
	predicate labelmap.Predicate
	reasons   []string
	short     bool   // found by an abbreviation of two letters or less
	partial   bool   // some words of the label are not accounted for
	sure      bool   // its score is not to be weighed against the surroundings again
	field     string // whose abbreviation it is read as; other labels of the list must speak for it
	evidence  evidence
}

func (a *answer) add(c candidate) {
	if old, ok := a.found[c.id]; ok && old.score >= c.score {
		return
	}
	a.found[c.id] = &c
}

// clone copies an answer, which its surroundings will change.
func (a *answer) clone() answer {
	c := *a
	c.found = make(map[string]*candidate, len(a.found))
	for id, found := range a.found {
		copied := *found
		copied.reasons = slices.Clone(found.reasons)
		c.found[id] = &copied
	}
	return c
}

// ranked lists the candidates, best first.
func (a *answer) ranked() []*candidate {
	out := make([]*candidate, 0, len(a.found))
	for _, c := range a.found {
		out = append(out, c)
	}
	slices.SortFunc(out, func(x, y *candidate) int {
		return cmp.Or(cmp.Compare(y.score, x.score), cmp.Compare(y.found, x.found), cmp.Compare(x.id, y.id))
	})
	return out
}

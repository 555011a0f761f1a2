package inference

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// Resolver turns questions into plans. It is safe for concurrent use.
type Resolver struct {
	tree   *graph.Tree
	byTerm map[string][]Class // by modality, then fit, then name
	byName map[string][]Class // by key(Name)
	order  sync.Map           // term id -> its orderKey
}

// NewResolver makes a resolver for one revision of the tree and the classes of
// a corpus. Classes of terms that the tree does not have are left out.
func NewResolver(tree *graph.Tree, classes []Class) *Resolver {
	r := &Resolver{
		tree:   tree,
		byTerm: map[string][]Class{},
		byName: map[string][]Class{},
	}
	for _, c := range classes {
		if _, ok := tree.Term(c.TermID); !ok {
			continue
		}
		r.byName[key(c.Name)] = append(r.byName[key(c.Name)], c)
		r.byTerm[c.TermID] = append(r.byTerm[c.TermID], c)
	}
	for _, index := range []map[string][]Class{r.byTerm, r.byName} {
		for _, list := range index {
			slices.SortFunc(list, func(a, b Class) int {
				if d := a.Modality.rank() - b.Modality.rank(); d != 0 {
					return d
				}
				if d := int(a.fit()) - int(b.fit()); d != 0 {
					return d
				}
				return strings.Compare(a.Name, b.Name)
			})
		}
	}
	return r
}

// Resolve answers a query for one modality, or for all when m is empty.
//
// A query is a term (by name, synonym, class name or id), "children of X",
// "parts of X" (at every depth), "all descendants of X", or several of these
// separated by commas, semicolons, new lines or "and"; "segment ... in this CT"
// around it is understood. The children of X are its direct parts, its direct
// kinds where X is a class of things (the ribs of "rib"), and the left and
// right members of those parts (the ventricles of the heart by way of "cardiac
// ventricle"). Findings, such as tumours, are only answered by their own names.
//
// Errors: ErrBadQuery, without a plan. With a plan that says the reasons:
// *UnknownTermError when no asked text names a term, *RefusalError when nothing
// can be called. Texts that are unknown beside others that are known are only
// listed in the plan.
func (r *Resolver) Resolve(query string, m Modality) (*Plan, error) {
	items, said, err := parseQuery(query, r.known)
	if err != nil {
		return nil, err
	}
	if m == "" {
		m = said
	} else if said != "" && said != m {
		return nil, fmt.Errorf("%w: it asks for %v, but the modality given is %v", ErrBadQuery, said, m)
	}
	p := &Plan{Query: query, Modality: m, Terms: []TermPlan{}, Calls: []Call{}, resolver: r}
	seen := map[string]bool{}
	add := func(t TermPlan) {
		id := t.ID
		if id == "" {
			id = "text:" + key(t.Name)
		}
		if !seen[id] {
			seen[id] = true
			p.Terms = append(p.Terms, t)
		}
	}
	c := r.newCover()
	for _, it := range items {
		found, note := r.find(it.text)
		switch {
		case len(found) == 0:
			add(r.unknown(it.text))
		case len(found) > 1:
			add(r.ambiguous(it.text, found))
		case it.sel == self:
			t := c.plan(found[0], m)
			t.Reason = join(note, t.Reason)
			add(t)
		default:
			below := r.below(found[0], it.sel)
			if len(below) == 0 {
				t := r.blank(found[0])
				t.Status, t.Reason = NotSegmentable, "it has nothing below it in the tree"
				add(t)
			}
			for _, id := range below {
				add(c.plan(id, m))
			}
		}
	}
	r.fillCalls(p)
	return p, p.verdict()
}

// verdict is the error that goes with a plan: nil when something can be called.
func (p *Plan) verdict() error {
	if len(p.Calls) > 0 {
		return nil
	}
	if len(p.Terms) > 0 && p.Count(Unknown) == len(p.Terms) {
		return &UnknownTermError{Text: p.Terms[0].Name, Suggestions: p.Terms[0].Candidates}
	}
	e := &RefusalError{Query: p.Query}
	for i := range p.Terms {
		e.Reasons = append(e.Reasons, p.Terms[i].Name+": "+p.Terms[i].Reason)
	}
	return e
}

// fillCalls lists the classes of the plan's terms, each once, in the terms'
// order.
func (r *Resolver) fillCalls(p *Plan) {
	p.Calls = []Call{}
	seen := map[Call]bool{}
	for i := range p.Terms {
		for _, name := range slices.Concat(p.Terms[i].Classes, p.Terms[i].Subtract) {
			for _, c := range r.byName[key(name)] {
				call := Call{Class: c.Name, Prompt: c.prompt(), Modality: c.Modality}
				if (p.Modality == "" || p.Modality == c.Modality) && !seen[call] {
					seen[call] = true
					p.Calls = append(p.Calls, call)
				}
			}
		}
	}
}

// known says whether a text names any term.
func (r *Resolver) known(text string) bool {
	ids, _ := r.find(text)
	return len(ids) > 0
}

// answering are the classes that stand for a term in a modality (in any, when m
// is empty): the exact ones, else the close ones.
func (r *Resolver) answering(id string, m Modality) []Class {
	var out []Class
	for _, c := range r.byTerm[id] {
		if m != "" && c.Modality != m || c.fit() == loose {
			continue
		}
		if n := len(out); n > 0 && out[n-1].Modality == c.Modality && out[n-1].fit() != c.fit() {
			continue
		}
		out = append(out, c)
	}
	return out
}

// find gives the ids of the terms that a text may mean: one for a clear answer.
// The note says how a text was read that is neither name nor exact synonym.
func (r *Resolver) find(text string) (ids []string, note string) {
	matches := r.tree.Lookup(text)
	named := len(matches) > 0 && matches[0].How <= graph.ByName
	if named {
		best := matchIDs(graph.Best(matches))
		if matches[0].How == graph.ByID || slices.ContainsFunc(best, func(id string) bool { return len(r.answering(id, "")) > 0 }) {
			return best, ""
		}
	}
	// The corpus's own names come before synonyms, and before the name of a
	// term that no class draws: they are what was trained ("hip" is a bone).
	for _, c := range r.byName[key(text)] {
		if c.fit() != loose && !slices.Contains(ids, c.TermID) {
			ids = append(ids, c.TermID)
		}
	}
	if len(ids) == 1 {
		if term, _ := r.tree.Term(ids[0]); named {
			note = fmt.Sprintf("%q is read as the corpus class, which is %s", text, term.Name)
		}
		return ids, note
	}
	best := graph.Best(matches)
	switch {
	case len(best) == 0:
		return ids, ""
	case best[0].How == graph.ByOtherSynonym:
		return r.findLoose(text, best)
	default:
		return matchIDs(best), ""
	}
}

// findLoose reads a text that is only a broad, narrow or related synonym. A
// broad one ("ventricle" of the heart's) may mean other terms of that kind as
// well: those that have a class and whose name ends in the text.
func (r *Resolver) findLoose(text string, best []graph.Match) (ids []string, note string) {
	const look = 50
	ids = matchIDs(best)
	broad := slices.ContainsFunc(best, func(m graph.Match) bool { return m.Scope == graph.ScopeBroad })
	if broad {
		tail := " " + graph.Normalize(text)
		for _, h := range r.tree.Search(text, look) {
			term, _ := r.tree.Term(h.ID)
			if term.Laterality == graph.Unsided && len(r.answering(h.ID, "")) > 0 &&
				strings.HasSuffix(graph.Normalize(term.Name), tail) && !slices.Contains(ids, h.ID) {
				ids = append(ids, h.ID)
			}
		}
	}
	if len(ids) == 1 {
		term, _ := r.tree.Term(ids[0])
		note = fmt.Sprintf("%q is read as %s, of which it is a %s synonym", text, term.Name, strings.ToLower(string(best[0].Scope)))
	}
	return ids, note
}

func matchIDs(matches []graph.Match) []string {
	ids := make([]string, len(matches))
	for i, m := range matches {
		ids[i] = m.ID
	}
	return ids
}

func (r *Resolver) blank(id string) TermPlan {
	term, _ := r.tree.Term(id)
	return TermPlan{ID: id, Name: term.Name, Classes: []string{}, Missing: []string{}}
}

func (r *Resolver) unknown(text string) TermPlan {
	const most = 5
	t := TermPlan{Name: text, Status: Unknown, Classes: []string{}, Missing: []string{}}
	for _, id := range r.suggest(text, most) {
		term, _ := r.tree.Term(id)
		t.Candidates = append(t.Candidates, Candidate{term.ID, term.Name})
	}
	t.Reason = "no term of the tree has this name"
	if len(t.Candidates) > 0 {
		t.Reason += "; near: " + names(t.Candidates)
	}
	return t
}

func (r *Resolver) ambiguous(text string, ids []string) TermPlan {
	t := TermPlan{Name: text, Status: Ambiguous, Classes: []string{}, Missing: []string{}}
	for _, id := range ids {
		term, _ := r.tree.Term(id)
		t.Candidates = append(t.Candidates, Candidate{id, term.Name})
	}
	t.Reason = "ambiguous: it may mean " + names(t.Candidates)
	return t
}

func names(list []Candidate) string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = fmt.Sprintf("%s (%s)", c.Name, c.ID)
	}
	return strings.Join(out, ", ")
}

// below lists the terms that a selector reaches, in anatomical order.
func (r *Resolver) below(id string, sel selector) []string {
	found := map[string]bool{}
	add := func(ids ...string) {
		for _, x := range ids {
			if x != id && !r.isFinding(x) {
				found[x] = true
			}
		}
	}
	switch sel {
	case children:
		direct := r.tree.Children(id, graph.PartOf)
		add(direct...)
		add(r.tree.Children(id, graph.IsA)...)
		for _, d := range direct {
			add(r.sides(d)...)
		}
	case parts:
		for _, p := range r.tree.Children(id, graph.PartOf) {
			add(p)
			add(r.tree.Descendants(p, graph.PartOf, graph.IsA)...)
		}
	case descendants:
		add(r.tree.Descendants(id, graph.PartOf, graph.IsA)...)
	case self:
		add(id)
	}
	ids := make([]string, 0, len(found))
	for x := range found {
		ids = append(ids, x)
	}
	return r.inOrder(ids)
}

// sides lists the left and right of a term (the ventricles of "cardiac
// ventricle"), and whatever sided kinds of it have a class (the five lobes of
// "lobe of lung").
func (r *Resolver) sides(id string) []string {
	var out []string
	for _, d := range r.tree.Descendants(id, graph.IsA) {
		if t, _ := r.tree.Term(d); t.Laterality == graph.Unsided {
			continue
		}
		base, ok := r.tree.Base(d)
		if ok && base == id || len(r.answering(d, "")) > 0 {
			out = append(out, d)
		}
	}
	return out
}

func (r *Resolver) isFinding(id string) bool {
	t, ok := r.tree.Term(id)
	return ok && t.Kind == graph.KindFinding
}

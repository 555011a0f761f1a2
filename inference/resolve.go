package inference

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// Resolver turns questions into plans. It is safe for concurrent use.
type Resolver struct {
	tree      *graph.Tree
	byTerm    map[string][]Class // by modality, then fit, then name
	byName    map[string][]Class // by key(Name)
	byNorm    map[string][]Class // by graph.Normalize(Name)
	joint     map[string][]Class // by what stands before and behind an "and" in the name, normalised
	knowledge *knowledge
	wholes    map[string]composition // by term id
	placed    map[string]string      // term id by name in places.tsv
	placeIDs  map[string]string      // term id of a region -> how it is called
	order     sync.Map               // term id -> its orderKey
}

// composition is a whole of the table, looked up in the tree.
type composition struct {
	parts []string // ids
	lost  []string // names of parts that no class draws, or the tree lacks
	lacks int      // parts that the tree lacks
}

// NewResolver makes a resolver for one revision of the tree and the classes of
// a corpus. Classes of terms that the tree does not have are left out.
func NewResolver(tree *graph.Tree, classes []Class) *Resolver {
	r := &Resolver{
		tree:      tree,
		byTerm:    map[string][]Class{},
		byName:    map[string][]Class{},
		byNorm:    map[string][]Class{},
		joint:     map[string][]Class{},
		knowledge: loadKnowledge(),
		wholes:    map[string]composition{},
	}
	for _, c := range classes {
		if _, ok := tree.Term(c.TermID); !ok {
			continue
		}
		r.byName[key(c.Name)] = append(r.byName[key(c.Name)], c)
		r.byNorm[graph.Normalize(c.Name)] = append(r.byNorm[graph.Normalize(c.Name)], c)
		r.byTerm[c.TermID] = append(r.byTerm[c.TermID], c)
		if one, other, ok := strings.Cut(c.Name, " and "); ok {
			r.joint[graph.Normalize(one)] = append(r.joint[graph.Normalize(one)], c)
			r.joint[graph.Normalize(other)] = append(r.joint[graph.Normalize(other)], c)
		}
	}
	for _, index := range []map[string][]Class{r.byTerm, r.byName, r.byNorm} {
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
	r.placed, r.placeIDs = map[string]string{}, map[string]string{}
	for _, p := range r.knowledge.regions[bodyPlace].lies {
		if id, ok := r.named(p.name); ok {
			r.placed[p.name] = id
		}
	}
	for name, place := range r.knowledge.regions {
		for _, text := range []string{place.term, name} {
			if best := graph.Best(tree.Lookup(text)); len(best) == 1 && len(r.byTerm[best[0].ID]) == 0 {
				r.placeIDs[best[0].ID] = place.said
				for _, side := range []graph.Laterality{graph.Left, graph.Right} {
					if id, ok := r.sided(best[0].ID, side); ok {
						r.placeIDs[id] = string(side) + " " + place.said
					}
				}
			}
		}
	}
	for _, w := range r.knowledge.wholes {
		id, ok := r.named(w.name)
		if !ok {
			continue
		}
		c := composition{lost: w.without}
		for _, name := range w.parts {
			if part, ok := r.named(name); ok {
				c.parts = append(c.parts, part)
			} else {
				c.lost, c.lacks = append(slices.Clip(c.lost), name), c.lacks+1
			}
		}
		if len(c.parts) > 0 {
			r.wholes[id] = c
		}
	}
	return r
}

// Resolve answers a query for one modality, or for all when m is empty.
//
// Grammar says which questions are understood. The children of X are its direct
// parts, its direct kinds where X is a class of things (the ribs of "rib"), and
// the left and right members of those parts (the ventricles of the heart by way
// of "cardiac ventricle"). Findings, such as tumours, are only answered by
// their own names. What is to be left out ("heart without its ventricles") is
// taken out of the masks of what it is a part of; where no class draws it, the
// whole is refused.
//
// Errors: ErrBadQuery, without a plan. With a plan that says the reasons:
// *UnknownTermError when no asked text names a term, *RefusalError when nothing
// can be called. Texts that are unknown beside others that are known are only
// listed in the plan.
func (r *Resolver) Resolve(query string, m Modality) (*Plan, error) {
	groups, said, err := parseQuery(query, r)
	if err != nil {
		return nil, err
	}
	if m == "" {
		m = said
	} else if said != "" && said != m {
		return nil, fmt.Errorf("%w: it asks for %v, but the modality given is %v", ErrBadQuery, said, m)
	}
	r.inContext(groups, m)
	p := &Plan{Query: query, Modality: m, Terms: []TermPlan{}, Calls: []Call{}, resolver: r}
	seen, byID := map[string]bool{}, map[string][]TermPlan{}
	c := r.newCover()
	for _, g := range groups {
		for _, t := range c.group(g, m) {
			if seen[t.key()] {
				continue
			}
			seen[t.key()] = true
			plan := c.plan(t, m)
			if !slices.ContainsFunc(byID[plan.ID], plan.same) {
				p.Terms = append(p.Terms, plan)
				byID[plan.ID] = append(byID[plan.ID], plan)
			}
		}
	}
	if len(p.Terms) > maxPlanTerms {
		return nil, fmt.Errorf("%w: it asks for %d structures, at most %d are planned", ErrBadQuery, len(p.Terms), maxPlanTerms)
	}
	r.fillCalls(p)
	return p, p.verdict()
}

// same says that two answers are of one structure by the same classes.
func (t *TermPlan) same(other TermPlan) bool {
	return t.ID != "" && t.ID == other.ID && t.Status == other.Status && slices.Equal(t.Classes, other.Classes) && slices.Equal(t.Subtract, other.Subtract)
}

// maxPlanTerms bounds a plan: the tree's largest subtrees fit.
const maxPlanTerms = 20_000

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

// Complete says that everything that was asked for can be had, whole.
func (p *Plan) Complete() bool {
	return !slices.ContainsFunc(p.Terms, func(t TermPlan) bool {
		return t.Status != Segmentable && t.Status != Composable || len(t.Missing) > 0
	})
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

// ClassesOf returns the classes that are anchored on a term, by modality and then
// by how well they fit it.
func (r *Resolver) ClassesOf(id string) []Class { return slices.Clone(r.byTerm[id]) }

// Classes returns all classes, by modality and name.
func (r *Resolver) Classes() []Class {
	var out []Class
	for _, list := range r.byTerm {
		out = append(out, list...)
	}
	slices.SortFunc(out, func(a, b Class) int {
		return cmp.Or(a.Modality.rank()-b.Modality.rank(), strings.Compare(a.Name, b.Name), strings.Compare(a.TermID, b.TermID))
	})
	return out
}

func (r *Resolver) blank(id string) TermPlan {
	term, _ := r.tree.Term(id)
	return TermPlan{ID: id, Name: term.Name, Classes: []string{}, Missing: []string{}}
}

func (r *Resolver) name(id string) string {
	term, _ := r.tree.Term(id)
	return term.Name
}

func (r *Resolver) unknown(text string) TermPlan {
	const most = 5
	t := TermPlan{Name: text, Status: Unknown, Classes: []string{}, Missing: []string{}}
	t.Candidates = r.candidates(r.suggest(text, most))
	t.Reason = "no term of the tree has this name"
	if len(t.Candidates) > 0 {
		t.Reason += "; near: " + names(t.Candidates)
	}
	return t
}

func (r *Resolver) ambiguous(text string, ids []string) TermPlan {
	t := TermPlan{Name: text, Status: Ambiguous, Classes: []string{}, Missing: []string{}, Candidates: r.candidates(ids)}
	t.Reason = "ambiguous: it may mean " + names(t.Candidates)
	return t
}

func (r *Resolver) candidates(ids []string) []Candidate {
	var out []Candidate
	for _, id := range ids {
		out = append(out, Candidate{id, r.name(id)})
	}
	return out
}

func names(list []Candidate) string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = fmt.Sprintf("%s (%s)", c.Name, c.ID)
	}
	return strings.Join(out, ", ")
}

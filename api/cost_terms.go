package api

import (
	"math"
	"slices"
	"strings"

	"github.com/graphql-go/graphql/language/ast"

	"satgraph/graph"
)

// longWork is from how many values on a request is long work.
const longWork = 2_000

// countedTerms is how many terms the lists may have that are counted beforehand:
// those that were not asked for before are gathered for it.
const countedTerms = 20_000

// gatherCost counts what an operation will gather of the tree, as its resolvers
// will pay for it, without executing it: the lists of terms are as long as they
// are in the tree. exact is false where not all of it hangs on terms that the
// operation names. What is beyond limit is not counted to its end.
func (e *estimate) gatherCost(s *Service, tree *graph.Tree, set *ast.SelectionSet, limit float64) (sum float64, exact bool) {
	c := counter{estimate: e, s: s, tree: tree, limit: limit, exact: true, known: map[counted]float64{}}
	e.each(set, func(x *ast.Field) {
		switch x.Name.Value {
		case "term":
			if term := c.named(x); term != nil {
				sum += c.of(term, x.SelectionSet)
			}
		case "__typename":
		default:
			c.exact = false
		}
	})
	return sum, c.exact
}

// counter counts what is gathered below terms. Terms that come up again below the
// same fields are counted once and added each time.
type counter struct {
	*estimate
	s     *Service
	tree  *graph.Tree
	limit float64
	steps int
	terms int // of the lists that were looked at
	exact bool
	known map[counted]float64
}

type counted struct {
	term *graph.Term
	set  *ast.SelectionSet
}

// nestsLists says whether lists of terms are asked of terms of a list.
func (e *estimate) nestsLists(set *ast.SelectionSet, within int) (nests bool) {
	e.each(set, func(x *ast.Field) {
		deeper := within
		if l, _ := listNamed(x.Name.Value); l != nil || slices.Contains(topLists, x.Name.Value) {
			deeper++
		}
		nests = nests || deeper > 1 || e.nestsLists(x.SelectionSet, deeper)
	})
	return nests
}

// topLists are the fields of Query that give several terms.
var topLists = []string{"terms", "search", "path", "commonAncestors", "partsOf"}

// each calls f for the fields of a set, those of its fragments included, whatever
// type they are of. What directives leave out is not among them.
func (e *estimate) each(set *ast.SelectionSet, f func(x *ast.Field)) {
	if set == nil {
		return
	}
	for _, selection := range set.Selections {
		switch x := selection.(type) {
		case *ast.Field:
			if !e.leftOut(x.Directives) {
				f(x)
			}
		case *ast.InlineFragment:
			if !e.leftOut(x.Directives) {
				e.each(x.SelectionSet, f)
			}
		case *ast.FragmentSpread:
			if fragment := e.fragments[x.Name.Value]; fragment != nil && !e.leftOut(x.Directives) {
				e.each(fragment.SelectionSet, f)
			}
		}
	}
}

// leftOut says whether @skip or @include leave something out.
func (e *estimate) leftOut(directives []*ast.Directive) bool {
	for _, d := range directives {
		for _, a := range d.Arguments {
			if given, ok := e.value(a.Value).(bool); ok && given == (d.Name.Value == "skip") {
				return true
			}
		}
	}
	return false
}

// named is the term of Query.term, if it finds one.
func (c *counter) named(x *ast.Field) *graph.Term {
	for _, a := range x.Arguments {
		text, ok := c.value(a.Value).(string)
		if !ok || len(text) > maxText {
			continue
		}
		id := text
		if a.Name.Value == "name" {
			best := graph.Best(c.tree.Lookup(text))
			if len(best) != 1 {
				continue
			}
			id = best[0].ID
		}
		if term, ok := c.tree.Term(id); ok {
			return term
		}
	}
	return nil
}

// of is what the fields of a term gather.
func (c *counter) of(x *graph.Term, set *ast.SelectionSet) (sum float64) {
	k := counted{x, set}
	if sum, ok := c.known[k]; ok {
		return sum
	}
	c.each(set, func(f *ast.Field) {
		if c.steps++; sum > c.limit || c.steps > int(c.limit) {
			sum = math.Inf(1) // each step gathers something
			return
		}
		sum += c.field(x, f)
	})
	c.known[k] = sum
	return sum
}

func (c *counter) field(x *graph.Term, f *ast.Field) float64 {
	switch name := f.Name.Value; name {
	case "synonyms":
		return c.paid(len(x.Synonyms), f.SelectionSet)
	case "xrefs":
		return c.paid(len(x.Xrefs), f.SelectionSet)
	case "counterpart", "base":
		find := c.tree.Counterpart
		if name == "base" {
			find = c.tree.Base
		}
		id, ok := find(x.ID)
		if !ok {
			return 0
		}
		other, _ := c.tree.Term(id)
		return c.of(other, f.SelectionSet)
	default:
		l, page := listNamed(name)
		if l == nil {
			if f.SelectionSet != nil {
				c.exact = false
			}
			return 0
		}
		if c.terms > countedTerms {
			c.exact = false
			return 0
		}
		terms := c.s.walks.of(c.tree, l, x, c.relations(f))
		c.terms += len(terms)
		sum := float64(len(terms) / perWalked)
		if !page {
			return sum + c.below(terms, c.upTo(f, l.limit), f.SelectionSet)
		}
		n := c.upTo(f, defaultPage)
		c.each(f.SelectionSet, func(inner *ast.Field) {
			switch inner.Name.Value {
			case "nodes":
				sum += c.below(terms, n, inner.SelectionSet)
			case "edges":
				sum += c.paid(min(n, len(terms)), inner.SelectionSet)
				c.each(inner.SelectionSet, func(node *ast.Field) {
					if node.Name.Value == "node" {
						sum += c.below(terms, n, node.SelectionSet) - c.paid(min(n, len(terms)), node.SelectionSet)
					}
				})
			}
		})
		return sum
	}
}

// below is what n of some terms gather, and they themselves. Which of them a page
// has is not known here: the first stand for them.
func (c *counter) below(terms []*graph.Term, n int, set *ast.SelectionSet) float64 {
	n = min(n, len(terms))
	sum, deeper := c.paid(n, set), false
	c.each(set, func(f *ast.Field) { deeper = deeper || f.SelectionSet != nil || f.Name.Value == "xrefs" })
	if !deeper {
		return sum
	}
	for _, x := range terms[:n] {
		if sum += c.of(x, set); sum > c.limit {
			return math.Inf(1)
		}
	}
	return sum
}

// paid is what charge takes for n things.
func (c *counter) paid(n int, set *ast.SelectionSet) float64 {
	fields := 0
	c.each(set, func(*ast.Field) { fields++ })
	return float64(n * max(1, fields))
}

func (c *counter) upTo(f *ast.Field, otherwise int) int {
	if n := c.size(f); n > 0 {
		return int(min(n, maxTerms))
	}
	return otherwise
}

func (c *counter) relations(f *ast.Field) []graph.RelationType {
	var out []graph.RelationType
	for _, a := range f.Arguments {
		if a.Name.Value != "relations" {
			continue
		}
		names, ok := c.value(a.Value).([]any)
		if !ok {
			names = []any{c.value(a.Value)}
		}
		for _, r := range graph.RelationTypes() {
			if slices.Contains(names, any(strings.ToUpper(string(r)))) {
				out = append(out, r)
			}
		}
	}
	return out
}

// value is what an argument's value is, as JSON would have it; enums are strings.
func (e *estimate) value(v ast.Value) any {
	switch v := v.(type) {
	case *ast.StringValue:
		return v.Value
	case *ast.BooleanValue:
		return v.Value
	case *ast.EnumValue:
		return v.Value
	case *ast.ListValue:
		out := make([]any, len(v.Values))
		for i, one := range v.Values {
			out[i] = e.value(one)
		}
		return out
	case *ast.Variable:
		if given, ok := e.variables[v.Name.Value]; ok {
			return given
		}
		if standard := e.defaults[v.Name.Value]; standard != nil {
			return e.value(standard)
		}
	}
	return nil
}

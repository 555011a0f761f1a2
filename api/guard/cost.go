package guard

import (
	"fmt"

	"github.com/graphql-go/graphql/language/ast"
)

// Sizes estimates how many values an introspection field has, by field name:
// "types", "fields", "args" and so on. Fields that are not in it count once.
type Sizes map[string]int

// Check walks every definition of a parsed document with its fragments
// expanded and checks Operations, Depth, Selections, FieldPairs and Introspection. A
// fragment that contains itself is a [*SyntaxError]; a limit passed is a
// [*LimitError]; unknown fragments are left to validation. Its own work is
// bounded by the limits.
func Check(document *ast.Document, limits Limits, sizes Sizes) error {
	w := walker{
		limits:    limits.WithDefaults(),
		sizes:     sizes,
		fragments: make(map[string]*ast.FragmentDefinition),
	}
	for _, d := range document.Definitions {
		if f, ok := d.(*ast.FragmentDefinition); ok && f.Name != nil {
			w.fragments[f.Name.Value] = f
		}
	}
	if err := w.findCycle(); err != nil {
		return err
	}
	operations := 0
	for _, d := range document.Definitions {
		var set *ast.SelectionSet
		switch d := d.(type) {
		case *ast.OperationDefinition:
			if operations++; operations > w.limits.Operations {
				return &LimitError{What: "operations", Limit: w.limits.Operations}
			}
			set = d.SelectionSet
		case *ast.FragmentDefinition:
			set = d.SelectionSet // validation walks it even where nothing uses it
		default:
			return &SyntaxError{Message: "only operations and fragments can be executed, not type definitions"}
		}
		if err := w.walk([]*ast.SelectionSet{set}, 1, 0); err != nil {
			return err
		}
	}
	return nil
}

type walker struct {
	limits    Limits
	sizes     Sizes
	fragments map[string]*ast.FragmentDefinition

	selections, pairs, introspection int
}

// A group is the fields that answer one response key of one object.
type group struct {
	field string // the name of the first one
	sets  []*ast.SelectionSet
	count int
}

// walk counts the fields of sets, which all select from the same object.
// times is how many introspection values that object stands for, or zero
// outside introspection.
func (w *walker) walk(sets []*ast.SelectionSet, depth, times int) error {
	if depth > w.limits.Depth {
		return &LimitError{What: "levels of nesting", Limit: w.limits.Depth}
	}
	groups := make(map[string]*group)
	for _, set := range sets {
		if err := w.collect(set, groups, depth); err != nil {
			return err
		}
	}
	for _, g := range groups {
		if w.pairs += g.count * (g.count - 1) / 2; w.pairs > w.limits.FieldPairs {
			return &LimitError{What: "fields with the same response name", Limit: w.limits.FieldPairs}
		}
		inner := times
		if g.field == "__schema" || g.field == "__type" {
			inner = max(inner, 1)
		}
		if inner > 0 && w.sizes != nil {
			if w.introspection += inner; w.introspection > w.limits.Introspection {
				return &LimitError{What: "introspection values", Limit: w.limits.Introspection}
			}
			inner *= max(1, w.sizes[g.field])
		}
		if len(g.sets) == 0 {
			continue
		}
		if err := w.walk(g.sets, depth+1, inner); err != nil {
			return err
		}
	}
	return nil
}

// collect sorts the fields of one selection set into groups, expanding
// fragments. depth also bounds fragments inside fragments.
func (w *walker) collect(set *ast.SelectionSet, groups map[string]*group, depth int) error {
	if set == nil {
		return nil
	}
	if depth > w.limits.Depth {
		return &LimitError{What: "levels of nesting", Limit: w.limits.Depth}
	}
	for _, selection := range set.Selections {
		if w.selections++; w.selections > w.limits.Selections {
			return &LimitError{What: "fields after expanding fragments", Limit: w.limits.Selections}
		}
		switch s := selection.(type) {
		case *ast.Field:
			key := s.Name.Value
			if s.Alias != nil {
				key = s.Alias.Value
			}
			g := groups[key]
			if g == nil {
				g = &group{field: s.Name.Value}
				groups[key] = g
			}
			g.count++
			if s.SelectionSet != nil {
				g.sets = append(g.sets, s.SelectionSet)
			}
		case *ast.InlineFragment:
			if err := w.collect(s.SelectionSet, groups, depth+1); err != nil {
				return err
			}
		case *ast.FragmentSpread:
			fragment := w.fragments[s.Name.Value]
			if fragment == nil {
				continue
			}
			if err := w.collect(fragment.SelectionSet, groups, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// findCycle looks for a fragment that contains itself, directly or through
// others, each fragment being looked at once.
func (w *walker) findCycle() error {
	const inProgress, done = 1, 2
	state := make(map[string]int, len(w.fragments))
	var visit func(name string) error
	visit = func(name string) error {
		fragment := w.fragments[name]
		switch {
		case fragment == nil || state[name] == done:
			return nil
		case state[name] == inProgress:
			return &SyntaxError{Message: fmt.Sprintf("fragment %q contains itself", name)}
		}
		state[name] = inProgress
		var spreads []string
		collectSpreads(fragment.SelectionSet, &spreads)
		for _, inner := range spreads {
			if err := visit(inner); err != nil {
				return err
			}
		}
		state[name] = done
		return nil
	}
	for name := range w.fragments {
		if err := visit(name); err != nil {
			return err
		}
	}
	return nil
}

func collectSpreads(set *ast.SelectionSet, names *[]string) {
	if set == nil {
		return
	}
	for _, selection := range set.Selections {
		switch s := selection.(type) {
		case *ast.Field:
			collectSpreads(s.SelectionSet, names)
		case *ast.InlineFragment:
			collectSpreads(s.SelectionSet, names)
		case *ast.FragmentSpread:
			*names = append(*names, s.Name.Value)
		}
	}
}

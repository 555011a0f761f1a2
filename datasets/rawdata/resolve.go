package rawdata

import (
	"fmt"
	"slices"

	"satgraph/datasets/catalog"
	"satgraph/labelmap"
)

// recipe is a class's expression on the files of a layout.
type recipe struct {
	class, name string
	expr        labelmap.Expr
}

// resolve writes the recipes on the files of the layout: where a layout keeps a
// label elsewhere than SAT-DS does, its place is put in for the label's value or
// channel.
func (s *Source) resolve() ([]recipe, error) {
	out := make([]recipe, 0, len(s.dataset.Recipes))
	for i := range s.dataset.Recipes {
		r := &s.dataset.Recipes[i]
		e, err := s.place(r.Of(s.options.AsPublished))
		if err != nil {
			return nil, fmt.Errorf("%w: %s, %s: %w", ErrRecipe, s.dataset.Name, r.Class, err)
		}
		out = append(out, recipe{r.Class, r.Spelling(), e})
	}
	return out, nil
}

// moved says whether the layout keeps labels where Label.Release says.
func (s *Source) moved() bool {
	return s.layout.Has(catalog.Release) && !s.layout.Has(catalog.Prepared)
}

func (s *Source) place(e labelmap.Expr) (labelmap.Expr, error) {
	if e.Op != labelmap.OpSource {
		args := make([]labelmap.Expr, len(e.Args))
		for i := range e.Args {
			var err error
			if args[i], err = s.place(e.Args[i]); err != nil {
				return e, err
			}
		}
		e.Args = args
		return e, nil
	}
	if e.Source.File != "" {
		return e, nil
	}
	if !s.moved() {
		return s.cut(e), nil
	}
	var parts []labelmap.Expr
	for i := range s.dataset.Labels {
		l := &s.dataset.Labels[i]
		if !l.Names(e.Source) {
			continue
		}
		switch {
		case l.Release != nil:
		case l.Value != nil:
			parts = append(parts, valueOf(*l.Value))
			continue
		default:
			return s.cut(e), nil
		}
		parts = append(parts, s.overwritten(i, l.Release.Expr))
	}
	switch len(parts) {
	case 0:
		// A published recipe may take a value that no label has.
		return s.cut(e), nil
	case 1:
		return parts[0], nil
	}
	return labelmap.Expr{Op: labelmap.OpUnion, Args: parts}, nil
}

func valueOf(v int) labelmap.Expr {
	return labelmap.Expr{Op: labelmap.OpSource, Source: &labelmap.Source{Channel: -1, Values: []labelmap.Range{labelmap.Value(float64(v))}}}
}

// overwritten takes away, as the published preparation did, what later labels
// took from a label.
func (s *Source) overwritten(i int, e labelmap.Expr) labelmap.Expr {
	if !s.options.AsPublished || !s.dataset.Masks.Overwrite {
		return e
	}
	args := []labelmap.Expr{e}
	for _, l := range s.dataset.Labels[i+1:] {
		if l.Release != nil {
			args = append(args, l.Release.Expr)
		}
	}
	if len(args) == 1 {
		return e
	}
	return labelmap.Expr{Op: labelmap.OpDifference, Args: args}
}

// cut gives a source of SAT-DS's own files the published rule: of channels, all
// that is above 0.5.
func (s *Source) cut(e labelmap.Expr) labelmap.Expr {
	rule := s.dataset.Masks.Published
	if !s.options.AsPublished || e.Source.Channel < 0 || !slices.Contains([]catalog.Rule{catalog.AboveHalf, catalog.Sum}, rule) {
		return e
	}
	out := *e.Source
	half, err := labelmap.ParseExpr("{>0.5..}")
	if err != nil {
		panic(err) // it is a constant
	}
	out.Values = half.Source.Values
	return labelmap.Expr{Op: labelmap.OpSource, Source: &out}
}

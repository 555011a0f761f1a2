package api

import (
	"context"
	"errors"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/datasets/catalog"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/labelmap"
)

// What begins the ids of things that people name: without it one of one type could
// be the id of one of another. The ids of terms, scans and jobs are their own.
const (
	kindDataset = "dataset/"
	kindRecord  = "record/"
	kindClass   = "class/"
	kindModel   = "model/"
	kindLabel   = "label/"
	kindRecipe  = "recipe/"
)

// maxNodes is how many ids nodes takes.
const maxNodes = 100

func classID(x *catalog.Class) string { return kindClass + string(x.Modality) + "/" + x.Name }

// nodeID is the id of a node.
func nodeID[T any](s *Service, f func(x T) string) *graphql.Field {
	return &graphql.Field{Type: required(graphql.ID), Description: "Its id among all things, for node(id:).", Resolve: get(s, func(x T) any { return f(x) })}
}

func (s *Service) nodeType() *graphql.Interface {
	return graphql.NewInterface(graphql.InterfaceConfig{
		Name: "Node", Description: "A thing with an id that no other thing has, as the Relay specification wants it. node(id:) finds it again.",
		Fields: graphql.Fields{"id": {Type: required(graphql.ID), Description: "The id."}},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
			return s.objectOf(p.Value)
		},
	})
}

// objectOf is the type of a node's value.
func (s *Service) objectOf(v any) *graphql.Object {
	name := ""
	switch v := v.(type) {
	case *graph.Term:
		name = "Term"
	case *Image:
		name = "Image"
	case *jobs.Job:
		name = "Job"
	case *inference.Manifest:
		name = "Model"
	case *labelled:
		name = "Dataset"
	case *catalog.Dataset:
		name = "DatasetRecord"
	case *catalog.Class:
		name = "CorpusClass"
	case *labelmap.State:
		name = "RawLabel"
		if v.Subject.Kind == labelmap.SubjectRecipe {
			name = "Recipe"
		}
	}
	object, _ := s.schema.Type(name).(*graphql.Object)
	return object
}

func (s *Service) nodeQueries(t *types) graphql.Fields {
	id := graphql.NewNonNull(graphql.ID)
	return graphql.Fields{
		"node": {
			Type: t.node, Description: "The thing of an id, whatever it is; null where there is none, or none that the caller may see.",
			Args:    graphql.FieldConfigArgument{"id": {Type: id, Description: `An id that some thing gave, such as "UBERON:0000948" or "class/ct/liver".`}},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) { return s.nodeOf(ctx, a.text("id")) }),
		},
		"nodes": {
			Type: graphql.NewNonNull(graphql.NewList(t.node)), Description: "The things of several ids, in their order; null in the place of one that there is not.",
			Args: graphql.FieldConfigArgument{"ids": {Type: graphql.NewNonNull(graphql.NewList(id)), Description: "At most " + number(maxNodes) + " ids."}},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) {
				ids := list[string](a, "ids")
				if len(ids) > maxNodes {
					return nil, &Error{Code: CodeBadInput, Message: "more than " + number(maxNodes) + " ids", Hint: "ask for fewer at once"}
				}
				if err := charge(ctx, len(ids)); err != nil {
					return nil, err
				}
				out := make([]any, len(ids))
				for i, one := range ids {
					var err error
					if out[i], err = s.nodeOf(ctx, one); err != nil {
						return nil, err
					}
				}
				return out, nil
			}),
		},
	}
}

// nodeOf finds what an id names; nil where there is nothing.
func (s *Service) nodeOf(ctx context.Context, id string) (any, error) {
	if len(id) > maxText {
		return nil, errLongText
	}
	v, err := s.lookup(ctx, id)
	if told := (*Error)(nil); errors.As(err, &told) && told.Code == CodeNotFound || errors.Is(err, errNoImage) || errors.Is(err, jobs.ErrNotFound) {
		return nil, nil //nolint:nilnil // null is the answer
	}
	return v, err
}

func (s *Service) lookup(ctx context.Context, id string) (any, error) {
	if term, ok := s.tree(ctx).Term(id); ok {
		return term, nil
	}
	for _, one := range []struct {
		kind string
		find func(ctx context.Context, rest string) (any, error)
	}{
		{kindDataset, s.datasetNode},
		{kindRecord, func(_ context.Context, rest string) (any, error) {
			d, ok := s.shelf.Catalog.Dataset(rest)
			return orNil(d, ok), nil
		}},
		{kindClass, func(_ context.Context, rest string) (any, error) {
			m, name, _ := strings.Cut(rest, "/")
			x, ok := s.shelf.byClass[classKey{catalog.Modality(m), name}]
			return orNil(x, ok), nil
		}},
		{kindModel, func(_ context.Context, rest string) (any, error) {
			for _, m := range s.config.Models() {
				if m.Name == rest {
					return m, nil
				}
			}
			return nil, nil //nolint:nilnil // null is the answer
		}},
		{kindLabel, s.subjectNode(labelmap.SubjectLabel)},
		{kindRecipe, s.subjectNode(labelmap.SubjectRecipe)},
	} {
		if rest, ok := strings.CutPrefix(id, one.kind); ok {
			return one.find(ctx, rest)
		}
	}
	if isSHA256(id) {
		return s.image(ctx, id)
	}
	return pointer(s.job(ctx, id))
}

func orNil[T any](x *T, ok bool) any {
	if !ok {
		return nil
	}
	return x
}

func isSHA256(id string) bool {
	return len(id) == 64 && strings.Trim(id, "0123456789abcdef") == ""
}

func (s *Service) datasetNode(ctx context.Context, name string) (any, error) {
	d, err := s.labels()
	if err != nil || name == "" {
		return nil, err
	}
	if err := spend(ctx, storeCost); err != nil {
		return nil, err
	}
	found, err := d.book.Counts(ctx, name)
	if all := gather(found); err == nil && len(all) > 0 {
		return all[0], nil
	}
	return nil, err
}

func (s *Service) subjectNode(kind labelmap.SubjectKind) func(ctx context.Context, rest string) (any, error) {
	return func(ctx context.Context, rest string) (any, error) {
		d, err := s.labels()
		if err != nil {
			return nil, err
		}
		subject, err := parseSubjectCursor(rest)
		if err != nil || subject.Kind != kind {
			return nil, nil //nolint:nilerr,nilnil // no id of ours
		}
		if err := spend(ctx, storeCost); err != nil {
			return nil, err
		}
		return known(d.book.State(ctx, subject))
	}
}

package api

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/gqlerrors"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/location"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

var errInternal = errors.New("internal error")

// args are the arguments of a field, already of their types.
type args map[string]any

func (a args) text(name string) string {
	s, _ := a[name].(string)
	return s
}

// list gives the values of a list argument that have type T.
func list[T any](a args, name string) []T {
	items, _ := a[name].([]any)
	var out []T
	for _, item := range items {
		if v, ok := item.(T); ok {
			out = append(out, v)
		}
	}
	return out
}

// limit gives a limit argument. The error is BAD_USER_INPUT.
func (a args) limit(most int) (int, error) {
	n, _ := a["limit"].(int)
	if n < 1 || n > most {
		return 0, &Error{Code: CodeBadInput, Message: fmt.Sprintf("limit must be from 1 to %d", most)}
	}
	return n, nil
}

// on makes a resolver of a function of the parent value. It turns errors into
// those that clients are told, and a panic into one of its field.
func on[T any](s *Service, f func(ctx context.Context, parent T, a args) (any, error)) graphql.FieldResolveFn {
	return func(p graphql.ResolveParams) (value any, err error) {
		defer func() {
			if thrown := recover(); thrown != nil {
				value, err = nil, s.panicked(p.Info.FieldName, thrown)
			}
		}()
		if err := p.Context.Err(); err != nil {
			return nil, describe(err)
		}
		parent, _ := p.Source.(T)
		value, err = f(withInfo(p.Context, &p.Info), parent, p.Args)
		if err != nil {
			told := describe(err)
			if told.Code == CodeInternal {
				s.log.Error("a resolver failed", "field", p.Info.FieldName, "error", err)
			}
			return nil, told
		}
		return value, nil
	}
}

// get makes a resolver that only reads the parent. Most fields of an answer are
// such, so it does nothing more.
func get[T any](s *Service, f func(parent T) any) graphql.FieldResolveFn {
	return func(p graphql.ResolveParams) (value any, err error) {
		defer func() {
			if thrown := recover(); thrown != nil {
				value, err = nil, s.panicked(p.Info.FieldName, thrown)
			}
		}()
		parent, _ := p.Source.(T)
		return f(parent), nil
	}
}

func (s *Service) panicked(field string, thrown any) error {
	s.log.Error("a resolver panicked", "field", field, "panic", thrown, "stack", string(debug.Stack()))
	return describe(errInternal)
}

type (
	budgetKey struct{}
	infoKey   struct{}
)

// A budget is how many values a request may still gather, and what its fields
// share.
type budget struct {
	left  atomic.Int64
	total int
	tree  *graph.Tree // one revision for the whole request

	loading   sync.Mutex
	exemplars map[exemplarsWanted]*loader[string, []graph.Exemplar]
	histories loader[labelmap.Subject, []labelmap.Event]
	states    loader[labelmap.Subject, labelmap.State]

	suggesting sync.Mutex
	suggested  map[string]map[string]*suggest.Result // by dataset and key
}

func (s *Service) withBudget(ctx context.Context, tree *graph.Tree) context.Context {
	b := &budget{total: s.limits.Values, tree: tree}
	b.left.Store(int64(s.limits.Values))
	return context.WithValue(ctx, budgetKey{}, b)
}

// tree is the revision that the request reads.
func (s *Service) tree(ctx context.Context) *graph.Tree {
	if b, ok := ctx.Value(budgetKey{}).(*budget); ok {
		return b.tree
	}
	return s.config.Tree()
}

func withInfo(ctx context.Context, info *graphql.ResolveInfo) context.Context {
	return context.WithValue(ctx, infoKey{}, info)
}

// charge pays for a list of n items before it is given out: one value for each
// field selected of each item. So the work of a request is bounded however its
// lists are nested. The error is LIMIT_EXCEEDED.
func charge(ctx context.Context, n int) error {
	info, _ := ctx.Value(infoKey{}).(*graphql.ResolveInfo)
	fields := 1
	if info != nil {
		fields = max(1, selected(info))
	}
	return spend(ctx, n*fields)
}

// spend pays for work worth n values.
func spend(ctx context.Context, n int) error {
	b, _ := ctx.Value(budgetKey{}).(*budget)
	if b == nil || b.left.Add(-int64(n)) >= 0 {
		return nil
	}
	return errGathers(b.total)
}

func errGathers(most int) error {
	return &Error{
		Code:    CodeLimit,
		Message: fmt.Sprintf("the request gathers more than %d values", most),
		Hint:    "ask for fewer fields or give the lists a smaller limit",
	}
}

// selected counts the fields selected of a field's items, fragments expanded.
// The document's limits bound it.
func selected(info *graphql.ResolveInfo) int {
	n := 0
	var count func(set *ast.SelectionSet)
	count = func(set *ast.SelectionSet) {
		if set == nil {
			return
		}
		for _, selection := range set.Selections {
			switch x := selection.(type) {
			case *ast.Field:
				n++
			case *ast.InlineFragment:
				count(x.SelectionSet)
			case *ast.FragmentSpread:
				if fragment, ok := info.Fragments[x.Name.Value].(*ast.FragmentDefinition); ok {
					count(fragment.SelectionSet)
				}
			}
		}
	}
	for _, field := range info.FieldASTs {
		count(field.SelectionSet)
	}
	return n
}

func sourceLocation(line, column int) location.SourceLocation {
	return location.SourceLocation{Line: line, Column: column}
}

var _ gqlerrors.ExtendedError = (*Error)(nil)

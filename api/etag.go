package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/graphql-go/graphql/language/ast"
)

// treeTag is the ETag of a request that asks the tree alone: it changes with the
// tree's revision and the program's version. It is empty for other requests,
// and for those that are refused.
func (s *Service) treeTag(ctx context.Context, q *request, mediaType string) string {
	p, refused := s.prepare(ctx, q)
	tree := s.config.Tree()
	if refused != nil || tree == nil || p.operation.Operation != ast.OperationTypeQuery || !s.readsTree(p) {
		return ""
	}
	variables, err := json.Marshal(q.Variables) // sorted by name
	if err != nil {
		return ""
	}
	sum := sha256.New()
	for _, part := range []string{s.config.Version, tree.Revision(), mediaType, q.Query, q.Operation, string(variables)} {
		_, _ = sum.Write([]byte(part + "\x00"))
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
}

// readsTree says whether all that a request asks is told by the tree: its top
// fields are of terms, and none below asks the store.
func (s *Service) readsTree(p *prepared) bool {
	fragments := map[string]*ast.FragmentDefinition{}
	for _, d := range p.document.Definitions {
		if f, ok := d.(*ast.FragmentDefinition); ok {
			fragments[f.Name.Value] = f
		}
	}
	var all func(set *ast.SelectionSet, top bool) bool
	all = func(set *ast.SelectionSet, top bool) bool {
		if set == nil {
			return true
		}
		for _, selection := range set.Selections {
			ok := true
			switch x := selection.(type) {
			case *ast.Field:
				name := x.Name.Value
				ok = (!top || s.treeFields[name] || strings.HasPrefix(name, "__")) && name != "exemplars" && all(x.SelectionSet, false)
			case *ast.InlineFragment:
				ok = all(x.SelectionSet, top)
			case *ast.FragmentSpread:
				f := fragments[x.Name.Value]
				ok = f != nil && all(f.SelectionSet, top)
			}
			if !ok {
				return false
			}
		}
		return true
	}
	return all(p.operation.SelectionSet, true)
}

// unchanged says whether a client has what the tag stands for.
func unchanged(r *http.Request, tag string) bool {
	for _, header := range r.Header.Values("If-None-Match") {
		for have := range strings.SplitSeq(header, ",") {
			if have = plainTag(strings.TrimSpace(have)); have == tag || have == "*" {
				return true
			}
		}
	}
	return false
}

// plainTag is a tag without what marks it as weak or as that of a compressed
// answer.
func plainTag(tag string) string {
	tag = strings.TrimPrefix(tag, "W/")
	if plain, _, ok := strings.Cut(tag, compressedTag+"-"); ok {
		return plain + `"`
	}
	return tag
}

package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/graphql-go/graphql/language/ast"
)

// asks says what a request asks: the tree alone, the schema alone, or others too.
type asks int

const (
	asksOthers asks = iota
	asksTree
	asksSchema
	asksPlans // what models make of the tree, by the processor alone; also of the tree
)

// planFields are the fields of Query that ask for plans.
var planFields = []string{"resolve", "model", "models"}

// whatIsAsked says what a request asks. Of the tree alone are fields of terms with
// none below that asks the store: their answer is the same for as long as its
// revision is.
func (s *Service) whatIsAsked(p *prepared) asks {
	if p.operation.Operation != ast.OperationTypeQuery || p.tree == nil {
		return asksOthers
	}
	tree, schema, plans, others := false, false, false, false
	p.eachTopField(func(x *ast.Field) {
		switch name := x.Name.Value; {
		case name == "__typename":
		case strings.HasPrefix(name, "__"):
			schema = true
		case s.treeFields[name]:
			tree = true
		case slices.Contains(planFields, name):
			plans = true
		default:
			others = true
		}
	})
	switch {
	case others, schema && (tree || plans):
		return asksOthers
	case schema:
		return asksSchema
	}
	fragments, pure := p.fragments(), true
	var look func(set *ast.SelectionSet)
	look = func(set *ast.SelectionSet) {
		if set == nil || !pure {
			return
		}
		for _, selection := range set.Selections {
			switch x := selection.(type) {
			case *ast.Field:
				pure = pure && x.Name.Value != "exemplars"
				look(x.SelectionSet)
			case *ast.InlineFragment:
				look(x.SelectionSet)
			case *ast.FragmentSpread:
				if f := fragments[x.Name.Value]; f != nil {
					look(f.SelectionSet)
				}
			}
		}
	}
	look(p.operation.SelectionSet)
	switch {
	case !pure:
		return asksOthers
	case plans:
		return asksPlans
	}
	return asksTree
}

// answerKey is all that an answer of the tree or the schema depends on.
type answerKey struct{ revision, query, operation, variables string }

// Bounds of the answers that are kept: bytes of one, and of each half of all.
const (
	answerBytes  = 1 << 20
	answersBytes = 16 << 20
)

func newAnswers() *recent[answerKey, *response] {
	return newRecent(answersBytes, func(k answerKey, r *response) int {
		const beside = 300
		return len(r.text) + len(k.query) + len(k.variables) + beside
	})
}

func (p *prepared) key() (k answerKey, ok bool) {
	if p.asks != asksTree && p.asks != asksSchema {
		return k, false
	}
	k = answerKey{revision: p.tree.Revision(), query: p.request.Query, operation: p.request.Operation}
	if len(p.request.Variables) > 0 {
		text, err := json.Marshal(p.request.Variables) // sorted by name
		if err != nil {
			return k, false
		}
		k.variables = string(text)
	}
	return k, true
}

// answerKept finds the answer of a request that was answered before on the same
// revision, or that says it has the answer; nil for none.
func (s *Service) answerKept(p *prepared) *response {
	k, ok := p.key()
	if !ok {
		return nil
	}
	r, _ := s.answers.find(k)
	if !p.request.ReadOnly {
		return r
	}
	if p.asks == asksSchema && r == nil {
		return nil
	}
	tag := s.tag(p, k, r)
	switch {
	case has(p.request.have, tag):
		return &response{executed: true, unchanged: true, tag: tag}
	case r == nil:
		return nil
	}
	tagged := *r
	tagged.tag = tag
	return &tagged
}

// keepAnswer keeps an answer that the tree or the schema alone gave, and tags it.
func (s *Service) keepAnswer(p *prepared, r *response) *response {
	k, ok := p.key()
	if !ok || !r.executed || len(r.errors) > 0 {
		return r
	}
	if p.asks == asksSchema {
		sortByName(r.data)
	}
	text, err := r.appendJSON(nil)
	if err != nil {
		return r
	}
	whole := &response{executed: true, text: text}
	if len(text) <= answerBytes && len(k.query) <= keptDocumentBytes {
		s.answers.keep(k, whole)
	}
	if !p.request.ReadOnly {
		return whole
	}
	tagged := *whole
	if tagged.tag = s.tag(p, k, whole); has(p.request.have, tagged.tag) {
		tagged.unchanged = true
	}
	return &tagged
}

// tag is the ETag of an answer. That of the tree changes with its revision and the
// program's version, and is known before the answer is; that of the schema with
// the answer.
func (s *Service) tag(p *prepared, k answerKey, r *response) string {
	sum := sha256.New()
	for _, part := range []string{s.config.Version, k.revision, p.request.mediaType, k.query, k.operation, k.variables} {
		_, _ = sum.Write([]byte(part + "\x00")) // a hash never fails
	}
	if p.asks == asksSchema {
		_, _ = sum.Write(r.text)
	}
	return `"` + hex.EncodeToString(sum.Sum(nil)[:16]) + `"`
}

// has says whether a client has what the tag stands for, by its If-None-Match.
func has(headers []string, tag string) bool {
	for _, header := range headers {
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

// sortByName sorts the lists of a schema's answer whose items have names: the
// library gives them in another order each time.
func sortByName(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			sortByName(inner)
		}
	case []any:
		for _, inner := range v {
			sortByName(inner)
		}
		slices.SortStableFunc(v, func(a, b any) int { return strings.Compare(nameOf(a), nameOf(b)) })
	}
}

func nameOf(v any) string {
	object, _ := v.(map[string]any)
	name, _ := object["name"].(string)
	return name
}

package neo4j

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"satgraph/graph"
	"satgraph/store/internal/change"
)

// text, number and texts take a value of a record; what is not there is zero.
func text(v any) string {
	s, _ := v.(string)
	return s
}

func number(v any) int {
	n, _ := v.(int64)
	return int(n)
}

func texts(v any) []string {
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil
	}
	out := make([]string, len(list))
	for i := range list {
		out[i] = text(list[i])
	}
	return out
}

// Head returns the present head.
func (t *transaction) Head(ctx context.Context) (change.Head, error) {
	var h change.Head
	err := t.rows(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) RETURN s.revision, s.digest`, nil, func(v []any) error {
		if text(v[0]) == "" {
			return nil
		}
		d, err := graph.ParseDigest(text(v[1]))
		h = change.Head{Revision: text(v[0]), Digest: d}
		return err
	})
	return h, err
}

// Revision returns the current revision.
func (s *Store) Revision(ctx context.Context) (string, error) {
	var revision string
	err := s.read(ctx, func(ctx context.Context, t *transaction) error {
		head, err := t.Head(ctx)
		revision = head.Revision
		return err
	})
	if err == nil && revision == "" {
		err = graph.ErrEmpty
	}
	if err != nil {
		return "", fmt.Errorf("store %s: %w", s.name, err)
	}
	return revision, nil
}

// errMoved: somebody wrote while the tree was read.
var errMoved = errors.New("the tree was changed while it was read")

// Load returns the current tree, checked against its checksum.
func (s *Store) Load(ctx context.Context) (*graph.Snapshot, error) {
	var snapshot *graph.Snapshot
	load := func(ctx context.Context, t *transaction) (err error) {
		snapshot, err = t.load(ctx)
		return err
	}
	err := errMoved
	for try := 0; try < 2 && errors.Is(err, errMoved); try++ {
		err = s.read(ctx, load)
	}
	if errors.Is(err, errMoved) {
		err = s.write(ctx, load) // no writer runs beside it
	}
	if errors.Is(err, errMoved) {
		err = fmt.Errorf("%w: its checksum differs from the stored one", graph.ErrCorrupt)
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return snapshot, nil
}

// load reads the tree, or fails with errMoved where it is not that of its
// checksum or of one revision.
func (t *transaction) load(ctx context.Context) (*graph.Snapshot, error) {
	head, err := t.Head(ctx)
	if err != nil {
		return nil, err
	}
	if head.Revision == "" {
		return nil, graph.ErrEmpty
	}
	s := &graph.Snapshot{Revision: head.Revision}
	err = t.rows(ctx, `MATCH (:Term) RETURN count(*)`, nil, func(v []any) error {
		s.Terms = make([]graph.Term, 0, number(v[0]))
		return nil
	})
	if err != nil {
		return nil, err
	}
	ids := make(map[string]string, cap(s.Terms)) // each text once in memory
	err = t.rows(ctx, `MATCH (t:Term) RETURN `+termValues, nil, func(v []any) error {
		term, err := readTerm(v)
		s.Terms = append(s.Terms, term)
		ids[term.ID] = term.ID
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, kind := range graph.RelationTypes() {
		err = t.rows(ctx, `MATCH (c:Term)-[:`+label(kind)+`]->(p:Term) RETURN c.id, p.id`, nil, func(v []any) error {
			s.Relations = append(s.Relations, graph.Relation{Child: ids[text(v[0])], Parent: ids[text(v[1])], Type: kind})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	s.Sort()
	after, err := t.Head(ctx)
	if err != nil {
		return nil, err
	}
	if after != head || s.Digest() != head.Digest {
		return nil, errMoved
	}
	return s, nil
}

// label is a relation type as Neo4j's users write it. Only the constants of
// RelationTypes get into the text of a query.
func label(r graph.RelationType) string { return strings.ToUpper(string(r)) }

// The values of a term t, in the order of readTerm.
const termValues = `t.id, t.name, t.kind, t.laterality, t.definition, t.synonyms, t.synonymScopes, t.xrefs`

// readTerm is strict about lists, which a hand edit may leave unequal.
func readTerm(v []any) (graph.Term, error) {
	t := graph.Term{ID: text(v[0]), Name: text(v[1]), Kind: graph.Kind(text(v[2])), Laterality: graph.Laterality(text(v[3])), Definition: text(v[4])}
	names, scopes := texts(v[5]), texts(v[6])
	if len(names) != len(scopes) {
		return t, fmt.Errorf("%w: %s has %d synonyms and %d scopes", graph.ErrCorrupt, t.ID, len(names), len(scopes))
	}
	if len(names) > 0 {
		t.Synonyms = make([]graph.Synonym, len(names))
	}
	for i := range names {
		t.Synonyms[i] = graph.Synonym{Text: names[i], Scope: graph.Scope(scopes[i])}
	}
	t.Xrefs = texts(v[7])
	return t, nil
}

// termProperties is the opposite of readTerm, with nil for what is empty: a
// property that is not there.
func termProperties(t *graph.Term, prefix string) map[string]any {
	key := func(name string) string { return name }
	if prefix != "" {
		key = func(name string) string { return prefix + string(name[0]-'a'+'A') + name[1:] }
	}
	p := map[string]any{
		key("id"): t.ID, key("name"): t.Name, key("kind"): string(t.Kind),
		key("laterality"): orNil(string(t.Laterality)), key("definition"): orNil(t.Definition),
		key("synonyms"): nil, key("synonymScopes"): nil, key("xrefs"): nil,
	}
	if len(t.Synonyms) > 0 {
		names, scopes := make([]string, len(t.Synonyms)), make([]string, len(t.Synonyms))
		for i, s := range t.Synonyms {
			names[i], scopes[i] = s.Text, string(s.Scope)
		}
		p[key("synonyms")], p[key("synonymScopes")] = names, scopes
	}
	if len(t.Xrefs) > 0 {
		p[key("xrefs")] = t.Xrefs
	}
	return p
}

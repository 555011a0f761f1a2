package build

import (
	_ "embed" // the reviewed tables
	"fmt"
	"strings"

	"satgraph/graph"
)

// The reviewed tables: tab-separated, a header line, a reason in the last
// column of every row.
//
//go:embed tables/terms.tsv
var termsTSV string

//go:embed tables/relations.tsv
var relationsTSV string

//go:embed tables/synonyms.tsv
var synonymsTSV string

//go:embed tables/barred.tsv
var barredTSV string

//go:embed tables/kept.tsv
var keptTSV string

//go:embed tables/preferred.tsv
var preferredTSV string

//go:embed tables/names.tsv
var namesTSV string

//go:embed tables/xrefs.tsv
var xrefsTSV string

//go:embed tables/pairs.tsv
var pairsTSV string

//go:embed tables/unpaired.tsv
var unpairedTSV string

// tables is the reviewed knowledge of this package.
type tables struct {
	terms          []graph.Term // project terms
	added, removed []graph.Relation
	synonyms       map[string][]graph.Synonym
	unnamed        map[string][]graph.Synonym // synonyms taken away
	barred         map[string]bool
	kept           []string        // source terms taken whatever their evidence
	preferred      map[string]bool // source terms taken before others of the same evidence
	names          [][2]string     // ids with the names to prefer
	xrefs          [][2]string     // ids with cross-references to add
	named          [][2]string     // ids with the names that the tables give for the reader
	unpaired       map[string]bool // "mirror ID" or "base ID": sided, but without it
}

func loadTables() (*tables, error) {
	t := &tables{synonyms: map[string][]graph.Synonym{}, unnamed: map[string][]graph.Synonym{}, barred: map[string]bool{}, preferred: map[string]bool{}, unpaired: map[string]bool{}}
	for _, load := range []struct {
		name, text string
		columns    int
		row        func(f []string) error
	}{
		{"terms.tsv", termsTSV, 7, t.addTerm},
		{"relations.tsv", relationsTSV, 7, t.addRelation},
		{"synonyms.tsv", synonymsTSV, 6, t.addSynonym},
		{"barred.tsv", barredTSV, 3, t.addBarred},
		{"kept.tsv", keptTSV, 3, t.addKept},
		{"preferred.tsv", preferredTSV, 3, t.addPreferred},
		{"names.tsv", namesTSV, 4, t.addName},
		{"xrefs.tsv", xrefsTSV, 4, t.addXref},
		{"pairs.tsv", pairsTSV, 5, t.addPair},
		{"unpaired.tsv", unpairedTSV, 4, t.addUnpaired},
	} {
		for n, line := range strings.Split(strings.TrimSuffix(load.text, "\n"), "\n") {
			if n == 0 {
				continue // the header
			}
			f := strings.Split(line, "\t")
			if len(f) != load.columns || f[0] == "" || f[len(f)-1] == "" {
				return nil, fmt.Errorf("%w: %s, line %d: want %d columns, the last a reason", ErrTable, load.name, n+1, load.columns)
			}
			if err := load.row(f); err != nil {
				return nil, fmt.Errorf("%s, line %d: %w", load.name, n+1, err)
			}
		}
	}
	return t, nil
}

// addTerm takes id, name, kind, side, relations, synonyms, reason.
func (t *tables) addTerm(f []string) error {
	term := graph.Term{ID: f[0], Name: f[1], Kind: graph.Kind(f[2]), Laterality: graph.Laterality(f[3])}
	for r := range strings.SplitSeq(f[4], "|") {
		kind, parent, ok := strings.Cut(r, " ")
		if !ok {
			return fmt.Errorf("%w: %s has the relation %q", ErrTable, term.ID, r)
		}
		t.added = append(t.added, graph.Relation{Child: term.ID, Parent: parent, Type: graph.RelationType(kind)})
	}
	if f[5] != "" {
		for s := range strings.SplitSeq(f[5], "|") {
			scope, text, ok := strings.Cut(s, ":")
			if !ok {
				return fmt.Errorf("%w: %s has the synonym %q", ErrTable, term.ID, s)
			}
			term.Synonyms = append(term.Synonyms, graph.Synonym{Text: text, Scope: graph.Scope(scope)})
		}
	}
	t.terms = append(t.terms, term)
	return nil
}

// addRelation takes add or remove, child, its name, type, parent, its name,
// reason.
func (t *tables) addRelation(f []string) error {
	r := graph.Relation{Child: f[1], Parent: f[4], Type: graph.RelationType(f[3])}
	t.named = append(t.named, [2]string{f[1], f[2]}, [2]string{f[4], f[5]})
	switch f[0] {
	case "add":
		t.added = append(t.added, r)
	case "remove":
		t.removed = append(t.removed, r)
	default:
		return fmt.Errorf("%w: %q is neither add nor remove", ErrTable, f[0])
	}
	return nil
}

// addSynonym takes add or remove, id, its name, scope, text, reason.
func (t *tables) addSynonym(f []string) error {
	s := graph.Synonym{Text: f[4], Scope: graph.Scope(f[3])}
	t.named = append(t.named, [2]string{f[1], f[2]})
	switch f[0] {
	case "add":
		t.synonyms[f[1]] = append(t.synonyms[f[1]], s)
	case "remove":
		t.unnamed[f[1]] = append(t.unnamed[f[1]], s)
	default:
		return fmt.Errorf("%w: %q is neither add nor remove", ErrTable, f[0])
	}
	return nil
}

// addBarred takes id, name, reason.
func (t *tables) addBarred(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	t.barred[f[0]] = true
	return nil
}

// addKept takes id, name, reason.
func (t *tables) addKept(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	t.kept = append(t.kept, f[0])
	return nil
}

// addPreferred takes id, name, reason.
func (t *tables) addPreferred(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	t.preferred[f[0]] = true
	return nil
}

// addName takes id, source name, name to prefer, reason.
func (t *tables) addName(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	t.names = append(t.names, [2]string{f[0], f[2]})
	return nil
}

// addXref takes id, name, cross-reference, reason.
func (t *tables) addXref(f []string) error {
	t.named = append(t.named, [2]string{f[0], f[1]})
	t.xrefs = append(t.xrefs, [2]string{f[0], f[2]})
	return nil
}

// reviewed is the set of the relations that the tables add.
func (t *tables) reviewed() map[graph.Relation]bool {
	set := make(map[graph.Relation]bool, len(t.added))
	for _, r := range t.added {
		set[r] = true
	}
	return set
}

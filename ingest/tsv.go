package ingest

import (
	"context"
	"fmt"
	"io"
	"strings"

	"satgraph/graph"
)

// The columns that a table of terms may have, in any order; id and name it
// must have. Lists are parted by "|".
const (
	columnID         = "id"
	columnName       = "name"
	columnKind       = "kind" // anatomy, finding or group
	columnSide       = "side" // left or right; without the column, what the name says
	columnIsA        = "is_a"
	columnPartOf     = "part_of"
	columnLocatedIn  = "located_in"
	columnSynonyms   = "synonyms" // SCOPE:text
	columnExact      = "exact_synonyms"
	columnOther      = "other_synonyms" // SCOPE:text
	columnXrefs      = "xrefs"
	columnDefinition = "definition"
)

// TSVColumns are the columns of the table that this program exports.
func TSVColumns() []string {
	return []string{
		columnID, columnName, columnKind, columnSide, columnIsA, columnPartOf, columnLocatedIn,
		columnSynonyms, columnXrefs, columnDefinition,
	}
}

// ReadUberonTSV reads an extract of the Uberon ontology: a table with the
// columns id, name, is_a, part_of, exact_synonyms, other_synonyms and xrefs.
//
// Errors: *FileError around those of ReadAnatomy.
func ReadUberonTSV(path string, limits Limits) (*Anatomy, error) {
	a, err := ReadAnatomy(context.Background(), path, TSV, Options{Limits: limits})
	if err != nil {
		return nil, fmt.Errorf("uberon extract: %w", err)
	}
	return a, nil
}

// readTSV reads a table of terms, one a line under a header that names the
// columns. In texts and lists the escapes of package treefile are resolved:
// \t, \n, \p for "|" and \\ for a backslash.
func readTSV(a *Anatomy, r io.Reader, o Options) (line int, err error) {
	l, err := newLines(r, o.Limits)
	if err != nil {
		return 0, err
	}
	t := &tsvParser{a: a, o: o}
	for {
		text, ok := l.next()
		if !ok {
			break
		}
		if text == "" {
			continue
		}
		var err error
		if t.columns == nil {
			err = t.header(text)
		} else {
			err = t.row(text, l.n)
		}
		if err != nil {
			return l.fail(err)
		}
	}
	return l.failure()
}

type tsvParser struct {
	a       *Anatomy
	o       Options
	columns []string
	sided   bool // has a column of sides
	values  map[string]string
}

func (t *tsvParser) header(text string) error {
	known := map[string]bool{columnExact: true, columnOther: true}
	for _, c := range TSVColumns() {
		known[c] = true
	}
	t.values = map[string]string{}
	for c := range strings.SplitSeq(strings.TrimPrefix(text, "#"), "\t") {
		c = strings.ToLower(strings.TrimSpace(c))
		if _, twice := t.values[c]; twice {
			return fmt.Errorf("%w: two columns are called %s", ErrFormat, shorten(c))
		}
		if !known[c] {
			return fmt.Errorf("%w: no column is called %s; known are %s, %s and %s", ErrFormat, shorten(c),
				strings.Join(TSVColumns(), ", "), columnExact, columnOther)
		}
		t.values[c] = ""
		t.columns = append(t.columns, c)
	}
	for _, c := range []string{columnID, columnName} {
		if _, ok := t.values[c]; !ok {
			return fmt.Errorf("%w: the header names no column %q", ErrFormat, c)
		}
	}
	_, t.sided = t.values[columnSide]
	return nil
}

func (t *tsvParser) row(text string, line int) error {
	fields := strings.Split(text, "\t")
	if len(fields) != len(t.columns) {
		return fmt.Errorf("%w: %d columns, want %d", ErrFormat, len(fields), len(t.columns))
	}
	f := t.values
	for i, c := range t.columns {
		f[c] = fields[i]
	}
	term := graph.Term{ID: plain(f[columnID]), Name: plain(f[columnName]), Kind: t.o.Kind, Definition: plain(f[columnDefinition])}
	if term.ID == "" || strings.TrimSpace(term.Name) == "" {
		return fmt.Errorf("%w: a term without id or name", ErrFormat)
	}
	switch kind := graph.Kind(f[columnKind]); kind {
	case "":
	case graph.KindAnatomy, graph.KindFinding, graph.KindGroup:
		term.Kind = kind
	default:
		return fmt.Errorf("%w: %s has the unknown kind %s", ErrFormat, term.ID, shorten(string(kind)))
	}
	switch side := graph.Laterality(f[columnSide]); side {
	case graph.Left, graph.Right, graph.Unsided:
		term.Laterality = side
		if !t.sided {
			term.Laterality = graph.SideOf(term.Name)
		}
	default:
		return fmt.Errorf("%w: %s has the unknown side %s", ErrFormat, term.ID, shorten(string(side)))
	}
	for _, s := range list(f[columnExact]) {
		if s = plain(s); !strings.EqualFold(s, term.Name) {
			term.Synonyms = append(term.Synonyms, graph.Synonym{Text: s, Scope: graph.ScopeExact})
		}
	}
	for _, c := range []string{columnOther, columnSynonyms} {
		for _, s := range list(f[c]) {
			synonym, err := scoped(s)
			if err != nil {
				return err
			}
			term.Synonyms = append(term.Synonyms, synonym)
		}
	}
	for _, x := range list(f[columnXrefs]) {
		term.Xrefs = append(term.Xrefs, plain(x))
	}
	if err := t.a.claim(term.ID, line); err != nil {
		return err
	}
	if err := t.a.add(term, t.o.Limits); err != nil {
		return err
	}
	for _, kind := range graph.RelationTypes() {
		for _, parent := range list(f[string(kind)]) {
			if parent == "" {
				return fmt.Errorf("%w: %s of %s has an empty item", ErrFormat, kind, term.ID)
			}
			t.a.relate(term.ID, kind, plain(parent), t.a.place(line))
		}
	}
	return nil
}

// scoped reads SCOPE:text.
func scoped(text string) (graph.Synonym, error) {
	scope, name, _ := strings.Cut(text, ":")
	s := graph.Synonym{Text: plain(name), Scope: graph.Scope(scope)}
	switch s.Scope {
	case graph.ScopeExact, graph.ScopeBroad, graph.ScopeNarrow, graph.ScopeRelated:
		if s.Text != "" {
			return s, nil
		}
	}
	return s, fmt.Errorf("%w: synonym %s is not SCOPE:text", ErrFormat, shorten(text))
}

// list splits at "|"; an empty field is an empty list.
func list(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, "|")
}

var unescapeTSV = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\p`, "|")

func plain(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return unescapeTSV.Replace(s)
}

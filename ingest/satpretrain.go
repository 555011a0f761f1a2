package ingest

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
)

// The knowledge files of SAT-Pretrain are textual knowledge of concepts:
//
//	umls_def.csv or MRDEF_name.csv    UMLS concept id, name, definition
//	umls_kg.csv                       two names, relation: "first relation second"
//	…_lab2def_….json                  {name: {"cleaned_definition", "relations": [[relation, name], …], "synonyms"}}
//
// Verified on the published sources: the names of the files, which column is
// which (they are read by position under a header line), that
// "cleaned_definition" is a text or a list of texts and the target of a
// relation a name or a list of equivalent names, and the form of
// supplementary_lab2def_gpt.json, the one that is published. Inferred: that
// concept ids are the UMLS ones (C and seven digits), and the meaning of the
// relation words. "Synonyms" there are phrases for prompts ("aorta in abdominal
// CT"), so they are taken as related, not exact.

// isKnowledgeName says whether a file of this name is one of them.
func isKnowledgeName(name string) bool { return knowledgeRank(name) > 0 }

// The kinds of file, in the order in which they are read: those that give ids
// come first, those that only relate names last.
const (
	rankDefinitions = iota + 1
	rankJSON
	rankRelations
)

// knowledgeRank is the kind of file that a name says; 0 is none of them.
func knowledgeRank(name string) int {
	name = strings.TrimSuffix(strings.ToLower(name), ".gz")
	switch {
	case name == "umls_def.csv" || name == "mrdef_name.csv":
		return rankDefinitions
	case strings.HasSuffix(name, ".json") && strings.Contains(name, "lab2def"):
		return rankJSON
	case name == "umls_kg.csv":
		return rankRelations
	default:
		return 0
	}
}

// rankByContent tells the kind of a file of another name: JSON, or a table with
// concept ids first, or one of names.
func rankByContent(path string, limits Limits) int {
	f, err := os.Open(path)
	if err != nil {
		return rankJSON // which says what is wrong
	}
	defer f.Close() //nolint:errcheck // read only
	plain, err := unpack(f, limits)
	if err != nil {
		return rankJSON
	}
	start, _ := bufio.NewReaderSize(plain, 64<<10).Peek(64 << 10)
	text := strings.TrimSpace(string(start))
	_, second, _ := strings.Cut(text, "\n")
	id, _, _ := strings.Cut(second, ",")
	switch {
	case strings.HasPrefix(text, "{"):
		return rankJSON
	case cui.MatchString(strings.Trim(id, `"`)):
		return rankDefinitions
	default:
		return rankRelations
	}
}

// readKnowledge reads one knowledge file or the folder that holds them. Terms
// without a concept id get one made of their name, in the vocabulary SATK.
func readKnowledge(ctx context.Context, a *Anatomy, path string, o Options) error {
	info, err := os.Stat(path)
	if err != nil {
		return fileError(path, 0, err)
	}
	k := &knowledge{a: a, o: o, byName: map[string]string{}, at: map[string]int{}}
	if !info.IsDir() {
		rank := knowledgeRank(filepath.Base(path))
		if rank == 0 {
			rank = rankByContent(path, o.Limits)
		}
		if err := k.read(ctx, path, rank); err != nil {
			return err
		}
		k.resolve()
		return nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return fileError(path, 0, err)
	}
	entries = slices.DeleteFunc(entries, func(e os.DirEntry) bool { return e.IsDir() || !isKnowledgeName(e.Name()) })
	slices.SortStableFunc(entries, func(x, y os.DirEntry) int { return knowledgeRank(x.Name()) - knowledgeRank(y.Name()) })
	if len(entries) == 0 {
		return fileError(path, 0, fmt.Errorf("%w: the folder holds none of umls_def.csv, MRDEF_name.csv, umls_kg.csv and *lab2def*.json", ErrFormat))
	}
	for _, e := range entries {
		if err := k.read(ctx, filepath.Join(path, e.Name()), knowledgeRank(e.Name())); err != nil {
			return err
		}
	}
	k.resolve()
	return nil
}

type knowledge struct {
	a       *Anatomy
	o       Options
	byName  map[string]string // id by lower-case name
	at      map[string]int    // position in a.Terms by id
	pending []statement
}

// statement is a relation between names as it stands in a file.
type statement struct {
	child string // an id
	kind  string
	names []string // equivalent names of the parent
	at    place
}

func (k *knowledge) read(ctx context.Context, path string, rank int) error {
	read := k.readJSON
	if rank != rankJSON {
		row := k.definition
		if rank == rankRelations {
			row = k.relation
		}
		read = func(r io.Reader) (int, error) { return k.readCSV(r, row) }
	}
	return k.a.readFile(ctx, path, k.o, func(_ *Anatomy, r io.Reader, _ Options) (int, error) { return read(r) })
}

// readCSV calls row for each record under the header.
func (k *knowledge) readCSV(r io.Reader, row func(f []string, line int) error) (int, error) {
	plain, err := unpack(r, k.o.Limits)
	if err != nil {
		return 0, err
	}
	record := &capped{r: plain}
	c := csv.NewReader(record)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	c.LazyQuotes = true // definitions hold stray quotes
	line := 0
	for n := 0; ; n++ {
		record.left = int64(k.o.LineBytes)
		f, err := c.Read()
		if errors.Is(err, io.EOF) {
			if n == 0 {
				return 0, fmt.Errorf("%w: the file is empty", ErrFormat)
			}
			return line, nil
		}
		if err != nil {
			if at, ok := errors.AsType[*csv.ParseError](err); ok {
				return at.StartLine, fmt.Errorf("%w: %w", ErrFormat, at.Err)
			}
			if errors.Is(err, ErrTooLarge) {
				err = fmt.Errorf("%w: a record of more than %d bytes, or the file of more than %d", ErrTooLarge, k.o.LineBytes, k.o.Bytes)
			}
			return line + 1, readError(err)
		}
		line, _ = c.FieldPos(0)
		if len(f) < 3 {
			return line, fmt.Errorf("%w: %d columns, want 3", ErrFormat, len(f))
		}
		for _, text := range f[:3] {
			if err := checkText([]byte(text)); err != nil {
				return line, err
			}
		}
		if n == 0 && !cui.MatchString(f[0]) {
			continue // the header
		}
		if err := row(f, line); err != nil {
			return line, err
		}
	}
}

var cui = regexp.MustCompile(`^C[0-9]{7}$`)

// definition takes a concept id, a name and a definition.
func (k *knowledge) definition(f []string, line int) error {
	if !cui.MatchString(f[0]) {
		return fmt.Errorf("%w: %s is no UMLS concept id (C and seven digits)", ErrFormat, shorten(f[0]))
	}
	id, name := "UMLS:"+f[0], strings.TrimSpace(f[1])
	if name == "" {
		k.a.Notes.Unnamed++
		return nil
	}
	if i, known := k.at[id]; known {
		t := &k.a.Terms[i]
		if !strings.EqualFold(t.Name, name) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: name, Scope: graph.ScopeExact})
		}
		k.define(t, f[2])
		return nil
	}
	t := graph.Term{ID: id, Name: name, Kind: k.o.Kind, Laterality: graph.SideOf(name)}
	k.define(&t, f[2])
	return k.addTerm(t, line)
}

func (k *knowledge) define(t *graph.Term, text string) {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || text == t.Definition:
	case t.Definition == "":
		t.Definition = text
	default:
		k.a.Notes.MoreDefinitions++
	}
}

func (k *knowledge) addTerm(t graph.Term, line int) error {
	t.ID, t.Name = strings.Clone(t.ID), strings.Clone(t.Name) // not the whole record
	t.Definition = strings.Clone(t.Definition)
	k.at[t.ID] = len(k.a.Terms)
	if key := strings.ToLower(t.Name); k.byName[key] == "" {
		k.byName[key] = t.ID
	}
	if err := k.a.claim(t.ID, line); err != nil {
		return err
	}
	return k.a.add(t, k.o.Limits)
}

// named returns the id of the term with a name; it makes one where none is.
func (k *knowledge) named(name string, line int) (string, error) {
	name = strings.TrimSpace(name)
	if id := k.byName[strings.ToLower(name)]; id != "" {
		return id, nil
	}
	if name == "" {
		return "", fmt.Errorf("%w: an empty name", ErrFormat)
	}
	id := nameID(name)
	for n := 2; k.at[id] > 0 || k.a.defined[id] != 0; n++ { // names that differ in more than letters and digits
		id = fmt.Sprintf("%s_%d", nameID(name), n)
	}
	return id, k.addTerm(graph.Term{ID: id, Name: name, Kind: k.o.Kind, Laterality: graph.SideOf(name)}, line)
}

// nameID makes an id of a name: SATK:left_atrium.
func nameID(name string) string {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r < 0x80 })
	id := strings.Join(words, "_")
	if len(id) > 200 {
		id = strings.ToValidUTF8(id[:200], "")
	}
	return "SATK:" + id
}

// relation takes two names and the relation of the first to the second.
func (k *knowledge) relation(f []string, line int) error {
	source, target := strings.TrimSpace(f[0]), strings.TrimSpace(f[1])
	if source == "" || target == "" {
		k.a.Notes.Unnamed++
		return nil
	}
	kind, inverse := relationWord(f[2])
	if kind == "" {
		count(&k.a.Notes.OtherRelations, strings.Clone(f[2]))
		return nil
	}
	child, err := k.named(source, line)
	if err != nil {
		return err
	}
	parent, err := k.named(target, line)
	if err != nil {
		return err
	}
	if inverse {
		child, parent = parent, child
	}
	k.a.relate(child, kind, parent, k.a.place(line))
	return nil
}

// relationWords holds what relations are called in UMLS and in plain words,
// with spaces for underscores; relations that lead from the whole to the part
// are inverse.
var relationWords = map[string]struct {
	kind    graph.RelationType
	inverse bool
}{
	"is a": {kind: graph.IsA}, "isa": {kind: graph.IsA}, "is an": {kind: graph.IsA}, "is a type of": {kind: graph.IsA},
	"is a kind of": {kind: graph.IsA}, "type of": {kind: graph.IsA}, "kind of": {kind: graph.IsA},
	"inverse isa": {graph.IsA, true},
	"part of":     {kind: graph.PartOf}, "is part of": {kind: graph.PartOf}, "is a part of": {kind: graph.PartOf},
	"forms part of": {kind: graph.PartOf}, "constitutional part of": {kind: graph.PartOf}, "regional part of": {kind: graph.PartOf},
	"systemic part of": {kind: graph.PartOf}, "anatomic structure is physical part of": {kind: graph.PartOf},
	"has part": {graph.PartOf, true}, "has constitutional part": {graph.PartOf, true}, "has regional part": {graph.PartOf, true},
	"has systemic part": {graph.PartOf, true},
	"located in":        {kind: graph.LocatedIn}, "is located in": {kind: graph.LocatedIn}, "located within": {kind: graph.LocatedIn},
	"situated in": {kind: graph.LocatedIn}, "situated within": {kind: graph.LocatedIn},
}

func relationWord(word string) (kind graph.RelationType, inverse bool) {
	w := relationWords[strings.Join(strings.Fields(strings.ReplaceAll(strings.ToLower(word), "_", " ")), " ")]
	return w.kind, w.inverse
}

// resolve relates the names that turned out to be terms.
func (k *knowledge) resolve() {
	for _, s := range k.pending {
		kind, inverse := relationWord(s.kind)
		if kind == "" {
			count(&k.a.Notes.OtherRelations, s.kind)
			continue
		}
		parent := ""
		for _, name := range s.names {
			if parent = k.byName[strings.ToLower(strings.TrimSpace(name))]; parent != "" {
				break
			}
		}
		switch {
		case parent == "":
			k.a.Notes.NoTerm++
		case inverse:
			k.a.relate(parent, kind, s.child, s.at)
		default:
			k.a.relate(s.child, kind, parent, s.at)
		}
	}
}

// lab2def is what the JSON files say of a name.
type lab2def struct {
	Definition texts     `json:"cleaned_definition"`
	Relations  [][]texts `json:"relations"`
	Synonyms   texts     `json:"synonyms"`
}

// texts is one text or a list of them.
type texts []string

// UnmarshalJSON takes a string, a list of strings, or null.
func (t *texts) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(data, &(*t)[0])
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// readJSON reads {name: lab2def, …} a value at a time.
func (k *knowledge) readJSON(r io.Reader) (int, error) {
	plain, err := unpack(r, k.o.Limits)
	if err != nil {
		return 0, err
	}
	j := newJSONReader(plain, k.o.Limits)
	if err := j.open('{'); err != nil {
		return j.fail(err)
	}
	seen := map[string]bool{}
	for j.more() {
		name, err := j.key()
		if err != nil {
			return j.fail(err)
		}
		line := j.line()
		if seen[name] {
			return line, fmt.Errorf("%w: %s stands there twice", ErrDuplicate, shorten(name))
		}
		seen[name] = true
		var v lab2def
		if err := j.decode(&v); err != nil {
			return j.fail(err)
		}
		if err := k.lab2def(name, &v, line); err != nil {
			return line, err
		}
	}
	if err := j.close('}'); err != nil {
		return j.fail(err)
	}
	return j.line(), nil
}

func (k *knowledge) lab2def(name string, v *lab2def, line int) error {
	id, err := k.named(name, line)
	if err != nil {
		return err
	}
	t := &k.a.Terms[k.at[id]]
	for _, d := range v.Definition {
		k.define(t, d)
	}
	for _, s := range v.Synonyms {
		if s = strings.TrimSpace(s); s != "" && !strings.EqualFold(s, t.Name) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: s, Scope: graph.ScopeRelated})
		}
	}
	for _, r := range v.Relations {
		if len(r) != 2 || len(r[0]) != 1 || len(r[1]) == 0 {
			k.a.Notes.Malformed++
			continue
		}
		k.pending = append(k.pending, statement{id, r[0][0], r[1], k.a.place(line)})
	}
	return nil
}

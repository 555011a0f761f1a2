package ingest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"satgraph/graph"
)

// TestOneAnatomyInEveryFormat reads the same small anatomy in each format.
func TestOneAnatomyInEveryFormat(t *testing.T) {
	want := tree(t, "testdata/tiny.tsv", TSV)
	if want.Len() != 7 || len(want.Relations()) != 7 {
		t.Fatalf("tiny.tsv has %d terms and %d relations, want 7 and 7", want.Len(), len(want.Relations()))
	}
	for path, format := range map[string]Format{"testdata/tiny.obo": OBO, "testdata/tiny-sat": SATPretrain} {
		got := tree(t, path, format)
		if !reflect.DeepEqual(got.Terms(), want.Terms()) {
			t.Errorf("%s: terms\n%+v, want\n%+v", path, got.Terms(), want.Terms())
		}
		if !reflect.DeepEqual(got.Relations(), want.Relations()) {
			t.Errorf("%s: relations\n%+v, want\n%+v", path, got.Relations(), want.Relations())
		}
	}
}

func tree(t *testing.T, path string, want Format) *graph.Tree {
	t.Helper()
	a, err := ReadAnatomy(t.Context(), path, "", Options{})
	if err != nil {
		t.Fatal(err)
	}
	if a.Notes.Format != want {
		t.Errorf("%s was taken for %s, want %s", path, a.Notes.Format, want)
	}
	tree, err := graph.NewTree("", a.Terms, a.Relations)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

const rich = `format-version: 1.2
default-namespace: uberon
import: http://example.org/other.owl
! a comment of the file

[Term]
id: U:1
name: heart, "great" \{big\} ! cor
namespace: uberon
alt_id: U:77
def: "Pumps \"blood\"; a\ttab." [FMA:7088, "A book, p. 1"] {source="x"}
comment: not taken
subset: human
synonym: "cor" EXACT LATIN [TA:1]
synonym: "heart, \"great\" {big}" EXACT []
synonym: "pump" [] {note="no scope"}
broad_synonym: "organ of chest" []
xref: FMA:7088 "heart" ! the human one
xref: http\://example.org/a\,b
equivalent_to: MESH:D006321
is_a: U:2 {source="a", note="b ! c"} ! organ
intersection_of: U:2 ! organ
intersection_of: RO:part U:3 ! thorax
relationship: contains U:2
relationship: part_of EMAPA:1 ! of another vocabulary
relationship: part_of U:9 ! retired
relationship: part_of U:8
property_value: seeAlso "x" xsd:string

[Term]
id: U:2
name: organ

[Term]
id: U:3
name: \
 left thorax
namespace: other

[Term]
id: U:9
name: old heart
is_obsolete: true
is_a: U:2
replaced_by: U:10

[Term]
id: U:10
is_obsolete: true
replaced_by: U:1
consider: U:3

[Term]
id: U:11
name: split
is_obsolete: true
replaced_by: U:1
replaced_by: U:3

[Term]
id: U:12

[Typedef]
id: RO:part
name: part of

[Typedef]
id: contains
name: contains

[Instance]
id: U:1
instance_of: U:2
`

func TestReadOBO(t *testing.T) {
	a, err := readText(t, "rich.obo", rich, Options{})
	if err != nil {
		t.Fatal(err)
	}
	wantTerms := []graph.Term{
		{
			ID: "U:1", Name: `heart, "great" {big}`, Kind: graph.KindAnatomy, Definition: "Pumps \"blood\"; a\ttab.",
			Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "pump", Scope: graph.ScopeRelated}, {Text: "organ of chest", Scope: graph.ScopeBroad}},
			Xrefs:    []string{"U:77", "FMA:7088", "http://example.org/a,b", "MESH:D006321", "U:9", "U:10"},
		},
		{ID: "U:2", Name: "organ", Kind: graph.KindAnatomy},
		{ID: "U:3", Name: "left thorax", Kind: graph.KindAnatomy, Laterality: graph.Left},
	}
	if !reflect.DeepEqual(a.Terms, wantTerms) {
		t.Errorf("terms\n%+v, want\n%+v", a.Terms, wantTerms)
	}
	wantRelations := []graph.Relation{{Child: "U:1", Parent: "U:2", Type: graph.IsA}, {Child: "U:1", Parent: "U:3", Type: graph.PartOf}}
	if !reflect.DeepEqual(a.Relations, wantRelations) {
		t.Errorf("relations %+v, want %+v", a.Relations, wantRelations)
	}
	wantRetired := []Retired{
		{ID: "U:9", Name: "old heart", ReplacedBy: []string{"U:10"}},
		{ID: "U:10", ReplacedBy: []string{"U:1"}, Consider: []string{"U:3"}},
		{ID: "U:11", Name: "split", ReplacedBy: []string{"U:1", "U:3"}},
	}
	if !reflect.DeepEqual(a.Retired, wantRetired) {
		t.Errorf("retired %+v, want %+v", a.Retired, wantRetired)
	}
	wantNotes := Notes{
		Format: OBO, Imports: []string{"http://example.org/other.owl"},
		Namespaces:     map[string]int{"uberon": 3, "other": 1},
		OtherRelations: map[string]int{"contains": 1},
		Outside:        map[string]int{"EMAPA": 1},
		Undefined:      1, ToRetired: 2, Implied: 1, Unnamed: 1,
	}
	if !reflect.DeepEqual(a.Notes, wantNotes) {
		t.Errorf("notes %+v, want %+v", a.Notes, wantNotes)
	}
}

func TestReadOBORefuses(t *testing.T) {
	head := "format-version: 1.4\n\n[Term]\nid: U:1\nname: a\n"
	for _, r := range []refusal{
		{"no stanza", "format-version: 1.4\n", Options{}, ErrFormat, 0, "no [Term]"},
		{"version 2", "format-version: 2.0\n[Term]\nid: U:1\nname: a\n", Options{}, ErrFormat, 1, "2.0"},
		{"no tag", head + "what is this\n", Options{}, ErrFormat, 6, "what is this"},
		{"stanza without end", head + "[Term\n", Options{}, ErrFormat, 6, "[Term"},
		{"name before id", "[Term]\nname: a\n", Options{}, ErrFormat, 2, "not with its id"},
		{"no id", head + "[Term]\n\n[Term]\nid: U:2\nname: b\n", Options{}, ErrFormat, 8, "line 6 has no id"},
		{"two names", head + "name: b\n", Options{}, ErrFormat, 6, "second name"},
		{"definition without end", head + "def: \"cut sh", Options{}, ErrFormat, 6, "does not end"},
		{"synonym without quote", head + "synonym: cor EXACT []\n", Options{}, ErrFormat, 6, "quote"},
		{"relationship without target", head + "relationship: part_of ! x\n", Options{}, ErrFormat, 6, "no target"},
		{"is_a without target", head + "is_a: ! x\n", Options{}, ErrFormat, 6, "no target"},
		{"cut within a term", head + "\n[Term]\nid: U:2\n", Options{}, ErrFormat, 8, "cut short"},
		{"cut between terms", head + "is_a: U:2 ! b\n", Options{}, ErrDangling, 6, "U:2"},
		{"cut within an id", head + "is_a: U:", Options{}, ErrDangling, 6, "U:"},
		{"duplicate id", head + "\n[Term]\nid: U:1\nname: b\n", Options{}, ErrDuplicate, 8, "defined at line 4"},
		{"cycle", head + "is_a: U:2\n\n[Term]\nid: U:2\nname: b\nrelationship: part_of U:1 ! a\n", Options{}, ErrCycle, 11, "U:1 → U:2 → U:1"},
		{"unknown kind", head + "property_value: SATG:kind \"thing\" xsd:string\n", Options{}, ErrFormat, 6, "thing"},
		{"UTF-16 big-endian", "\xfe\xff\x00f\x00o", Options{}, ErrEncoding, 0, "UTF-16"},
		{"Latin-1", head + "comment: \xe9\n", Options{}, ErrEncoding, 6, "Latin-1"},
		{"no ontology", "Once upon a time\n", Options{}, ErrFormat, 0, "none of OBO"},
	} {
		t.Run(r.name, func(t *testing.T) { r.check(t, "bad.obo") })
	}
}

// TestLeaveOut reads, as asked, what is otherwise refused.
func TestLeaveOut(t *testing.T) {
	text := "[Term]\nid: U:1\nname: a\nis_a: U:2\nis_a: U:9\n\n[Term]\nid: U:2\nname: b\nis_a: U:1\n"
	a, err := readText(t, "ring.obo", text, Options{LeaveOutCyclic: true, LeaveOutUndefined: true})
	if err != nil {
		t.Fatal(err)
	}
	want := Notes{Format: OBO, Undefined: 1, Cyclic: []Cyclic{{"U:2", graph.IsA, "U:1", 10}}}
	if !reflect.DeepEqual(a.Notes, want) || len(a.Relations) != 1 {
		t.Errorf("got %+v, %+v", a.Notes, a.Relations)
	}
}

// TestKnowledgeOfAnyName tells the files by their content.
func TestKnowledgeOfAnyName(t *testing.T) {
	for file, terms := range map[string]int{"umls_def.csv": 6, "umls_kg.csv": 5, "website_knowledge_lab2def_gpt.json": 3} {
		data, err := os.ReadFile(filepath.Join("testdata/tiny-sat", file))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "any.txt")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := ReadAnatomy(t.Context(), path, SATPretrain, Options{})
		if err != nil || len(a.Terms) != terms {
			t.Errorf("%s: %+v, %v; want %d terms", file, a, err, terms)
		}
	}
}

// TestLineEnds counts lines through many more than are kept.
func TestLineEnds(t *testing.T) {
	l := &lineEnds{r: strings.NewReader(strings.Repeat("a\n", 1_000_000)), keep: 1000}
	buffer := make([]byte, 1000)
	for offset := int64(0); ; {
		n, err := l.Read(buffer)
		if err != nil {
			break
		}
		offset += int64(n)
		if got, want := l.line(offset-1), int(offset/2); got != want {
			t.Fatalf("offset %d is on line %d, want %d", offset, got, want)
		}
	}
	if len(l.ends) > 1<<17 {
		t.Errorf("%d line ends are kept", len(l.ends))
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, path := range []string{"testdata/tiny.obo", "testdata/tiny.tsv", "testdata/tiny-sat"} {
		if _, err := ReadAnatomy(ctx, path, "", Options{}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestKnowledgeNotes(t *testing.T) {
	a, err := ReadAnatomy(t.Context(), "testdata/tiny-sat", SATPretrain, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := Notes{
		Format: SATPretrain, OtherRelations: map[string]int{"surrounded_by": 1, "covers": 1, "connected to": 1},
		MoreDefinitions: 2, NoTerm: 1, Malformed: 2,
	}
	if !reflect.DeepEqual(a.Notes, want) {
		t.Errorf("got %+v, want %+v", a.Notes, want)
	}
}

func TestReadKnowledgeRefuses(t *testing.T) {
	long := strings.Repeat("x", 2000)
	small := Options{Limits: Limits{LineBytes: 1000}}
	for file, cases := range map[string][]refusal{
		"umls_def.csv": {
			{"empty", "", Options{}, ErrFormat, 0, "empty"},
			{"no concept id", "cui,name,def\nX1,heart,d\n", Options{}, ErrFormat, 2, "X1"},
			{"two columns", "cui,name\n", Options{}, ErrFormat, 1, "2 columns"},
			{"Latin-1", "cui,name,def\nC0000001,c\xf6kum,d\n", Options{}, ErrEncoding, 2, ""},
			{"a quote without end", "cui,name,def\nC0000001,a,\"" + strings.Repeat(long+"\n", 3), small, ErrTooLarge, 2, "1000 bytes"},
		},
		"website_lab2def.json": {
			{"cut short", "{\n\"a\": {\"relations\": [", Options{}, ErrFormat, 2, "cut short"},
			{"no JSON", "{\"a\": {},\n\"b\": {},\n\"c\": {,}}", Options{}, ErrFormat, 3, "invalid character"},
			{"a list", "[]", Options{}, ErrFormat, 1, "begin with {"},
			{"more behind", "{\"a\":{}}\n{}", Options{}, ErrFormat, 2, "more text"},
			{"a number for a text", "{\"a\":\n{\"cleaned_definition\": 3}}", Options{}, ErrFormat, 2, "number"},
			{"a name twice", "{\"a\":{},\n\"a\":{}}", Options{}, ErrDuplicate, 2, "twice"},
			{"no name", "{\"\":{}}", Options{}, ErrFormat, 1, "empty name"},
			{"a long value", "{\"a\":{\"cleaned_definition\":\"" + long + "\"}}", small, ErrTooLarge, 1, "1000 bytes"},
			{"a cycle", "{\"a\":{\"relations\":[[\"part of\",\"b\"]]},\n\"b\":{\"relations\":[[\"part of\",\"a\"]]}}", Options{}, ErrCycle, 2, "SATK:a → SATK:b → SATK:a"},
		},
	} {
		for _, r := range cases {
			t.Run(file+" "+r.name, func(t *testing.T) { r.check(t, file) })
		}
	}
	if _, err := ReadAnatomy(t.Context(), t.TempDir(), "", Options{}); !errors.Is(err, ErrFormat) {
		t.Errorf("an empty folder: %v", err)
	}
}

// endless gives one line without end, as a file of gigabytes would.
type endless struct {
	start string
	given int64
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.start)
	e.start = e.start[n:]
	for i := n; i < len(p); i++ {
		p[i] = 'x'
	}
	e.given += int64(len(p))
	return len(p), nil
}

// TestEndlessLine shows that a line of any length costs no more memory than a
// line may have.
func TestEndlessLine(t *testing.T) {
	o := Options{Limits: Limits{}.withDefaults(), Kind: graph.KindAnatomy}
	k := func(row bool) func(*Anatomy, *endless) (int, error) {
		return func(a *Anatomy, r *endless) (int, error) {
			k := &knowledge{a: a, o: o, byName: map[string]string{}, at: map[string]int{}}
			if row {
				return k.readCSV(r, k.definition)
			}
			return k.readJSON(r)
		}
	}
	for name, test := range map[string]struct {
		start string
		read  func(*Anatomy, *endless) (int, error)
	}{
		"obo":            {"[Term]\nid: ", func(a *Anatomy, r *endless) (int, error) { return readOBO(a, r, o) }},
		"obo definition": {"[Term]\nid: U:1\nname: a\ndef: \"", func(a *Anatomy, r *endless) (int, error) { return readOBO(a, r, o) }},
		"tsv":            {"id\tname\nU:1\t", func(a *Anatomy, r *endless) (int, error) { return readTSV(a, r, o) }},
		"csv":            {"cui,name,def\nC0000001,a,\"", k(true)},
		"json":           {`{"a":{"cleaned_definition":"`, k(false)},
		"json key":       {`{"a`, k(false)},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			source := &endless{start: test.start}
			_, err := test.read(&Anatomy{defined: map[string]place{}}, source)
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrTooLarge) {
				t.Errorf("got %v, want %v", err, ErrTooLarge)
			}
			if source.given > 8<<20 {
				t.Errorf("%d bytes were read of a line without end", source.given)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 32<<20 {
				t.Errorf("%d bytes were allocated for it", grown)
			}
		})
	}
}

func FuzzReadOBO(f *testing.F) {
	tiny, err := os.ReadFile("testdata/tiny.obo")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(tiny)
	f.Add([]byte(rich))
	fuzzReader(f, func(a *Anatomy, data []byte, o Options) error {
		_, err := readOBO(a, bytes.NewReader(data), o)
		return err
	})
}

func FuzzReadKnowledge(f *testing.F) {
	for _, name := range []string{"umls_def.csv", "umls_kg.csv", "website_knowledge_lab2def_gpt.json"} {
		data, err := os.ReadFile(filepath.Join("testdata/tiny-sat", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	fuzzReader(f, func(a *Anatomy, data []byte, o Options) error {
		k := &knowledge{a: a, o: o, byName: map[string]string{}, at: map[string]int{}}
		_, jsonErr := k.readJSON(bytes.NewReader(data))
		_, defErr := k.readCSV(bytes.NewReader(data), k.definition)
		_, err := k.readCSV(bytes.NewReader(data), k.relation)
		k.resolve()
		if jsonErr == nil || defErr == nil {
			return nil
		}
		return err
	})
}

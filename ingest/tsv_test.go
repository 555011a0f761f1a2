package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/internal/sharedtest"
)

const (
	uberonHeader = "id\tname\tis_a\tpart_of\texact_synonyms\tother_synonyms\txrefs"

	extract = uberonHeader + "\n" +
		"U:1\theart\tU:2\tU:3\theart|cor\tRELATED:cardium|NARROW:branchial: heart\tFMA:7088|MESH:D006321\n" +
		"\n" +
		"U:2\torgan\t\t\t\t\t\r\n" +
		"U:3\tleft body half\t\t\t\t\t\n"
)

// readText reads an anatomy from a text, as a file of the given name.
func readText(t testing.TB, name, text string, o Options) (*Anatomy, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return ReadAnatomy(t.Context(), path, "", o)
}

func zipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // to memory
	_ = z.Close()
	return b.String()
}

// refusal is a bad input and what has to be said of it.
type refusal struct {
	name, text string
	options    Options
	want       error
	line       int
	says       string
}

func (r refusal) check(t *testing.T, file string) {
	t.Helper()
	a, err := readText(t, file, r.text, r.options)
	var at *FileError
	if !errors.Is(err, r.want) || !errors.As(err, &at) {
		t.Fatalf("got %v, %v; want %v", a, err, r.want)
	}
	if at.Line != r.line || !strings.Contains(err.Error(), r.says) || filepath.Base(at.Path) != file {
		t.Errorf("got line %d, %v; want line %d and %q", at.Line, err, r.line, r.says)
	}
}

func TestReadExtract(t *testing.T) {
	wantTerms := []graph.Term{
		{
			ID: "U:1", Name: "heart", Kind: graph.KindAnatomy,
			Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "cardium", Scope: graph.ScopeRelated}, {Text: "branchial: heart", Scope: graph.ScopeNarrow}},
			Xrefs:    []string{"FMA:7088", "MESH:D006321"},
		},
		{ID: "U:2", Name: "organ", Kind: graph.KindAnatomy},
		{ID: "U:3", Name: "left body half", Kind: graph.KindAnatomy, Laterality: graph.Left},
	}
	wantRelations := []graph.Relation{
		{Child: "U:1", Parent: "U:2", Type: graph.IsA},
		{Child: "U:1", Parent: "U:3", Type: graph.PartOf},
	}
	for name, text := range map[string]string{"plain": extract, "compressed": zipped(t, extract), "with a byte order mark": "\xef\xbb\xbf" + extract} {
		a, err := readText(t, "extract.tsv", text, Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !reflect.DeepEqual(a.Terms, wantTerms) || !reflect.DeepEqual(a.Relations, wantRelations) {
			t.Errorf("%s: got %+v %+v", name, a.Terms, a.Relations)
		}
	}
}

func TestReadTSVRefuses(t *testing.T) {
	small := func(l Limits) Options { return Options{Limits: l} }
	for _, r := range []refusal{
		{"empty", "", Options{}, ErrFormat, 0, ""},
		{"unknown column", "id\tname\tcolour\n", Options{}, ErrFormat, 1, "colour"},
		{"column twice", "id\tname\tid\n", Options{}, ErrFormat, 1, "two columns"},
		{"no column of names", "id\tis_a\n", Options{}, ErrFormat, 1, "name"},
		{"a column short", uberonHeader + "\nU:1\theart\n", Options{}, ErrFormat, 2, "2 columns, want 7"},
		{"no id", uberonHeader + "\n\theart\t\t\t\t\t\n", Options{}, ErrFormat, 2, "without id"},
		{"no name", uberonHeader + "\nU:1\t\t\t\t\t\t\n", Options{}, ErrFormat, 2, "without id or name"},
		{"a synonym without scope", uberonHeader + "\nU:1\theart\t\t\t\tcor\t\n", Options{}, ErrFormat, 2, "cor"},
		{"an unknown scope", uberonHeader + "\nU:1\theart\t\t\t\tNEAR:cor\t\n", Options{}, ErrFormat, 2, "NEAR"},
		{"unknown kind", "id\tname\tkind\nU:1\theart\torgan\n", Options{}, ErrFormat, 2, "organ"},
		{"unknown side", "id\tname\tside\nU:1\theart\tmiddle\n", Options{}, ErrFormat, 2, "middle"},
		{"duplicate id", "id\tname\nU:1\theart\nU:1\tlung\n", Options{}, ErrDuplicate, 3, "U:1 was defined at line 2"},
		{"undefined parent", "id\tname\tis_a\nU:1\theart\tU:9\n", Options{}, ErrDangling, 2, "U:9"},
		{"cycle", "id\tis_a\tname\nU:1\tU:2\ta\nU:2\tU:3\tb\nU:3\tU:1\tc\n", Options{}, ErrCycle, 4, "U:1 → U:2 → U:3 → U:1"},
		{"its own parent", "id\tname\tis_a\nU:1\ta\tU:1\n", Options{}, ErrCycle, 2, "U:1 → U:1"},
		{"Latin-1", "id\tname\nU:1\tc\xf6kum\n", Options{}, ErrEncoding, 2, "Latin-1"},
		{"UTF-16", "\xff\xfei\x00d\x00\t\x00n\x00", Options{}, ErrEncoding, 0, "UTF-16"},
		{"NUL", "id\tname\nU:1\ta\x00b\n", Options{}, ErrEncoding, 2, "NUL"},
		{"bad gzip", "\x1f\x8bno", Options{}, ErrFormat, 0, ""},
		{"truncated gzip", zipped(t, extract)[:60], Options{}, ErrFormat, 1, "damaged gzip"},
		{"too many terms", extract, small(Limits{Terms: 1}), ErrTooLarge, 4, "1 terms"},
		{"too long a line", extract, small(Limits{LineBytes: 80}), ErrTooLarge, 2, "80 bytes"},
		{"too many bytes", extract, small(Limits{Bytes: 100}), ErrTooLarge, 2, ""},
	} {
		t.Run(r.name, func(t *testing.T) { r.check(t, "extract.tsv") })
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	n := int64(len(extract))
	if _, err := readText(t, "a.tsv", extract, Options{Limits: Limits{Bytes: n, CompressedBytes: n, Terms: 3}}); err != nil {
		t.Errorf("a file as large as allowed: %v", err)
	}
}

// TestGzipBomb unpacks far more than is allowed from a small file.
func TestGzipBomb(t *testing.T) {
	bomb := zipped(t, "id\tname\n"+strings.Repeat("\n", 8<<20))
	if len(bomb) > 100_000 {
		t.Fatalf("the bomb has %d bytes", len(bomb))
	}
	if _, err := readText(t, "b.tsv", bomb, Options{Limits: Limits{Bytes: 1 << 20}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a gzip bomb: %v", err)
	}
	if _, err := readText(t, "b.tsv", bomb, Options{Limits: Limits{CompressedBytes: 100}}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("a compressed file of more than allowed: %v", err)
	}
}

func TestTreefileRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"another version": "#satgraph-tree 9 sha256:00\n", "a wrong checksum": "#satgraph-tree 1 sha256:00\nid\n",
	} {
		_, err := readText(t, "tree.gz", zipped(t, text), Options{})
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMissingFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.obo")
	for _, format := range append(Formats(), "") {
		if _, err := ReadAnatomy(t.Context(), path, format, Options{}); !errors.Is(err, os.ErrNotExist) || strings.Count(err.Error(), path) != 1 {
			t.Errorf("%q: got %v, want %v", format, err, os.ErrNotExist)
		}
	}
}

// TestSharedExtract reads the whole extract; its figures are those of its README.
func TestSharedExtract(t *testing.T) {
	a, err := ReadUberonTSV(sharedtest.Path(t, "facts/uberon-terms.tsv.gz"), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(a.Terms) != 11285 {
		t.Errorf("%d terms, want 11285", len(a.Terms))
	}
	if _, err := graph.NewTree("", a.Terms, a.Relations); err != nil {
		t.Errorf("the extract is no tree: %v", err)
	}
}

// fuzzReader holds any input of a reader to what ReadAnatomy promises.
func fuzzReader(f *testing.F, read func(*Anatomy, []byte, Options) error) {
	f.Helper()
	f.Fuzz(func(t *testing.T, data []byte) {
		o := Options{Limits: Limits{Bytes: 1 << 20, LineBytes: 1 << 12}.withDefaults(), Kind: graph.KindAnatomy}
		a := &Anatomy{defined: map[string]place{}, paths: []string{"fuzz"}}
		if read(a, data, o) != nil || a.settle(o) != nil {
			return
		}
		if _, err := graph.NewTree("", a.Terms, a.Relations); err != nil {
			t.Errorf("it was taken, but is no tree: %v", err)
		}
	})
}

func FuzzReadTSV(f *testing.F) {
	f.Add([]byte(extract))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("id\tis_a\tname\nU:1\tU:2\ta\nU:2\t\tb\n"))
	fuzzReader(f, func(a *Anatomy, data []byte, o Options) error {
		_, err := readTSV(a, bytes.NewReader(data), o)
		return err
	})
}

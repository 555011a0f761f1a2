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

const extract = uberonHeader + "\n" +
	"U:1\theart\tU:2|U:3\tU:4\theart|cor\tRELATED:cardium|NARROW:branchial: heart\tFMA:7088|MESH:D006321\n" +
	"\n" +
	"U:2\torgan\t\t\t\t\t\r\n"

func read(text string, l Limits) (*Anatomy, int, error) {
	return readUberon(strings.NewReader(text), l.withDefaults())
}

func TestReadUberon(t *testing.T) {
	want := &Anatomy{
		Terms: []graph.Term{
			{
				ID: "U:1", Name: "heart", Kind: graph.KindAnatomy,
				Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "cardium", Scope: graph.ScopeRelated}, {Text: "branchial: heart", Scope: graph.ScopeNarrow}},
				Xrefs:    []string{"FMA:7088", "MESH:D006321"},
			},
			{ID: "U:2", Name: "organ", Kind: graph.KindAnatomy},
		},
		Relations: []graph.Relation{
			{Child: "U:1", Parent: "U:2", Type: graph.IsA},
			{Child: "U:1", Parent: "U:3", Type: graph.IsA},
			{Child: "U:1", Parent: "U:4", Type: graph.PartOf},
		},
	}
	got, _, err := read(extract, Limits{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("plain: got %+v, %v", got, err)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(extract)) // to memory
	_ = z.Close()
	got, _, err = read(b.String(), Limits{})
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("compressed: got %+v, %v", got, err)
	}
	if _, _, err := read(b.String()[:b.Len()-6], Limits{}); !errors.Is(err, ErrFormat) {
		t.Errorf("truncated: got %v, want %v", err, ErrFormat)
	}
}

func TestReadUberonRefuses(t *testing.T) {
	tests := []struct {
		name   string
		text   string
		limits Limits
		want   error
		line   int
	}{
		{"empty", "", Limits{}, ErrFormat, 0},
		{"another header", "id\tname\n", Limits{}, ErrFormat, 1},
		{"a column short", uberonHeader + "\nU:1\theart\n", Limits{}, ErrFormat, 2},
		{"no id", uberonHeader + "\n\theart\t\t\t\t\t\n", Limits{}, ErrFormat, 2},
		{"no name", uberonHeader + "\nU:1\t\t\t\t\t\t\n", Limits{}, ErrFormat, 2},
		{"a synonym without scope", uberonHeader + "\nU:1\theart\t\t\t\tcor\t\n", Limits{}, ErrFormat, 2},
		{"an unknown scope", uberonHeader + "\nU:1\theart\t\t\t\tNEAR:cor\t\n", Limits{}, ErrFormat, 2},
		{"bad gzip", "\x1f\x8bno", Limits{}, ErrFormat, 0},
		{"too many terms", extract, Limits{Terms: 1}, ErrTooLarge, 4},
		{"too long a line", extract, Limits{LineBytes: 80}, ErrTooLarge, 2},
		{"too many bytes", extract, Limits{Bytes: 100}, ErrTooLarge, 2},
		{"too large a file", extract, Limits{CompressedBytes: 100}, ErrTooLarge, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, line, err := read(test.text, test.limits)
			if !errors.Is(err, test.want) || line != test.line {
				t.Errorf("got line %d, %v; want line %d, %v", line, err, test.line, test.want)
			}
		})
	}
}

func TestLimitsAreInclusive(t *testing.T) {
	n := int64(len(extract))
	if _, _, err := read(extract, Limits{Bytes: n, CompressedBytes: n, Terms: 2}); err != nil {
		t.Errorf("a file as large as allowed: %v", err)
	}
}

func TestReadUberonTSVNamesFileAndLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "extract.tsv")
	if err := os.WriteFile(path, []byte(uberonHeader+"\nU:1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := ReadUberonTSV(path, Limits{})
	var at *FileError
	if !errors.As(err, &at) || at.Path != path || at.Line != 2 || !strings.HasPrefix(err.Error(), path+", line 2: ") {
		t.Errorf("got %v", err)
	}
	if _, err := ReadUberonTSV(path+".none", Limits{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
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

func FuzzReadUberon(f *testing.F) {
	f.Add([]byte(extract))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		_, _, _ = readUberon(bytes.NewReader(data), Limits{Bytes: 1 << 20, LineBytes: 1 << 10}.withDefaults()) // must not panic
	})
}

package treefile_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"satgraph/graph"
	"satgraph/graph/treefile"
)

func sample() *graph.Snapshot {
	return &graph.Snapshot{
		Terms: []graph.Term{
			{
				ID: "T:1", Name: "heart", Kind: graph.KindAnatomy, Definition: "pumps\tblood | a \\ muscle\nof the chest",
				Synonyms: []graph.Synonym{{Text: "cor", Scope: graph.ScopeExact}, {Text: "a|b: c", Scope: graph.ScopeRelated}},
				Xrefs:    []string{"FMA:7088", "X:a|b"},
			},
			{ID: "T:2", Name: "left atrium", Kind: graph.KindAnatomy, Laterality: graph.Left},
			{ID: "T:3", Name: `scar \t`, Kind: graph.KindFinding},
		},
		Relations: []graph.Relation{
			{Child: "T:2", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:3", Parent: "T:2", Type: graph.LocatedIn},
		},
	}
}

func written(t testing.TB, s *graph.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := treefile.Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadGivesBackWhatWasWritten(t *testing.T) {
	want := sample()
	got, err := treefile.Read(bytes.NewReader(written(t, want)))
	if err != nil {
		t.Fatal(err)
	}
	if want.Revision, err = treefile.Revision(want); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

func TestSameTreeSameBytes(t *testing.T) {
	a, b := sample(), sample()
	b.Terms[0], b.Terms[2] = b.Terms[2], b.Terms[0]
	b.Relations[0], b.Relations[1] = b.Relations[1], b.Relations[0]
	if !bytes.Equal(written(t, a), written(t, b)) {
		t.Error("the order of terms and relations shows in the bytes")
	}
}

func TestText(t *testing.T) {
	z, err := gzip.NewReader(bytes.NewReader(written(t, sample())))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ = bytes.Cut(text, []byte("\n")) // the checksum
	want := strings.Join([]string{
		"id\tname\tkind\tside\trelations\tsynonyms\txrefs\tdefinition",
		`T:1	heart	anatomy			EXACT:cor|RELATED:a\pb: c	FMA:7088|X:a\pb	pumps\tblood \p a \\ muscle\nof the chest`,
		"T:2\tleft atrium\tanatomy\tleft\tpart_of T:1\t\t\t",
		`T:3	scar \\t	finding		located_in T:2			`,
		"",
	}, "\n")
	if string(text) != want {
		t.Errorf("got:\n%s\nwant:\n%s", text, want)
	}
}

func zipped(text string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // to memory
	_ = z.Close()
	return b.Bytes()
}

func unzipped(t *testing.T, data []byte) string {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestReadRefuses(t *testing.T) {
	good := written(t, sample())
	text := unzipped(t, good)
	cut := good[:len(good)-10]
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0x10
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, treefile.ErrFormat},
		{"not compressed", []byte(text), treefile.ErrFormat},
		{"another text", zipped("hello\nthere\n"), treefile.ErrFormat},
		{"one line", zipped("#satgraph-tree 1"), treefile.ErrFormat},
		{"another version", zipped(strings.Replace(text, "tree 1 ", "tree 2 ", 1)), treefile.ErrVersion},
		{"truncated", cut, treefile.ErrChecksum},
		{"a bit flipped", flipped, treefile.ErrChecksum},
		{"a word changed", zipped(strings.Replace(text, "heart", "Heart", 1)), treefile.ErrChecksum},
		{"no checksum", zipped(strings.Replace(text, "sha256", "md5", 1)), treefile.ErrVersion},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := treefile.Read(bytes.NewReader(test.data)); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestWriteRefusesWhatIsNoTree(t *testing.T) {
	s := sample()
	s.Relations = append(s.Relations, graph.Relation{Child: "T:1", Parent: "T:3", Type: graph.IsA})
	var cycle *graph.CycleError
	if err := treefile.Write(io.Discard, s); !errors.As(err, &cycle) {
		t.Errorf("got %v, want a cycle", err)
	}
}

func TestWriteFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "tree.tsv.gz")
	if err := treefile.WriteFile(path, sample()); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, written(t, sample())) {
		t.Error("the file differs from what Write writes")
	}
	bad := sample()
	bad.Terms[0].Kind = "stone"
	if err := treefile.WriteFile(path, bad); !errors.Is(err, graph.ErrInvalidTerm) {
		t.Errorf("got %v, want %v", err, graph.ErrInvalidTerm)
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(first, after) {
		t.Errorf("a failed write changed the file (%v)", err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 1 {
		t.Errorf("a failed write left %v (%v)", left, err)
	}
	if err := treefile.WriteFile(filepath.Join(folder, "none", "tree.gz"), sample()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want %v", err, os.ErrNotExist)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(written(f, sample()))
	f.Add(zipped("#satgraph-tree 1 sha256:\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if s, err := treefile.Read(bytes.NewReader(data)); err == nil {
			_, _ = s.Tree() // must not panic
		}
	})
}

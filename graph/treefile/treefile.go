// Package treefile reads and writes a tree in the project's own form: sorted,
// tab-separated text, one term a line with its relations, gzip-compressed with
// a fixed header, so that one tree is always the same bytes and two trees can
// be compared with diff.
//
// The first line names the form and the SHA-256 of all that follows, which Read
// checks; the second names the columns. Lists are parted by "|"; tab, newline,
// "|" and "\" inside a text are written \t, \n, \p and \\.
//
//	#satgraph-tree 1 sha256:…
//	id	name	kind	side	relations	synonyms	xrefs	definition
//	UBERON:0000948	heart	anatomy		part_of UBERON:0003728|…	EXACT:chambered heart|…	FMA:7088|…
//
// The package decides nothing about what is in a tree.
package treefile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/graph"
)

const (
	magic   = "#satgraph-tree "
	version = "1"
	columns = "id\tname\tkind\tside\trelations\tsynonyms\txrefs\tdefinition"
)

// Errors that Read wraps.
var (
	ErrFormat   = errors.New("not a satgraph tree file")
	ErrVersion  = errors.New("tree file of another version")
	ErrChecksum = errors.New("the tree file is damaged: its checksum differs")
	ErrTooLarge = errors.New("tree file larger than allowed")
)

// MaxBytes is the largest text that Read unpacks.
const MaxBytes = 1 << 30

// Write writes the terms and relations of s, sorted, as compressed text. The
// revision is not written: Read takes it from the content. The errors are those
// of graph.NewTree, for a snapshot that is no tree, and of w.
func Write(w io.Writer, s *graph.Snapshot) error {
	body, err := encode(s)
	if err != nil {
		return err
	}
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression) // no name, no time: same bytes each time
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	if _, err := fmt.Fprintf(z, "%s%s sha256:%s\n", magic, version, hex.EncodeToString(sum[:])); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	if err := z.Close(); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	return nil
}

// WriteFile writes the tree to path, wholly or not at all: into a temporary
// file beside it, which then takes its place.
func WriteFile(path string, s *graph.Snapshot) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	defer func() {
		if err != nil {
			_ = f.Close() // the first error counts
			_ = os.Remove(f.Name())
		}
	}()
	if err := Write(f, s); err != nil {
		return err
	}
	if err := f.Chmod(0o644); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("write tree: %w", err)
	}
	return nil
}

// Revision returns the name of a snapshot's content: the same for the same
// terms and relations in any order. Read gives it to the snapshots it returns.
func Revision(s *graph.Snapshot) (string, error) {
	body, err := encode(s)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	return revision(sum[:]), nil
}

func revision(sum []byte) string { return hex.EncodeToString(sum[:8]) }

func encode(s *graph.Snapshot) ([]byte, error) {
	tree, err := graph.NewTree(s.Revision, slices.Clone(s.Terms), s.Relations)
	if err != nil {
		return nil, err
	}
	parents := make(map[string][]string, tree.Len())
	for _, r := range tree.Relations() {
		parents[r.Child] = append(parents[r.Child], string(r.Type)+" "+r.Parent)
	}
	var b bytes.Buffer
	b.WriteString(columns + "\n")
	for _, t := range tree.Terms() {
		synonyms := make([]string, len(t.Synonyms))
		for i, s := range t.Synonyms {
			synonyms[i] = string(s.Scope) + ":" + escape.Replace(s.Text)
		}
		xrefs := make([]string, len(t.Xrefs))
		for i, x := range t.Xrefs {
			xrefs[i] = escape.Replace(x)
		}
		b.WriteString(strings.Join([]string{
			t.ID, escape.Replace(t.Name), string(t.Kind), string(t.Laterality),
			strings.Join(parents[t.ID], "|"), strings.Join(synonyms, "|"), strings.Join(xrefs, "|"), escape.Replace(t.Definition),
		}, "\t"))
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

var (
	escape   = strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "|", `\p`)
	unescape = strings.NewReplacer(`\\`, `\`, `\t`, "\t", `\n`, "\n", `\p`, "|")
)

// Read reads what Write wrote and checks it against its checksum. Whether the
// snapshot forms a tree is for graph.NewTree. Errors: ErrFormat, ErrVersion,
// ErrChecksum, ErrTooLarge, or those of r.
func Read(r io.Reader) (*graph.Snapshot, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	var buf bytes.Buffer
	n, err := io.Copy(&buf, io.LimitReader(z, MaxBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrChecksum, err)
	case n > MaxBytes:
		return nil, fmt.Errorf("%w: more than %d bytes", ErrTooLarge, MaxBytes)
	}
	first, body, ok := bytes.Cut(buf.Bytes(), []byte("\n"))
	rest, isTree := strings.CutPrefix(string(first), magic)
	if !ok || !isTree {
		return nil, ErrFormat
	}
	got, want, _ := strings.Cut(rest, " sha256:")
	if got != version {
		return nil, fmt.Errorf("%w: %q, this program reads %q", ErrVersion, got, version)
	}
	sum := sha256.Sum256(body)
	if hex.EncodeToString(sum[:]) != want {
		return nil, ErrChecksum
	}
	s, err := decode(string(body))
	if err != nil {
		return nil, err
	}
	s.Revision = revision(sum[:])
	return s, nil
}

// ReadRevision gives the revision that Read would, from the first line alone and
// without checking it against the rest. Errors: ErrFormat, ErrVersion.
func ReadRevision(r io.Reader) (string, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrFormat, err)
	}
	const longest = 256
	first, err := bufio.NewReader(io.LimitReader(z, longest)).ReadString('\n')
	rest, isTree := strings.CutPrefix(strings.TrimSuffix(first, "\n"), magic)
	if err != nil || !isTree {
		return "", ErrFormat
	}
	got, want, _ := strings.Cut(rest, " sha256:")
	sum, err := hex.DecodeString(want)
	switch {
	case got != version:
		return "", fmt.Errorf("%w: %q, this program reads %q", ErrVersion, got, version)
	case err != nil || len(sum) != sha256.Size:
		return "", ErrFormat
	}
	return revision(sum), nil
}

// decode keeps slices of text, so nothing is copied but the rare escape.
func decode(text string) (*graph.Snapshot, error) {
	text, ok := strings.CutPrefix(text, columns+"\n")
	if !ok {
		return nil, fmt.Errorf("%w: other columns", ErrFormat)
	}
	n := strings.Count(text, "\n")
	s := &graph.Snapshot{Terms: make([]graph.Term, 0, n), Relations: make([]graph.Relation, 0, 3*n)}
	for line := 3; text != ""; line++ {
		var row string
		row, text, ok = strings.Cut(text, "\n")
		if !ok {
			return nil, fmt.Errorf("%w: line %d does not end", ErrFormat, line)
		}
		if err := decodeRow(s, row); err != nil {
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
	return s, nil
}

func decodeRow(s *graph.Snapshot, row string) error {
	var f [8]string
	for i := range f {
		var more bool
		f[i], row, more = strings.Cut(row, "\t")
		if more != (i < len(f)-1) {
			return fmt.Errorf("%w: want %d columns", ErrFormat, len(f))
		}
	}
	t := graph.Term{
		ID: f[0], Name: plain(f[1]), Kind: graph.Kind(f[2]), Laterality: graph.Laterality(f[3]), Definition: plain(f[7]),
	}
	for r := range each(f[4]) {
		kind, parent, ok := strings.Cut(r, " ")
		if !ok {
			return fmt.Errorf("%w: relation %q", ErrFormat, r)
		}
		s.Relations = append(s.Relations, graph.Relation{Child: t.ID, Parent: parent, Type: graph.RelationType(kind)})
	}
	if f[5] != "" {
		t.Synonyms = make([]graph.Synonym, 0, strings.Count(f[5], "|")+1)
	}
	for r := range each(f[5]) {
		scope, name, ok := strings.Cut(r, ":")
		if !ok {
			return fmt.Errorf("%w: synonym %q", ErrFormat, r)
		}
		t.Synonyms = append(t.Synonyms, graph.Synonym{Text: plain(name), Scope: graph.Scope(scope)})
	}
	if f[6] != "" {
		t.Xrefs = make([]string, 0, strings.Count(f[6], "|")+1)
	}
	for x := range each(f[6]) {
		t.Xrefs = append(t.Xrefs, plain(x))
	}
	s.Terms = append(s.Terms, t)
	return nil
}

func plain(s string) string {
	if strings.IndexByte(s, '\\') < 0 {
		return s
	}
	return unescape.Replace(s)
}

// each yields the items of a list; an empty field has none.
func each(field string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for more := field != ""; more; {
			var item string
			item, field, more = strings.Cut(field, "|")
			if !yield(item) {
				return
			}
		}
	}
}

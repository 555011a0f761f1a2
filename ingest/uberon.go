package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"satgraph/graph"
)

// uberonHeader is the first line of an extract.
const uberonHeader = "id\tname\tis_a\tpart_of\texact_synonyms\tother_synonyms\txrefs"

// ReadUberonTSV reads an extract of the Uberon ontology: tab-separated lines
// under the header of uberonHeader, lists parted by "|", other synonyms as
// SCOPE:text. The file may be gzip-compressed, whatever its name. A synonym
// that only repeats the term's name is dropped.
//
// Errors: *FileError around ErrFormat, ErrTooLarge or the operating system's.
func ReadUberonTSV(path string, limits Limits) (*Anatomy, error) {
	limits = limits.withDefaults()
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("uberon extract: %w", err)
	}
	defer f.Close() //nolint:errcheck // read only
	a, line, err := readUberon(f, limits)
	if err != nil {
		return nil, &FileError{Path: path, Line: line, Err: err}
	}
	return a, nil
}

func readUberon(r io.Reader, limits Limits) (a *Anatomy, line int, err error) {
	plain, err := decompressed(&capped{r: r, left: limits.CompressedBytes})
	if err != nil {
		return nil, 0, err
	}
	lines := bufio.NewScanner(&capped{r: plain, left: limits.Bytes})
	lines.Buffer(make([]byte, 0, min(64<<10, limits.LineBytes)), limits.LineBytes)
	a = &Anatomy{}
	for lines.Scan() {
		line++
		text := strings.TrimSuffix(lines.Text(), "\r")
		if line == 1 {
			if text != uberonHeader {
				return nil, line, fmt.Errorf("%w: the header is not %q", ErrFormat, uberonHeader)
			}
			continue
		}
		if text == "" {
			continue
		}
		if len(a.Terms) == limits.Terms {
			return nil, line, fmt.Errorf("%w: more than %d terms", ErrTooLarge, limits.Terms)
		}
		if err := a.addUberonLine(text); err != nil {
			if lines.Err() != nil { // cut short where reading failed, so no fault of the line
				break
			}
			return nil, line, err
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, line + 1, fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, limits.LineBytes)
	case err != nil:
		return nil, line, readError(err)
	case line == 0:
		return nil, 0, fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	return a, line, nil
}

func (a *Anatomy) addUberonLine(text string) error {
	f := strings.Split(text, "\t")
	if n := strings.Count(uberonHeader, "\t") + 1; len(f) != n {
		return fmt.Errorf("%w: %d columns, want %d", ErrFormat, len(f), n)
	}
	t := graph.Term{ID: f[0], Name: f[1], Kind: graph.KindAnatomy, Xrefs: list(f[6])}
	if t.ID == "" || t.Name == "" {
		return fmt.Errorf("%w: a term without id or name", ErrFormat)
	}
	for _, s := range list(f[4]) {
		if !strings.EqualFold(s, t.Name) {
			t.Synonyms = append(t.Synonyms, graph.Synonym{Text: s, Scope: graph.ScopeExact})
		}
	}
	for _, s := range list(f[5]) {
		scope, name, ok := strings.Cut(s, ":")
		switch graph.Scope(scope) {
		case graph.ScopeBroad, graph.ScopeNarrow, graph.ScopeRelated:
		default:
			ok = false
		}
		if !ok || name == "" {
			return fmt.Errorf("%w: synonym %q is not SCOPE:text", ErrFormat, s)
		}
		t.Synonyms = append(t.Synonyms, graph.Synonym{Text: name, Scope: graph.Scope(scope)})
	}
	a.Terms = append(a.Terms, t)
	for _, p := range list(f[2]) {
		a.Relations = append(a.Relations, graph.Relation{Child: t.ID, Parent: p, Type: graph.IsA})
	}
	for _, p := range list(f[3]) {
		a.Relations = append(a.Relations, graph.Relation{Child: t.ID, Parent: p, Type: graph.PartOf})
	}
	return nil
}

// list splits at "|"; an empty field is an empty list.
func list(field string) []string {
	if field == "" {
		return nil
	}
	return strings.Split(field, "|")
}

// decompressed looks for the gzip magic and unpacks where it stands.
func decompressed(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, readError(err)
	}
	return z, nil
}

// readError names damage to the compressed stream as ErrFormat.
func readError(err error) error {
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: damaged gzip: %w", ErrFormat, err)
	}
	return err
}

// capped gives ErrTooLarge instead of the byte beyond the cap.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

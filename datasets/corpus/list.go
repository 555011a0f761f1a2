package corpus

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"satgraph/datasets/catalog"
	"satgraph/internal/gunzip"
)

// What can be wrong with a scan list. Every error of ReadList that concerns the
// list is a *ListError around one of these.
var (
	ErrList           = errors.New("not a scan list")       // not one JSON object a line
	ErrListTruncated  = errors.New("the list is cut short") // compressed data that end early
	ErrListTooLarge   = errors.New("larger than allowed")
	ErrMissingKey     = errors.New("a key is missing")
	ErrUnknownDataset = errors.New("unknown dataset")
	ErrUnknownClass   = errors.New("unknown class")
	ErrBadValue       = errors.New("a value is not right")
)

// Limits of a scan list.
const (
	maxLine     = 4 << 20 // bytes
	maxListSize = 4 << 30 // decompressed
	maxRows     = 5_000_000
	maxProblems = 100
)

// Problem is what is wrong with a line.
type Problem struct {
	Line int // from 1; 0 for the whole list
	Err  error
}

// ListError says what is wrong with a list, line by line.
type ListError struct {
	Path     string
	Problems []Problem // the first maxProblems
	More     int       // not kept
}

// Error names the first problems and counts the rest.
func (e *ListError) Error() string {
	var b strings.Builder
	const shown = 5
	for i, p := range e.Problems[:min(shown, len(e.Problems))] {
		if i > 0 {
			b.WriteString("\n")
		}
		if p.Line > 0 {
			fmt.Fprintf(&b, "%s, line %d: %v", e.Path, p.Line, p.Err)
		} else {
			fmt.Fprintf(&b, "%s: %v", e.Path, p.Err)
		}
	}
	if more := len(e.Problems) - shown + e.More; more > 0 {
		fmt.Fprintf(&b, "\n%s: %d more lines are wrong", e.Path, more)
	}
	return b.String()
}

// Unwrap returns the problems.
func (e *ListError) Unwrap() []error {
	out := make([]error, len(e.Problems))
	for i, p := range e.Problems {
		out[i] = p.Err
	}
	return out
}

// ReadList reads a scan list: JSON Lines, gzip-compressed or not, one object a
// row with the keys dataset, image, mask, modality, labels (or label), split (or
// official_split), patient (or patient_id), and sat_split if there is one. Other
// keys are passed over. Each row is checked against its dataset's record.
//
// A list that is not right is refused as a whole: the *ListError names up to 100
// lines. Other errors are the operating system's and the context's.
func ReadList(ctx context.Context, path string, c *catalog.Catalog) (*Index, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	return ReadListFrom(ctx, path, f, c)
}

// ListIn returns the path of the list that a path stands for: itself, or of a
// folder the scans.jsonl or scans.jsonl.gz in it.
func ListIn(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || !info.IsDir() {
		return path, err
	}
	for _, name := range []string{"scans.jsonl", "scans.jsonl.gz"} {
		if _, err := os.Stat(filepath.Join(path, name)); err == nil {
			return filepath.Join(path, name), nil
		}
	}
	return "", &ListError{Path: path, Problems: []Problem{{Err: fmt.Errorf("%w: the folder holds neither scans.jsonl nor scans.jsonl.gz", ErrList)}}}
}

// ReadListFrom is ReadList of an opened list, which path names in errors.
func ReadListFrom(ctx context.Context, path string, r io.Reader, c *catalog.Catalog) (*Index, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	plain := io.Reader(in)
	if head, _ := in.Peek(2); bytes.Equal(head, []byte{0x1f, 0x8b}) {
		plain = gunzip.NewReader(in)
	}
	limited := &io.LimitedReader{R: plain, N: maxListSize + 1}
	l := &listReader{catalog: c, memo: map[string]*shared{}, strings: map[string]string{}, err: ListError{Path: path}}
	lines := bufio.NewScanner(limited)
	lines.Buffer(make([]byte, 0, 256<<10), maxLine)
	n := 0
	for lines.Scan() {
		n++
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		line := bytes.TrimSpace(lines.Bytes())
		if n == 1 {
			line = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf"))
		}
		if len(line) == 0 {
			continue
		}
		if len(l.scans) == maxRows {
			l.wrong(n, fmt.Errorf("%w: more than %d rows", ErrListTooLarge, maxRows))
			break
		}
		l.row(n, line)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		l.wrong(n+1, fmt.Errorf("%w: a line of more than %d MiB", ErrListTooLarge, maxLine>>20))
	case errors.Is(err, io.ErrUnexpectedEOF):
		l.cut(n, fmt.Errorf("%w: the compressed data end in the middle", ErrListTruncated))
	case errors.Is(err, gunzip.ErrHeader), errors.Is(err, gunzip.ErrCorrupt), errors.Is(err, gunzip.ErrChecksum), errors.Is(err, gunzip.ErrTrailing):
		l.cut(n, fmt.Errorf("%w: %w", ErrList, err))
	case err != nil:
		return nil, err
	case limited.N <= 0:
		l.wrong(n, fmt.Errorf("%w: more than %d GiB", ErrListTooLarge, maxListSize>>30))
	case len(l.scans) == 0 && len(l.err.Problems) == 0:
		l.wrong(0, fmt.Errorf("%w: it is empty", ErrList))
	}
	if len(l.err.Problems) > 0 {
		return nil, &l.err
	}
	return NewIndex(c, l.scans), nil
}

// listReader takes rows in.
type listReader struct {
	catalog *catalog.Catalog
	scans   []Scan
	memo    map[string]*shared // lists of labels, by dataset and text
	strings map[string]string  // short texts that come again and again
	err     ListError
}

// shared is a list of labels that many rows write.
type shared struct {
	labels, classes []string
	err             error
}

func (l *listReader) wrong(line int, err error) {
	if len(l.err.Problems) == maxProblems {
		l.err.More++
		return
	}
	l.err.Problems = append(l.err.Problems, Problem{line, err})
}

// cut notes that reading failed behind a line: what that line itself was
// blamed for may be no more than that.
func (l *listReader) cut(line int, err error) {
	if n := len(l.err.Problems); n > 0 && l.err.Problems[n-1].Line == line {
		l.err.Problems = l.err.Problems[:n-1]
	} else {
		line++
	}
	l.wrong(max(line, 1), err)
}

// object is a row as written.
type object struct {
	Dataset, Image, Mask, Modality *string
	Labels, Label                  json.RawMessage
	Split                          *string
	OfficialSplit                  *string `json:"official_split"`
	SATSplit                       *string `json:"sat_split"`
	Patient                        *string
	PatientID                      *string `json:"patient_id"`
}

func (l *listReader) row(n int, line []byte) {
	var o object
	if !utf8.Valid(line) {
		l.wrong(n, fmt.Errorf("%w: not UTF-8", ErrList))
		return
	}
	if err := json.Unmarshal(line, &o); err != nil {
		l.wrong(n, fmt.Errorf("%w: want one JSON object a line: %w", ErrList, err))
		return
	}
	s, err := l.scan(&o)
	if err != nil {
		l.wrong(n, err)
		return
	}
	s.Line = n
	l.scans = append(l.scans, *s)
}

func (l *listReader) scan(o *object) (*Scan, error) {
	if o.Split == nil {
		o.Split = o.OfficialSplit
	}
	if o.Patient == nil {
		o.Patient = o.PatientID
	}
	if o.Labels == nil {
		o.Labels = o.Label
	}
	for _, k := range []struct {
		name string
		v    *string
	}{{"dataset", o.Dataset}, {"image", o.Image}, {"mask", o.Mask}, {"modality", o.Modality}, {"split", o.Split}, {"patient", o.Patient}} {
		if k.v == nil || *k.v == "" {
			return nil, fmt.Errorf("%w: %s", ErrMissingKey, k.name)
		}
	}
	if o.Labels == nil {
		return nil, fmt.Errorf("%w: labels", ErrMissingKey)
	}
	d, ok := l.catalog.Dataset(*o.Dataset)
	if !ok {
		return nil, fmt.Errorf("%w %q: no record of that name; --catalog DIR adds your own", ErrUnknownDataset, *o.Dataset)
	}
	labels, err := l.labels(d, o.Labels)
	if err != nil {
		return nil, err
	}
	s := &Scan{
		Dataset: d.Name, Image: *o.Image, Mask: l.keep(*o.Mask), Sequence: l.keep(*o.Modality),
		Labels: labels.labels, Classes: labels.classes, Split: l.keep(*o.Split), Patient: l.keep(*o.Patient),
	}
	word, _, _ := strings.Cut(strings.ToLower(s.Sequence), " ")
	s.Modality = catalog.Modality(word)
	if s.Modality != d.Modality {
		return nil, fmt.Errorf("%w: modality %q of %s, whose record says %s", ErrBadValue, s.Sequence, d.Name, d.Modality)
	}
	if o.SATSplit != nil {
		s.Side = Side(*o.SATSplit)
		if !slices.Contains([]Side{"", Train, Test, Both}, s.Side) {
			return nil, fmt.Errorf("%w: sat_split %q: want train, test or both", ErrBadValue, *o.SATSplit)
		}
	}
	return s, nil
}

// keep gives equal texts one memory.
func (l *listReader) keep(s string) string {
	if kept, ok := l.strings[s]; ok {
		return kept
	}
	l.strings[s] = s
	return s
}

func (l *listReader) labels(d *catalog.Dataset, text json.RawMessage) (*shared, error) {
	key := d.Name + "\x00" + string(text)
	if m, ok := l.memo[key]; ok {
		return m, m.err
	}
	m := &shared{}
	l.memo[key] = m
	if err := json.Unmarshal(text, &m.labels); err != nil || len(m.labels) == 0 {
		m.err = fmt.Errorf("%w: labels: want a list of names, not empty", ErrBadValue)
		return m, m.err
	}
	seen := map[string]bool{}
	for i, label := range m.labels {
		class := Fold(label)
		r, ok := d.Recipe(class)
		if !ok {
			m.err = fmt.Errorf("%w: %q is not one of %s", ErrUnknownClass, label, d.Name)
			return m, m.err
		}
		m.labels[i] = l.keep(label)
		if !seen[class] {
			seen[class] = true
			m.classes = append(m.classes, r.Class)
		}
	}
	return m, nil
}

// Fold is a label's corpus class by its spelling: lower case, single spaces.
func Fold(label string) string { return strings.ToLower(strings.Join(strings.Fields(label), " ")) }

package catalog

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed records/*.yaml
var records embed.FS

var embedded = sync.OnceValues(func() (*Catalog, error) {
	sub, err := fs.Sub(records, "records")
	if err != nil {
		return nil, err
	}
	return readFS(sub, "builtin")
})

// Builtin returns the embedded records: the 72 datasets of SAT-DS. The only
// error is that of a damaged binary.
func Builtin() (*Catalog, error) { return embedded() }

// ErrRecord says that a record of a dataset is not right.
var ErrRecord = errors.New("invalid dataset record")

// Limits of records that are read.
const (
	maxRecordBytes = 4 << 20
	maxRecords     = 10_000
	maxLabels      = 10_000
)

// FileError says where in which record reading failed; Line 0 is the whole file.
type FileError struct {
	Path string
	Line int
	Err  error
}

// Error is one line: path, line, cause.
func (e *FileError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s, line %d: %v", e.Path, e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// lineError is an error that knows its line.
type lineError struct {
	line int
	err  error
}

func (e *lineError) Error() string { return e.err.Error() }
func (e *lineError) Unwrap() error { return e.err }

// ReadFile reads one record. Errors: *FileError around ErrRecord or the
// operating system's.
func ReadFile(name string) (*Dataset, error) {
	text, err := readCapped(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return nil, &FileError{name, 0, err}
	}
	return Parse(name, text)
}

// readCapped reads a file, up to one byte more than a record may have.
func readCapped(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	return io.ReadAll(io.LimitReader(f, maxRecordBytes+1))
}

// Parse reads a record from its text; name is for messages. Errors as for
// ReadFile.
func Parse(name string, text []byte) (*Dataset, error) {
	if len(text) > maxRecordBytes {
		return nil, &FileError{name, 0, fmt.Errorf("%w: larger than %d MiB", ErrRecord, maxRecordBytes>>20)}
	}
	d := &Dataset{Source: name}
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(d); err != nil {
		return nil, yamlError(name, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, &FileError{name, 0, fmt.Errorf("%w: want one document, one record", ErrRecord)}
	}
	if err := d.Validate(); err != nil {
		line := 0
		if at, ok := errors.AsType[*placeError](err); ok {
			line = lineOf(text, at.place)
		}
		return nil, &FileError{name, line, err}
	}
	return d, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)

// yamlError gives an error of the decoder its file, line and kind.
func yamlError(name string, err error) error {
	out := &FileError{Path: name, Err: err}
	if at, ok := errors.AsType[*lineError](err); ok {
		out.Line, out.Err = at.line, at.err
	} else {
		what := err.Error()
		if typed, ok := errors.AsType[*yaml.TypeError](err); ok {
			what = typed.Errors[0]
		}
		if m := yamlLine.FindStringSubmatch(what); m != nil {
			out.Line, _ = strconv.Atoi(m[1])
			what = m[2]
		}
		if errors.Is(err, io.EOF) {
			what = "the file is empty"
		}
		out.Err = errors.New(what)
	}
	if !errors.Is(out.Err, ErrRecord) {
		out.Err = fmt.Errorf("%w: %w", ErrRecord, out.Err)
	}
	return out
}

// lineOf is the line that a place of a record stands in: keys, and indexes as
// numbers. 0 where the record has no such place.
func lineOf(text []byte, place []any) int {
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return 0
	}
	n := doc.Content[0]
	for _, step := range place {
		next := n
		switch step := step.(type) {
		case string:
			for i := 0; i+1 < len(n.Content); i += 2 {
				if n.Kind == yaml.MappingNode && n.Content[i].Value == step {
					next = n.Content[i+1]
				}
			}
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		}
		if next == n {
			break
		}
		n = next
	}
	return n.Line
}

// ReadDir reads every record (*.yaml, *.yml) of a folder, in the order of their
// names. Errors as for ReadFile; two records of one name are an ErrRecord.
func ReadDir(dir string) (*Catalog, error) {
	return readFS(os.DirFS(dir), dir)
}

func readFS(files fs.FS, at string) (*Catalog, error) {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	c := &Catalog{byName: map[string]*Dataset{}}
	for _, e := range entries {
		if e.IsDir() || !slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(e.Name()))) {
			continue
		}
		if c.Len() == maxRecords {
			return nil, &FileError{at, 0, fmt.Errorf("%w: more than %d records", ErrRecord, maxRecords)}
		}
		text, err := readCapped(files, e.Name())
		if err != nil {
			return nil, err
		}
		d, err := Parse(filepath.Join(at, e.Name()), text)
		if err == nil {
			err = c.add(d)
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// With adds the records of another catalog. ErrRecord where both have one name.
func (c *Catalog) With(other *Catalog) (*Catalog, error) {
	out := &Catalog{byName: make(map[string]*Dataset, c.Len()+other.Len())}
	for _, d := range append(c.Datasets(), other.Datasets()...) {
		if err := out.add(d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

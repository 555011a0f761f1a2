// Package ingest reads anatomies in outside formats into the records of package
// graph, one format a file. Every input is taken as hostile: each reader caps
// bytes, line length and number of records before it parses, and refuses with
// ErrTooLarge or ErrFormat, naming file and line.
//
// It decides nothing: which terms make the tree, and how gaps are mended, is
// for package graph/build.
package ingest

import (
	"errors"
	"fmt"

	"satgraph/graph"
)

// Errors that every reader wraps.
var (
	ErrFormat   = errors.New("not in the expected format")
	ErrTooLarge = errors.New("larger than allowed")
)

// Anatomy is what a source says: terms and relations as they stand there,
// unchecked for cycles and missing parents.
type Anatomy struct {
	Terms     []graph.Term
	Relations []graph.Relation
}

// Limits cap what a reader takes in; zero fields mean the default.
type Limits struct {
	CompressedBytes int64 // of the file itself; default 64 MiB
	Bytes           int64 // after decompression; default 512 MiB
	LineBytes       int   // of one line; default 1 MiB
	Terms           int   // default 1,000,000
}

func (l Limits) withDefaults() Limits {
	if l.CompressedBytes <= 0 {
		l.CompressedBytes = 64 << 20
	}
	if l.Bytes <= 0 {
		l.Bytes = 512 << 20
	}
	if l.LineBytes <= 0 {
		l.LineBytes = 1 << 20
	}
	if l.Terms <= 0 {
		l.Terms = 1_000_000
	}
	return l
}

// FileError says where in which file reading failed; Line 0 is the whole file.
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

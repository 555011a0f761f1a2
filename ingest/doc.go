// Package ingest reads outside formats into the records of packages graph and
// labelmap, one format a file: anatomies (OBO, tab-separated tables, the
// knowledge files of SAT-Pretrain) with ReadAnatomy, tables of raw labels with
// ReadLabels. Every input is taken as hostile: each reader caps bytes, the
// length of a line or record, and the number of records before it parses, and
// refuses the file as a whole with a *FileError that names file, line and
// reason. What a file says and the records cannot hold is never dropped
// silently: it is counted in Notes, or flagged on the label.
//
// The package decides nothing: which terms make the tree, and how gaps are
// mended, is for package graph/build; what a label means, for labelmap.
package ingest

import (
	"errors"
	"fmt"
)

// Errors that every reader wraps.
var (
	ErrFormat   = errors.New("not in the expected format")
	ErrTooLarge = errors.New("larger than allowed")
	// ErrEncoding is an ErrFormat: the bytes are no UTF-8 text.
	ErrEncoding = fmt.Errorf("%w: not UTF-8 text", ErrFormat)
	// ErrDuplicate: two records have one id.
	ErrDuplicate = errors.New("duplicate id")
	// ErrCycle: relations lead from a term back to itself.
	ErrCycle = errors.New("the relations form a cycle")
	// ErrDangling: a relation leads to a term that its source should define.
	ErrDangling = errors.New("relation to an undefined term")
)

// Limits cap what a reader takes in; zero fields mean the default.
type Limits struct {
	CompressedBytes int64 // of the file itself; default 64 MiB, where it is not compressed 512 MiB
	Bytes           int64 // after decompression; default 512 MiB
	LineBytes       int   // of one line, CSV record or JSON value; default 1 MiB
	Terms           int   // or labels; default 1,000,000
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 512 << 20
	}
	if l.CompressedBytes <= 0 {
		l.CompressedBytes = 64 << 20
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

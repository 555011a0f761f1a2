package ingest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"satgraph/graph"
)

// Anatomy is what a source says. ReadAnatomy gives one whose terms and
// relations graph.NewTree accepts.
type Anatomy struct {
	Terms     []graph.Term     // in the order of the source
	Relations []graph.Relation // in the order of the source, each once
	Retired   []Retired
	Notes     Notes

	paths   []string         // of the files read; the last is being read
	defined map[string]place // where each id is, also of retired terms
	places  []place          // of each relation
}

// place is a line of one of the files read: its number among them, and the line.
type place int64

func (a *Anatomy) place(line int) place { return place(max(0, len(a.paths)-1))<<32 | place(line) }

func (p place) line() int { return int(p & (1<<32 - 1)) }

// errorAt is an error of a line read earlier.
func (a *Anatomy) errorAt(p place, err error) error {
	return fileError(a.paths[p>>32], p.line(), err)
}

// Retired is a term that its source calls obsolete. It is no term of the
// anatomy; where exactly one term replaces it, that term has its id among its
// cross-references, by which it is still found.
type Retired struct {
	ID         string   `json:"id"`
	Name       string   `json:"name,omitempty"`
	ReplacedBy []string `json:"replacedBy,omitempty"`
	Consider   []string `json:"consider,omitempty"` // near it, but not the same
}

// Notes counts what a source says beyond the Anatomy made from it.
type Notes struct {
	Format          Format         `json:"format"`
	Imports         []string       `json:"imports,omitempty"`         // ontologies that it imports; they were not read
	Namespaces      map[string]int `json:"namespaces,omitempty"`      // terms by OBO namespace
	OtherRelations  map[string]int `json:"otherRelations,omitempty"`  // of types that a tree does not hold
	Outside         map[string]int `json:"outside,omitempty"`         // to terms of vocabularies it does not define, by prefix
	Undefined       int            `json:"undefined,omitempty"`       // relations to terms it should define, left out as asked or for its imports
	ToRetired       int            `json:"toRetired,omitempty"`       // relations from or to retired terms
	Implied         int            `json:"implied,omitempty"`         // relations of logical definitions that others imply
	Unnamed         int            `json:"unnamed,omitempty"`         // terms without a name, left out
	MoreDefinitions int            `json:"moreDefinitions,omitempty"` // a term keeps its first
	NoTerm          int            `json:"noTerm,omitempty"`          // relations to words that name no term
	Malformed       int            `json:"malformed,omitempty"`       // relations that are no pair of relation and name
	Cyclic          []Cyclic       `json:"cyclic,omitempty"`          // relations left out because they closed a cycle, as asked
}

// Cyclic is a relation that would lead from a term back to itself.
type Cyclic struct {
	Child  string             `json:"child"`
	Type   graph.RelationType `json:"type"`
	Parent string             `json:"parent"`
	Line   int                `json:"line"`
}

// Format is a form that anatomies come in.
type Format string

// The formats.
const (
	OBO         Format = "obo"
	TSV         Format = "tsv"
	SATPretrain Format = "sat-pretrain"
	Treefile    Format = "satgraph" // what 'tree build' writes; see package treefile
)

// Formats lists them.
func Formats() []Format { return []Format{OBO, TSV, SATPretrain, Treefile} }

// Options say how an anatomy is read.
type Options struct {
	Limits
	// Kind is what terms are that do not say so themselves; default anatomy.
	Kind graph.Kind
	// LeaveOutUndefined and LeaveOutCyclic leave out, and note, the relations
	// for which the source is otherwise refused.
	LeaveOutUndefined, LeaveOutCyclic bool
}

// ReadAnatomy reads a file (also gzip-compressed) or, for the knowledge files
// of SAT-Pretrain, a file or the folder that holds them. An empty format is
// told from the content.
//
// Errors: *FileError around ErrFormat, ErrEncoding, ErrTooLarge, ErrDuplicate,
// ErrCycle, ErrDangling, the context's or the operating system's.
func ReadAnatomy(ctx context.Context, path string, format Format, o Options) (*Anatomy, error) {
	o.Limits = o.withDefaults()
	if o.Kind == "" {
		o.Kind = graph.KindAnatomy
	}
	if format == "" {
		var err error
		if format, err = sniffAnatomy(path, o.Limits); err != nil {
			return nil, err
		}
	}
	a := &Anatomy{Notes: Notes{Format: format}, defined: map[string]place{}}
	var err error
	switch format {
	case OBO:
		err = a.readFile(ctx, path, o, readOBO)
	case TSV:
		err = a.readFile(ctx, path, o, readTSV)
	case Treefile:
		err = a.readFile(ctx, path, o, readTreefile)
	case SATPretrain:
		err = readKnowledge(ctx, a, path, o)
	default:
		err = fileError(path, 0, fmt.Errorf("%w: no format is called %q", ErrFormat, format))
	}
	if err != nil {
		return nil, err
	}
	if err := a.settle(o); err != nil {
		return nil, err
	}
	return a, nil
}

// readFile adds one file to the anatomy. The reader returns the line at fault.
func (a *Anatomy) readFile(ctx context.Context, path string, o Options, read func(*Anatomy, io.Reader, Options) (int, error)) error {
	f, err := os.Open(path)
	if err != nil {
		return fileError(path, 0, err)
	}
	defer f.Close() //nolint:errcheck // read only
	a.paths = append(a.paths, path)
	if line, err := read(a, &cancelled{ctx, f}, o); err != nil {
		return fileError(path, line, err)
	}
	return nil
}

// fileError drops from an error of the operating system the path that
// FileError says anyway.
func fileError(path string, line int, err error) error {
	if p, ok := err.(*os.PathError); ok { //nolint:errorlint // only the outermost is unwrapped
		err = p.Err
	}
	return &FileError{Path: path, Line: line, Err: err}
}

// sniffAnatomy tells the format from the first line that is not empty.
func sniffAnatomy(path string, limits Limits) (Format, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fileError(path, 0, err)
	}
	defer f.Close() //nolint:errcheck // read only
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return SATPretrain, nil
	}
	plain, err := unpack(f, limits)
	if err != nil {
		return "", fileError(path, 0, err)
	}
	start, err := bufio.NewReaderSize(plain, 64<<10).Peek(64 << 10)
	if len(start) == 0 && err != io.EOF { //nolint:errorlint // Peek gives it as it is
		return "", fileError(path, 0, readError(err))
	}
	text := strings.TrimLeft(string(start), " \t\r\n")
	first, _, _ := strings.Cut(text, "\n")
	switch {
	case strings.HasPrefix(text, "{") || isKnowledgeName(filepath.Base(path)):
		return SATPretrain, nil
	case strings.HasPrefix(first, "format-version:"), strings.Contains(text, "\n[Term]"), strings.HasPrefix(text, "[Term]"):
		return OBO, nil
	case strings.HasPrefix(first, "#satgraph-tree "):
		return Treefile, nil
	case strings.Contains(first, "\t"):
		return TSV, nil
	}
	if err := checkText(start); err != nil {
		return "", fileError(path, 0, err)
	}
	return "", fileError(path, 0, fmt.Errorf("%w: it starts as none of OBO, TSV, SAT-Pretrain knowledge and satgraph's own form does; name the format if it is one", ErrFormat))
}

// RelationError is an error of Relations[i], with the file and line it stands in.
func (a *Anatomy) RelationError(i int, err error) error { return a.errorAt(a.places[i], err) }

// add takes a term whose id is claimed.
func (a *Anatomy) add(t graph.Term, limits Limits) error {
	if len(a.Terms) == limits.Terms {
		return fmt.Errorf("%w: more than %d terms", ErrTooLarge, limits.Terms)
	}
	a.Terms = append(a.Terms, t)
	return nil
}

// claim says that the id is defined at line; an id that is so already is refused.
func (a *Anatomy) claim(id string, line int) error {
	if first, dup := a.defined[id]; dup {
		return fmt.Errorf("%w: %s was defined at line %d", ErrDuplicate, id, first.line())
	}
	a.defined[id] = a.place(line)
	return nil
}

// relate takes a relation.
func (a *Anatomy) relate(child string, kind graph.RelationType, parent string, at place) {
	a.Relations = append(a.Relations, graph.Relation{Child: child, Parent: parent, Type: kind})
	a.places = append(a.places, at)
}

// maxCounters bounds how many words a counter of Notes tells apart.
const maxCounters = 1000

// count adds one to a counter of Notes; words beyond maxCounters are counted
// together as "…".
func count(counter *map[string]int, word string) {
	if *counter == nil {
		*counter = map[string]int{}
	}
	if _, known := (*counter)[word]; !known && len(*counter) >= maxCounters {
		word = "…"
	}
	(*counter)[word]++
}

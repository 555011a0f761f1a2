// Package catalog knows public segmentation datasets and what they label. It
// reads no scans and no masks.
//
// A Dataset is a reviewed record, a file of records/: where the dataset comes
// from, where its files lie, what its raw labels are, by which recipes they make
// corpus classes, and what is odd about it. Builtin returns the 72 of SAT-DS;
// ReadDir reads a user's own.
//
// A Class is one of the 498 pairs of a modality and a class name of SAT-DS, each
// anchored by judgement to the term of the tree that it stands for. Every pair
// has its row in classes.tsv: name, modality, term and its name, predicate,
// "abnormal" or nothing, region, and a reason wherever class and term are not
// plainly the same word.
package catalog

import (
	_ "embed" // the table
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

//go:embed classes.tsv
var classesTSV string

// ErrTable says that the embedded table is damaged.
var ErrTable = errors.New("the embedded table of corpus classes is damaged")

// Modality is how a scan was made, as the corpus names it.
type Modality string

// The modalities of the corpus.
const (
	CT  Modality = "ct"
	MRI Modality = "mri"
	PET Modality = "pet"
)

// Predicate says how a class relates to its term (SKOS: the term is what the
// class is exactly, nearly, … matched to).
type Predicate string

// The predicates.
const (
	Exact  Predicate = "exact"  // the class is the term
	Close  Predicate = "close"  // nearly: datasets draw a little more or less; the reason says what
	Broad  Predicate = "broad"  // the term is broader than the class
	Narrow Predicate = "narrow" // the term is narrower than the class
)

// Class is one (modality, class name) pair of the corpus.
type Class struct {
	Name      string // as the corpus and the prompts of SAT spell it, case-folded
	Modality  Modality
	TermID    string
	TermName  string // the term's name in the builtin tree
	Predicate Predicate
	Abnormal  bool   // the corpus counts it among the abnormalities
	Region    string // of the body, as the corpus sorts its classes
	Reason    string // why this term, where it is not plain
}

// header is the first line of the table.
const header = "name\tmodality\tterm\tname of term\tpredicate\tabnormal\tregion\treason"

var load = sync.OnceValues(func() ([]Class, error) { return parse(classesTSV) })

// Classes returns all pairs, by name, then modality. The slice is the caller's.
// The only error is ErrTable, for a damaged binary.
func Classes() ([]Class, error) {
	classes, err := load()
	return slices.Clone(classes), err
}

func parse(table string) ([]Class, error) {
	lines := strings.Split(strings.TrimSuffix(table, "\n"), "\n")
	if lines[0] != header {
		return nil, fmt.Errorf("%w: header %q", ErrTable, lines[0])
	}
	classes := make([]Class, 0, len(lines)-1)
	for n, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != strings.Count(header, "\t")+1 {
			return nil, fmt.Errorf("%w: line %d has %d columns", ErrTable, n+2, len(f))
		}
		c := Class{
			Name: f[0], Modality: Modality(f[1]), TermID: f[2], TermName: f[3], Predicate: Predicate(f[4]),
			Abnormal: f[5] == "abnormal", Region: f[6], Reason: f[7],
		}
		if err := c.check(f[5]); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrTable, n+2, err)
		}
		classes = append(classes, c)
	}
	return classes, nil
}

func (c *Class) check(abnormal string) error {
	switch c.Modality {
	case CT, MRI, PET:
	default:
		return fmt.Errorf("unknown modality %q", c.Modality)
	}
	switch c.Predicate {
	case Exact:
	case Close, Broad, Narrow:
		if c.Reason == "" {
			return fmt.Errorf("%q is not exact and gives no reason", c.Name)
		}
	default:
		return fmt.Errorf("unknown predicate %q", c.Predicate)
	}
	if abnormal != "" && abnormal != "abnormal" {
		return fmt.Errorf("want abnormal or nothing, not %q", abnormal)
	}
	if !slices.Contains(regions, c.Region) {
		return fmt.Errorf("unknown region %q", c.Region)
	}
	if c.Name == "" || c.TermID == "" {
		return errors.New("a class without name or term")
	}
	return nil
}

package labelmap

import (
	"context"
	"errors"
	"fmt"
	"reflect"
)

// ErrNoDataset says that a raw label does not name its dataset.
var ErrNoDataset = errors.New("the label does not name its dataset")

// Imported is what Importing makes of raw labels.
type Imported struct {
	// Entries bring in the labels that are new, or of which their source says
	// something new.
	Entries []Entry
	// Unchanged counts labels that are in already as they are given.
	Unchanged int
	// Repeated names labels that an earlier row has, which counts: "KEY, line N".
	Repeated []string
}

// Importing makes the entries that bring labels in. A label without name and
// value is called by its line, so that no row is lost. Errors: ErrNoDataset, or
// the ledger's.
func (b *Book) Importing(ctx context.Context, labels []RawLabel) (*Imported, error) {
	out := &Imported{}
	known, loaded, taken := map[Subject]*State{}, map[string]bool{}, map[Subject]bool{}
	for i := range labels {
		l := &labels[i]
		if l.Dataset == "" {
			return nil, fmt.Errorf("%w: line %d, %.100q", ErrNoDataset, l.Line, l.Name)
		}
		if l.Key() == "" {
			l.Name = fmt.Sprintf("(no name, line %d)", l.Line)
		}
		if !loaded[l.Dataset] {
			loaded[l.Dataset] = true
			states, err := b.States(ctx, l.Dataset, SubjectLabel)
			if err != nil {
				return nil, err
			}
			for k := range states {
				known[states[k].Subject] = &states[k]
			}
		}
		s := Subject{Kind: SubjectLabel, Dataset: l.Dataset, Key: l.Key()}
		if taken[s] {
			out.Repeated = append(out.Repeated, fmt.Sprintf("%s, line %d", s.Key, l.Line))
			continue
		}
		taken[s] = true
		version := int64(0)
		if st := known[s]; st != nil {
			if reflect.DeepEqual(st.Label, l) {
				out.Unchanged++
				continue
			}
			version = st.Version
		}
		out.Entries = append(out.Entries, Entry{Subject: s, Version: version, Action: ActImport, Label: l})
	}
	return out, nil
}

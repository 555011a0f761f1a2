// Package ledger is what appending to a ledger means in every store, told once:
// an engine brings what its subjects have, and writes what comes out. It reads
// and writes nothing.
package ledger

import (
	"fmt"

	"satgraph/labelmap"
)

// Standing is what a subject has before a batch; Order brings it forward.
type Standing struct {
	Version int64 // number of its events
	Last    int64 // Seq of the latest, 0 for none
}

// Numbered is an event with its Seq.
type Numbered struct {
	labelmap.Event
	Previous int64 // Seq of the subject's event before, 0 for none
}

// Order numbers the events of a batch from seq+1 and checks each against what
// its subject has by then. have holds the standing of every subject of the
// batch, known those of its IDs that the ledger has. Errors:
// labelmap.ErrInvalidEvent, labelmap.ErrDuplicateEvent, or a
// *labelmap.ConflictError whose Theirs is left to the engine.
func Order(batch []labelmap.Event, have map[labelmap.Subject]*Standing, known map[string]bool, seq int64) ([]Numbered, error) {
	out := make([]Numbered, len(batch))
	here := make(map[string]bool, len(batch))
	for i := range batch {
		e := &batch[i]
		if err := e.Validate(); err != nil {
			return nil, err
		}
		if known[e.ID] || here[e.ID] {
			return nil, fmt.Errorf("%w: %s", labelmap.ErrDuplicateEvent, e.ID)
		}
		here[e.ID] = true
		at := have[e.Subject]
		if e.Version != at.Version {
			return nil, &labelmap.ConflictError{Yours: *e}
		}
		seq++
		out[i] = Numbered{Event: *e, Previous: at.Last}
		out[i].Seq = seq
		at.Version, at.Last = at.Version+1, seq
	}
	return out, nil
}

// Events are the events of a numbered batch.
func Events(batch []Numbered) []labelmap.Event {
	out := make([]labelmap.Event, len(batch))
	for i := range batch {
		out[i] = batch[i].Event
	}
	return out
}

// Split makes a list for each subject of events that stand subject by subject.
func Split(events []labelmap.Event) [][]labelmap.Event {
	var out [][]labelmap.Event
	for from := 0; from < len(events); {
		to := from + 1
		for to < len(events) && events[to].Subject == events[from].Subject {
			to++
		}
		out = append(out, events[from:to:to])
		from = to
	}
	return out
}

// Touched sorts out the subjects of a batch: those whose events are all in it,
// with these; those that have older ones; and the datasets themselves that it
// speaks of, since the states of all their labels hang on their policy.
func Touched(batch []Numbered) (whole [][]labelmap.Event, older []labelmap.Subject, datasets []string) {
	at := map[labelmap.Subject]int{} // in whole; -1 for older
	seen := map[string]bool{}
	for i := range batch {
		s := batch[i].Subject
		if s.Kind == labelmap.SubjectDataset && !seen[s.Dataset] {
			seen[s.Dataset] = true
			datasets = append(datasets, s.Dataset)
		}
		n, ok := at[s]
		switch {
		case !ok && batch[i].Version > 0:
			at[s] = -1
			older = append(older, s)
		case !ok:
			at[s] = len(whole)
			whole = append(whole, []labelmap.Event{batch[i].Event})
		case n >= 0:
			whole[n] = append(whole[n], batch[i].Event)
		}
	}
	return whole, older, datasets
}

package labelmap

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"satgraph/graph"
)

// SubjectKind is what a decision is about.
type SubjectKind string

// The kinds of subject.
const (
	// SubjectLabel is one raw label of a dataset.
	SubjectLabel SubjectKind = "label"
	// SubjectRecipe is how one corpus class is made in a dataset.
	SubjectRecipe SubjectKind = "recipe"
	// SubjectDataset is a dataset as a whole: its review policy, its import.
	SubjectDataset SubjectKind = "dataset"
)

// Subject names what a decision is about. Key is the raw label's key
// (RawLabel.Key), the recipe's class name, or empty for a dataset.
type Subject struct {
	Kind    SubjectKind
	Dataset string
	Key     string
}

// String names the subject for people: "label KiTS23: 2 tumor".
func (s Subject) String() string {
	if s.Key == "" {
		return fmt.Sprintf("%s %s", s.Kind, s.Dataset)
	}
	return fmt.Sprintf("%s %s: %s", s.Kind, s.Dataset, s.Key)
}

// Action is what an event does to its subject.
type Action string

// The actions.
const (
	// ActImport brings a raw label in, or changes what its source says of it.
	ActImport Action = "import"
	// ActDecide gives the actor's verdict; a later one replaces it.
	ActDecide Action = "decide"
	// ActReject says that a suggested term is wrong; the label stays open.
	ActReject Action = "reject"
	// ActAdjudicate settles what reviewers disagree on.
	ActAdjudicate Action = "adjudicate"
	// ActConfirm keeps a decision whose terms the tree has changed.
	ActConfirm Action = "confirm"
	// ActFlag marks a subject for attention; ActUnflag takes the mark away.
	ActFlag   Action = "flag"
	ActUnflag Action = "unflag"
	// ActComment says something and changes nothing.
	ActComment Action = "comment"
	// ActPolicy sets how many reviewers a dataset needs.
	ActPolicy Action = "policy"
	// ActUndo takes back the event that Ref names, an undo included.
	ActUndo Action = "undo"
)

// Event is one entry of the ledger. Events are never changed or taken away; the
// present state of a subject is their fold.
type Event struct {
	// Seq is the place in the ledger, from 1. The ledger sets it.
	Seq int64
	// ID is unique and made by the writer, so that a repeated write is noticed.
	ID string
	// Batch is shared by events that were written, and may be undone, together.
	Batch   string
	Time    time.Time // UTC
	Actor   string    // a person, or "policy:NAME"
	Tool    string    // program and version: "satgraph 0.3.0"
	Subject Subject
	// Version is the number of events that the subject had when the actor saw
	// it; another number now is a conflict.
	Version int64
	Action  Action
	// Verdict is set for decide and adjudicate, for confirm (what was
	// confirmed), and for reject (the rejected terms).
	Verdict *Verdict
	// Suggestion is what the program had offered, if anything.
	Suggestion *Offer
	// Label is what the source says, for import.
	Label *RawLabel
	// Reviewers is the number of reviewers, for policy.
	Reviewers int
	// Ref is the ID of the event to take back, for undo.
	Ref string
	// Comment is the actor's reason, in words.
	Comment string
}

// Offer records a suggestion as it stood when a decision was made on it.
type Offer struct {
	TermID string
	Score  float64
	Rank   int // from 1
	Tool   string
}

// Errors of a ledger and of the decisions written to it.
var (
	// ErrConflict: the subject has changed since the actor saw it.
	ErrConflict = errors.New("the subject has changed since it was read")
	// ErrDuplicateEvent: an event with this ID is in the ledger already.
	ErrDuplicateEvent = errors.New("the event is in the ledger already")
	// ErrInvalidEvent: an event lacks what its action needs.
	ErrInvalidEvent = errors.New("invalid event")
	// ErrUnknownSubject: no event speaks of the subject.
	ErrUnknownSubject = errors.New("nothing is known of the subject")
	// ErrNotAllowed: the actor may not do this to the subject as it stands.
	ErrNotAllowed = errors.New("not allowed")
)

// ConflictError tells a curator who came second what happened in between. It
// wraps ErrConflict.
type ConflictError struct {
	Yours  Event   // refused; nothing of its batch was written
	Theirs []Event // what the subject has got since Yours.Version
}

// Error names the subject and who changed it.
func (e *ConflictError) Error() string {
	who := "someone else"
	if n := len(e.Theirs); n > 0 {
		who = e.Theirs[n-1].Actor
	}
	return fmt.Sprintf("%s: %v, by %s; read it again and decide anew", e.Yours.Subject, ErrConflict, who)
}

// Unwrap returns ErrConflict.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Ledger keeps events in order. All methods are safe for concurrent use, also
// by several processes on one database.
type Ledger interface {
	Index
	// Append writes a batch, all of it or nothing, and returns its events with
	// Seq set. Errors: *ConflictError for the first event whose Version is not
	// the number of events that its subject has by then (earlier events of the
	// batch count), ErrDuplicateEvent, ErrInvalidEvent, or the context's.
	Append(ctx context.Context, batch []Event) ([]Event, error)
	// Subject returns the events of one subject in order; none for an unknown
	// subject.
	Subject(ctx context.Context, s Subject) ([]Event, error)
	// Events returns at most limit events with Seq > after, in order.
	Events(ctx context.Context, after int64, limit int) ([]Event, error)
	// Batch returns the events of batches, and single events by their IDs, in
	// order and each once; none for an unknown name.
	Batch(ctx context.Context, refs ...string) ([]Event, error)
}

// Index finds the subjects of a ledger by where they stand.
type Index interface {
	// Subjects returns the events of the subjects that a query chooses, a list
	// for each subject, in the order of CompareSubjects.
	Subjects(ctx context.Context, q SubjectQuery) ([][]Event, error)
	// Counts returns how many subjects of a dataset (of all when it is empty)
	// stand where, in the order of CompareCounts.
	Counts(ctx context.Context, dataset string) ([]Count, error)
	// Last returns the Seq of the latest event, 0 for none.
	Last(ctx context.Context) (int64, error)
}

// SubjectQuery chooses subjects of a ledger; what is left empty chooses all.
type SubjectQuery struct {
	Dataset  string
	Kind     SubjectKind
	Statuses []Status // any of them
	Flagged  bool     // only those with a standing flag
	Names    []string // only raw labels with any of these names, as NameKey gives them
	After    Subject  // only those behind it
	Limit    int      // at most so many; 0 gives none
}

// NameKey is what raw labels of the same name share: the name normalised
// (graph.Normalize), of which the first 200 bytes count.
func NameKey(name string) string {
	key := graph.Normalize(name)
	if len(key) > 200 {
		key = strings.ToValidUTF8(key[:200], "")
	}
	return key
}

// Count is how many subjects of one dataset and kind have one status.
type Count struct {
	Dataset  string
	Kind     SubjectKind
	Status   Status
	Subjects int
	Flagged  int // of those
}

// CompareCounts orders counts by dataset, kind and status, byte by byte.
func CompareCounts(a, b Count) int {
	return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Status, b.Status))
}

// Limits of what an event names, in bytes. The key of a label may have any
// length.
const (
	MaxDatasetName = 1000
	MaxTermID      = 1000
	MaxEventID     = 200 // also of a batch, and of the event to undo
)

// Validate checks that an event holds what its action needs. Ledgers call it
// before they write. Errors wrap ErrInvalidEvent.
func (e *Event) Validate() error {
	fail := func(why string) error {
		return fmt.Errorf("%w: %s of %s: %s", ErrInvalidEvent, e.Action, e.Subject, why)
	}
	switch {
	case e.ID == "":
		return fail("it has no id")
	case e.Actor == "":
		return fail("it does not say who acts")
	case e.Time.IsZero():
		return fail("it has no time")
	case e.Subject.Dataset == "":
		return fail("its subject names no dataset")
	case e.Version < 0:
		return fail("its version is negative")
	case max(len(e.ID), len(e.Batch), len(e.Ref)) > MaxEventID:
		return fail(fmt.Sprintf("an id of more than %d bytes", MaxEventID))
	case len(e.Subject.Dataset) > MaxDatasetName:
		return fail(fmt.Sprintf("the dataset's name has more than %d bytes", MaxDatasetName))
	}
	for _, s := range []string{e.ID, e.Batch, e.Ref, e.Actor, e.Subject.Dataset, e.Subject.Key} {
		if !utf8.ValidString(s) {
			return fail("a name of it is not UTF-8 text")
		}
	}
	switch e.Subject.Kind {
	case SubjectLabel, SubjectRecipe:
		if e.Subject.Key == "" {
			return fail("its subject has no key")
		}
	case SubjectDataset:
		if e.Subject.Key != "" {
			return fail("a dataset as a subject has no key")
		}
	default:
		return fail(fmt.Sprintf("unknown kind of subject %q", e.Subject.Kind))
	}
	return e.validateAction(fail)
}

func (e *Event) validateAction(fail func(string) error) error {
	switch e.Action {
	case ActImport:
		if e.Label == nil && e.Subject.Kind == SubjectLabel {
			return fail("it brings no label")
		}
	case ActDecide, ActAdjudicate, ActConfirm, ActReject:
		if e.Verdict == nil {
			return fail("it gives no verdict")
		}
		if err := e.Verdict.validate(e.Action); err != nil {
			return fail(err.Error())
		}
	case ActUndo:
		if e.Ref == "" {
			return fail("it does not say what to take back")
		}
	case ActPolicy:
		if e.Reviewers < 1 || e.Reviewers > MaxReviewers {
			return fail(fmt.Sprintf("%d reviewers, not 1 to %d", e.Reviewers, MaxReviewers))
		}
		if e.Subject.Kind != SubjectDataset {
			return fail("a policy is a dataset's")
		}
	case ActComment, ActFlag:
		if e.Comment == "" {
			return fail("it says nothing")
		}
	case ActUnflag:
	default:
		return fail("unknown action")
	}
	return nil
}

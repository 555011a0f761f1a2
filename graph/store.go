package graph

import (
	"context"
	"errors"
	"time"
)

// Snapshot is everything a store keeps of one revision of the tree. Terms are
// sorted by id, relations by child, parent and type.
type Snapshot struct {
	Revision  string
	Terms     []Term
	Relations []Relation
}

// Tree indexes the snapshot; the errors are those of NewTree.
func (s *Snapshot) Tree() (*Tree, error) { return NewTree(s.Revision, s.Terms, s.Relations) }

// Errors that every Store returns, wrapped with what and where.
var (
	// ErrEmpty: the store holds no tree yet.
	ErrEmpty = errors.New("the store holds no tree")
	// ErrForeign: what is there is not a store of this program.
	ErrForeign = errors.New("not a satgraph store")
	// ErrCorrupt: the store is damaged, or its content fails its checksum.
	ErrCorrupt = errors.New("the store is damaged")
	// ErrNewer: a newer program wrote the store.
	ErrNewer = errors.New("the store was written by a newer satgraph")
	// ErrClosed: the store was closed.
	ErrClosed = errors.New("the store is closed")
	// ErrUnavailable: the store's server does not answer, or not in time, or
	// another process holds the store for too long. A later call may succeed.
	ErrUnavailable = errors.New("the store does not answer")
)

// Store keeps one tree. All methods are safe for concurrent use, also by
// several processes on one database.
type Store interface {
	// Load returns the current revision. Errors: ErrEmpty, ErrCorrupt,
	// ErrClosed, ErrUnavailable, or the context's.
	Load(ctx context.Context) (*Snapshot, error)
	// Replace makes s the current revision, wholly or not at all, and begins
	// the history anew: for a first tree. What a user brings later goes through
	// Changer, so that it can be taken back. A snapshot that does not form a
	// tree is refused with the errors of NewTree, texts with those of
	// CheckTerm. Other errors: ErrClosed, ErrUnavailable, or the context's.
	Replace(ctx context.Context, s Snapshot) error
	// Revision returns the current revision cheaply, to notice the writes of
	// other processes. Errors: ErrEmpty, ErrClosed, ErrUnavailable, or the
	// context's.
	Revision(ctx context.Context) (string, error)
	// Close frees the store; a second Close does nothing.
	Close() error
}

// Record is a change set in a store's history, without its changes.
type Record struct {
	Number   int       `json:"number"` // 1, 2, 3 … in the order of application
	ID       string    `json:"id"`
	Title    string    `json:"title"`
	Author   string    `json:"author"`
	Source   string    `json:"source,omitempty"`
	Tool     string    `json:"tool,omitempty"`
	Time     time.Time `json:"time"`
	Before   string    `json:"before"`             // the revision it was applied to; "" for an empty store
	Revision string    `json:"revision"`           // the revision it made
	Undoes   string    `json:"undoes,omitempty"`   // the id of the set that it takes back
	UndoneBy string    `json:"undoneBy,omitempty"` // the id of the set that took it back
	Counts   Counts    `json:"counts"`
}

// Changer changes a store's tree in steps that are kept and can be taken back.
// All methods may also return ErrClosed, ErrUnavailable or the context's error.
type Changer interface {
	// Apply applies the set wholly or not at all, durably, in turn with all
	// other writers. Errors: those of ChangeSet.Check and ChangeSet.Verify, and
	// ErrApplied, whose Record is that of the first time.
	Apply(ctx context.Context, cs ChangeSet) (Record, error)
	// Undo applies the inverse of a set, as by.Author with by.Tool and, if
	// given, by.ID, by.Title and by.Time. What was changed again since is a
	// conflict. An undo can be undone, which redoes the first. Errors:
	// ErrUnknownChangeSet, ErrUndone, and those of Apply.
	Undo(ctx context.Context, id string, by ChangeSet) (Record, error)
	// History returns the records before a number, newest first, limit at most.
	// before 0 starts at the newest; limit 0 means 100.
	History(ctx context.Context, before, limit int) ([]Record, error)
	// ChangeSet returns an applied set whole, with Base the revision that it
	// was applied to. Errors: ErrUnknownChangeSet.
	ChangeSet(ctx context.Context, id string) (*ChangeSet, error)
}

// Exemplars keeps pictures of terms. They are no part of the tree and its
// revisions: a term that goes hides its exemplars until it comes back. All
// methods may also return ErrClosed, ErrUnavailable or the context's error.
type Exemplars interface {
	// AddExemplars adds all or none and returns how many are new. Errors:
	// ErrInvalidExemplar, ErrUnknownTerm.
	AddExemplars(ctx context.Context, list []Exemplar) (int, error)
	// FindExemplars returns what the query chooses, by id.
	FindExemplars(ctx context.Context, q ExemplarQuery) ([]Exemplar, error)
	// RemoveExemplars removes all of a dataset and returns how many they were.
	RemoveExemplars(ctx context.Context, dataset string) (int, error)
}

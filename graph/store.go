package graph

import (
	"context"
	"errors"
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
)

// Store keeps one tree. All methods are safe for concurrent use, also by
// several processes on one database.
type Store interface {
	// Load returns the current revision. Errors: ErrEmpty, ErrCorrupt,
	// ErrClosed, or the context's.
	Load(ctx context.Context) (*Snapshot, error)
	// Replace makes s the current revision, wholly or not at all. A snapshot
	// that does not form a tree is refused with the errors of NewTree. Other
	// errors: ErrClosed, or the context's.
	Replace(ctx context.Context, s Snapshot) error
	// Revision returns the current revision cheaply, to notice the writes of
	// other processes. Errors: ErrEmpty, ErrClosed, or the context's.
	Revision(ctx context.Context) (string, error)
	// Close frees the store; a second Close does nothing.
	Close() error
}

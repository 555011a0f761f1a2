// Package live keeps a store's tree in memory and current: reads never wait on
// a database, and the writes of other processes are noticed by revision. Start
// from Open, then Run. Once loaded, the tree outlives the store's server.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"satgraph/graph"
)

// pollTime is how long the store may take to tell its revision before it
// counts as lost.
const pollTime = 5 * time.Second

// Tree is the present revision of a store's tree. It is safe for concurrent
// use.
type Tree struct {
	store   graph.Store
	use     func(*graph.Tree) error
	log     *slog.Logger
	now     atomic.Pointer[graph.Tree]
	problem atomic.Pointer[problem]
	loading sync.Mutex // so that an older revision never takes the place of a newer
}

type problem struct {
	text  string
	since time.Time
}

// Open loads the tree. use is called with it, and with each later revision
// before that takes its place: an error keeps the old one. log may be nil. The
// errors are those of graph.Store, graph.NewTree and use.
func Open(ctx context.Context, store graph.Store, use func(*graph.Tree) error, log *slog.Logger) (*Tree, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	t := &Tree{store: store, use: use, log: log}
	if err := t.load(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// Tree returns the present revision.
func (t *Tree) Tree() *graph.Tree { return t.now.Load() }

// Degraded says what is wrong with the store, since when, and what still
// works; "" where nothing is.
func (t *Tree) Degraded() string {
	p := t.problem.Load()
	if p == nil {
		return ""
	}
	return fmt.Sprintf("%s (since %s): the tree is read from memory, revision %s, and changes are neither seen nor possible",
		p.text, p.since.UTC().Format(time.RFC3339), t.Tree().Revision())
}

// Run looks for a new revision at every interval, until ctx ends.
func (t *Tree) Run(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			t.note(ctx, t.Refresh(ctx))
		}
	}
}

// Refresh loads the store's tree now if it is another than the present one.
// Errors: those of Open.
func (t *Tree) Refresh(ctx context.Context) error {
	t.loading.Lock()
	defer t.loading.Unlock()
	poll, cancel := context.WithTimeout(ctx, pollTime)
	defer cancel()
	revision, err := t.store.Revision(poll)
	if err != nil || revision == t.Tree().Revision() {
		return err
	}
	return t.load(ctx)
}

func (t *Tree) load(ctx context.Context) error {
	snapshot, err := t.store.Load(ctx)
	if err != nil {
		return err
	}
	tree, err := snapshot.Tree()
	if err != nil {
		return fmt.Errorf("revision %s: %w", snapshot.Revision, err)
	}
	if err := t.use(tree); err != nil {
		return fmt.Errorf("revision %s: %w", snapshot.Revision, err)
	}
	t.now.Store(tree)
	t.log.Info("tree loaded", "revision", tree.Revision(), "terms", tree.Len())
	return nil
}

// note keeps what is wrong, and logs where that begins and ends.
func (t *Tree) note(ctx context.Context, err error) {
	before := t.problem.Load()
	switch {
	case ctx.Err() != nil: // the end of the service
	case err == nil:
		if before != nil {
			t.problem.Store(nil)
			t.log.Info("the store answers again", "lost", time.Since(before.since).Round(time.Second))
		}
	default:
		text := "a new revision cannot be used"
		for _, known := range []error{graph.ErrUnavailable, graph.ErrCorrupt, graph.ErrEmpty, graph.ErrClosed} {
			if errors.Is(err, known) {
				text = known.Error()
			}
		}
		if errors.Is(err, context.DeadlineExceeded) {
			text = graph.ErrUnavailable.Error()
		}
		if before == nil || before.text != text {
			t.problem.Store(&problem{text: text, since: time.Now()})
			t.log.Warn("the store is of no use now", "error", err)
		}
	}
}

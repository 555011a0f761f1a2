package neo4j

import (
	"context"
	"maps"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"

	"satgraph/graph"
)

// transaction is a managed transaction; the driver may run the function that
// gets it again after a lost connection. It is a change.Tx.
type transaction struct {
	tx neo4j.ManagedTransaction
	// alive puts the end off at which a silent server is given up.
	alive func(patience time.Duration)
	store *Store
}

// watch returns a context that ends once the server was silent for the
// timeout, and alive, which counts from now again.
func (s *Store) watch(ctx context.Context) (_ context.Context, alive func(time.Duration), stop func()) {
	// The driver notices a cancellation only where there is a deadline too.
	ctx, release := context.WithTimeout(ctx, 7*24*time.Hour)
	ctx, cancel := context.WithCancelCause(ctx)
	timer := time.AfterFunc(s.timeout, func() { cancel(errSilent) })
	return ctx, func(patience time.Duration) { timer.Reset(patience) }, func() {
		timer.Stop()
		cancel(nil)
		release()
	}
}

// read runs f in a transaction that writes nothing.
func (s *Store) read(ctx context.Context, f func(ctx context.Context, t *transaction) error) error {
	return s.run(ctx, neo4j.AccessModeRead, f)
}

// write runs f in a transaction that holds the writers' lock from its start.
func (s *Store) write(ctx context.Context, f func(ctx context.Context, t *transaction) error) error {
	return s.run(ctx, neo4j.AccessModeWrite, func(ctx context.Context, t *transaction) error {
		err := t.exec(ctx, `MATCH (s:SatgraphStore {name: 'satgraph'}) SET s.writing = true REMOVE s.writing`, nil)
		if err == nil {
			err = f(ctx, t)
		}
		// The commit does all work of the transaction at once.
		t.alive(20 * s.timeout)
		return err
	})
}

func (s *Store) run(ctx context.Context, mode neo4j.AccessMode, f func(ctx context.Context, t *transaction) error) error {
	if s.closed.Load() {
		return graph.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	watched, alive, stop := s.watch(ctx)
	defer stop()
	session := s.driver.NewSession(watched, neo4j.SessionConfig{AccessMode: mode, DatabaseName: s.database, BookmarkManager: s.bookmarks})
	defer func() {
		// The call may be over because its context is.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = session.Close(ctx) // gives the connection back
	}()
	execute := session.ExecuteRead
	if mode == neo4j.AccessModeWrite {
		execute = session.ExecuteWrite
	}
	_, err := execute(watched, func(tx neo4j.ManagedTransaction) (any, error) {
		return nil, f(watched, &transaction{tx, alive, s})
	})
	if err != nil && s.closed.Load() {
		return graph.ErrClosed
	}
	return named(watched, err)
}

// rows calls each with the values of every record.
func (t *transaction) rows(ctx context.Context, cypher string, params map[string]any, each func(v []any) error) error {
	t.alive(t.store.timeout)
	result, err := t.tx.Run(ctx, cypher, params)
	if err != nil {
		return err
	}
	for n := 0; result.Next(ctx); n++ {
		if n%1000 == 0 {
			t.alive(t.store.timeout)
		}
		if err := each(result.Record().Values); err != nil {
			return err
		}
	}
	return result.Err()
}

// exec runs a statement that returns nothing.
func (t *transaction) exec(ctx context.Context, cypher string, params map[string]any) error {
	return t.rows(ctx, cypher, params, func([]any) error { return nil })
}

// batchRows is how much goes into one statement.
const batchRows = 5000

// batches runs a statement for parts of the rows, as the parameter rows.
func batches[T any](ctx context.Context, t *transaction, rows []T, cypher string, params map[string]any) error {
	for len(rows) > 0 {
		n := min(batchRows, len(rows))
		given := map[string]any{"rows": rows[:n]}
		maps.Copy(given, params)
		if err := t.exec(ctx, cypher, given); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

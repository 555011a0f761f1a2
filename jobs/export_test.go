package jobs

import "time"

// Cut takes a worker's connection away, as a broken network does.
func Cut(r *Runner) { r.bus.Conn.Close() }

// PruneEvery has jobs looked for and removed at once.
func PruneEvery(d time.Duration) (restore func()) {
	every, grace := pruneEvery, pruneGrace
	pruneEvery, pruneGrace = d, 0
	return func() { pruneEvery, pruneGrace = every, grace }
}

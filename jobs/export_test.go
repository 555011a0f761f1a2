package jobs

import (
	"context"
	"time"
)

// Cut takes a worker's connection away, as a broken network does.
func Cut(r *Runner) { r.bus.Conn.Close() }

// PruneEvery has jobs looked for and removed at once.
func PruneEvery(d time.Duration) (restore func()) {
	every, grace := pruneEvery, pruneGrace
	pruneEvery, pruneGrace = d, 0
	return func() { pruneEvery, pruneGrace = every, grace }
}

// Die leaves a remote worker as its sudden end does: its connection and its locks
// are gone.
func Die(r *Runner) {
	r.bus.Conn.Close()
	for _, w := range r.workers {
		_ = w.lock.Close()
		w.courier.close()
	}
}

// Write asks a service to take a piece of a result, as the worker that has the
// job where no other is named.
func Write(ctx context.Context, r *Runner, job string, epoch uint64, worker, name string, data []byte) error {
	if worker == "" {
		r.mirror.mu.Lock()
		if c := r.mirror.active[job].Claim; c != nil {
			worker = c.Worker
		}
		r.mirror.mu.Unlock()
	}
	_, _, err := r.ask(ctx, r.home, &fileRequest{Op: opWrite, Job: job, Epoch: epoch, Worker: worker, Name: name}, data)
	return err
}

// Copies is how many of the table the servers keep.
func (r *Runner) Copies(ctx context.Context) int {
	s, err := r.bus.Stream.Stream(ctx, "KV_"+r.config.Bucket)
	if err != nil {
		return 0
	}
	return s.CachedInfo().Config.Replicas
}

// Package jobs takes work in, keeps it on NATS JetStream, and has it done by
// workers in this process or others, each job once in its effects.
//
// # What is kept
//
// One key-value bucket holds all: a job's request, which never changes, and its
// record, which changes only from one revision to the next, by whoever has seen
// the last. The record is the queue's entry and the job's state in one, so there is
// no message beside it that could be lost, doubled or out of date, and no
// acknowledgement or deduplication window that could run out. Every process holds
// the active records in memory and follows their changes (mirror.go); those that
// have ended are put away under another key, and job.json is written beside their
// masks.
//
// # How a job is done
//
// A worker takes the first job of the queue that it can run (kind, model, memory)
// by writing itself into the record, which raises the job's epoch. Signs of life
// go over plain NATS, with the progress in them. A worker whose process is seen to
// be gone (a file lock, on the same machine), or of which nothing was heard for a
// lease, loses the job; the next goes on from the saved state where it reaches the
// folder. Each epoch writes into a folder of its own, and what it made counts by
// the one change that ends the record under that epoch: a worker that lost the job
// meanwhile cannot make it.
//
// Leases and backoffs are counted by each process on its monotonic clock, from
// what it has seen, and anew after it or its connection slept; times of day are
// only shown.
//
// What may pass (a full disk, a server that does not answer) is tried again, later
// each time, and then dead with its reason; what is wrong with the input fails at
// once. A worker that ends under a job too often makes the job dead.
//
// # Once
//
// A key chosen by who asks stands for one job for as long as that is known,
// created or not at all. A scan asked twice with the same model and structures is
// computed once: the second waits for the first and takes over its result.
//
// Owners share the workers by start-time fair queueing (share.go).
//
// The package resolves no query and knows no protocol of clients: it is given a
// plan and a path. Start from [Open] and [Runner.Submit].
package jobs

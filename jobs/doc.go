// Package jobs runs segmentations one after another behind a queue, keeps what
// became of each in a folder of its own, and tells who asks how far it is.
//
// [Runner] works inside the process. A job's folder holds job.json, written
// whole at every change of state, and one mask per structure found; so jobs
// outlive the process: one that waited or ran when it ended, in order or not, is
// queued again at the next start and goes on from its last saved state. A job
// that has seen the process end [maxStarts] times is failed.
//
// The package resolves no query and knows no protocol: it is given a plan and a
// path. Start from [Open] and [Runner.Submit].
package jobs

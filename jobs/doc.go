// Package jobs runs segmentations one after another behind a queue, keeps what
// became of each in a folder of its own, and tells who asks how far it is.
//
// [Runner] works inside the process. A job's folder holds job.json, written
// whole at every change of state, and one mask per structure found; so finished
// jobs outlive the process, and a job that the process took down with it is
// found again as failed, never as running for ever.
//
// The package resolves no query and knows no protocol: it is given a plan and a
// path. Start from [Open] and [Runner.Submit].
package jobs

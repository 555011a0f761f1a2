// Package backup carries all that a store keeps into one archive and from there
// into a store of any kind: the tree with its history, the ledger, exemplars,
// API tokens (their hashes), and, if asked, files. Start from Write and Restore.
//
// An archive is a gzipped tar: "satgraph-backup.json", parts of at most a few
// MiB of JSON lines, files, and last "manifest.json" with the size and SHA-256 of
// every other entry. One that was cut short has no manifest and is refused.
//
// Write uses the store's own interfaces while others write: the ledger as far as
// it went at the start (it only grows), then the tree with the whole history at
// one revision. Restore takes back the history from the tree, puts the first
// tree in place and applies every change set anew, so that the store checks each,
// and compares revisions, checksum and counts with the archive's. Exemplars that
// are hidden, since the tree has their term no more, are not carried.
package backup

// Package sqlite keeps the tree in an SQLite file (pure Go, nothing to install):
// the embedded default store. Start from Open.
//
// What it holds, for a person with any SQLite tool:
//
//	terms(n, id, name, kind, side, definition)      n: place by id
//	synonyms(term, position, scope, text)
//	xrefs(term, position, ref)
//	relations(child, parent, type)
//	meta(key, value)                                revision, checksum
//
// The content is checked against a SHA-256 each time it is loaded, so a row
// edited by hand makes Load fail with graph.ErrCorrupt instead of passing as
// reviewed knowledge. Several processes may use one file: writes take turns
// (up to Options.Wait), readers are never blocked.
//
// Caveats: the file must lie on a local disk (SQLite's write-ahead log needs
// shared memory); beside PATH there are PATH-wal and PATH-shm while it is open.
package sqlite

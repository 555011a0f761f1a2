// Package sqlite keeps the tree in an SQLite file (pure Go, nothing to install):
// the embedded default store. Start from Open.
//
// What it holds, for a person with any SQLite tool:
//
//	terms(n, id, name, kind, side, definition)      n: a number for the other tables
//	synonyms(term, position, scope, text)
//	xrefs(term, position, ref)
//	relations(child, parent, type)
//	change_sets(number, id, title, author, …)       the history
//	changes(change_set, position, op, old, new, …)  old and new: terms as JSON
//	exemplars(id, term, dataset, modality, …)
//	meta(key, value)                                revision, checksum
//
// The content is checked against its graph.Digest each time it is loaded, so a
// row edited by hand makes Load fail with graph.ErrCorrupt instead of passing
// as reviewed knowledge. Several processes may use one file: writes take turns
// (up to Options.Wait, then graph.ErrUnavailable), readers are never blocked.
// A write that was answered is on the disk; one that was not, by a killed
// process or a lost power supply, is there wholly or not at all.
//
// Caveats: the file must lie on a local disk (SQLite's write-ahead log needs
// shared memory); beside PATH there are PATH-wal and PATH-shm while it is open.
// A file of an older schema is brought forward when it is opened, after a check
// of its content, and can then no longer be opened by the older program.
package sqlite

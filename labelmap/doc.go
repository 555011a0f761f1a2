// Package labelmap maps the raw labels of segmentation datasets onto the tree
// of anatomy, and keeps how every decision came about.
//
// A Ledger holds events that are never changed: who decided what of which
// subject, when, why, and on which suggestion. The state of a subject is the
// fold of its events (Fold), so undo is one more event, two reviewers who
// disagree are seen to, and nobody overwrites anybody: an event names the
// version of the subject that its writer saw, and a ledger refuses it when the
// subject has moved on.
//
// A Recipe says how a corpus class is made from raw labels, and is decided on
// like a mapping.
//
// The package reads no files, opens no scans and knows no database: package
// ingest brings raw labels, the stores keep ledgers, package datasets carries
// recipes out. It never decides anything by itself. Start from Book.
package labelmap

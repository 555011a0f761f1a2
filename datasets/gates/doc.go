// Package gates checks a corpus before it is trained on or given away. Each
// gate is one named check with its reason; it says what it found, of which
// dataset and what, and whether that stops a release. A finding that was looked
// at and accepted is waived by a record that names two people, see ReadWaivers.
//
// Gates read records, lists of scans and measurements that a build kept; they
// open no image, change nothing and decide nothing. Start from Run.
package gates

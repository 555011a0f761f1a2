// Package builtin holds the tree that ships with the program, embedded in the
// binary: 6,502 terms of human anatomy and findings, made by package build from
// Uberon (CC BY 3.0, see NOTICE) and the project's reviewed tables. It is made
// again with "satgraph tree build" and never edited by hand.
package builtin

import (
	"bytes"
	_ "embed" // the tree
	"fmt"

	"satgraph/graph"
	"satgraph/graph/treefile"
)

//go:embed tree.tsv.gz
var file []byte

// Bytes returns the embedded file, as package treefile reads it. Read only.
func Bytes() []byte { return file }

// Snapshot unpacks the tree and checks it against its SHA-256. Each call gives
// a new snapshot, free to be changed. The errors are those of treefile.Read,
// and mean that the binary is damaged.
func Snapshot() (*graph.Snapshot, error) {
	s, err := treefile.Read(bytes.NewReader(file))
	if err != nil {
		return nil, fmt.Errorf("the embedded tree: %w", err)
	}
	return s, nil
}

// Revision is that of Snapshot, read from the file's first line alone. The error
// means that the binary is damaged.
func Revision() (string, error) {
	revision, err := treefile.ReadRevision(bytes.NewReader(file))
	if err != nil {
		return "", fmt.Errorf("the embedded tree: %w", err)
	}
	return revision, nil
}

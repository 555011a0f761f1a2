// Package graph holds the tree of human anatomy: terms, the relations between
// them, and Tree, an immutable in-memory index of one revision that answers
// every read (children, descendants, lookup by name, search). It also declares
// Store, what a database must offer to keep a tree.
//
// The package knows no file format, no database and no model; it never does
// input or output. Start from NewTree and Tree.
//
// Relations point from child to parent. "Children", "descendants" and so on
// follow all relation types unless types are named, so a finding that is
// located_in an organ is among the organ's children when no type is given.
package graph

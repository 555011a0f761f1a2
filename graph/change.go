package graph

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Op says what a Change does.
type Op string

// The operations. Each has an inverse that needs nothing but the change.
const (
	AddTerm        Op = "add_term"        // New
	RemoveTerm     Op = "remove_term"     // Old
	UpdateTerm     Op = "update_term"     // Old and New, of one id
	AddRelation    Op = "add_relation"    // Relation
	RemoveRelation Op = "remove_relation" // Relation
)

// Change is one step of a change set. Old is the whole term as it has to be
// before the change, New the whole term after it.
type Change struct {
	Op       Op       `json:"op"`
	Old      *Term    `json:"old,omitempty"`
	New      *Term    `json:"new,omitempty"`
	Relation Relation `json:"relation,omitzero"`
}

// TermID returns the id of the term that is added, removed or updated; "" for
// a change of a relation.
func (c *Change) TermID() string {
	switch {
	case c.New != nil:
		return c.New.ID
	case c.Old != nil:
		return c.Old.ID
	default:
		return ""
	}
}

// Inverse returns the change that takes c back.
func (c *Change) Inverse() Change {
	inverse := Change{Op: c.Op, Old: c.New, New: c.Old, Relation: c.Relation}
	switch c.Op {
	case AddTerm:
		inverse.Op = RemoveTerm
	case RemoveTerm:
		inverse.Op = AddTerm
	case AddRelation:
		inverse.Op = RemoveRelation
	case RemoveRelation:
		inverse.Op = AddRelation
	case UpdateTerm:
	}
	return inverse
}

// String names the change in a line: "update_term UBERON:0000948 (heart)".
func (c *Change) String() string {
	switch {
	case c.New != nil:
		return fmt.Sprintf("%s %s (%s)", c.Op, c.New.ID, c.New.Name)
	case c.Old != nil:
		return fmt.Sprintf("%s %s (%s)", c.Op, c.Old.ID, c.Old.Name)
	default:
		return fmt.Sprintf("%s %s %s %s", c.Op, c.Relation.Child, c.Relation.Type, c.Relation.Parent)
	}
}

// ChangeSet is a change of the tree that happens wholly or not at all, and can
// be taken back. The changes of a set have no order: each term and each
// relation is changed once at most, and what counts is the tree after all of
// them. A set that leaves a tree is valid, whatever stands between.
//
// Its JSON form is the struct's, with RFC 3339 time.
type ChangeSet struct {
	// ID names the set. A store gives one to a set without; a maker that gives
	// it can ask again after a lost connection and gets ErrApplied.
	ID     string    `json:"id,omitempty"`
	Title  string    `json:"title"`            // what it is for, for people
	Author string    `json:"author"`           // who answers for it
	Source string    `json:"source,omitempty"` // what it was made from: a file, its checksum
	Tool   string    `json:"tool,omitempty"`   // which program made it, with version
	Time   time.Time `json:"time,omitzero"`    // when it was applied; a store sets it where it is zero
	// Base is the revision that it was made against. A set may be applied to
	// another revision as long as nothing that it changes was changed there.
	Base    string   `json:"base,omitempty"`
	Undoes  string   `json:"undoes,omitempty"` // the id of the set that it takes back
	Changes []Change `json:"changes"`
}

// Errors of change sets, wrapped with what and where.
var (
	// ErrConflict: the tree is no longer what the change set was made for, or
	// another writer was quicker. Make the set again from the current revision
	// and try once more; errors.As with *ConflictError gives the particulars.
	ErrConflict = errors.New("conflict with the current tree")
	// ErrInvalidChange: the change set is malformed whatever the tree is.
	ErrInvalidChange = errors.New("invalid change set")
	// ErrApplied: a set of this id was applied before.
	ErrApplied = errors.New("the change set was applied before")
	// ErrUndone: the change set was taken back before.
	ErrUndone = errors.New("the change set was undone before")
	// ErrUnknownChangeSet: the history has no set of this id.
	ErrUnknownChangeSet = errors.New("unknown change set")
)

// Conflict is a change that does not fit the tree.
type Conflict struct {
	Change Change
	Now    *Term  // the term as it is; nil where there is none, or for a relation
	Reason string // "it has another definition now", "it is there already"
}

// ConflictError tells which changes do not fit. It wraps ErrConflict.
type ConflictError struct {
	Conflicts []Conflict
}

// Error names the first few conflicts and counts the rest.
func (e *ConflictError) Error() string {
	const shown = 3
	var lines []string
	for _, c := range e.Conflicts[:min(shown, len(e.Conflicts))] {
		lines = append(lines, c.Change.String()+": "+c.Reason)
	}
	if more := len(e.Conflicts) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return ErrConflict.Error() + ": " + strings.Join(lines, "; ")
}

// Unwrap makes errors.Is(err, ErrConflict) true.
func (e *ConflictError) Unwrap() error { return ErrConflict }

// Inverse returns the changes that take cs back, in a set without id, author
// or time. Its base is unknown: only a store knows the revision after cs.
func (cs *ChangeSet) Inverse() ChangeSet {
	inverse := ChangeSet{Title: "Undo: " + cs.Title, Undoes: cs.ID, Changes: make([]Change, len(cs.Changes))}
	for i := range cs.Changes {
		inverse.Changes[len(cs.Changes)-1-i] = cs.Changes[i].Inverse()
	}
	return inverse
}

// Counts says how much a change set changes.
type Counts struct {
	TermsAdded       int `json:"termsAdded"`
	TermsRemoved     int `json:"termsRemoved"`
	TermsUpdated     int `json:"termsUpdated"`
	RelationsAdded   int `json:"relationsAdded"`
	RelationsRemoved int `json:"relationsRemoved"`
}

// Counts counts the changes by operation.
func (cs *ChangeSet) Counts() Counts {
	var n Counts
	for i := range cs.Changes {
		switch cs.Changes[i].Op {
		case AddTerm:
			n.TermsAdded++
		case RemoveTerm:
			n.TermsRemoved++
		case UpdateTerm:
			n.TermsUpdated++
		case AddRelation:
			n.RelationsAdded++
		case RemoveRelation:
			n.RelationsRemoved++
		}
	}
	return n
}

// Check refuses a set that is malformed whatever the tree is: unknown or
// incomplete changes, a term or relation changed twice, an update that changes
// nothing (ErrInvalidChange), a new term that no tree takes (ErrInvalidTerm,
// see CheckTerm) or a new relation of unknown type (ErrInvalidRelation).
func (cs *ChangeSet) Check() error {
	terms := make(map[string]bool, len(cs.Changes))
	relations := make(map[Relation]bool, len(cs.Changes))
	for i := range cs.Changes {
		c := &cs.Changes[i]
		if err := c.check(); err != nil {
			return fmt.Errorf("change %d: %w", i, err)
		}
		id := c.TermID()
		if terms[id] || relations[c.Relation] {
			return fmt.Errorf("%w: change %d: %s: changed twice in one set", ErrInvalidChange, i, c)
		}
		if id != "" {
			terms[id] = true
		} else {
			relations[c.Relation] = true
		}
	}
	for _, text := range []string{cs.ID, cs.Title, cs.Author, cs.Source, cs.Tool, cs.Base, cs.Undoes} {
		if reason := badText(text, maxName); reason != "" {
			return fmt.Errorf("%w: %.80q %s", ErrInvalidChange, text, reason)
		}
	}
	return nil
}

func (c *Change) check() error {
	hasOld, hasNew, hasRelation := false, false, false
	switch c.Op {
	case AddTerm:
		hasNew = true
	case RemoveTerm:
		hasOld = true
	case UpdateTerm:
		hasOld, hasNew = true, true
	case AddRelation, RemoveRelation:
		hasRelation = true
	default:
		return fmt.Errorf("%w: unknown operation %.80q", ErrInvalidChange, c.Op)
	}
	if (c.Old != nil) != hasOld || (c.New != nil) != hasNew || (c.Relation != Relation{}) != hasRelation {
		return fmt.Errorf("%w: %s does not have what it needs, or more", ErrInvalidChange, c.Op)
	}
	switch {
	case hasOld && c.Old.ID == "":
		return fmt.Errorf("%w: %s of a term without id", ErrInvalidChange, c.Op)
	case hasOld && hasNew && c.Old.ID != c.New.ID:
		return fmt.Errorf("%w: %s of %s gives it the id %s", ErrInvalidChange, c.Op, c.Old.ID, c.New.ID)
	case hasOld && hasNew && c.Old.Equal(c.New):
		return fmt.Errorf("%w: %s changes nothing", ErrInvalidChange, c)
	case c.Op == AddRelation && c.Relation.Type.code() < 0:
		return fmt.Errorf("%w: %s: unknown type", ErrInvalidRelation, c)
	case hasNew:
		return CheckTerm(c.New)
	}
	return nil
}

// MaxChangeSetBytes is the longest JSON text that ReadChangeSet takes.
const MaxChangeSetBytes = 1 << 30

// ReadChangeSet reads the JSON form of one set and checks it with Check. A
// malformed text, an unknown field or a text beyond MaxChangeSetBytes is
// ErrInvalidChange.
func ReadChangeSet(r io.Reader) (*ChangeSet, error) {
	limited := &io.LimitedReader{R: r, N: MaxChangeSetBytes + 1}
	d := json.NewDecoder(limited)
	d.DisallowUnknownFields()
	var cs ChangeSet
	err := d.Decode(&cs)
	if err == nil {
		if _, more := d.Token(); !errors.Is(more, io.EOF) {
			err = errors.New("more text after the change set")
		}
	}
	switch {
	case limited.N <= 0:
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalidChange, MaxChangeSetBytes)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalidChange, err)
	}
	if err := cs.Check(); err != nil {
		return nil, err
	}
	return &cs, nil
}

// Equal says whether two terms are the same in all that a store keeps. The
// order of synonyms and cross-references counts.
func (t *Term) Equal(o *Term) bool {
	return t.ID == o.ID && t.Name == o.Name && t.Kind == o.Kind && t.Laterality == o.Laterality &&
		t.Definition == o.Definition && slices.Equal(t.Synonyms, o.Synonyms) && slices.Equal(t.Xrefs, o.Xrefs)
}

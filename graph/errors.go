package graph

import (
	"errors"
	"fmt"
	"strings"
)

// Errors that NewTree wraps. Each error names the term or relation at fault.
var (
	ErrInvalidTerm     = errors.New("invalid term")
	ErrDuplicateTerm   = errors.New("duplicate term id")
	ErrInvalidRelation = errors.New("invalid relation")
	ErrUnknownTerm     = errors.New("unknown term")
	ErrTooLarge        = errors.New("tree too large")
)

// CycleError reports that relations lead from a term back to itself, so that
// "descendant" would have no meaning. Path starts and ends with the same id,
// each id the child of the next.
type CycleError struct {
	Path []string
}

// Error names the whole cycle.
func (e *CycleError) Error() string {
	return fmt.Sprintf("the relations form a cycle: %s", strings.Join(e.Path, " → "))
}

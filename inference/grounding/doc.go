// Package grounding reads the draft of a radiology report and says which terms
// of the tree each of its sentences speaks of: with the side that is stated, and
// whether the sentence affirms, doubts or negates, as the NegEx algorithm does it
// (Chapman et al. 2001, doi:10.1006/jbin.2001.1029): by words before and behind,
// up to where their scope ends.
//
// It knows no scan. English only, and only what is said in words: it draws no
// conclusion, and what it does not recognise it leaves alone. Its answers help a
// reader to check a draft and are never fit for clinical use. Start from [Read];
// [Conflicts] finds what sentences say against each other.
package grounding

import (
	"errors"

	"satgraph/graph"
)

// What bounds a draft.
const (
	MaxBytes     = 20_000
	MaxSentences = 300
)

// ErrTooLong says that a draft is longer than MaxBytes or has more sentences
// than MaxSentences.
var ErrTooLong = errors.New("the draft is too long")

// Status says how a sentence speaks of something.
type Status string

// The statuses.
const (
	Affirmed  Status = "affirmed"
	Uncertain Status = "uncertain" // possible, suspected, not excluded
	Negated   Status = "negated"   // a finding that is not there, or that a structure does not show
	Missing   Status = "missing"   // a structure that is said not to be there: removed, absent, not seen
)

// The sides of a mention: of its term, or of words beside it.
const (
	Left  = string(graph.Left)
	Right = string(graph.Right)
	Both  = "both"
)

// A Mention is a piece of a sentence that means a term.
type Mention struct {
	Text     string
	From, To int // bytes in the draft
	// IDs are the terms that it means: one, or the left and the right one where
	// both are spoken of. Empty where it is ambiguous.
	IDs []string
	// Candidates are the terms that an ambiguous mention may mean.
	Candidates []string
	// Side is Left, Right or Both where the sentence states one, else empty.
	Side   string
	Status Status
	// Removed: the mention is an operation that takes the structure away.
	Removed bool
}

// A Sign is a word for a finding (cyst, fracture, …) that need be no term of its
// own.
type Sign struct {
	Word     string // in the singular
	From, To int
	Status   Status
}

// A Sentence is a piece of the draft.
type Sentence struct {
	Text     string // on one line
	From, To int    // bytes in the draft
	// Section is the last heading before it, in lower case ("findings",
	// "impression"); empty before the first.
	Section  string
	Mentions []Mention
	Signs    []Sign

	clauses []int // where each begins
}

// Concludes says that the sentence stands in a section that sums up.
func (s *Sentence) Concludes() bool {
	return s.Section == "impression" || s.Section == "conclusion" || s.Section == "summary" || s.Section == "opinion"
}

// clause is the number of the clause that holds a place.
func (s *Sentence) clause(at int) int {
	n := 0
	for n+1 < len(s.clauses) && s.clauses[n+1] <= at {
		n++
	}
	return n
}

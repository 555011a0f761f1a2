package labelmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Predicate says how a raw label relates to a term, in the words of SKOS
// mapping relations read from the label to the term: broad means that the term
// is broader than the label.
type Predicate string

// The predicates.
const (
	Exact   Predicate = "exact"
	Close   Predicate = "close"
	Broad   Predicate = "broad"
	Narrow  Predicate = "narrow"
	Related Predicate = "related"
	None    Predicate = "none"
)

// Known says whether p is one of the predicates.
func (p Predicate) Known() bool {
	switch p {
	case Exact, Close, Broad, Narrow, Related, None:
		return true
	}
	return false
}

// Outcome is what a reviewer makes of a subject.
type Outcome string

// The outcomes.
const (
	// Mapped: the label stands for the targets, or the recipe holds.
	Mapped Outcome = "mapped"
	// NoTerm: the label has no place in the tree, and needs none.
	NoTerm Outcome = "no_term"
	// NewTerm: the tree lacks the term; Verdict.NewTerm says what is wanted.
	NewTerm Outcome = "new_term"
	// Refused: a recipe is wrong and must not be used.
	Refused Outcome = "refused"
)

// Mode says how several targets of one label are meant.
type Mode string

// The modes.
const (
	AllOf Mode = "all_of" // the label is all targets together
	OneOf Mode = "one_of" // each labelled thing is one of them
)

// Target is one term that a label stands for. Fingerprint is the term's at the
// time of the decision (see Fingerprint): when the tree changes the term, the
// decision is listed for another look.
type Target struct {
	TermID      string
	Name        string
	Predicate   Predicate
	Fingerprint string
}

// Verdict is a reviewer's decision.
type Verdict struct {
	Outcome Outcome
	Mode    Mode // for several targets; empty for one
	Targets []Target
	// NewTerm is the name wanted for NewTerm; Targets are then the places where
	// the term would lie, and ChangeSet is the tree's change set that proposes it
	// (NewTermVerdict). Once that is applied the verdict is Mapped and keeps it.
	NewTerm   string
	ChangeSet string
	// Recipe is the recipe decided on, for recipes.
	Recipe *Recipe
}

// MaxReviewers and MaxTargets bound a policy and a verdict.
const (
	MaxReviewers = 2
	MaxTargets   = 1000
)

func (v *Verdict) validate(action Action) error {
	switch v.Outcome {
	case Mapped:
		if len(v.Targets) == 0 && v.Recipe == nil {
			return fmt.Errorf("a mapping without a target")
		}
	case NoTerm, Refused:
		if len(v.Targets) > 0 {
			return fmt.Errorf("%s with a target", v.Outcome)
		}
	case NewTerm:
		if strings.TrimSpace(v.NewTerm) == "" {
			return fmt.Errorf("a new term without a name")
		}
	default:
		return fmt.Errorf("unknown outcome %q", v.Outcome)
	}
	if action == ActReject && len(v.Targets) == 0 && v.Recipe == nil {
		return fmt.Errorf("nothing is rejected")
	}
	if len(v.Targets) > MaxTargets {
		return fmt.Errorf("%d targets, at most %d are taken", len(v.Targets), MaxTargets)
	}
	switch {
	case v.Mode == "" && len(v.Targets) > 1 && action != ActReject && v.Outcome != NewTerm:
		return fmt.Errorf("several targets, and not whether all or one of them is meant")
	case v.Mode != "" && v.Mode != AllOf && v.Mode != OneOf:
		return fmt.Errorf("unknown mode %q", v.Mode)
	}
	seen := map[string]bool{}
	for _, t := range v.Targets {
		if len(t.TermID) > MaxTermID {
			return fmt.Errorf("a term's id of more than %d bytes", MaxTermID)
		}
		if t.TermID == "" || seen[t.TermID] {
			return fmt.Errorf("a target without an id, or twice: %q", t.TermID)
		}
		seen[t.TermID] = true
		if !t.Predicate.Known() {
			return fmt.Errorf("unknown predicate %q", t.Predicate)
		}
	}
	if v.Recipe != nil {
		return v.Recipe.Validate()
	}
	return nil
}

// Agrees says whether two verdicts come to the same: outcome, targets with
// their predicates in any order, mode, and recipe. Fingerprints do not count.
func (v *Verdict) Agrees(w *Verdict) bool {
	if v == nil || w == nil {
		return v == w
	}
	if v.Outcome != w.Outcome || v.Mode != w.Mode || !strings.EqualFold(v.NewTerm, w.NewTerm) || len(v.Targets) != len(w.Targets) {
		return false
	}
	a, b := slices.Clone(v.Targets), slices.Clone(w.Targets)
	byID := func(x, y Target) int { return cmp.Compare(x.TermID, y.TermID) }
	slices.SortFunc(a, byID)
	slices.SortFunc(b, byID)
	for i := range a {
		if a[i].TermID != b[i].TermID || a[i].Predicate != b[i].Predicate {
			return false
		}
	}
	return v.Recipe.equal(w.Recipe)
}

package labelmap

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Fingerprint sums up what a curator saw of a term: name, kind, side and the
// names of its parents. It changes when a change of the tree may change what a
// decision means, and not when synonyms or cross-references are added. Unknown
// ids give "".
func Fingerprint(tree *graph.Tree, id string) string {
	term, ok := tree.Term(id)
	if !ok {
		return ""
	}
	seen := []string{term.Name, string(term.Kind), string(term.Laterality)}
	for _, p := range tree.Parents(id) {
		parent, _ := tree.Term(p)
		seen = append(seen, p, parent.Name)
	}
	sum := sha256.Sum256([]byte(strings.Join(seen, "\n")))
	return hex.EncodeToString(sum[:8])
}

// TargetOf is a target with the term's present name and fingerprint.
func TargetOf(tree *graph.Tree, id string, p Predicate) (Target, error) {
	term, ok := tree.Term(id)
	if !ok {
		return Target{}, fmt.Errorf("%w: %s", graph.ErrUnknownTerm, id)
	}
	return Target{TermID: id, Name: term.Name, Predicate: p, Fingerprint: Fingerprint(tree, id)}, nil
}

// Touched is a standing verdict whose terms the tree has changed since.
type Touched struct {
	State State
	Why   []string // one line a term
}

// FindTouched lists the states whose standing verdicts name a term that is gone
// from the tree or is no longer as it was decided on. Nothing is changed: a
// person confirms the decision or makes another.
func FindTouched(tree *graph.Tree, states []State) []Touched {
	var out []Touched
	for i := range states {
		var why []string
		verdicts := []Verdict{}
		if v := states[i].Verdict; v != nil {
			verdicts = append(verdicts, *v)
		} else {
			for _, vote := range states[i].Votes {
				verdicts = append(verdicts, vote.Verdict)
			}
		}
		for _, v := range verdicts {
			for _, t := range v.Targets {
				if line := t.touched(tree); line != "" && !slices.Contains(why, line) {
					why = append(why, line)
				}
			}
		}
		if len(why) > 0 {
			out = append(out, Touched{states[i], why})
		}
	}
	return out
}

// touched says in words how the tree's term differs from the target's.
func (t *Target) touched(tree *graph.Tree) string {
	term, ok := tree.Term(t.TermID)
	switch {
	case !ok:
		return fmt.Sprintf("%s (%s) is gone from the tree", t.Name, t.TermID)
	case t.Fingerprint == "" || Fingerprint(tree, t.TermID) == t.Fingerprint:
		return ""
	case term.Name != t.Name:
		return fmt.Sprintf("%s (%s) is now called %s", t.Name, t.TermID, term.Name)
	default:
		return fmt.Sprintf("%s (%s) has another kind, side or place; it now lies under %s", t.Name, t.TermID, parentNames(tree, t.TermID))
	}
}

func parentNames(tree *graph.Tree, id string) string {
	var names []string
	for _, p := range tree.Parents(id) {
		parent, _ := tree.Term(p)
		names = append(names, parent.Name)
	}
	if len(names) == 0 {
		return "nothing"
	}
	return strings.Join(names, ", ")
}

// Change is the effect of a batch on one subject.
type Change struct {
	Before, After State
}

// SettledRecipes are the recipes that count among states, by class.
func SettledRecipes(states []State) []Recipe {
	var out []Recipe
	for i := range states {
		if v := states[i].Verdict; v != nil && v.Outcome == Mapped && v.Recipe != nil {
			out = append(out, *v.Recipe)
		}
	}
	slices.SortFunc(out, func(a, b Recipe) int { return strings.Compare(a.Class, b.Class) })
	return out
}

// Rejects says whether somebody has rejected the recipe. A nil state, of a class
// that nobody has decided on, rejects none.
func (st *State) Rejects(r *Recipe) bool {
	return st != nil && slices.ContainsFunc(st.Rejected, func(v Vote) bool {
		return v.Verdict.Recipe != nil && v.Verdict.Recipe.Class == r.Class && v.Verdict.Recipe.Expr.String() == r.Expr.String()
	})
}

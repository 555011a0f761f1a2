package catalog

import (
	"strings"

	"satgraph/labelmap"
)

// Sources of what a dataset means by a class.
const (
	FromLedger = "ledger"  // a recipe that curators settled
	FromRecord = "catalog" // the dataset's record
)

// Meaning is what one dataset means by a class.
type Meaning struct {
	Dataset string `json:"dataset"`
	// Expr is how the dataset makes the class, as "{1, 2}".
	Expr       string `json:"expr"`
	Definition string `json:"definition,omitempty"`
	Source     string `json:"source"` // FromLedger or FromRecord
}

// Meanings are what datasets mean by the classes that they make.
type Meanings struct {
	recipes map[string][]labelmap.Recipe // by dataset
	byClass map[string][]Meaning
}

// MeaningsOf gathers the settled recipes among the states of a ledger, and, for
// datasets without any, the records of known; nil leaves the records out.
func MeaningsOf(states []labelmap.State, known *Catalog) *Meanings {
	m := &Meanings{map[string][]labelmap.Recipe{}, map[string][]Meaning{}}
	decided := map[string]bool{}
	for i := range states {
		if v := states[i].Verdict; v != nil && v.Outcome == labelmap.Mapped && v.Recipe != nil {
			decided[states[i].Subject.Dataset] = true
			m.add(states[i].Subject.Dataset, FromLedger, v.Recipe)
		}
	}
	if known == nil {
		return m
	}
	for _, d := range known.Datasets() {
		if decided[d.Name] {
			continue
		}
		for _, r := range d.AsDecided() {
			m.add(d.Name, FromRecord, &r)
		}
	}
	return m
}

// AsDecided are the recipes of a record in the form of those that curators
// decide on.
func (d *Dataset) AsDecided() []labelmap.Recipe {
	out := make([]labelmap.Recipe, len(d.Recipes))
	for i := range d.Recipes {
		r := &d.Recipes[i]
		out[i] = labelmap.Recipe{Class: r.Class, Expr: r.Expr.Expr, Definition: r.Definition, Complete: true}
	}
	return out
}

func (m *Meanings) add(dataset, source string, r *labelmap.Recipe) {
	m.recipes[dataset] = append(m.recipes[dataset], *r)
	definition := r.Definition
	if len(r.Missing) > 0 {
		definition = strings.TrimPrefix(definition+"; without "+strings.Join(r.Missing, ", "), "; ")
	}
	class := strings.ToLower(r.Class)
	m.byClass[class] = append(m.byClass[class], Meaning{dataset, r.Expr.String(), definition, source})
}

// Of lists what datasets mean by a class, whatever its case: those of the ledger
// first. Empty where no dataset makes it.
func (m *Meanings) Of(class string) []Meaning { return m.byClass[strings.ToLower(class)] }

// Differences are the classes that datasets mean differently.
func (m *Meanings) Differences() []labelmap.Concern { return labelmap.CompareDefinitions(m.recipes) }

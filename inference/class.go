package inference

import "strings"

// Class is one thing a model or a corpus covers: a term seen in one modality,
// and the exact prompt text that stands for it.
type Class struct {
	Name     string   // as the corpus spells it, lower case
	Prompt   string   // the text given to the text encoder; Name when empty
	Modality Modality // never empty
	TermID   string   // the term that the class is anchored on
	// Predicate is how the class relates to the term: "exact" (also the empty
	// text and the SKOS spelling), "close" (drawn nearly so), or anything else
	// when the term is broader or narrower than the class. Exact and close
	// classes answer for their term, close ones only where there is no exact
	// one.
	Predicate string
	Note      string // why the class is not exact, for the reader
}

func (c Class) prompt() string {
	if c.Prompt != "" {
		return c.Prompt
	}
	return c.Name
}

// fit ranks the predicate: exact before close before the rest.
func (c Class) fit() fit {
	switch p := strings.ToLower(strings.TrimPrefix(c.Predicate, "skos:")); p {
	case "", "exact", "exactmatch":
		return exact
	case "close", "closematch":
		return near
	default:
		return loose
	}
}

// termIsBroader says that the class covers a part of the term only.
func (c Class) termIsBroader() bool {
	p := strings.ToLower(strings.TrimPrefix(c.Predicate, "skos:"))
	return p == "broad" || p == "broadmatch"
}

type fit int

const (
	exact fit = iota
	near
	loose
)

// key is how class names are compared: the corpus folds case.
func key(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

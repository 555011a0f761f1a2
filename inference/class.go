package inference

import "strings"

// Class is one thing a model or a corpus covers: a term seen in one modality,
// and the exact prompt text that stands for it.
type Class struct {
	Name     string   // as the corpus spells it, lower case
	Prompt   string   // the text given to the text encoder; Name when empty
	Modality Modality // never empty
	TermID   string   // the term that the class is anchored on
	// Predicate is how the class relates to the term: "exact" (also the SKOS
	// spellings and the empty string), or anything else when the class is only
	// close to, broader or narrower than the term. Only exact classes answer
	// for their term.
	Predicate string
}

func (c Class) prompt() string {
	if c.Prompt != "" {
		return c.Prompt
	}
	return c.Name
}

func (c Class) exact() bool {
	switch p := strings.ToLower(c.Predicate); p {
	case "", "exact", "exactmatch", "skos:exactmatch":
		return true
	default:
		return false
	}
}

// key is how class names are compared: the corpus folds case.
func key(name string) string {
	return strings.ToLower(strings.Join(strings.Fields(name), " "))
}

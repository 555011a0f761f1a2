// Package sssom writes and reads decisions on labels as SSSOM 1.1, the Simple
// Standard for Sharing Ontological Mappings (https://w3id.org/sssom/), as TSV
// with its YAML header or as JSON. What the standard has no slot for stands in
// extension slots that every file declares.
//
// It keeps what a mapping set can say: standing verdicts, who gave them and
// when, rejected terms, reasons. It never keeps the way there (undone and
// replaced verdicts, flags, comments, recipes, labels nobody has judged): for
// that, copy the ledger itself. Start from FromStates and Entries.
package sssom

import (
	"errors"
	"time"

	"satgraph/labelmap"
)

// ErrFormat marks a file that is no SSSOM mapping set this package can read.
var ErrFormat = errors.New("not a SSSOM mapping set")

// Limits of a file.
const (
	MaxBytes    = 1 << 30
	maxHeader   = 1 << 20
	maxMappings = 5_000_000
	maxField    = 1 << 20
)

// Set is a mapping set.
type Set struct {
	ID          string // an IRI that names the set
	Title       string
	Version     string // of the set: the revision of the ledger or tree
	License     string // an IRI
	Tool        string
	ToolVersion string
	ObjectSet   string // version of the tree that objects come from
	Mappings    []Mapping
}

// Mapping is one record: that one author relates a label to one term.
type Mapping struct {
	SubjectID    string // CURIE, see SubjectID
	SubjectLabel string
	Predicate    string // CURIE: skos:exactMatch
	Not          bool   // the author says that this does not hold
	ObjectID     string // CURIE, or NoTermFound
	ObjectLabel  string
	// Justification is a CURIE of the SEMAPV vocabulary.
	Justification string
	Author        string // a name; CURIEs such as orcid:… are kept as they are
	Date          time.Time
	Confidence    float64 // of the suggestion decided on; 0 where there was none
	Comment       string

	// Extension slots.
	Dataset     string
	Key         string // the label's key in its dataset
	Outcome     labelmap.Outcome
	Mode        labelmap.Mode
	Status      labelmap.Status
	Fingerprint string // of the term, when it was decided on
	NewTerm     string
	ChangeSet   string // of the tree, that proposes or brought the new term
	Adjudicated bool
	Reviewers   int // that the dataset needs
}

// NoTermFound is the object of a label that has no place in the tree.
const NoTermFound = "sssom:NoTermFound"

// predicates in SSSOM's words.
var predicates = []struct {
	ours  labelmap.Predicate
	curie string
}{
	{labelmap.Exact, "skos:exactMatch"},
	{labelmap.Close, "skos:closeMatch"},
	{labelmap.Broad, "skos:broadMatch"},
	{labelmap.Narrow, "skos:narrowMatch"},
	{labelmap.Related, "skos:relatedMatch"},
}

func curieOf(p labelmap.Predicate) string {
	for _, x := range predicates {
		if x.ours == p {
			return x.curie
		}
	}
	return "skos:relatedMatch"
}

// predicatesOfOthers mean what one of ours does.
var predicatesOfOthers = map[string]labelmap.Predicate{
	"owl:equivalentClass": labelmap.Exact, "owl:sameAs": labelmap.Exact,
	"rdfs:subClassOf": labelmap.Broad, "skos:mappingRelation": labelmap.Related,
}

func predicateOf(curie string) (labelmap.Predicate, bool) {
	for _, x := range predicates {
		if x.curie == curie {
			return x.ours, true
		}
	}
	p, ok := predicatesOfOthers[curie]
	return p, ok
}

// prefixes of the CURIEs that this program writes.
var prefixes = [][2]string{
	{"SATG", "urn:satgraph:term:"},
	{"UBERON", "http://purl.obolibrary.org/obo/UBERON_"},
	{"label", "urn:satgraph:label:"},
	{"orcid", "https://orcid.org/"},
	{"satgraph", "urn:satgraph:slot:"},
	{"semapv", "https://w3id.org/semapv/vocab/"},
	{"skos", "http://www.w3.org/2004/02/skos/core#"},
	{"sssom", "https://w3id.org/sssom/"},
	{"xsd", "http://www.w3.org/2001/XMLSchema#"},
}

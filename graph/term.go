package graph

// Kind says what a term stands for.
type Kind string

// The kinds of term.
const (
	KindAnatomy Kind = "anatomy" // a structure of the body
	KindFinding Kind = "finding" // something found in a scan: tumour, effusion, scar
	KindGroup   Kind = "group"   // a union of structures that a dataset drew as one
)

// Laterality is the side of the body a term names; empty for unsided terms.
type Laterality string

// The sides.
const (
	Unsided Laterality = ""
	Left    Laterality = "left"
	Right   Laterality = "right"
)

// Opposite returns the other side; Unsided has none and returns itself.
func (l Laterality) Opposite() Laterality {
	switch l {
	case Left:
		return Right
	case Right:
		return Left
	default:
		return Unsided
	}
}

// Scope is how near a synonym is to the term's own name (OBO synonym scopes).
type Scope string

// The synonym scopes.
const (
	ScopeExact   Scope = "EXACT"
	ScopeBroad   Scope = "BROAD"
	ScopeNarrow  Scope = "NARROW"
	ScopeRelated Scope = "RELATED"
)

// Synonym is another name of a term.
type Synonym struct {
	Text  string `json:"text"`
	Scope Scope  `json:"scope"`
}

// RelationType is the kind of a child-to-parent relation.
type RelationType string

// The relation types. Findings are located_in their site, never part_of it.
const (
	IsA       RelationType = "is_a"
	PartOf    RelationType = "part_of"
	LocatedIn RelationType = "located_in"
)

// RelationTypes lists every relation type in alphabetical order, which is the
// order of relations between the same two terms.
func RelationTypes() []RelationType { return []RelationType{IsA, LocatedIn, PartOf} }

// code is the position of a type in RelationTypes, or -1.
func (r RelationType) code() int {
	switch r {
	case IsA:
		return 0
	case LocatedIn:
		return 1
	case PartOf:
		return 2
	default:
		return -1
	}
}

// Term is one concept of the tree. Terms handed out by a Tree are shared and
// must not be modified.
type Term struct {
	ID         string     `json:"id"` // a CURIE: "UBERON:0000948", "SATG:0000001"
	Name       string     `json:"name"`
	Kind       Kind       `json:"kind"`
	Laterality Laterality `json:"laterality,omitempty"`
	Synonyms   []Synonym  `json:"synonyms,omitempty"`
	Xrefs      []string   `json:"xrefs,omitempty"` // CURIEs in other vocabularies: "FMA:7088"
	Definition string     `json:"definition,omitempty"`
}

// names returns the name and the exact synonyms.
func (t *Term) names() []string {
	out := []string{t.Name}
	for _, s := range t.Synonyms {
		if s.Scope == ScopeExact {
			out = append(out, s.Text)
		}
	}
	return out
}

// Relation points from a child to its parent: heart part_of thorax.
type Relation struct {
	Child  string       `json:"child"`
	Parent string       `json:"parent"`
	Type   RelationType `json:"type"`
}

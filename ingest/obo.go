package ingest

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"satgraph/graph"
)

// readOBO reads an ontology in the OBO flat file format 1.4 (also 1.0 and 1.2,
// whose tags it still knows), line by line.
//
// Taken are [Term] stanzas: id, name, def, synonym with its scope, xref,
// equivalent_to and alt_id (as cross-references), is_a, and relationship
// part_of and located_in, under whatever id a [Typedef] stanza gives those. Of
// a logical definition (intersection_of) genus and differentia are taken as
// relations where others do not imply them. property_value SATG:kind and
// SATG:side, as this program exports them, are heeded. Obsolete terms are
// Retired. Not taken are the sources of definitions and synonyms, synonym
// types, qualifiers in braces and [Instance] stanzas.
func readOBO(a *Anatomy, r io.Reader, o Options) (line int, err error) {
	l, err := newLines(r, o.Limits)
	if err != nil {
		return 0, err
	}
	p := &oboParser{a: a, o: o, lines: l, typedefs: map[string]*typedef{}}
	for {
		text, ok := p.logicalLine()
		if !ok {
			break
		}
		if err := p.line(text); err != nil {
			return l.fail(err)
		}
	}
	if line, err = l.failure(); err == nil {
		err = p.endStanza()
	}
	switch {
	case err != nil:
	case p.stanza == stanzaTerm && p.last.Name == "" && !p.obsolete:
		err = fmt.Errorf("%w: the file ends within the term %s, before its name: it is cut short", ErrFormat, p.last.ID)
	case p.terms == 0:
		line, err = 0, fmt.Errorf("%w: it has no [Term] stanza", ErrFormat)
	}
	if err != nil {
		return line, err
	}
	p.resolve()
	return line, nil
}

type stanza int

const (
	stanzaHeader stanza = iota
	stanzaTerm
	stanzaTypedef
	stanzaOther
)

type oboParser struct {
	a        *Anatomy
	o        Options
	lines    *lines
	stanza   stanza
	terms    int // [Term] stanzas begun
	pending  []pendingRelation
	typedefs map[string]*typedef

	defaultNamespace string

	// The stanza being read.
	started   int // its line
	last      graph.Term
	obsolete  bool
	retired   Retired
	typedef   typedef
	namespace string
	sideGiven bool
}

// pendingRelation is a relation whose type is known only once the [Typedef]
// stanzas, which come last, are read. Type "" is the genus of a definition.
type pendingRelation struct {
	child, kind, parent string
	at                  place
	definition          bool // from intersection_of
}

type typedef struct {
	id, name string
	xrefs    []string
}

// logicalLine joins lines that end in a backslash with the next.
func (p *oboParser) logicalLine() (string, bool) {
	text, ok := p.lines.next()
	for ok && strings.HasSuffix(text, `\`) && !strings.HasSuffix(text, `\\`) {
		more, okMore := p.lines.next()
		if !okMore {
			break
		}
		if len(text)+len(more) > p.o.LineBytes {
			p.lines.err = fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, p.o.LineBytes)
			return "", false
		}
		text = text[:len(text)-1] + more
	}
	return text, ok
}

func (p *oboParser) line(text string) error {
	text = strings.TrimSpace(text)
	switch {
	case text == "" || text[0] == '!':
		return nil
	case text[0] == '[':
		return p.beginStanza(text)
	}
	tag, value, ok := cutTag(text)
	if !ok {
		return fmt.Errorf("%w: %s is no \"tag: value\"", ErrFormat, shorten(text))
	}
	switch p.stanza {
	case stanzaHeader:
		return p.header(tag, value)
	case stanzaTerm:
		return p.term(tag, value)
	case stanzaTypedef:
		switch tag {
		case "id":
			p.typedef.id = unescapeOBO(bare(value))
		case "name":
			p.typedef.name = unescapeOBO(strings.TrimSpace(plainValue(value)))
		case "xref", "alt_id":
			p.typedef.xrefs = append(p.typedef.xrefs, unescapeOBO(bare(value)))
		}
	}
	return nil
}

func (p *oboParser) beginStanza(text string) error {
	name, rest, ok := strings.Cut(text[1:], "]")
	if rest = strings.TrimSpace(rest); !ok || rest != "" && rest[0] != '!' {
		return fmt.Errorf("%w: %s is no stanza", ErrFormat, shorten(text))
	}
	if err := p.endStanza(); err != nil {
		return err
	}
	p.started = p.lines.n
	p.last = graph.Term{Kind: p.o.Kind}
	p.obsolete, p.retired, p.typedef, p.namespace, p.sideGiven = false, Retired{}, typedef{}, p.defaultNamespace, false
	switch name {
	case "Term":
		p.stanza = stanzaTerm
		p.terms++
	case "Typedef":
		p.stanza = stanzaTypedef
	default:
		p.stanza = stanzaOther
	}
	return nil
}

func (p *oboParser) header(tag, value string) error {
	switch tag {
	case "format-version":
		if v := bare(value); v != "" && !strings.HasPrefix(strings.TrimPrefix(v, "GO_"), "1.") {
			return fmt.Errorf("%w: OBO of version %s; 1.0 to 1.4 are read", ErrFormat, shorten(v))
		}
	case "import":
		p.a.Notes.Imports = append(p.a.Notes.Imports, bare(value))
	case "default-namespace":
		p.defaultNamespace = strings.TrimSpace(plainValue(value))
	}
	return nil
}

// synonymTags are those of OBO 1.0; "" reads the scope from the value.
var synonymTags = map[string]graph.Scope{
	"synonym": "", "exact_synonym": graph.ScopeExact, "broad_synonym": graph.ScopeBroad,
	"narrow_synonym": graph.ScopeNarrow, "related_synonym": graph.ScopeRelated,
}

func (p *oboParser) term(tag, value string) error { //nolint:cyclop // one case a tag
	t := &p.last
	if tag != "id" && t.ID == "" {
		return fmt.Errorf("%w: a term begins with %s, not with its id", ErrFormat, tag)
	}
	switch tag {
	case "id":
		if t.ID != "" {
			return fmt.Errorf("%w: the term %s has a second id", ErrFormat, t.ID)
		}
		if t.ID = unescapeOBO(bare(value)); t.ID == "" {
			return fmt.Errorf("%w: a term without id", ErrFormat)
		}
		return p.a.claim(t.ID, p.lines.n)
	case "name":
		if t.Name != "" {
			return fmt.Errorf("%w: the term %s has a second name", ErrFormat, t.ID)
		}
		t.Name = unescapeOBO(plainValue(value))
	case "def":
		text, _, err := quoted(value)
		if err != nil {
			return fmt.Errorf("definition of %s: %w", t.ID, err)
		}
		if t.Definition != "" {
			p.a.Notes.MoreDefinitions++
			return nil
		}
		t.Definition = text
	case "synonym", "exact_synonym", "broad_synonym", "narrow_synonym", "related_synonym":
		return p.synonym(synonymTags[tag], value)
	case "xref", "xref_analog", "xref_unk", "xref_unknown", "alt_id", "equivalent_to":
		if x := unescapeOBO(bare(value)); x != "" && x != t.ID {
			t.Xrefs = append(t.Xrefs, x)
		}
	case "is_a":
		return p.relation("is_a", value, false)
	case "relationship", "intersection_of":
		kind, parent := cutSpace(value)
		if parent == "" || parent[0] == '{' || parent[0] == '!' {
			if tag == "relationship" {
				return fmt.Errorf("%w: the relationship of %s has no target", ErrFormat, t.ID)
			}
			kind, parent = "is_a", value
		}
		return p.relation(unescapeOBO(kind), parent, tag == "intersection_of")
	case "is_obsolete":
		p.obsolete = bare(value) == "true"
	case "replaced_by":
		p.retired.ReplacedBy = append(p.retired.ReplacedBy, unescapeOBO(bare(value)))
	case "consider", "use_term":
		p.retired.Consider = append(p.retired.Consider, unescapeOBO(bare(value)))
	case "namespace":
		p.namespace = strings.TrimSpace(plainValue(value))
	case "property_value":
		return p.property(value)
	}
	return nil
}

func (p *oboParser) synonym(scope graph.Scope, value string) error {
	text, rest, err := quoted(value)
	if err != nil {
		return fmt.Errorf("synonym of %s: %w", p.last.ID, err)
	}
	if scope == "" {
		word, _ := cutSpace(rest)
		switch s := graph.Scope(word); s {
		case graph.ScopeExact, graph.ScopeBroad, graph.ScopeNarrow, graph.ScopeRelated:
			scope = s
		default: // by the standard a synonym is related where it does not say
			scope = graph.ScopeRelated
		}
	}
	if strings.TrimSpace(text) != "" {
		p.last.Synonyms = append(p.last.Synonyms, graph.Synonym{Text: text, Scope: scope})
	}
	return nil
}

func (p *oboParser) relation(kind, value string, definition bool) error {
	parent := unescapeOBO(bare(value))
	if parent == "" {
		return fmt.Errorf("%w: %s of %s has no target", ErrFormat, kind, p.last.ID)
	}
	p.pending = append(p.pending, pendingRelation{p.last.ID, kind, parent, p.a.place(p.lines.n), definition})
	return nil
}

// property reads what exports of this program say beyond OBO's own tags.
func (p *oboParser) property(value string) error {
	name, rest := cutSpace(value)
	if name != PropertyKind && name != PropertySide {
		return nil
	}
	text, _, err := quoted(rest)
	if err != nil {
		return fmt.Errorf("%s of %s: %w", name, p.last.ID, err)
	}
	switch name {
	case PropertyKind:
		switch k := graph.Kind(text); k {
		case graph.KindAnatomy, graph.KindFinding, graph.KindGroup:
			p.last.Kind = k
			return nil
		}
	case PropertySide:
		switch s := graph.Laterality(text); s {
		case graph.Unsided, graph.Left, graph.Right:
			p.last.Laterality, p.sideGiven = s, true
			return nil
		}
	}
	return fmt.Errorf("%w: %s has the unknown %s %s", ErrFormat, p.last.ID, name, shorten(text))
}

// Properties of a term in OBO beyond the standard's own.
const (
	PropertyKind = "SATG:kind"
	PropertySide = "SATG:side"
)

// endStanza takes the stanza that was read.
func (p *oboParser) endStanza() error {
	switch p.stanza {
	case stanzaTypedef:
		d := p.typedef
		p.typedefs[d.id] = &d
	case stanzaTerm:
		t := p.last
		if t.ID == "" {
			return fmt.Errorf("%w: the stanza at line %d has no id", ErrFormat, p.started)
		}
		if p.namespace != "" && !p.obsolete {
			count(&p.a.Notes.Namespaces, p.namespace)
		}
		if p.obsolete {
			p.retired.ID, p.retired.Name = t.ID, t.Name
			p.a.Retired = append(p.a.Retired, p.retired)
			return nil
		}
		if t.Name == "" {
			p.a.Notes.Unnamed++
			return nil
		}
		t.Synonyms = slices.DeleteFunc(t.Synonyms, func(s graph.Synonym) bool {
			return s.Scope == graph.ScopeExact && s.Text == t.Name
		})
		if !p.sideGiven {
			t.Laterality = graph.SideOf(t.Name)
		}
		return p.a.add(t, p.o.Limits)
	}
	return nil
}

// resolve turns the pending relations into those that a tree holds.
func (p *oboParser) resolve() {
	types := map[string]graph.RelationType{"is_a": graph.IsA}
	for _, r := range p.pending {
		kind, known := types[r.kind]
		if !known {
			kind = p.relationType(r.kind)
			types[r.kind] = kind
		}
		if kind == "" {
			count(&p.a.Notes.OtherRelations, r.kind)
		} else if !r.definition {
			p.a.relate(r.child, kind, r.parent, r.at)
		}
	}
	up := map[string][]string{}
	for _, r := range p.a.Relations {
		up[r.Child] = append(up[r.Child], r.Parent)
	}
	budget := reachBudget
	for _, r := range p.pending {
		kind := types[r.kind]
		if !r.definition || kind == "" {
			continue
		}
		if budget > 0 && reaches(up, r.child, r.parent, &budget) {
			p.a.Notes.Implied++
			continue
		}
		p.a.relate(r.child, kind, r.parent, r.at)
	}
}

// reachBudget bounds the steps that all walks for implied relations take
// together; beyond it relations are kept, which only states what is implied.
const reachBudget = 50_000_000

func reaches(up map[string][]string, from, to string, budget *int) bool {
	seen := map[string]bool{from: true}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, parent := range up[queue[0]] {
			if parent == to {
				return true
			}
			if *budget--; *budget < 0 {
				return false
			}
			if !seen[parent] {
				seen[parent] = true
				queue = append(queue, parent)
			}
		}
	}
	return false
}

// relationNames holds the ids and names of the relations in use.
var relationNames = map[string]graph.RelationType{
	"part_of": graph.PartOf, "part of": graph.PartOf, "BFO:0000050": graph.PartOf, "OBO_REL:part_of": graph.PartOf,
	"obo:BFO_0000050": graph.PartOf, "http://purl.obolibrary.org/obo/BFO_0000050": graph.PartOf,
	"located_in": graph.LocatedIn, "located in": graph.LocatedIn, "RO:0001025": graph.LocatedIn, "OBO_REL:located_in": graph.LocatedIn,
	"obo:RO_0001025": graph.LocatedIn, "http://purl.obolibrary.org/obo/RO_0001025": graph.LocatedIn,
}

// relationType is what a relation's id means; "" for those that a tree does
// not hold.
func (p *oboParser) relationType(id string) graph.RelationType {
	if kind, ok := relationNames[id]; ok {
		return kind
	}
	d, ok := p.typedefs[id]
	if !ok {
		return ""
	}
	for _, x := range d.xrefs {
		if kind, ok := relationNames[x]; ok {
			return kind
		}
	}
	return relationNames[d.name]
}

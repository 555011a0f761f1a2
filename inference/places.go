package inference

import (
	"maps"
	"slices"
	"strings"

	"satgraph/graph"
)

// placeTerm is the term of a region that a text names.
func (r *Resolver) placeTerm(text string) (string, bool) {
	place := r.region(text)
	if place == nil || place.term == "" {
		return "", false
	}
	return r.named(place.term)
}

// placeOf is how the region is called that a term is.
func (r *Resolver) placeOf(id string) string { return r.placeIDs[id] }

// contents lists the outermost structures that lie in a region, and at the end
// one answer for those that no class draws.
func (c *cover) contents(place *region, it item, m Modality) []target {
	r := c.r
	if isFindingKind(it.kind) {
		return c.findings(place, it, m)
	}
	var ids []string
	for _, p := range place.lies {
		if id := r.placed[p.name]; id != "" && fits(p.kind, it.kind) {
			ids = appendNew(ids, id)
		}
	}
	if place.key == bodyPlace {
		if fits("any", it.kind) {
			for _, id := range r.inOrder(slices.Collect(maps.Keys(r.byTerm))) {
				ids = appendNew(ids, id)
			}
		}
		ids = c.outermost(ids, m, r.apart)
	}
	ids = r.keepSide(ids, it.side)
	var out []target
	for _, id := range ids {
		out = append(out, target{id: id})
	}
	var lost []string
	for _, p := range place.beside {
		if fits(p.kind, it.kind) {
			lost = append(lost, p.name)
		}
	}
	if len(lost) > 0 && place.key != bodyPlace {
		what := "other structures"
		if it.kind != "" && it.kind != "any" {
			what = "other " + it.kind + "s"
		}
		where := place.said
		if it.side != "" && it.side != "both" {
			where = it.side + " " + where
		}
		t := refuse(what+" in the "+where, "no class for "+strings.Join(lost, ", "))
		t.fixed.Missing = lost
		if len(out) == 0 {
			t.fixed.Name = strings.TrimPrefix(t.fixed.Name, "other ")
			if id, ok := r.named(place.term); ok {
				t.fixed.ID = id
			}
		}
		out = append(out, t)
	}
	if len(out) == 0 {
		out = append(out, refuse(it.text, "nothing of this kind in it has a class"))
	}
	return out
}

// apart says that one structure may be left out because it lies in another.
// Those that are listed in a region together were judged to be drawn side by
// side, though one may be part of the other (the duodenum and the small bowel);
// and what is listed is not given up for what is not (the heart for the
// thoracic cavity).
func (r *Resolver) apart(a, b string) bool {
	everywhere := r.knowledge.regions[bodyPlace]
	if r.liesAt(everywhere, a) && !r.liesAt(everywhere, b) {
		return false
	}
	for _, place := range r.knowledge.regions {
		if place.key != bodyPlace && r.liesAt(place, a) && r.liesAt(place, b) {
			return false
		}
	}
	return true
}

func (r *Resolver) liesAt(place *region, id string) bool {
	return slices.ContainsFunc(place.lies, func(p placed) bool {
		return r.placed[p.name] == id
	})
}

func isFindingKind(kind string) bool { return kind == "finding" || kind == "tumor" }

// isFindingOf says whether a term is a finding of the kind that is asked for.
func (r *Resolver) isFindingOf(id, kind string) bool {
	if !r.isFinding(id) || kind != "tumor" {
		return r.isFinding(id)
	}
	name := r.name(id)
	return strings.Contains(name, "tumor") || strings.Contains(name, "cancer") || strings.Contains(name, "schwannoma")
}

// findings lists the findings with a class that are located in a region.
func (c *cover) findings(place *region, it item, m Modality) []target {
	r := c.r
	var sites []string
	for _, p := range place.lies {
		if id := r.placed[p.name]; id != "" {
			sites = append(sites, id)
		}
	}
	if id, ok := r.named(place.term); ok {
		sites = append(sites, id)
	}
	var ids []string
	for id := range r.byTerm {
		if r.isFindingOf(id, it.kind) && slices.ContainsFunc(sites, func(site string) bool { return r.tree.IsDescendant(id, site) }) {
			ids = append(ids, id)
		}
	}
	return c.found(it, r.keepSide(r.inOrder(c.outermost(ids, m, nil)), it.side))
}

func (c *cover) found(it item, ids []string) []target {
	if len(ids) == 0 {
		return []target{refuse(it.text, "no class for a finding in it")}
	}
	out := make([]target, len(ids))
	for i, id := range ids {
		out[i] = target{id: id}
	}
	return out
}

// inside lists the outermost structures of a kind below a term that can be
// segmented; findings that lie in it only where they are asked for.
func (c *cover) inside(id, kind string, m Modality) []string {
	r := c.r
	var ids []string
	for _, d := range r.tree.Descendants(id) {
		if r.tree.IsDescendant(d, id, graph.IsA) && !isFindingKind(kind) {
			continue // the left lung does not lie in a lung
		}
		if r.isFinding(d) != isFindingKind(kind) || len(r.answering(d, "")) == 0 {
			continue
		}
		if r.isFindingOf(d, kind) || !isFindingKind(kind) && r.isKind(d, kind) {
			ids = append(ids, d)
		}
	}
	if w, ok := r.wholes[id]; ok && !isFindingKind(kind) {
		for _, p := range w.parts {
			if r.isKind(p, kind) {
				ids = appendNew(ids, p)
			}
		}
	}
	return r.inOrder(c.outermost(ids, m, nil))
}

// kindTerms are the terms that are the kinds.
var kindTerms = map[string]string{
	"organ": "organ", "bone": "bone", "muscle": "muscle organ", "vessel": "vessel", "artery": "artery", "vein": "vein", "nerve": "nerve",
	"gland": "gland", "cartilage": "cartilage element", "joint": "joint", "ligament": "ligament", "lymph": "lymph node", "tissue": "tissue",
}

func (r *Resolver) isKind(id, kind string) bool {
	if kind == "" || kind == "any" {
		return true
	}
	for _, p := range r.knowledge.regions[bodyPlace].lies {
		if x := r.placed[p.name]; x != "" && (x == id || r.tree.IsDescendant(id, x, graph.IsA)) {
			return fits(p.kind, kind)
		}
	}
	best := graph.Best(r.tree.Lookup(kindTerms[kind]))
	return len(best) == 1 && r.tree.IsDescendant(id, best[0].ID, graph.IsA)
}

// outermost drops what lies in another of the list that can be segmented
// wherever it can itself, and what can't be segmented in the modality asked for.
// compare, if not nil, says which two to compare at all.
func (c *cover) outermost(ids []string, m Modality, compare func(a, b string) bool) []string {
	asked := modalities
	if m != "" {
		asked = []Modality{m}
	}
	where := make(map[string][]Modality, len(ids))
	for _, id := range ids {
		where[id] = nil
		for _, x := range asked {
			if len(c.of(id, x).classes) > 0 {
				where[id] = append(where[id], x)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		if len(where[id]) == 0 && m != "" {
			return true
		}
		return slices.ContainsFunc(c.r.tree.Ancestors(id, graph.PartOf, graph.IsA), func(x string) bool {
			in := where[x]
			return len(in) > 0 && (compare == nil || compare(id, x)) &&
				!slices.ContainsFunc(where[id], func(m Modality) bool { return !slices.Contains(in, m) })
		})
	})
}

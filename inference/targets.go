package inference

import (
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// target is one structure that a query asks for, before it is known whether it
// can be segmented.
type target struct {
	id    string
	class string    // the class that was named, if one was
	note  string    // how the text was read
	minus []string  // ids to take out of it
	fixed *TermPlan // the answer, where no class is to be looked for
}

func (t target) key() string {
	if t.fixed != nil {
		return "text:" + key(t.fixed.Name) + t.fixed.ID
	}
	return strings.Join(append([]string{t.id, t.class}, t.minus...), "|")
}

func refuse(name, reason string) target {
	return target{fixed: &TermPlan{Name: name, Status: NotSegmentable, Classes: []string{}, Missing: []string{}, Reason: reason}}
}

// group lists what a group of items asks for, less what is left out.
func (c *cover) group(g group, m Modality) []target {
	asked := c.targets(g.items, m)
	without := c.within(asked, g.without, m)
	perhaps := c.within(asked, g.perhaps, m)
	// "All but heart, aorta and trachea" goes on with what is left out; "liver
	// without the tumor, spleen" does not.
	if slices.ContainsFunc(perhaps, func(e target) bool {
		return slices.ContainsFunc(asked, func(t target) bool { return c.r.touches(t.id, e.id) })
	}) {
		without, perhaps = append(without, perhaps...), nil
	}
	return append(c.r.leaveOut(asked, without), perhaps...)
}

// within reads what is to be left out of something: "ventricles" are the
// heart's if it is a heart that they are taken out of.
func (c *cover) within(asked []target, items []item, m Modality) []target {
	r := c.r
	var out []target
	for _, it := range items {
		found := c.targets([]item{it}, m)
		fits := func(id string) bool {
			return slices.ContainsFunc(asked, func(t target) bool { return r.touches(t.id, id) })
		}
		if it.sel != self || it.side != "" || slices.ContainsFunc(found, func(t target) bool { return fits(t.id) }) {
			out = append(out, found...)
			continue
		}
		var ids []string
		for _, id := range r.find(reArticle.ReplaceAllString(it.text, ""), m).ids {
			if fits(id) {
				ids = appendNew(ids, id)
			}
		}
		for _, t := range asked {
			if len(ids) > 0 || t.id == "" {
				break
			}
			owner := r.name(t.id)
			if base, ok := r.tree.Base(t.id); ok {
				owner = r.name(base)
			}
			for _, name := range []string{owner + " " + it.text, it.text + " of " + owner} {
				if id := r.find(name, m).ids; len(id) == 1 && fits(id[0]) {
					ids = appendNew(ids, id[0])
				}
			}
			if kind, ok := kindWords[strings.ToLower(it.text)]; ok && len(ids) == 0 {
				ids = c.inside(t.id, kind, m)
			}
		}
		if len(ids) == 0 {
			out = append(out, found...)
		}
		for _, id := range ids {
			out = append(out, target{id: id})
		}
	}
	return out
}

func (c *cover) targets(items []item, m Modality) []target {
	var out []target
	for _, it := range items {
		for _, t := range c.target(it, m) {
			t.note = join(it.note, t.note)
			out = append(out, t)
		}
	}
	return out
}

// target lists what one item asks for.
func (c *cover) target(it item, m Modality) []target {
	r := c.r
	switch {
	case it.bad != "":
		return []target{refuse(it.text, it.bad)}
	case len(it.mean) > 0:
		plan := r.ambiguous(it.text, r.all(it.mean))
		if len(plan.Candidates) < 2 {
			plan = r.unknown(it.text)
		}
		return []target{{fixed: &plan}}
	case it.of != "":
		return c.belonging(it, m)
	}
	if it.sel == within {
		if place := r.region(it.text); place != nil {
			return c.contents(place, it, m)
		}
	}
	found := r.find(it.text, m)
	if len(found.ids) == 0 {
		found = r.search(it.text)
	}
	switch len(found.ids) {
	case 0:
		plan := r.unknown(it.text)
		return []target{{fixed: &plan}}
	case 1:
	default:
		if id, ok := r.placeTerm(it.text); ok && slices.Contains(found.ids, id) {
			found = meaning{ids: []string{id}}
			break
		}
		plan := r.ambiguous(it.text, found.ids)
		return []target{{fixed: &plan}}
	}
	id := found.ids[0]
	if it.sel == self {
		return r.onSide(target{id: id, class: found.class, note: found.note}, it.side)
	}
	var ids []string
	both := "" // said of findings that have no side
	switch it.sel {
	case within:
		ids = c.inside(id, it.kind, m)
		if base, ok := r.tree.Base(id); ok && len(ids) == 0 && isFindingKind(it.kind) {
			if ids = c.inside(base, it.kind, m); len(ids) > 0 {
				both = "it is known of both sides together only: take what lies in the " + r.name(id)
			}
		}
	case members:
		ids = r.members(id, m)
		if len(ids) == 0 {
			return r.onSide(target{id: id, class: found.class, note: found.note}, it.side)
		}
	default:
		ids = r.below(id, it.sel)
	}
	ids = r.keepSide(ids, it.side)
	if len(ids) == 0 {
		plan := r.blank(id)
		plan.Status, plan.Reason = NotSegmentable, "it has nothing below it in the tree"
		if it.sel == within {
			plan.Reason = "nothing in it has a class"
			if it.kind != "" && it.kind != "any" {
				plan.Name, plan.Reason = it.kind+"s in "+plan.Name, "nothing of this kind in it has a class"
			}
		}
		if it.side != "" {
			plan.Reason = "nothing of it is on the " + it.side + " alone"
		}
		return []target{{fixed: &plan}}
	}
	out := make([]target, len(ids))
	for i, x := range ids {
		out[i] = target{id: x, note: both}
	}
	return out
}

// belonging reads "liver and its tumors": a name with the owner's before it,
// else what lies in the owner and is called so.
func (c *cover) belonging(it item, m Modality) []target {
	r := c.r
	for _, text := range []string{it.of + " " + it.text, it.text + " of " + it.of} {
		if found := r.find(text, m); len(found.ids) == 1 {
			return []target{{id: found.ids[0], class: found.class, note: found.note}}
		}
	}
	owner := r.find(it.of, m)
	if len(owner.ids) == 1 {
		if kind, ok := kindWords[strings.ToLower(it.text)]; ok {
			if ids := c.inside(owner.ids[0], kind, m); len(ids) > 0 {
				out := make([]target, len(ids))
				for i, id := range ids {
					out[i] = target{id: id}
				}
				return out
			}
		}
		tail := " " + graph.Normalize(it.text)
		var out []target
		for _, id := range r.inOrder(r.tree.Descendants(owner.ids[0])) {
			if t, _ := r.tree.Term(id); t.Laterality == graph.Unsided && strings.HasSuffix(" "+graph.Normalize(t.Name), tail) {
				out = append(out, target{id: id})
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	if found := r.find(it.text, m); len(found.ids) == 1 {
		return []target{{id: found.ids[0], class: found.class, note: found.note}}
	}
	plan := r.unknown(it.text + " of " + it.of)
	return []target{{fixed: &plan}}
}

// onSide gives the left, the right or both of a structure. Both are the two
// terms where there are two, else the structure itself.
func (r *Resolver) onSide(t target, side string) []target {
	switch side {
	case "":
		return []target{t}
	case "both":
		left, okL := r.sided(t.id, graph.Left)
		right, okR := r.sided(t.id, graph.Right)
		if okL && okR && left != right {
			return []target{{id: left, note: t.note}, {id: right, note: t.note}}
		}
		return []target{t}
	}
	if id, ok := r.sided(t.id, graph.Laterality(side)); ok {
		return []target{{id: id, note: t.note}}
	}
	if ids := r.keepSide(r.tree.Descendants(t.id, graph.IsA), side); len(ids) > 0 {
		var out []target
		for _, id := range r.inOrder(ids) {
			if len(r.answering(id, "")) > 0 {
				out = append(out, target{id: id, note: t.note})
			}
		}
		if len(out) > 0 {
			return out
		}
	}
	plan := r.blank(t.id)
	plan.Name = side + " " + plan.Name
	plan.Status, plan.Reason = NotSegmentable, fmt.Sprintf("the tree knows no %s; ask for %q to have it whole", plan.Name, r.name(t.id))
	return []target{{fixed: &plan}}
}

// keepSide keeps what lies on a side: sided terms of it, and the side of terms
// that have one.
func (r *Resolver) keepSide(ids []string, side string) []string {
	if side == "" || side == "both" {
		return ids
	}
	var out []string
	for _, id := range ids {
		if s, ok := r.sided(id, graph.Laterality(side)); ok {
			out = appendNew(out, s)
		}
	}
	return out
}

// touches says that something can be taken out of a structure: it is a part or
// a kind of it, lies in it, or is all of it.
func (r *Resolver) touches(id, out string) bool {
	if id == "" || out == "" {
		return false
	}
	if base, ok := r.tree.Base(id); ok && r.isFinding(out) && r.tree.IsDescendant(out, base) {
		return true // a tumor of the lung may lie in the left one
	}
	if kind, ok := r.allOf(id); ok && r.isKind(out, kind) {
		return true
	}
	return id == out || r.tree.IsDescendant(out, id) || r.tree.IsDescendant(id, out, graph.PartOf, graph.IsA) || slices.Contains(r.wholes[id].parts, out)
}

// within is the kind of a structure that lies in a sided one, where the structure
// itself does not: of the lower lobe that of the left lung.
func (r *Resolver) within(id, out string) string {
	if t, _ := r.tree.Term(id); t == nil || t.Laterality == graph.Unsided || r.touches(id, out) {
		return out
	}
	for _, d := range r.sides(out) {
		if r.tree.IsDescendant(d, id) {
			return d
		}
	}
	return out
}

// allOf says that a term is that of a class that draws all of a kind: all bone,
// all muscle.
func (r *Resolver) allOf(id string) (kind string, ok bool) {
	for _, class := range r.byTerm[id] {
		if class.Name == "bone" || class.Name == "muscle" {
			return class.Name, true
		}
	}
	return "", false
}

// leaveOut takes some structures out of others.
func (r *Resolver) leaveOut(asked, without []target) []target {
	if len(without) == 0 {
		return asked
	}
	if len(asked) == 0 {
		e := without[0]
		if e.fixed == nil {
			return []target{refuse(r.name(e.id), "it is only said to be left out: of what?")}
		}
		return without
	}
	var failed []target
	for _, e := range without {
		if e.fixed != nil {
			failed = append(failed, e)
		}
	}
	var out []target
	used := make([]bool, len(without))
	for _, t := range asked {
		if t.fixed != nil {
			out = append(out, t)
			continue
		}
		gone := false
		for i, e := range without {
			if e.fixed != nil {
				continue
			}
			less := r.within(t.id, e.id)
			switch {
			case !r.touches(t.id, less):
				continue
			case t.id == less || !r.tree.IsDescendant(less, t.id) && r.tree.IsDescendant(t.id, less, graph.PartOf, graph.IsA):
				gone = true
			default:
				t.minus = appendNew(t.minus, less)
			}
			used[i] = true
		}
		switch {
		case len(failed) > 0:
			plan := r.blank(t.id)
			plan.Status = NotSegmentable
			plan.Reason = fmt.Sprintf("it is not clear what to leave out of it: %s (%s)", failed[0].fixed.Name, failed[0].fixed.Status)
			out = append(out, target{fixed: &plan})
		case !gone:
			out = append(out, t)
		}
	}
	out = append(out, failed...)
	if len(out) == 0 {
		return []target{refuse(r.name(asked[0].id), "nothing is left of what was asked for once "+r.name(without[0].id)+" is taken out")}
	}
	// Said of the last one, so that nothing is left out silently.
	for i, e := range without {
		if last := &out[len(out)-1]; !used[i] && e.fixed == nil && last.fixed == nil {
			last.note = join(last.note, r.name(e.id)+" is no part of what was asked for, so there is nothing to leave out")
		}
	}
	return out
}

// below lists the terms that a selector reaches, in anatomical order.
func (r *Resolver) below(id string, sel selector) []string {
	found := map[string]bool{}
	add := func(ids ...string) {
		for _, x := range ids {
			if x != id && !r.isFinding(x) {
				found[x] = true
			}
		}
	}
	switch sel {
	case children:
		direct := r.tree.Children(id, graph.PartOf)
		add(direct...)
		add(r.tree.Children(id, graph.IsA)...)
		for _, d := range direct {
			add(r.sides(d)...)
		}
	case parts:
		for _, p := range r.tree.Children(id, graph.PartOf) {
			add(p)
			add(r.tree.Descendants(p, graph.PartOf, graph.IsA)...)
		}
	case descendants:
		add(r.tree.Descendants(id, graph.PartOf, graph.IsA)...)
	case kinds:
		add(r.tree.Children(id, graph.IsA)...)
	default:
		add(id)
	}
	ids := make([]string, 0, len(found))
	for x := range found {
		ids = append(ids, x)
	}
	return r.inOrder(ids)
}

// sides lists the left and right of a term (the ventricles of "cardiac
// ventricle"), and whatever sided kinds of it have a class (the five lobes of
// "lobe of lung").
func (r *Resolver) sides(id string) []string {
	var out []string
	for _, d := range r.tree.Descendants(id, graph.IsA) {
		if t, _ := r.tree.Term(d); t.Laterality == graph.Unsided {
			continue
		}
		base, ok := r.tree.Base(d)
		if ok && base == id || len(r.answering(d, "")) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// members lists each one of a kind that has a class of its own: the innermost
// kinds, the left and right ribs and not "rib 1" or "left rib".
func (r *Resolver) members(id string, m Modality) []string {
	var out []string
	for _, d := range r.tree.Descendants(id, graph.IsA) {
		if len(r.answering(d, m)) > 0 && !r.isFinding(d) {
			out = append(out, d)
		}
	}
	inner := slices.DeleteFunc(slices.Clone(out), func(d string) bool {
		return slices.ContainsFunc(out, func(x string) bool { return r.tree.IsDescendant(x, d, graph.IsA) })
	})
	return r.inOrder(inner)
}

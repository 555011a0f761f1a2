package suggest

import (
	"fmt"
	"slices"
	"strconv"

	"satgraph/graph"
	"satgraph/labelmap"
)

// midlineNames are structures that lie in the middle of the body.
var midlineNames = []string{
	"vertebra", "sacrum", "coccyx", "spinal cord", "vertebral canal", "sternum", "manubrium of sternum", "brainstem", "third ventricle", "fourth ventricle",
	"corpus callosum", "pituitary gland", "optic chiasm", "mandible", "larynx", "hyoid bone", "pubic symphysis", "intervertebral disk",
}

// leastAside is how far from the middle of the body, in mm, a structure must lie
// to be called on the wrong side.
const leastAside = 5

// sizeRange is what one adult's structure plausibly measures, in mL.
type sizeRange struct{ low, high float64 }

// sizesOf reads the table of plausible volumes.
func sizesOf(tree *graph.Tree) map[string]sizeRange {
	out := map[string]sizeRange{}
	for _, f := range rows("volumes", 4) {
		low, errLow := strconv.ParseFloat(f[1], 64)
		high, errHigh := strconv.ParseFloat(f[2], 64)
		if id, ok := one(tree, f[0]); ok && errLow == nil && errHigh == nil {
			out[id] = sizeRange{low, high}
		}
	}
	return out
}

// seen is an answered label whose voxels were measured.
type seen struct {
	r *Result
	s *Suggestion
	g *labelmap.Geometry
}

// measured flags what the voxels of a list's labels say against their names. An
// answer that they speak against is not to be accepted unseen.
func (e *Engine) measured(out []Result) {
	var all []seen
	for i := range out {
		r := &out[i]
		if r.Label.Geometry != nil && !r.Abstained && len(r.Suggestions) > 0 {
			all = append(all, seen{r, &r.Suggestions[0], r.Label.Geometry})
		}
	}
	if len(all) == 0 {
		return
	}
	if !e.pairs(all) {
		e.sides(all)
	}
	e.sizes(all)
	e.wholes(all)
}

func (x seen) against(format string, args ...any) {
	x.r.Flags = append(x.r.Flags, fmt.Sprintf(format, args...))
	x.s.Score = min(x.s.Score, Accept-0.01)
}

// pairs compares the left and right of each pair. Where most lie the wrong way
// round, all that have a side are flagged, and true is returned.
func (e *Engine) pairs(all []seen) bool {
	type pair struct{ left, right int }
	found := map[string]pair{}
	for i, x := range all {
		p, ok := found[x.s.Base]
		if !ok {
			p = pair{-1, -1}
		}
		switch x.s.Laterality {
		case graph.Left:
			p.left = i
		case graph.Right:
			p.right = i
		default:
			continue
		}
		found[x.s.Base] = p
	}
	total, wrong := 0, []pair{}
	for _, p := range found {
		if p.left < 0 || p.right < 0 {
			continue
		}
		total++
		if all[p.left].g.Centroid[0] > all[p.right].g.Centroid[0] {
			wrong = append(wrong, p)
		}
	}
	if total >= 2 && 2*len(wrong) > total {
		for _, x := range all {
			if x.s.Laterality != graph.Unsided {
				x.against("in %d of %d pairs of the list the left one lies on the right: sides are swapped, or the scan is mirrored", len(wrong), total)
			}
		}
		return true
	}
	for _, p := range wrong {
		all[p.left].against("called left, but it lies on the right of %s", all[p.right].r.Label.Key())
		all[p.right].against("called right, but it lies on the left of %s", all[p.left].r.Label.Key())
	}
	return false
}

// sides compares each sided structure with the middle of the body: that of the
// structures in the midline where there are any, else that of the scan.
func (e *Engine) sides(all []seen) {
	var middles []float64
	for _, x := range all {
		if e.inMidline(x.s.TermID) {
			middles = append(middles, x.g.Centroid[0])
		}
	}
	slices.Sort(middles)
	for _, x := range all {
		side := x.g.Side
		if n := len(middles); n > 0 {
			side = ""
			switch aside := x.g.Centroid[0] - middles[n/2]; {
			case aside > leastAside:
				side = "right"
			case aside < -leastAside:
				side = "left"
			}
		}
		if side != "" && x.s.Laterality != graph.Unsided && side != string(x.s.Laterality) {
			x.against("called %s, but it lies on the %s of the scan", x.s.Laterality, side)
		}
	}
}

func (e *Engine) inMidline(id string) bool {
	return slices.ContainsFunc(e.midline, func(m string) bool { return id == m || e.tree.IsDescendant(id, m, graph.IsA) })
}

// sizes compares volumes with the table. At the edge of a scan a structure may
// be cut, and only its being too large says something.
func (e *Engine) sizes(all []seen) {
	for _, x := range all {
		r, of, ok := e.sizeOf(x.s.TermID)
		if !ok {
			continue
		}
		ml := x.g.VolumeML
		switch {
		case ml > r.high:
			x.against("%s mL is more than the %s of an adult measures (%s to %s mL)", volumeText(ml), of, volumeText(r.low), volumeText(r.high))
		case ml < r.low && !cut(x):
			x.against("%s mL is less than the %s of an adult measures (%s to %s mL)", volumeText(ml), of, volumeText(r.low), volumeText(r.high))
		}
	}
}

func volumeText(ml float64) string { return strconv.FormatFloat(ml, 'g', 3, 64) }

// sizeOf is the plausible volume of a term: its own, that of its unsided
// counterpart, that of the nearest kind above it, or, as a part, at most that of
// what it is part of. An unsided term that has sides may be both together.
func (e *Engine) sizeOf(id string) (r sizeRange, of string, ok bool) {
	if base, ok := e.tree.Base(id); ok {
		id = base
	} else if pair := e.sidesOf[id]; pair[0] != "" && pair[1] != "" {
		defer func() { r.high *= 2 }()
	}
	for level := []string{id}; len(level) > 0; {
		var above []string
		for _, k := range level {
			if r, ok := e.sizeTable[k]; ok {
				return r, e.name(k), true
			}
			above = append(above, e.tree.Parents(k, graph.IsA)...)
		}
		level = above
	}
	for _, whole := range e.tree.Parents(id, graph.PartOf) {
		if r, ok := e.sizeTable[whole]; ok {
			return sizeRange{0, r.high}, e.name(whole), true
		}
	}
	return sizeRange{}, "", false
}

// wholes flags a structure that measures more than one that it is part of. The
// answer stands: where labels exclude one another, the whole is what is left.
func (e *Engine) wholes(all []seen) {
	byTerm := map[string]seen{}
	for _, x := range all {
		byTerm[x.s.TermID] = x
	}
	for _, x := range all {
		if x.s.Kind == graph.KindFinding {
			continue
		}
		for _, above := range e.tree.Ancestors(x.s.TermID) {
			whole, ok := byTerm[above]
			if !ok || whole.r == x.r || x.g.VolumeML <= whole.g.VolumeML || cut(whole) || e.tree.IsDescendant(x.s.TermID, above, graph.IsA) {
				continue
			}
			x.r.Flags = append(x.r.Flags, fmt.Sprintf("larger than %s, of which it is part", whole.r.Label.Key()))
		}
	}
}

// cut says whether a structure may go on beyond the scan.
func cut(x seen) bool { return slices.Contains(x.r.Label.Flags, labelmap.FlagBorder) }

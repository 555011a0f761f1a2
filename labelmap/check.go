package labelmap

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Concern is something about a recipe that a reviewer should know.
type Concern struct {
	Class string `json:"class"`
	What  What   `json:"what"`
	Why   string `json:"why"`
}

// What a concern is about.
type What string

// The concerns.
const (
	Incomplete What = "incomplete" // parts that the dataset does not have
	Outside    What = "outside"    // a label that lies outside the class by the tree
	Sides      What = "sides"      // labels of the wrong side, of one side only, or a guessed side
	Twice      What = "twice"      // counted twice: the same structure, or a part and its whole
	Gap        What = "gap"        // a label of the class that is not taken
	Cuts       What = "cuts"       // what is cut away was never in it
	Overlap    What = "overlap"    // two classes that exclude each other take the same label
	Unknown    What = "unknown"    // voxels of no settled label
	Definition What = "definition" // datasets mean different things by the class
)

// draw is a source that a recipe takes, or cuts away, and the side that a split
// leaves of it.
type draw struct {
	source *Source
	side   graph.Laterality
	cut    bool
}

func (e *Expr) draws(side graph.Laterality, cut bool) []draw {
	if e.Source != nil {
		return []draw{{e.Source, side, cut}}
	}
	if e.Op == OpMidplane || e.Op == OpComponent {
		side = graph.Laterality(e.Side)
	}
	var out []draw
	for i := range e.Args {
		out = append(out, e.Args[i].draws(side, cut || e.Op == OpDifference && i > 0)...)
	}
	return out
}

// drawn is a label that a recipe draws on.
type drawn struct {
	Judged
	draw
}

// name is the label with its term, for messages.
func (d *drawn) name(tree *graph.Tree) string {
	t, _ := tree.Term(d.TermID)
	return fmt.Sprintf("%s (%s)", d.Label.Key(), t.Name)
}

// checker compares one recipe with anatomy.
type checker struct {
	tree   *graph.Tree
	recipe *Recipe
	whole  *graph.Term
	drawn  []drawn
	out    []Concern
}

func (c *checker) raise(what What, format string, args ...any) {
	c.out = append(c.out, Concern{c.recipe.Class, what, fmt.Sprintf(format, args...)})
}

// CheckRecipe compares a recipe with anatomy: what it lacks, labels that lie
// outside the class by the tree, sides that are mixed, missing or guessed, what
// is counted twice, labels of the class that are left out, what is cut away
// without having been in it, and voxels that no settled label names. labels are
// the dataset's settled ones, by key.
func CheckRecipe(tree *graph.Tree, r *Recipe, termID string, labels map[string]Judged) []Concern {
	c := &checker{tree: tree, recipe: r}
	if !r.Complete {
		c.raise(Incomplete, "it lacks %s", strings.Join(r.Missing, ", "))
	}
	var ok bool
	if c.whole, ok = tree.Term(termID); !ok {
		c.raise(Outside, "%s is not in the tree", termID)
		return c.out
	}
	c.draw(labels)
	c.outside()
	c.sides()
	c.twice()
	c.cuts()
	c.gaps(labels)
	return c.out
}

// draw finds the labels that the recipe draws on.
func (c *checker) draw(labels map[string]Judged) {
	for _, d := range c.recipe.Expr.draws(graph.Unsided, false) {
		known := false
		for _, l := range labels {
			if l.File == d.source.File && drawsFrom(d.source, &l.Label) {
				known = true
				if _, ok := c.tree.Term(l.TermID); ok {
					c.drawn = append(c.drawn, drawn{l, d})
				}
			}
		}
		// A channel or a further file may well hold what no label names.
		if !known && d.source.File == "" && d.source.Channel < 0 {
			c.raise(Unknown, "%s is the value of no settled label", d.source)
		}
	}
	slices.SortFunc(c.drawn, func(a, b drawn) int {
		return cmp.Or(cmp.Compare(a.Label.Key(), b.Label.Key()), cmp.Compare(a.side, b.side))
	})
}

// covers says whether a term, of which perhaps one side is taken, lies within
// the class.
func (c *checker) covers(id string, side graph.Laterality) bool {
	if c.within(id, c.whole.ID) || grownFrom(c.tree, id, c.whole.ID) {
		return true
	}
	base, sided := c.tree.Base(id)
	if sided && base == c.whole.ID {
		return true
	}
	own, sided := c.tree.Base(c.whole.ID)
	return sided && side == c.whole.Laterality && c.within(id, own)
}

// within says whether a term is another or lies below it.
func (c *checker) within(id, other string) bool {
	return id == other || c.tree.IsDescendant(id, other)
}

func (c *checker) outside() {
	for _, d := range c.drawn {
		if !d.cut && !c.covers(d.TermID, d.side) {
			c.raise(Outside, "%s is no part of %s", d.name(c.tree), c.whole.Name)
		}
	}
}

func (c *checker) sides() {
	sides := map[graph.Laterality]bool{}
	guessed := false
	for _, d := range c.drawn {
		if d.cut {
			continue
		}
		t, _ := c.tree.Term(d.TermID)
		side := cmp.Or(t.Laterality, d.side)
		if t.Kind != graph.KindFinding { // a lesion without a side may lie on either
			sides[side] = true
		}
		guessed = guessed || d.side != graph.Unsided
		if c.whole.Laterality != graph.Unsided && side == c.whole.Laterality.Opposite() {
			c.raise(Sides, "%s is taken on the %s, the class is %s", d.name(c.tree), side, c.whole.Laterality)
		}
		if d.side != graph.Unsided && t.Laterality == d.side.Opposite() {
			c.raise(Sides, "%s has no %s side", d.name(c.tree), d.side)
		}
	}
	if c.whole.Laterality == graph.Unsided && len(sides) == 1 && !sides[graph.Unsided] {
		c.raise(Sides, "only one side is taken")
	}
	if guessed {
		c.raise(Sides, "the side is guessed: %s", c.recipe.Risk)
	}
}

// twice finds what is counted twice: labels of one structure, and, where they
// are drawn in files or channels of their own, a part beside its whole.
func (c *checker) twice() {
	for i, d := range c.drawn {
		for _, other := range c.drawn[:i] {
			switch apart := other.source.File != d.source.File || other.source.Channel != d.source.Channel; {
			case d.cut || other.cut || other.Label.Key() == d.Label.Key():
			case other.TermID == d.TermID:
				c.raise(Twice, "%s and %s are the same structure", other.Label.Key(), d.Label.Key())
			case apart && c.anatomy(d.TermID) && c.tree.IsDescendant(d.TermID, other.TermID):
				c.raise(Twice, "%s holds %s already", other.name(c.tree), d.name(c.tree))
			case apart && c.anatomy(other.TermID) && c.tree.IsDescendant(other.TermID, d.TermID):
				c.raise(Twice, "%s holds %s already", d.name(c.tree), other.name(c.tree))
			}
		}
	}
}

func (c *checker) anatomy(id string) bool {
	t, ok := c.tree.Term(id)
	return ok && t.Kind != graph.KindFinding
}

// cuts finds what is taken away from something that does not hold it.
func (c *checker) cuts() {
	for _, d := range c.drawn {
		if d.cut && !c.within(d.TermID, c.whole.ID) && !slices.ContainsFunc(c.drawn, func(o drawn) bool {
			return !o.cut && (c.within(d.TermID, o.TermID) || c.within(o.TermID, d.TermID))
		}) {
			c.raise(Cuts, "%s is cut away from what does not hold it", d.name(c.tree))
		}
	}
}

// gaps finds labels of the class that the recipe leaves out: parts, and lesions
// that leave a hole in the same label map. A label that a wider one, in a file
// of its own, holds already is none.
func (c *checker) gaps(labels map[string]Judged) {
	if len(c.drawn) == 0 {
		return
	}
	for _, key := range sortedKeys(labels) {
		l := labels[key]
		_, ok := c.tree.Term(l.TermID)
		if !ok || l.Predicate != Exact && l.Predicate != Close || !c.tree.IsDescendant(l.TermID, c.whole.ID) ||
			slices.ContainsFunc(c.drawn, func(d drawn) bool { return d.Label.Key() == key }) {
			continue
		}
		sameMap := l.File == "" && slices.ContainsFunc(c.drawn, func(d drawn) bool { return d.File == "" && !d.cut })
		held := slices.ContainsFunc(c.drawn, func(d drawn) bool { return !d.cut && c.tree.IsDescendant(l.TermID, d.TermID) })
		t, _ := c.tree.Term(l.TermID)
		switch {
		case held && !sameMap, !c.anatomy(l.TermID) && !sameMap:
		case !c.anatomy(l.TermID) && c.anatomy(c.whole.ID):
			if !strings.Contains(strings.ToLower(c.recipe.Definition), strings.ToLower(t.Name)) {
				c.raise(Gap, "%s (%s) leaves a hole in it; take it in, or say in the definition that the class is without", key, t.Name)
			}
		case c.recipe.Complete:
			c.raise(Gap, "%s (%s) belongs to it and is not taken", key, t.Name)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// CheckRecipes compares the recipes of one dataset with each other: two classes,
// of which one does not hold the label, take the same voxels. termOf names the
// term of a class.
func CheckRecipes(tree *graph.Tree, recipes []Recipe, termOf func(class string) string, labels map[string]Judged) []Concern {
	takers := map[string][]*checker{}
	for i := range recipes {
		c := &checker{tree: tree, recipe: &recipes[i]}
		var ok bool
		if c.whole, ok = tree.Term(termOf(recipes[i].Class)); !ok {
			continue
		}
		c.draw(labels)
		for _, d := range c.drawn {
			if list := takers[d.Label.Key()]; !d.cut && d.side == graph.Unsided && !slices.Contains(list, c) {
				takers[d.Label.Key()] = append(list, c)
			}
		}
	}
	var out []Concern
	for _, key := range sortedKeys(takers) {
		for i, a := range takers[key] {
			for _, b := range takers[key][:i] {
				id := labels[key].TermID
				if a.covers(id, graph.Unsided) && b.covers(id, graph.Unsided) {
					continue
				}
				out = append(out, Concern{a.recipe.Class, Overlap, fmt.Sprintf("%s is taken for %s and for %s", key, b.recipe.Class, a.recipe.Class)})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Concern) int { return cmp.Compare(a.Class, b.Class) })
	return out
}

// drawsFrom says whether a source takes any value of a label.
func drawsFrom(s *Source, l *RawLabel) bool {
	if s.Label != "" && s.Label == l.Key() {
		return true
	}
	if len(l.Values) == 0 { // a mask file: any value from 1
		return slices.ContainsFunc(s.Values, func(r Range) bool { return r.Holds(1) })
	}
	return slices.ContainsFunc(l.Values, func(v int64) bool {
		return slices.ContainsFunc(s.Values, func(r Range) bool { return r.Holds(float64(v)) })
	})
}

package build

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/graph"
)

// Root is the one term without parents: everything in the tree lies under it.
const Root = "UBERON:0001062" // anatomical entity

// ErrCheck says that a tree breaks a rule that every tree of this package keeps.
var ErrCheck = errors.New("the tree breaks its rules")

// maxFaults is how many faults a check's error lists.
const maxFaults = 50

// check holds a tree against the rules; its error names the faults:
//
//   - it has the wanted number of terms, and one root, Root;
//   - no is_a is implied by others, nor a part_of that no reviewed row states,
//     and no term both is_a and is part_of the same other;
//   - no two terms of a kind have the same name;
//   - nothing of a side lies under something of the other side, and what is
//     part of something that has sides is part of its own side of it;
//   - a sided term has a base and a mirror, or its row in unpaired.tsv;
//   - a finding is located_in anatomy, and is_a or part_of findings only;
//     nothing else is located_in anything;
//   - every anchor's term is there.
func check(s *graph.Snapshot, anchors []Anchor, tables *tables, size int) error {
	tree, err := s.Tree()
	if err != nil {
		return err
	}
	c := checker{tree: tree, terms: map[string]graph.Term{}, parents: map[string][]string{}}
	for _, t := range tree.Terms() {
		c.terms[t.ID] = t
		c.parents[t.ID] = tree.Parents(t.ID)
	}
	c.pairs = pairUp(c.terms, c.parents)
	if tree.Len() != size {
		c.fault("%d terms, not %d", tree.Len(), size)
	}
	for _, id := range tree.Roots() {
		if id != Root {
			c.fault("%s has no parent", c.say(id))
		}
	}
	for _, a := range anchors {
		if _, ok := c.terms[a.TermID]; !ok {
			c.fault("class %q stands for %s, which is not in the tree", a.Name, a.TermID)
		}
	}
	c.checkReduced(tables.reviewed())
	c.checkNames()
	c.checkSides(tables.unpaired)
	c.checkFindings()
	if len(c.faults) == 0 {
		return nil
	}
	n := len(c.faults)
	if n > maxFaults {
		c.faults = append(c.faults[:maxFaults], "…")
	}
	return fmt.Errorf("%w: %d faults:\n  %s", ErrCheck, n, strings.Join(c.faults, "\n  "))
}

type checker struct {
	tree    *graph.Tree
	terms   map[string]graph.Term
	parents map[string][]string
	pairs   *sides
	faults  []string
}

func (c *checker) fault(format string, values ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, values...))
}

func (c *checker) say(id string) string { return fmt.Sprintf("%s (%s)", c.terms[id].Name, id) }

func (c *checker) checkReduced(reviewed map[graph.Relation]bool) {
	all := c.tree.Relations()
	reduced := map[graph.Relation]bool{}
	for _, r := range reduce(all, reviewed) {
		reduced[r] = true
	}
	for _, r := range all {
		switch {
		case !reduced[r]:
			c.fault("%s %s %s is implied by other relations", c.say(r.Child), r.Type, c.say(r.Parent))
		case r.Type == graph.IsA && slices.Contains(c.tree.Parents(r.Child, graph.PartOf), r.Parent):
			c.fault("%s both is_a and is part_of %s", c.say(r.Child), c.say(r.Parent))
		}
	}
}

func (c *checker) checkNames() {
	first := map[string]string{}
	for _, t := range c.tree.Terms() {
		key := string(t.Kind) + "|" + graph.Normalize(t.Name)
		if other, dup := first[key]; dup {
			c.fault("%s and %s have one name", c.say(other), c.say(t.ID))
		}
		first[key] = t.ID
	}
}

func (c *checker) checkSides(unpaired map[string]bool) {
	for _, t := range c.tree.Terms() {
		if t.Laterality == graph.Unsided {
			continue
		}
		opposite := t.Laterality.Opposite()
		for _, up := range c.tree.Ancestors(t.ID) {
			if c.terms[up].Laterality == opposite {
				c.fault("%s lies under %s", c.say(t.ID), c.say(up))
			}
		}
		for _, whole := range c.tree.Parents(t.ID, graph.PartOf) {
			if own, ok := c.pairs.sided[whole][t.Laterality]; ok && own != t.ID {
				c.fault("%s is part_of %s, not of %s", c.say(t.ID), c.say(whole), c.say(own))
			}
		}
		if other, ok := c.pairs.mirror[t.ID]; ok == unpaired["mirror "+t.ID] {
			c.fault("%s: mirror %q, yet unpaired.tsv says %v", c.say(t.ID), other, unpaired["mirror "+t.ID])
		}
		if base, ok := c.pairs.base[t.ID]; ok == unpaired["base "+t.ID] {
			c.fault("%s: base %q, yet unpaired.tsv says %v", c.say(t.ID), base, unpaired["base "+t.ID])
		}
	}
}

func (c *checker) checkFindings() {
	for _, r := range c.tree.Relations() {
		child, parent := c.terms[r.Child].Kind, c.terms[r.Parent].Kind
		finding := child == graph.KindFinding
		switch {
		case finding != (r.Type == graph.LocatedIn) && parent != graph.KindFinding, !finding && parent == graph.KindFinding,
			r.Type == graph.LocatedIn && parent == graph.KindFinding:
			c.fault("the %s %s %s the %s %s", child, c.say(r.Child), r.Type, parent, c.say(r.Parent))
		}
	}
	for id, t := range c.terms {
		if t.Kind != graph.KindFinding {
			continue
		}
		if len(c.tree.Parents(id, graph.LocatedIn)) == 0 {
			c.fault("the finding %s has no site of its own", c.say(id))
		}
	}
}

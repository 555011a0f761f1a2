package gates

import (
	"satgraph/datasets/catalog"
	"satgraph/graph"
)

// WholesOf says, for each class, inside which other classes of its modality its
// structure lies by the tree: by is_a and part_of. Findings are left out, since
// datasets differ on whether an organ holds its lesions, and so are classes
// that only come near to their term.
func WholesOf(tree *graph.Tree, classes []catalog.Class) map[string][]string {
	type place struct {
		modality catalog.Modality
		term     string
	}
	named := map[place]string{}
	for i := range classes {
		if c := &classes[i]; c.Predicate == catalog.Exact && !c.Abnormal {
			named[place{c.Modality, c.TermID}] = c.Name
		}
	}
	seen := map[[2]string]bool{}
	out := map[string][]string{}
	for i := range classes {
		c := &classes[i]
		if c.Predicate != catalog.Exact || c.Abnormal {
			continue
		}
		for _, id := range tree.Ancestors(c.TermID, graph.IsA, graph.PartOf) {
			whole := named[place{c.Modality, id}]
			if pair := [2]string{c.Name, whole}; whole != "" && whole != c.Name && !seen[pair] {
				seen[pair] = true
				out[c.Name] = append(out[c.Name], whole)
			}
		}
	}
	return out
}

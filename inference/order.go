package inference

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
)

// Names are put in the order in which a reader of anatomy expects them: from
// the head down, numbers by value, and left before right of the same thing.
var (
	reNumber = regexp.MustCompile(`\d+`)
	headDown = strings.NewReplacer(
		"cervical", "1cervical", "thoracic", "2thoracic", "lumbar", "3lumbar", "sacral", "4sacral", "coccygeal", "5coccygeal",
		"superior", "1superior", "upper", "1upper", "middle", "2middle", "inferior", "3inferior", "lower", "3lower",
	)
	sideWords = regexp.MustCompile(`\b(left|right)\b ?`)
)

// orderKey sorts a term by its name without its side, then unsided, left,
// right, then id.
func orderKey(t *graph.Term) string {
	name := strings.ToLower(t.Name)
	side := "0"
	switch t.Laterality {
	case graph.Left:
		side = "1"
	case graph.Right:
		side = "2"
	case graph.Unsided:
	}
	name = strings.TrimSpace(sideWords.ReplaceAllString(name, ""))
	name = reNumber.ReplaceAllStringFunc(name, func(n string) string { return fmt.Sprintf("%08s", n) })
	return headDown.Replace(name) + "\x00" + side + "\x00" + t.ID
}

func (r *Resolver) inOrder(ids []string) []string {
	slices.SortFunc(ids, func(a, b string) int { return strings.Compare(r.orderKey(a), r.orderKey(b)) })
	return ids
}

// orderKey is kept once made: a query over a large tree sorts a term many
// times.
func (r *Resolver) orderKey(id string) string {
	if k, ok := r.order.Load(id); ok {
		return k.(string)
	}
	t, _ := r.tree.Term(id)
	k := orderKey(t)
	r.order.Store(id, k)
	return k
}

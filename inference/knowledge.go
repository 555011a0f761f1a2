package inference

import (
	_ "embed" // the tables
	"fmt"
	"strings"
	"sync"

	"satgraph/graph"
)

// What a reader of questions knows of anatomy beside the tree, in reviewed
// tables of names; they are looked up in the tree and among the classes at
// hand, and what is not there is left out.
//
//   - places.tsv: what lies in a region of the body, by kind. A row that
//     begins with "-" names what no class draws.
//   - regions.tsv: the regions' names.
//   - wholes.tsv: by which parts a whole is made up, in the judgement of
//     anatomy: a heart is its chambers and its muscle, though the tree lists
//     thirty parts.
//   - homonyms.tsv: texts that mean several things. A "*" before the first
//     says that it is what is usually meant.
//   - aliases.tsv: texts that mean one thing, where the tree has no such
//     synonym; or, behind "=", a query for the several that they mean. The last
//     column is said with the answer.
var (
	//go:embed places.tsv
	placesTSV string
	//go:embed regions.tsv
	regionsTSV string
	//go:embed wholes.tsv
	wholesTSV string
	//go:embed homonyms.tsv
	homonymsTSV string
	//go:embed aliases.tsv
	aliasesTSV string
)

// bodyPlace is the region that everything lies in.
const bodyPlace = "body"

// A region of the body.
type region struct {
	key    string
	said   string // the region as it is called
	term   string // name of the region's term
	lies   []placed
	beside []placed // what no class draws
}

type placed struct{ name, kind string }

// whole is a structure and what it is made up of.
type whole struct {
	name    string
	parts   []string
	without []string // parts that no class draws
}

type knowledge struct {
	regions  map[string]*region // by normalised name or adjective
	wholes   []whole
	homonyms map[string][]string // by normalised text
	aliases  map[string]alias    // by normalised text
	groups   map[string]alias    // by normalised text; their names are queries
}

// alias is another text for a name or a query.
type alias struct{ name, note string }

var loadKnowledge = sync.OnceValue(func() *knowledge {
	k := &knowledge{regions: map[string]*region{}, homonyms: map[string][]string{}, aliases: map[string]alias{}, groups: map[string]alias{}}
	byKey := map[string]*region{bodyPlace: {key: bodyPlace, said: bodyPlace}}
	for _, f := range rows(regionsTSV, 4) {
		r := &region{key: f[0], said: list(f[2])[0], term: f[1]}
		byKey[f[0]] = r
		for _, name := range append(list(f[2]), list(f[3])...) {
			k.regions[graph.Normalize(name)] = r
		}
	}
	k.regions[bodyPlace] = byKey[bodyPlace]
	for _, f := range rows(placesTSV, 3) {
		for _, key := range append(strings.Fields(f[2]), bodyPlace) {
			r, ok := byKey[key]
			if !ok {
				panic(fmt.Sprintf("places.tsv: no region %q", key))
			}
			if name, ok := strings.CutPrefix(f[0], "-"); ok {
				r.beside = append(r.beside, placed{name, f[1]})
			} else {
				r.lies = append(r.lies, placed{f[0], f[1]})
			}
		}
	}
	for _, f := range rows(wholesTSV, 3) {
		k.wholes = append(k.wholes, whole{f[0], list(f[1]), list(f[2])})
	}
	for _, f := range rows(homonymsTSV, 2) {
		k.homonyms[graph.Normalize(f[0])] = list(f[1])
	}
	for _, f := range rows(aliasesTSV, 3) {
		if query, ok := strings.CutPrefix(f[1], "="); ok {
			k.groups[graph.Normalize(f[0])] = alias{strings.TrimSpace(query), f[2]}
		} else {
			k.aliases[graph.Normalize(f[0])] = alias{f[1], f[2]}
		}
	}
	return k
})

// rows cuts a table, but for its first line. A damaged table is a fault of the
// program, which every test of the package would meet.
func rows(table string, columns int) [][]string {
	var out [][]string
	for n, line := range strings.Split(strings.TrimSuffix(table, "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != columns {
			panic(fmt.Sprintf("line %d has %d columns, not %d: %q", n+1, len(f), columns, line))
		}
		if n > 0 {
			out = append(out, f)
		}
	}
	return out
}

func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// fits says whether a structure of one kind is of the kind that was asked for.
func fits(kind, asked string) bool {
	switch asked {
	case "", "any":
		return true
	case "organ":
		return kind == "organ" || kind == "gland"
	case "vessel":
		return kind == "vessel" || kind == "artery" || kind == "vein"
	default:
		return kind == asked
	}
}

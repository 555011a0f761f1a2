package catalog

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"satgraph/graph/builtin"
	"satgraph/internal/sharedtest"
	"satgraph/labelmap"
)

// What class names and tree alone propose is compared with the unions that the
// 72 datasets really use.
func TestProposalsHoldTheMergesOfTheDatasets(t *testing.T) {
	path := sharedtest.Path(t, "facts/sat-ds/datasets.json")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var sets []struct {
		Name       string
		Modalities []string
		Classes    []string
		Merges     []struct {
			Class string
			Parts []string
		}
	}
	if err := json.Unmarshal(text, &sets); err != nil {
		t.Fatal(err)
	}
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	classes, err := Classes()
	if err != nil {
		t.Fatal(err)
	}
	term := map[string]string{}
	for _, c := range classes {
		term[c.Name] = c.TermID
	}
	var merges, hit, proposed int
	for _, set := range sets {
		var items []labelmap.Item
		for _, c := range set.Classes {
			items = append(items, labelmap.Item{Name: c, TermID: term[c]})
		}
		got := map[string][]string{}
		for _, p := range labelmap.Propose(tree, items) {
			slices.Sort(p.Parts)
			got[p.Class] = p.Parts
		}
		for _, m := range set.Merges {
			merges++
			slices.Sort(m.Parts)
			if slices.Equal(got[m.Class], m.Parts) {
				hit++
			} else {
				t.Logf("missed in %s: %s = %s; proposed: %s", set.Name, m.Class, strings.Join(m.Parts, " + "), strings.Join(got[m.Class], " + "))
			}
			delete(got, m.Class)
		}
		proposed += len(got) + len(set.Merges)
		for c, parts := range got {
			t.Logf("not used by %s: %s = %s", set.Name, c, strings.Join(parts, " + "))
		}
	}
	t.Logf("%d of %d merges proposed, %d proposals in all", hit, merges, proposed)
	if 10*hit < 9*merges || 10*hit < 9*proposed {
		t.Errorf("want at least 90 %% of the merges, and of the proposals to be merges")
	}
}

package suggest

import (
	"slices"
	"strings"
	"testing"

	"satgraph/graph/builtin"
	"satgraph/labelmap"
)

// measured is a label with the x of its centroid and its volume; a name that
// ends in "|" touches the edge.
type measuredLabel struct {
	name string
	x    float64
	ml   float64
	want string // of which a flag holds this; empty for no flag
}

func TestGeometryAgainstNames(t *testing.T) {
	s, err := builtin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := s.Tree()
	if err != nil {
		t.Fatal(err)
	}
	engine := New(tree, corpus(t))
	for what, list := range map[string][]measuredLabel{
		"as it should be": {
			{"kidney_left", -60, 160, ""},
			{"kidney_right", 62, 150, ""},
			{"liver", 60, 1500, ""},
			{"spleen", -90, 200, ""},
			{"vertebrae_L1", 1, 60, ""},
			{"adrenal_gland_left", -30, 4, ""},
			{"adrenal_gland_right", 32, 4, ""},
		},
		"one pair swapped": {
			{"kidney_left", 60, 160, "called left, but it lies on the right of 2 kidney_right"},
			{"kidney_right", -60, 150, "called right, but it lies on the left of 1 kidney_left"},
			{"rib_left_7", -90, 20, ""},
			{"rib_right_7", 90, 20, ""},
			{"lung_left", -80, 2000, ""},
			{"lung_right", 80, 2200, ""},
		},
		"all swapped": {
			{"kidney_left", 60, 160, "in 2 of 2 pairs"},
			{"kidney_right", -60, 150, "in 2 of 2 pairs"},
			{"femur_left", 90, 400, "in 2 of 2 pairs"},
			{"femur_right", -90, 400, "in 2 of 2 pairs"},
			{"hip_left", 70, 300, "in 2 of 2 pairs"},
			{"liver", 50, 1500, ""},
		},
		"one without its pair, by the spine": {
			{"kidney_left", 130, 160, "lies on the right of the scan"}, {"vertebrae_L1", 100, 60, ""}, {"vertebrae_L2", 101, 60, ""}, {"spleen", 60, 200, ""},
		},
		"sizes": {
			{"liver", 60, 40, "less than the liver"},
			{"liver|", 60, 40, ""},
			{"spleen", -90, 9000, "more than the spleen"},
			{"kidney_left", -60, 5000, "more than the kidney"},
			{"vertebrae_L3", 0, 900, "more than the lumbar vertebra"},
			{"kidneys", 0, 1800, ""},
		},
		"a part and its whole": {
			{"liver", 60, 1500, ""}, {"right lobe of liver", 70, 1600, "larger than 1 liver"}, {"left lobe of liver", 20, 500, ""},
		},
	} {
		var labels []labelmap.RawLabel
		for i, m := range list {
			l := labelmap.RawLabel{Dataset: what, Modality: "ct", Values: []int64{int64(i + 1)}, Geometry: &labelmap.Geometry{Voxels: 1000, VolumeML: m.ml, Centroid: [3]float64{m.x, 0, 0}}}
			name, edge := strings.CutSuffix(m.name, "|")
			if l.Name = name; edge {
				l.Flags = []string{labelmap.FlagBorder}
			}
			labels = append(labels, l)
		}
		for i, r := range engine.Suggest(labels, 3) {
			flags := slices.DeleteFunc(r.Flags, func(f string) bool { return strings.HasPrefix(f, "also suggested for") })
			m := list[i]
			switch {
			case m.want == "" && len(flags) > 0:
				t.Errorf("%s, %s: flagged %q", what, m.name, flags)
			case m.want != "" && !slices.ContainsFunc(flags, func(f string) bool { return strings.Contains(f, m.want) }):
				t.Errorf("%s, %s: flags %q, want %q", what, m.name, flags, m.want)
			case m.want != "" && !strings.HasPrefix(m.want, "larger") && r.Suggestions[0].Score >= Accept:
				t.Errorf("%s, %s: still to be accepted unseen, with %.2f", what, m.name, r.Suggestions[0].Score)
			}
		}
	}
}

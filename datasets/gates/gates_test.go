package gates_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/gates"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/standard"
	graphbuiltin "satgraph/graph/builtin"
	"satgraph/internal/sharedtest"
	"satgraph/volume"
)

func builtin(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var list = sync.OnceValues(func() (*corpus.Index, error) {
	c, err := catalog.Builtin()
	if err != nil {
		return nil, err
	}
	return corpus.ReadList(context.Background(), listPath, c)
})

var listPath string

// released is the scan list that SAT-DS publishes.
func released(t *testing.T) *corpus.Index {
	t.Helper()
	listPath = sharedtest.Path(t, "facts/sat-ds/scans.jsonl.gz")
	x, err := list()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func run(t *testing.T, in gates.Input, names ...string) *gates.Report {
	t.Helper()
	if in.Catalog == nil {
		in.Catalog = builtin(t)
	}
	r, err := gates.Run(t.Context(), in, names...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func of(r *gates.Report, gate string) gates.Result {
	for _, result := range r.Results {
		if result.Gate == gate {
			return result
		}
	}
	return gates.Result{}
}

// subjects lists what findings are about, as "severity dataset subject".
func subjects(r gates.Result) []string {
	var out []string
	for _, f := range r.Findings {
		out = append(out, string(f.Severity)+" "+f.Dataset+" "+f.Subject)
	}
	return out
}

func TestTheReleasedListsHaveAScanOnBothSides(t *testing.T) {
	r := run(t, gates.Input{Index: released(t)}, "both-sides")
	result := of(r, "both-sides")
	if result.Status != gates.Failed || r.Passed {
		t.Errorf("status %s", result.Status)
	}
	if !slices.ContainsFunc(result.Findings, func(f gates.Finding) bool {
		return f.Dataset == "MSD_Prostate" && strings.Contains(f.Subject, "28") && f.Severity == gates.Stop && f.Count == 2
	}) {
		t.Errorf("MSD_Prostate's patient 28 is not among %v", subjects(result))
	}
}

func TestTheReleasedListsRaiseEveryAnomalyOfTheRecords(t *testing.T) {
	in := gates.Input{Index: released(t)}
	r := run(t, in)
	for _, d := range builtin(t).Datasets() {
		for _, a := range d.Anomalies {
			result := of(r, a.Gate)
			if result.Gate == "" {
				t.Errorf("%s: there is no gate %s", d.Name, a.Gate)
				continue
			}
			if !slices.ContainsFunc(result.Findings, func(f gates.Finding) bool {
				return f.Dataset == d.Name || strings.Contains(f.Subject, d.Name)
			}) {
				t.Errorf("the gate %s found nothing in %s: %s", a.Gate, d.Name, a.What)
			}
		}
	}
	for gate, want := range map[string]string{
		"shared-patients": "note " + "DAP_Atlas " + "DAP_Atlas / autoPET",
		"shared-images":   "note Couinaud_Liver MSD_HepaticVessel",
		"missing-row":     "warn BraTS2023_MET",
	} {
		if !slices.ContainsFunc(subjects(of(r, gate)), func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("%s: %v, want %s", gate, subjects(of(r, gate)), want)
		}
	}
	for _, result := range r.Results {
		if result.Gate == "counts" && len(result.Findings) > 0 || result.Gate == "row-classes" && result.Status == gates.Failed {
			t.Errorf("%s: %v", result.Gate, subjects(result))
		}
	}
}

func TestThePublishedFormIsHeldAgainstTheCorpus(t *testing.T) {
	x := released(t)
	here, published := run(t, gates.Input{Index: x}), run(t, gates.Input{Index: x, AsPublished: true})
	for _, gate := range []string{"scaled-cut", "stray-value", "duplicate-label", "any-value"} {
		if of(here, gate).Status != gates.Passed || of(published, gate).Status != gates.Warned {
			t.Errorf("%s: here %s, as published %s", gate, of(here, gate).Status, of(published, gate).Status)
		}
	}
}

func TestLicencesAgainstUses(t *testing.T) {
	for _, c := range []struct {
		id   string
		want map[gates.Use]gates.Severity
	}{
		{"CC-BY-4.0", nil},
		{"CC0-1.0", nil},
		{"Apache-2.0", nil},
		{"CC-BY-SA-4.0", map[gates.Use]gates.Severity{gates.Share: gates.Note}},
		{"CC-BY-NC-4.0", map[gates.Use]gates.Severity{gates.Commercial: gates.Stop, gates.Share: gates.Warn}},
		{"CC-BY-ND-4.0", map[gates.Use]gates.Severity{gates.Share: gates.Stop}},
		{"CC-BY-NC-ND-4.0", map[gates.Use]gates.Severity{gates.Commercial: gates.Stop, gates.Share: gates.Warn}},
		{"Challenge rules", map[gates.Use]gates.Severity{gates.Research: gates.Warn, gates.Commercial: gates.Stop, gates.Share: gates.Stop}},
		{catalog.Unknown, map[gates.Use]gates.Severity{gates.Research: gates.Stop, gates.Commercial: gates.Stop, gates.Share: gates.Stop}},
	} {
		one := oneDataset(t, c.id)
		for _, use := range []gates.Use{gates.Research, gates.Commercial, gates.Share} {
			var got gates.Severity
			if result := of(run(t, gates.Input{Catalog: one, Use: use}, "licence"), "licence"); len(result.Findings) > 0 {
				got = result.Findings[0].Severity
			}
			if got != c.want[use] {
				t.Errorf("%s for %s: %q, want %q", c.id, use, got, c.want[use])
			}
		}
	}
}

func TestAWaiverNeedsTwoPeopleAndCountsUntilItExpires(t *testing.T) {
	good := "- {gate: licence, dataset: A*, reason: the owner allowed it by letter, by: Ada, reviewer: Grace, date: 2026-01-01, expires: 2026-12-31}\n"
	for name, c := range map[string]struct{ text, says string }{
		"one person":      {strings.Replace(good, "Grace", "ADA ", 1), "same person"},
		"no reason":       {strings.Replace(good, "the owner allowed it by letter", `" "`, 1), "reason"},
		"no reviewer":     {strings.Replace(good, "reviewer: Grace, ", "", 1), "reviewer"},
		"no date":         {strings.Replace(good, "date: 2026-01-01, ", "", 1), "date"},
		"a gate of none":  {strings.Replace(good, "licence", "licensing", 1), "no such gate"},
		"a bad pattern":   {strings.Replace(good, "A*", "'[a'", 1), "pattern"},
		"expired at once": {strings.Replace(good, "2026-12-31", "2025-12-31", 1), "expired"},
		"a word of none":  {strings.Replace(good, "reason", "because", 1), "because"},
		"no list":         {"gate: licence", "waivers cannot be used"},
		"too long":        {strings.Repeat("#", 5<<20), "longer"},
	} {
		if _, err := gates.ReadWaivers(strings.NewReader(c.text)); !errors.Is(err, gates.ErrWaivers) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.says)
		}
	}
	waivers, err := gates.ReadWaivers(strings.NewReader(good + strings.Replace(good, "A*", "Z*", 1)))
	if err != nil {
		t.Fatal(err)
	}
	one := oneDataset(t, catalog.Unknown)
	in := gates.Input{Catalog: one, Waivers: waivers, Now: time.Date(2026, 12, 31, 23, 0, 0, 0, time.UTC)}
	r := run(t, in, "licence")
	if !r.Passed || r.Waived != 1 || len(r.Unused) != 1 || r.Results[0].Findings[0].Waived.By != "Ada" {
		t.Errorf("on the last day: %+v", r)
	}
	in.Now = in.Now.AddDate(0, 0, 1)
	if r = run(t, in, "licence"); r.Passed || len(r.Expired) != 1 {
		t.Errorf("on the next day: %+v", r)
	}
}

func TestAWaiverDoesNotSwallowWhatGrows(t *testing.T) {
	text := "- {gate: unexplained-values, most: 1, reason: a known slip in one scan, by: Ada, reviewer: Grace, date: 2026-01-01}\n"
	waivers, err := gates.ReadWaivers(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	scans := built{{Dataset: "D", Scan: "1", Problems: []string{unexplained}}}
	if r := run(t, gates.Input{Built: scans, Waivers: waivers}, "unexplained-values"); !r.Passed {
		t.Errorf("one scan: %+v", r)
	}
	scans = append(scans, gates.Measured{Dataset: "D", Scan: "2", Problems: []string{unexplained}})
	if r := run(t, gates.Input{Built: scans, Waivers: waivers}, "unexplained-values"); r.Passed {
		t.Error("two scans are waived by a waiver of one")
	}
}

func TestClassNamesThatCollide(t *testing.T) {
	r := run(t, gates.Input{}, "class-names")
	got := subjects(of(r, "class-names"))
	if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "thyroid / thyroid gland") }) {
		t.Errorf("thyroid and thyroid gland are not among %v", got)
	}
	for _, s := range got {
		if strings.HasPrefix(s, "stop") {
			t.Errorf("the builtin catalog has names that collide: %s", s)
		}
	}
}

func TestAGateThatIsNoneIsNamed(t *testing.T) {
	_, err := gates.Run(t.Context(), gates.Input{Catalog: builtin(t)}, "licenses")
	if !errors.Is(err, gates.ErrUnknown) || !strings.Contains(err.Error(), "licence") {
		t.Errorf("%v", err)
	}
}

// unexplained is what a build keeps of a value that no record explains.
var unexplained = fmt.Sprintf("%v: 26 (5 voxels)", rawdata.ErrValue)

// built is a corpus in memory.
type built []gates.Measured

func (b built) Each(_ context.Context, f func(*gates.Measured) error) error {
	for i := range b {
		if err := f(&b[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b built) Failed() []gates.FailedScan { return nil }

// goodScan is a scan that every gate lets pass.
func goodScan(id string) gates.Measured {
	return gates.Measured{
		Dataset: "D", Scan: id, Person: id, Side: corpus.Train, Content: "hash " + id,
		Spacing: [3]float64{0.8, 0.8, 2.5}, Shape: [3]int{512, 512, 200}, Orientation: "LPS", Modality: catalog.CT,
		Low: -980, High: 1200, SD: 1,
		Classes: []gates.MeasuredClass{
			{Name: "left kidney", Voxels: 1000, Centroid: [3]float64{-60, 0, 0}, Outside: map[string]int{"kidney": 0}},
			{Name: "right kidney", Voxels: 1000, Centroid: [3]float64{60, 0, 0}},
			{Name: "liver", Voxels: 9000, Centroid: [3]float64{80, 0, 0}},
		},
	}
}

// printed gives two scans the fingerprints of an image and of the same with so
// much noise added.
func printed(s built, noise float64) {
	r := rand.New(rand.NewPCG(1, 2))
	g := volume.Grid{Shape: [3]int{24, 24, 24}, Affine: volume.Affine{{1}, {0, 1}, {0, 0, 1}, {3: 1}}}
	a, b := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}, &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for i := range a.Data {
		a.Data[i] = float32(r.NormFloat64())
		b.Data[i] = a.Data[i] + float32(noise*r.NormFloat64())
	}
	s[0].Print, s[1].Print = standard.FingerprintOf(a), standard.FingerprintOf(b)
}

func TestGatesOfABuiltCorpus(t *testing.T) {
	for _, c := range []struct {
		name, gate string
		change     func(scans built) // of two good ones
		want       []string
	}{
		{"nothing wrong", "", func(built) {}, nil},
		{"one picture on both sides", "same-content", func(s built) { s[1].Content, s[1].Side = s[0].Content, corpus.Test }, []string{"stop D 1"}},
		{"one picture of two people", "same-content", func(s built) { s[1].Content = s[0].Content }, []string{"warn D 1"}},
		{"one picture of one person", "same-content", func(s built) { s[1].Content, s[1].Person = s[0].Content, s[0].Person }, []string{"note D 1"}},
		{"saved again on the other side", "near-content", func(s built) { printed(s, 0.05); s[1].Side = corpus.Test }, []string{"stop D " + "D / D"}},
		{"perhaps saved again on the other side", "near-content", func(s built) { printed(s, 0.5); s[1].Side = corpus.Test }, []string{"warn D " + "D / D"}},
		{"saved again for two people", "near-content", func(s built) { printed(s, 0.05) }, []string{"warn D " + "D / D"}},
		{"saved again in another dataset", "near-content", func(s built) { printed(s, 0.05); s[1].Dataset, s[1].Person = "A", s[0].Person }, []string{"warn A " + "A / D"}},
		{"one person twice", "near-content", func(s built) { printed(s, 0.05); s[1].Person = s[0].Person }, nil},
		{"another picture", "near-content", func(s built) { printed(s, 5) }, nil},
		{"like pictures of other size", "near-content", func(s built) { printed(s, 0.05); s[1].Print.Extent[2] *= 1.5 }, nil},
		{"the same picture", "near-content", func(s built) { printed(s, 0); s[1].Content = s[0].Content }, nil},
		{"kidneys swapped", "sides", func(s built) {
			s[0].Classes[0].Centroid, s[0].Classes[1].Centroid = s[0].Classes[1].Centroid, s[0].Classes[0].Centroid
		}, []string{"stop D kidney"}},
		{"kidneys that meet", "sides", func(s built) { s[0].Classes[0].Centroid[0], s[0].Classes[1].Centroid[0] = 1, -1 }, nil},
		{"a part that sticks out", "outside-whole", func(s built) { s[0].Classes[0].Outside["kidney"] = 300 }, []string{"warn D left kidney"}},
		{"a part whose surface moved", "outside-whole", func(s built) { s[0].Classes[0].Outside["kidney"] = 80 }, nil},
		{"a value nobody explains", "unexplained-values", func(s built) { s[0].Problems = []string{unexplained} }, []string{"stop D D"}},
		{"a slip while reading", "read-problems", func(s built) { s[0].Problems = []string{"the affines differ by 0.01 mm"} }, []string{"warn D D"}},
		{"a mask of two voxels", "tiny-masks", func(s built) { s[0].Classes[2].Voxels = 2 }, []string{"warn D liver"}},
		{"empty once", "empty-masks", func(s built) { s[0].Classes[2].Voxels = 0 }, []string{"note D liver"}},
		{"empty always", "empty-masks", func(s built) { s[0].Classes[2].Voxels, s[1].Classes[2].Voxels = 0, 0 }, []string{"warn D liver"}},
		{"metres for millimetres", "geometry", func(s built) { s[0].Spacing = [3]float64{0.0008, 0.0008, 0.0025} }, []string{"warn D spacing"}},
		{"a scan of 4 mm", "geometry", func(s built) { s[0].Shape[2] = 2 }, []string{"warn D extent"}},
		{"a sagittal scan", "geometry", func(s built) { s[0].Orientation = "PIL" }, []string{"note D PIL"}},
		{"CT without its offset", "intensity", func(s built) { s[0].Low, s[0].High = 0, 2200 }, []string{"warn D CT offset"}},
		{"CT scaled to 0..1", "intensity", func(s built) { s[0].Low, s[0].High = 0, 1 }, []string{"warn D CT range"}},
		{"MR has no HU", "intensity", func(s built) { s[0].Low, s[0].High, s[0].Modality = 0, 2200, catalog.MRI }, nil},
		{"a constant image", "intensity", func(s built) { s[0].SD = 0 }, []string{"stop D constant"}},
	} {
		scans := built{goodScan("1"), goodScan("2")}
		c.change(scans)
		r := run(t, gates.Input{Built: scans})
		var got []string
		for _, result := range r.Results {
			if c.gate == "" && result.Gate != "licence" || result.Gate == c.gate {
				if result.Status != gates.NotRun && (c.gate != "" || slices.Contains([]string{"failed-scans", "read-problems", "same-content", "sides", "outside-whole", "unexplained-values", "tiny-masks", "empty-masks", "geometry", "intensity"}, result.Gate)) {
					got = append(got, subjects(result)...)
				}
			}
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// counted counts how often its scans were measured.
type counted struct {
	built
	n int
}

func (c *counted) Each(ctx context.Context, f func(*gates.Measured) error) error {
	c.n++
	return c.built.Each(ctx, f)
}

func TestABuiltCorpusIsMeasuredOnceForAllGates(t *testing.T) {
	c := &counted{built: built{goodScan("1"), goodScan("2")}}
	run(t, gates.Input{Built: c})
	if c.n != 1 {
		t.Errorf("measured %d times", c.n)
	}
}

func TestAnnotationsThatJumpBetweenVersions(t *testing.T) {
	now := released(t)
	var scans []corpus.Scan
	for i := range now.Len() {
		s := *now.Scan(i)
		if s.Dataset == "BTCV" && i%2 == 0 || s.Dataset == "SLIVER07" && strings.HasSuffix(s.Image, "1.nii.gz") || s.Dataset == "PARSE2022" {
			continue
		}
		scans = append(scans, s)
	}
	r := run(t, gates.Input{Index: corpus.NewIndex(builtin(t), scans), Before: now}, "versions")
	got := subjects(of(r, "versions"))
	for _, want := range []string{"warn BTCV liver", "note SLIVER07 liver", "stop PARSE2022 pulmonary artery"} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is not among %v", want, got)
		}
	}
}

// oneDataset is a catalog of one record with a licence.
func oneDataset(t *testing.T, licence string) *catalog.Catalog {
	t.Helper()
	d, ok := builtin(t).Dataset("AbdomenCT1K")
	if !ok {
		t.Fatal("no record of AbdomenCT1K")
	}
	changed := *d
	changed.Licence = catalog.Licence{ID: licence, Reference: "https://example.org/terms"}
	text, err := yaml.Marshal(&changed)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "AbdomenCT1K.yaml"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestWholesComeFromTheTree(t *testing.T) {
	snapshot, err := graphbuiltin.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	tree, err := snapshot.Tree()
	if err != nil {
		t.Fatal(err)
	}
	classes, err := catalog.Classes()
	if err != nil {
		t.Fatal(err)
	}
	wholes := gates.WholesOf(tree, classes)
	for part, whole := range map[string]string{
		"left kidney": "kidney", "left heart atrium": "heart", "caudate lobe": "liver", "left lung upper lobe": "left lung",
	} {
		if !slices.Contains(wholes[part], whole) {
			t.Errorf("%s lies in %v, not in %s", part, wholes[part], whole)
		}
	}
	for part, not := range map[string]string{"kidney tumor": "kidney", "kidney": "left kidney", "aorta": "heart"} {
		if slices.Contains(wholes[part], not) {
			t.Errorf("%s lies in %s", part, not)
		}
	}
}

// A built corpus is held against the records of its own datasets alone; a record
// that nobody reviewed, and a dataset without one, stop it.
func TestBuiltDatasets(t *testing.T) {
	c := oneDataset(t, "CC-BY-4.0")
	d, _ := c.Dataset("AbdomenCT1K")
	d.Draft = true
	stopped := func(gate string, datasets ...string) (names []string) {
		for _, f := range of(run(t, gates.Input{Catalog: c, Datasets: datasets}, gate), gate).Findings {
			if f.Severity == gates.Stop {
				names = append(names, f.Dataset)
			}
		}
		return names
	}
	if got := stopped("licence", "AbdomenCT1K", "Unheard"); !slices.Equal(got, []string{"Unheard"}) {
		t.Errorf("licence: %v", got)
	}
	if got := stopped("draft-record", "AbdomenCT1K", "Unheard"); !slices.Equal(got, []string{"AbdomenCT1K"}) {
		t.Errorf("draft-record: %v", got)
	}
	if got := stopped("draft-record", "Unheard"); len(got) > 0 {
		t.Errorf("of a dataset that the corpus does not hold: %v", got)
	}
}

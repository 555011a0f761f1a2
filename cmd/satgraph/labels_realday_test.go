package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"satgraph/datasets/impact"
	"satgraph/internal/sharedtest"
	"satgraph/store/neo4j/neo4jtest"
)

// A curator's day on the labels of a real CT and of a brain atlas, as
// docs/curator.md walks through it: on a file, and on a team's server.
func TestCuratorsDayOnRealLabels(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		realDay(t, "sqlite:"+filepath.Join(t.TempDir(), "day.db"))
	})
	t.Run("Neo4j", func(t *testing.T) {
		server := neo4jtest.Open(t)
		server.Wipe(t)
		t.Cleanup(func() { server.Wipe(t) })
		realDay(t, server.URI)
	})
}

// day runs commands on stores.
type day struct {
	t   *testing.T
	dir string
}

func (d day) do(store string, args ...string) string {
	d.t.Helper()
	code, out, errOut := satgraph(d.t, append([]string{"--store", store, "labels"}, args...)...)
	if code != exitDone {
		d.t.Fatalf("labels %s: exit %d: %s%s", strings.Join(args, " "), code, out, errOut)
	}
	return out
}

// states are what all labels stand for, without what differs from ledger to
// ledger: the ids of events and how many there were.
func (d day) states(store string) map[string]string {
	d.t.Helper()
	var doc struct{ Labels []stateRow }
	if err := json.Unmarshal([]byte(d.do(store, "list", "--json")), &doc); err != nil {
		d.t.Fatal(err)
	}
	out := map[string]string{}
	for _, row := range doc.Labels {
		row.Version = 0
		for i := range row.Votes {
			row.Votes[i].Event = ""
		}
		text, err := json.Marshal(row)
		if err != nil {
			d.t.Fatal(err)
		}
		out[row.Dataset+": "+row.Label] = string(text)
	}
	return out
}

// classTable writes the list of the real CT's label values as a table.
func (d day) classTable() string {
	d.t.Helper()
	text, err := os.ReadFile(sharedtest.Path(d.t, "data/real-ct/labels.json"))
	if err != nil {
		d.t.Fatal(err)
	}
	var doc struct {
		Maps map[string]map[string]string `json:"class_maps"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		d.t.Fatal(err)
	}
	rows := []string{"value,label"}
	for _, value := range slices.SortedFunc(maps.Keys(doc.Maps["total"]), func(a, b string) int {
		x, _ := strconv.Atoi(a)
		y, _ := strconv.Atoi(b)
		return x - y
	}) {
		rows = append(rows, value+","+doc.Maps["total"][value])
	}
	path := filepath.Join(d.dir, "classes.csv")
	if err := os.WriteFile(path, []byte(strings.Join(rows, "\n")+"\n"), 0o600); err != nil {
		d.t.Fatal(err)
	}
	return path
}

func realDay(t *testing.T, store string) {
	t.Helper()
	d := day{t, t.TempDir()}
	table, ct := d.classTable(), sharedtest.Path(t, "data/real-ct/example_seg.nii.gz")
	atlas := sharedtest.Path(t, "data/real-mr/brain/labels_aal.csv")
	bring := func(store string) {
		d.do(store, "import", ct, "--table", table, "--dataset", "Real CT", "--modality", "ct", "--by", "ann")
		d.do(store, "import", atlas, "--dataset", "AAL2", "--modality", "mri", "--by", "ann")
	}
	bring(store)
	d.do(store, "policy", "--dataset", "Real CT", "--reviewers", "2", "--by", "chief")
	d.do(store, "accept", "--all", "--dataset", "AAL2", "--by", "ann")

	// Ann accepts what is sure, takes a wrong side for a kidney, and undoes that.
	ann := startTerminal(t, 100, 30, nil, "--store", store, "labels", "review", "--dataset", "Real CT", "--by", "ann")
	ann.sees("? spleen")
	ann.keys("A")
	ann.sees("y writes them as one batch")
	ann.keys("y")
	ann.sees("written as one batch")
	ann.keys("/", "kidney_right", enter)
	ann.sees("[/kidney_right]")
	ann.keys("s", "left kidney")
	ann.sees("left kidney (UBERON")
	ann.keys(enter)
	ann.sees("2 kidney_right: exact left kidney")
	ann.keys("u")
	ann.sees("undo: 2 kidney_right")
	ann.keys("q")
	if code, out := ann.ends(); code != exitDone {
		t.Fatalf("ann's review ends with %d: %s", code, out)
	}

	// Bob agrees but for one muscle; Carol settles it.
	bob := startTerminal(t, 140, 40, nil, "--store", store, "labels", "review", "--dataset", "Real CT", "--by", "bob")
	bob.sees("? spleen")
	bob.keys("A")
	bob.sees("y writes them as one batch")
	bob.keys("y")
	bob.sees("written as one batch")
	bob.keys("/", "autochthon_left", enter)
	bob.sees("[/autochthon_left]")
	bob.keys("0")
	bob.sees("1 disputed")
	bob.keys("q")
	if code, out := bob.ends(); code != exitDone {
		t.Fatalf("bob's review ends with %d: %s", code, out)
	}
	carol := startTerminal(t, 80, 24, nil, "--store", store, "labels", "review", "--dataset", "Real CT", "--by", "carol")
	carol.sees("1 disputed")
	carol.sees("> 1 0.99")
	carol.keys("t", "t")
	carol.sees("[disputed]")
	carol.sees("your decision settles it")
	carol.keys("a")
	carol.sees("carol settled it")
	carol.keys("q")
	if code, out := carol.ends(); code != exitDone {
		t.Fatalf("carol's review ends with %d: %s", code, out)
	}
	at := d.states(store)
	if row := at["Real CT: 2 kidney_right"]; !strings.Contains(row, `"settled"`) || !strings.Contains(row, "right kidney") {
		t.Errorf("after the undo: %s", row)
	}
	if row := at["Real CT: 86 autochthon_left"]; !strings.Contains(row, `"settledBy":["carol"]`) {
		t.Errorf("after the adjudication: %s", row)
	}
	settled := strings.Count(fmt.Sprint(at), `"status":"settled"`)
	if settled < 100 {
		t.Errorf("only %d labels of %d are settled", settled, len(at))
	}

	d.recipes(store)
	d.outAndIn(store, bring)
}

// recipes decides on recipes, with what that would change.
func (d day) recipes(store string) {
	d.t.Helper()
	var report impact.Report
	if err := json.Unmarshal([]byte(d.do(store, "impact", "--recipe", "kidney", "--expr", "{2}", "--dataset", "Real CT", "--json")), &report); err != nil {
		d.t.Fatal(err)
	}
	if len(report.Classes) != 1 || report.Classes[0].Change != impact.Changed || report.Classes[0].Before != "{2, 3, 23, 24}" || report.Classes[0].After != "{2}" {
		d.t.Errorf("the impact of one kidney for both: %+v", report)
	}
	for _, who := range []string{"ann", "bob"} {
		d.do(store, "recipes", "accept", "kidney", "--dataset", "Real CT", "--by", who)
	}
	if out := d.do(store, "recipes", "list", "--dataset", "Real CT"); !strings.Contains(out, "= {2, 3, 23, 24}  includes left kidney cyst, right kidney cyst") || !strings.Contains(out, "(ann, bob)") {
		d.t.Errorf("the recipe: %s", out)
	}
	if out := d.do(store, "recipes", "check", "--dataset", "Real CT"); !strings.Contains(out, "0 concerns") {
		d.t.Errorf("the recipe is questioned: %s", out)
	}
}

// outAndIn exports and brings what was exported into empty stores: the same
// state, to the byte.
func (d day) outAndIn(store string, bring func(store string)) {
	d.t.Helper()
	for _, format := range []string{"sssom", "sssom-json"} {
		other := "sqlite:" + filepath.Join(d.dir, format+".db")
		file := filepath.Join(d.dir, "out."+format)
		d.do(store, "export", "--format", format, "-o", file)
		bring(other)
		d.do(other, "import", "--decisions", file, "--by", "chief")
		for _, again := range []string{"sssom", "sssom-json"} {
			if d.do(store, "export", "--format", again) != d.do(other, "export", "--format", again) {
				d.t.Errorf("%s in again exports another %s", format, again)
			}
		}
		want, got := d.states(store), d.states(other)
		for label := range want {
			if got[label] != want[label] {
				d.t.Errorf("%s gives another state of %s:\n%s\n%s", format, label, want[label], got[label])
			}
		}
		if len(got) != len(want) {
			d.t.Errorf("%s: %d labels of %d", format, len(got), len(want))
		}
	}
	file, other := filepath.Join(d.dir, "ledger.jsonl"), "sqlite:"+filepath.Join(d.dir, "ledger.db")
	d.do(store, "export", "--format", "ledger", "-o", file)
	d.do(other, "import", "--ledger", file)
	for _, args := range [][]string{{"list", "--json"}, {"recipes", "list", "--json"}, {"export", "--format", "csv"}} {
		if d.do(store, args...) != d.do(other, args...) {
			d.t.Errorf("the ledger in again gives another %v", args)
		}
	}
}

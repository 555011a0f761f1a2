package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/api/auth"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/export/index"
	"satgraph/datasets/gates"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
	"satgraph/jobs/kinds"
	"satgraph/labelmap"
)

// works gives a service the other kinds of work, in folders of the test's.
func works(t *testing.T) func(c *api.Config) {
	t.Helper()
	dir := t.TempDir()
	known, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"MSD_Spleen", "SegTHOR"} {
		d, _ := known.Dataset(name)
		if _, err := rawtest.Write(filepath.Join(dir, "raw"), d, d.Layouts[0].Names[0], rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(dir, "raw", "labels.csv"), []byte("label,dataset\nliver,New\nspleen,New\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "secret.csv"), []byte("label,dataset\nliver,Secret\n"), 0o600),
	); err != nil {
		t.Fatal(err)
	}
	places := &kinds.Places{
		Raw: map[string]string{"raw": filepath.Join(dir, "raw")}, Corpora: filepath.Join(dir, "corpora"), Exports: filepath.Join(dir, "exports"), Catalog: known,
	}
	formats := func(p *kinds.ExportParams) (export.Format, map[string]string, error) {
		if p.Merge != "" {
			return nil, nil, &kinds.MistakeError{Argument: "merge", Message: "merge has no meaning here"}
		}
		return index.New(), nil, nil
	}
	waivers, err := gates.ReadWaivers(strings.NewReader("- {gate: same-content, dataset: \"*\", reason: one picture for all, by: Ada, reviewer: Grace, date: 2026-11-01}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return func(c *api.Config) {
		c.Places, c.Formats = places, formats
		c.Corpus = api.Corpus{Catalog: known, Waivers: waivers}
		o := kinds.Options{
			Workers: 1, Program: "test", Formats: formats, Wholes: func() (map[string][]string, error) { return nil, nil },
			Labels: func(context.Context, string, *kinds.ImportParams, func(int, int)) ([]labelmap.RawLabel, error) {
				return []labelmap.RawLabel{{Dataset: "New", Name: "liver"}, {Dataset: "New", Name: "spleen"}}, nil
			},
		}
		if c.Ledger != nil {
			o.Book = labelmap.NewBook(c.Ledger, "test")
		}
		runner, err := jobs.Open(jobs.Config{
			Dir: filepath.Join(dir, "jobs"), Models: jobtest.Models{Model: &jobtest.Model{}}, Kinds: places.Kinds(o), Beside: 1,
			Classify: api.Classify, Retry: kinds.Retriable,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = runner.Close() })
		c.Jobs = runner
	}
}

// order starts a job and gives its id.
func (s *service) order(mutation string) string {
	s.t.Helper()
	name, _, _ := strings.Cut(mutation, "(")
	a := s.ask("mutation {" + mutation + " {job {id kind} mistake {code message argument}}}")
	if len(a.Errors) > 0 || a.at(s.t, name, "job") == nil {
		s.t.Fatalf("%s: %v %v", mutation, a.Errors, a.Data)
	}
	return fmt.Sprint(a.at(s.t, name, "job", "id"))
}

// finished waits for a job and gives its fields.
func (s *service) finished(id, fields string) map[string]any {
	s.t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		a := s.ask(`{job(id: "` + id + `") {status error {code message} done total kind query demo notice ` + fields + `}}`)
		if len(a.Errors) > 0 {
			s.t.Fatal(a.Errors)
		}
		if st := a.at(s.t, "job", "status"); st != "QUEUED" && st != "RUNNING" {
			m, _ := a.Data["job"].(map[string]any)
			return m
		}
	}
	s.t.Fatal("the job does not end")
	return nil
}

const buildThem = `buildCorpus(name: "all", datasets: ["MSD_Spleen", "SegTHOR"], spacing: [0.5, 0.5, 0.5], key: "k")`

// exportOnSides exports the corpus of two scans on the sides of a table.
func exportOnSides(t *testing.T, s *service, raw string) {
	t.Helper()
	const fields = `warnings result {... on ExportedCorpus {samples hash}}`
	export := func(arguments string) map[string]any {
		return s.finished(s.order(`exportCorpus(corpus: "all", format: INDEX, workers: 1, `+arguments+`)`), fields)
	}
	// A table that leaves scans out names them.
	short := export(`splitText: "scan,split\nOther/x,train\n"`)
	names := regexp.MustCompile(`to 2 scans: ([^,]+), ([^;]+);`).FindStringSubmatch(text(short["error"]))
	if names == nil {
		t.Fatalf("got %v", short)
	}
	table := `split\tscan\ntest\t` + names[1] + `\nval\t` + names[2] + `\n`
	if err := os.WriteFile(filepath.Join(raw, "sides.tsv"), []byte(strings.NewReplacer(`\t`, "\t", `\n`, "\n").Replace(table)), 0o600); err != nil {
		t.Fatal(err)
	}
	hashes := map[string]bool{}
	for _, arguments := range []string{`splitText: "` + table + `"`, `splitFile: "sides.tsv", raw: "raw"`} {
		whole, one := export(arguments), export(arguments+`, splits: ["test"]`)
		if got := text(one["result"]); whole["status"] != "DONE" || !strings.Contains(got, `"samples":1`) {
			t.Errorf("%s: %v, of a side %v", arguments, whole, one)
		}
		hashes[text(whole["result"])] = true
	}
	if len(hashes) != 1 {
		t.Errorf("the same table gives different bytes as text and as a file: %v", hashes)
	}
	if persons := export(`split: PERSONS`); persons["status"] != "DONE" || hashes[text(persons["result"])] {
		t.Errorf("by persons: %v", persons)
	}
}

// From raw data over GraphQL to a corpus, its gates, and an export that is
// downloaded.
func TestCorpusOverGraphQL(t *testing.T) {
	var raw string
	s, _ := curated(t, works(t), func(c *api.Config) { raw = c.Places.Raw["raw"] })
	const gatesOf = `{corpus {build(name: "all") {name hash scans datasets {name count} failed {totalCount} gates {passed results {gate status findings {nodes {what waived {by reviewer reason}}}}}}}}`
	if a := s.ask(gatesOf); a.at(t, "corpus", "build") != nil {
		t.Errorf("before it is built: %v", a.Data)
	}
	id := s.order(buildThem)
	w := s.invited()
	w.subscribe("j", `subscription {jobChanges(id: "`+id+`") {status result {... on BuiltCorpus {hash}}}}`)
	last := ""
	for got := w.read(); !strings.Contains(got, `"complete"`); got = w.read() {
		last = got
	}
	if !strings.Contains(last, `"DONE"`) || !strings.Contains(last, `"hash"`) {
		t.Errorf("the last change that a subscriber is told: %s", last)
	}
	built := s.finished(id, `result {... on BuiltCorpus {name hash scans built failed missing failures {reason}}}`)
	if text(built["result"]) == "null" || built["status"] != "DONE" || built["kind"] != "BUILD" || built["done"] != 2.0 || built["total"] != 2.0 || built["query"] != "" || built["demo"] != false {
		t.Fatalf("got %v", built)
	}
	if again := s.order(buildThem); again != id {
		t.Errorf("the same key gives another job: %s, %s", again, id)
	}
	if a := s.ask(gatesOf); a.at(t, "corpus", "build", "gates") != nil || a.at(t, "corpus", "build", "scans") != 2.0 {
		t.Errorf("before it is measured: %v", a.Data)
	}
	if m := s.finished(s.order(`measureCorpus(corpus: "all")`), `result {... on MeasuredCorpus {scans}}`); m["status"] != "DONE" || m["total"] != 2.0 {
		t.Fatalf("got %v", m)
	}
	a := s.ask(gatesOf)
	results, _ := a.at(t, "corpus", "build", "gates", "results").([]any)
	waived := ""
	for i := range results {
		if a.at(t, "corpus", "build", "gates", "results", i, "gate") == "same-content" {
			waived = text(results[i])
		}
	}
	if !strings.Contains(waived, `"reviewer":"Grace"`) || !strings.Contains(waived, "same picture") {
		t.Errorf("the gate of built corpora is not there with its waiver: %s of %s", waived, text(a.Data))
	}
	if a := s.ask(`{corpus {builds {totalCount nodes {name scans}}}}`); text(a.Data) != `{"corpus":{"builds":{"nodes":[{"name":"all","scans":2}],"totalCount":1}}}` {
		t.Errorf("got %s", text(a.Data))
	}

	for _, name := range []string{"", `, name: "v1"`} {
		id := s.order(`exportCorpus(corpus: "all", format: INDEX` + name + `)`)
		e := s.finished(id, `result {... on ExportedCorpus {name format count samples hash}} files {totalCount nodes {name sha256 url}}`)
		if e["status"] != "DONE" {
			t.Fatalf("got %v", e)
		}
		files, _ := e["files"].(map[string]any)
		nodes, _ := files["nodes"].([]any)
		for _, n := range nodes {
			f, _ := n.(map[string]any)
			code, header, body := s.exchange(http.MethodGet, fmt.Sprint(f["url"]), nil)
			sum := sha256.Sum256(body)
			if code != http.StatusOK || f["sha256"] != nil && f["sha256"] != hex.EncodeToString(sum[:]) || header.Get("ETag") == "" {
				t.Errorf("%v: %d", f, code)
			}
			if code, _, part := s.exchange(http.MethodGet, fmt.Sprint(f["url"]), nil, "Range", "bytes=1-4"); code != http.StatusPartialContent || string(part) != string(body[1:5]) {
				t.Errorf("a range of %v: %d %q", f["name"], code, part)
			}
		}
		if len(nodes) < 4 || files["totalCount"] != float64(len(nodes)) {
			t.Errorf("%d files: %v", len(nodes), e)
		}
		for _, bad := range []string{"..%2f..%2fjobs%2fhome", "%2e%2e/%2e%2e/job.json", "no", "", "../job.json", "%2fetc%2fpasswd"} {
			if code, _ := s.do(http.MethodGet, "/jobs/"+id+"/files/"+bad, nil); code == http.StatusOK || code >= 500 {
				t.Errorf("%q: %d", bad, code)
			}
		}
	}
	exportOnSides(t, s, raw)

	// What cannot be exported says why.
	refused := s.finished(s.order(`exportCorpus(corpus: "all", format: INDEX, strictLicence: true)`), "")
	if text(refused["error"]) == "null" || !strings.Contains(text(refused["error"]), "UNUSABLE_CORPUS") {
		t.Errorf("got %v", refused)
	}

	if i := s.finished(s.order(`importLabelsFrom(path: "labels.csv", by: "ann")`), `result {... on ImportedLabels {written unchanged}}`); text(i["result"]) != `{"unchanged":0,"written":2}` {
		t.Errorf("got %v", i)
	}
	image := s.upload(scan(t, "scan.nii.gz"))
	one := s.finished(s.order(`standardizeScan(image: "`+image+`", modality: CT)`), `modality image {id} result {... on StandardizedScan {spacing orientation}} files {nodes {name url}}`)
	if text(one["result"]) != `{"orientation":"RAS","spacing":[1,1,3]}` || !strings.Contains(text(one["files"]), "image.nii.gz") || one["modality"] != "CT" {
		t.Errorf("got %v", one)
	}
}

func TestMistakesOfOrders(t *testing.T) {
	s, _ := curated(t, works(t))
	for mutation, argument := range map[string]string{
		`buildCorpus(name: "../x")`:                                                        "name",
		`buildCorpus(name: "a", raw: "../raw")`:                                            "raw",
		`buildCorpus(name: "a", datasets: ["Nobody"])`:                                     "datasets",
		`buildCorpus(name: "a", spacing: [1, 1])`:                                          "spacing",
		`buildCorpus(name: "a", spacing: [1, 1, 0])`:                                       "spacing",
		`buildCorpus(name: "a", layout: "/")`:                                              "layout",
		`buildCorpus(name: "a", listed: true)`:                                             "listed",
		`measureCorpus(corpus: "none")`:                                                    "corpus",
		`exportCorpus(corpus: "../raw", format: INDEX)`:                                    "corpus",
		`exportCorpus(corpus: "a", format: INDEX, workers: -1)`:                            "workers",
		`exportCorpus(corpus: "a", format: INDEX, firstId: 0)`:                             "firstId",
		`exportCorpus(corpus: "a", format: INDEX, splitText: "a,b")`:                       "splitText",
		`exportCorpus(corpus: "a", format: INDEX, splitFile: "../secret.csv")`:             "splitFile",
		`exportCorpus(corpus: "a", format: INDEX, splitFile: "labels.csv")`:                "splitFile",
		`exportCorpus(corpus: "a", format: INDEX, splitFile: "labels.csv", raw: "x")`:      "raw",
		`exportCorpus(corpus: "a", format: INDEX, split: PERSONS, splitText: "a")`:         "split",
		`importLabelsFrom(path: "../secret.csv", by: "ann")`:                               "path",
		`importLabelsFrom(path: "labels.csv")`:                                             "by",
		`standardizeScan(image: "` + strings.Repeat("0", 64) + `", modality: CT)`:          "image",
		`retryJob(id: "` + s.order(`importLabelsFrom(path: "labels.csv", by: "b")`) + `")`: "id",
	} {
		name, _, _ := strings.Cut(mutation, "(")
		a := s.ask("mutation {" + mutation + " {job {id} mistake {code message hint argument}}}")
		if len(a.Errors) > 0 || a.at(t, name, "job") != nil || a.at(t, name, "mistake", "argument") != argument {
			t.Errorf("%s: %v %v", mutation, a.Errors, a.Data)
		}
		if a := s.ask("mutation {" + mutation + " {job {id}}}"); len(a.Errors) != 1 {
			t.Errorf("%s, with no mistake asked for: %v", mutation, a.Data)
		}
	}
	bare, _ := curated(t)
	if a := bare.ask(`mutation {` + buildThem + ` {job {id}}}`); a.code() != "SERVICE_UNAVAILABLE" {
		t.Errorf("without folders: %v", a.Errors)
	}
}

// Everybody sees their own jobs; an administrator everybody's.
func TestJobsAreListedByOwner(t *testing.T) {
	c := newClub(t, anyone(), works(t))
	ann, bob, boss := c.member("ann", auth.Curator), c.member("bob", auth.Viewer), c.member("boss", auth.Admin)
	hers := ann.order(buildThem)
	image := bob.upload(scan(t, "scan.nii.gz"))
	his := bob.order(`standardizeScan(image: "` + image + `", modality: CT)`)
	a := bob.ask(`mutation {` + buildThem + ` {job {id}}}`)
	if a.code() != "FORBIDDEN" {
		t.Errorf("a viewer builds a corpus: %v", a.Data)
	}
	ann.finished(hers, "")
	bob.finished(his, "")
	ids := func(s *service, arguments string) string {
		t.Helper()
		a := s.ask(`{jobs` + arguments + ` {totalCount nodes {id}}}`)
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		var out []string
		nodes, _ := a.at(t, "jobs", "nodes").([]any)
		for _, n := range nodes {
			out = append(out, fmt.Sprint(n.(map[string]any)["id"])) //nolint:forcetypeassert // a test
		}
		return strings.Join(out, " ")
	}
	for _, one := range []struct {
		who             *service
		arguments, want string
	}{
		{ann, "", hers},
		{bob, "", his},
		{boss, "", his + " " + hers},
		{boss, "(mine: true)", ""},
		{boss, "(kind: [BUILD])", hers},
		{boss, "(state: [DONE], kind: [BUILD, STANDARDIZE])", his + " " + hers},
		{boss, "(state: [FAILED, QUEUED, RUNNING])", ""},
		{boss, "(first: 1)", his},
		{c.service, "", ""},
	} {
		if got := ids(one.who, one.arguments); got != one.want {
			t.Errorf("%s: %q, want %q", one.arguments, got, one.want)
		}
	}
	a = boss.ask(`{jobs(first: 1) {pageInfo {hasNextPage endCursor} edges {cursor}}}`)
	cursor := fmt.Sprint(a.at(t, "jobs", "pageInfo", "endCursor"))
	if got := ids(boss, `(first: 1, after: "`+cursor+`")`); got != hers {
		t.Errorf("the second page: %q", got)
	}
	// Another's files are not there.
	for _, s := range []*service{ann, c.service} {
		if code, _ := s.do(http.MethodGet, "/jobs/"+his+"/files/image.nii.gz", nil); code != http.StatusNotFound {
			t.Errorf("another's file: %d", code)
		}
	}
	if code, _ := bob.do(http.MethodGet, "/jobs/"+his+"/files/image.nii.gz", nil); code != http.StatusOK {
		t.Errorf("one's own file: %d", code)
	}
	if a := bob.ask(`mutation {retryJob(id: "` + hers + `") {job {id}}}`); a.code() != "NOT_FOUND" {
		t.Errorf("another's job is tried again: %v", a.Data)
	}
}

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"satgraph/api"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/rawdata/rawtest"
	"satgraph/jobs/kinds"
	"satgraph/volume"
)

// graphql asks the service and gives the data.
func (s *service) graphql(query string) map[string]any {
	s.t.Helper()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		s.t.Fatal(err)
	}
	text := s.exchange(http.MethodPost, "/graphql", string(body))
	var answer struct {
		Data   map[string]map[string]any
		Errors []any
	}
	if err := json.Unmarshal([]byte(text), &answer); err != nil || len(answer.Errors) > 0 {
		s.t.Fatalf("%v: %s", err, text)
	}
	for _, v := range answer.Data {
		return v
	}
	return nil
}

// Labels that are read in when the service is killed come in once it is back, each
// once; jobs are listed, shown and tried again from the command line.
func TestServeReadsLabelsInAfterKill(t *testing.T) {
	dir := t.TempDir()
	grid := volume.Grid{Shape: [3]int{90, 90, 60}, Affine: volume.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}, {3: 1}}}
	if err := os.MkdirAll(filepath.Join(dir, "raw", "case"), 0o750); err != nil {
		t.Fatal(err)
	}
	const masks = 12
	for n := range masks {
		m := &volume.LabelMap{Grid: grid, Data: make([]uint16, grid.Voxels())}
		for i := n * 1000; i < n*1000+500*(n+1); i++ {
			m.Data[i] = 1
		}
		if err := volume.WriteLabelMap(filepath.Join(dir, "raw", "case", fmt.Sprintf("part_%d.nii.gz", n)), m); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"--store", "sqlite:" + filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"), "--raw", "mine=" + filepath.Join(dir, "raw")}
	s := startServe(t, args...)
	order := `mutation { importLabelsFrom(path: "case", dataset: "Mine", modality: CT, by: "ann", key: "once") { job { id } } }`
	made, _ := s.graphql(order)["job"].(map[string]any)
	id := fmt.Sprint(made["id"])
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if j := s.graphql(`{ job(id: "` + id + `") { done status } }`); j["status"] != "QUEUED" && fmt.Sprint(j["done"]) != "0" {
			break
		}
	}
	s.kill()
	s = startServe(t, args...)
	var ended map[string]any
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		ended = s.graphql(`{ job(id: "` + id + `") { status starts kind result { ... on ImportedLabels { written unchanged repeated } } } }`)
		if ended["status"] == "DONE" || ended["status"] == "FAILED" {
			break
		}
	}
	result, _ := ended["result"].(map[string]any)
	if ended["status"] != "DONE" || fmt.Sprint(result["written"]) != fmt.Sprint(masks) {
		t.Fatalf("it ended as %v; %s", ended, s.log.said())
	}
	if found := s.graphql(`{ dataset(name: "Mine") { labels { totalCount } } }`); !strings.Contains(fmt.Sprint(found), fmt.Sprintf("totalCount:%d", masks)) {
		t.Errorf("got %v", found)
	}
	if again, _ := s.graphql(order)["job"].(map[string]any); again["id"] != id {
		t.Errorf("the same key gives another job: %v", again)
	}

	// The command line.
	var list struct {
		Jobs []struct {
			ID, Status, Kind string
		}
		Total int
	}
	code, out, stderr := satgraph(t, "jobs", "list", "--service", s.url, "--json", "--kind", "import", "--state", "done")
	if err := json.Unmarshal([]byte(out), &list); code != exitDone || err != nil || list.Total != 1 || list.Jobs[0].ID != id || list.Jobs[0].Kind != "IMPORT" {
		t.Errorf("list: %d, %v: %s%s", code, err, out, stderr)
	}
	for _, one := range []struct {
		code int
		says string
		args []string
	}{
		{exitDone, id, []string{"list"}},
		{exitDone, "12 of 12", []string{"show", id}},
		{exitDone, "0 of 0 jobs", []string{"dead"}},
		{exitUsage, "CONFLICT", []string{"retry", id}},
		{exitUsage, "not found", []string{"show", "none"}},
		{exitFailed, "already ended", []string{"cancel", id}},
		{exitUsage, "no address", []string{"list", "--service", "nowhere"}},
	} {
		given := append([]string{"jobs"}, one.args...)
		if !strings.Contains(strings.Join(given, " "), "--service") {
			given = append(given, "--service", s.url)
		}
		if code, out, stderr := satgraph(t, given...); code != one.code || !strings.Contains(out+stderr, one.says) {
			t.Errorf("%v: %d: %s%s", one.args, code, out, stderr)
		}
	}
}

// An export that is asked of the service has the bytes of the command's.
func TestExportsOverGraphQL(t *testing.T) {
	t.Setenv("SATGRAPH_HOME", t.TempDir())
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"MSD_Spleen", "SegTHOR"} {
		d, _ := c.Dataset(name)
		if _, err := rawtest.Write(filepath.Join(dir, "raw"), d, d.Layouts[0].Names[0], rawtest.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	corpus := filepath.Join(dir, "corpora", "mine")
	if code, _, stderr := satgraph(t, "corpus", "build", "--raw", filepath.Join(dir, "raw"), "-o", corpus, "--spacing", "0.5,0.5,0.5"); code != exitDone {
		t.Fatal(stderr)
	}
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"),
		"--corpora", filepath.Join(dir, "corpora"), "--exported", filepath.Join(dir, "exported"))
	for format, asked := range map[string]struct {
		over    string
		command []string
	}{
		"sat":       {"asIs: true, prefix: \"/data/\"", []string{"--as-is", "--prefix", "/data/"}},
		"nnunet":    {"overlap: REGIONS, merge: \"all\", leaveOutPartial: true, datasets: [\"SegTHOR\"], firstId: 7", []string{"--overlap", "regions", "--merge", "all", "--leave-out-partial", "--dataset", "SegTHOR", "--first-id", "7"}},
		"monai":     {"overlap: REGIONS, split: PERSONS", []string{"--overlap", "regions", "--split", "persons"}},
		"croissant": {"title: \"eggs\", version: \"1.0\", date: \"2026-01-31\"", []string{"--name", "eggs", "--corpus-version", "1.0", "--date", "2026-01-31"}},
		"bids":      {"overlap: LAYERS, title: \"eggs\"", []string{"--overlap", "layers", "--name", "eggs"}},
		"dicomseg":  {"modalities: [CT]", []string{"--modality", "ct"}},
		"index":     {"workers: 1", nil},
	} {
		t.Run(format, func(t *testing.T) {
			order := fmt.Sprintf(`mutation { exportCorpus(corpus: "mine", format: %s, name: "%s", %s) { job { id } } }`, strings.ToUpper(format), format, asked.over)
			made, _ := s.graphql(order)["job"].(map[string]any)
			var job map[string]any
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				if job = s.graphql(fmt.Sprintf(`{ job(id: "%s") { status } }`, made["id"])); job["status"] == "DONE" || job["status"] == "FAILED" {
					break
				}
			}
			if job["status"] != "DONE" {
				t.Fatalf("it ended as %v; %s", job, s.log.said())
			}
			out := filepath.Join(dir, "command", format)
			if code, _, stderr := satgraph(t, append([]string{"corpus", "export", corpus, "--format", format, "-o", out}, asked.command...)...); code != exitDone {
				t.Fatal(stderr)
			}
			sameFiles(t, filepath.Join(dir, "exported", format), out)
		})
	}
}

// sameFiles compares all files of two folders.
func sameFiles(t *testing.T, a, b string) {
	t.Helper()
	files := map[string]string{}
	for i, dir := range []string{a, b} {
		root := os.DirFS(dir)
		err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(root, name)
			if other, ok := files[name]; i == 1 && (!ok || other != string(text)) {
				t.Errorf("%s: %.600q and %.600q", name, other, text)
			}
			if i == 1 {
				delete(files, name)
			} else {
				files[name] = string(text)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for name := range files {
		t.Errorf("only in %s: %s", a, name)
	}
}

// Every form that the schema names is one that the program writes, and what has no
// meaning for a form is said so.
func TestFormatsOfJobs(t *testing.T) {
	if names := api.ExportFormats(); len(names) != len(corpusFormats) {
		t.Errorf("the schema has %v, the program %v", names, formatNames())
	}
	for _, name := range api.ExportFormats() {
		if _, _, err := jobFormats(&kinds.ExportParams{Format: name}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for argument, p := range map[string]kinds.ExportParams{
		"format": {Format: "zip"}, "overlap": {Format: "sat", Overlap: export.Regions}, "merge": {Format: "index", Merge: "all"},
		"leaveOutPartial": {Format: "bids", LeaveOut: true}, "title": {Format: "sat", Title: "x"}, "description": {Format: "bids", Description: "x"},
	} {
		if _, _, err := jobFormats(&p); err == nil {
			t.Errorf("%s is taken", argument)
		} else if m, ok := errors.AsType[*kinds.MistakeError](err); !ok || m.Argument != argument {
			t.Errorf("%s: %v", argument, err)
		}
	}
}

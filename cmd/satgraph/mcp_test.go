package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/datasets/phantom"
	"satgraph/inference"
	"satgraph/inference/onnx/onnxtest"
	"satgraph/internal/tooltest"
	"satgraph/volume"
)

// phantomScan writes a coarse phantom.
func phantomScan(t *testing.T, path string) {
	t.Helper()
	p, err := phantom.Generate(phantom.Options{Seed: 1, Version: 2, Spacing: 8, FullFOV: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := volume.WriteImage(path, p.Image, volume.Int16); err != nil {
		t.Fatal(err)
	}
}

// toolAnswer calls a tool and decodes its answer.
func toolAnswer(t *testing.T, session *sdk.ClientSession, tool string, arguments map[string]any, out any) *sdk.CallToolResult {
	t.Helper()
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{Name: tool, Arguments: arguments})
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		t.Fatalf("%s: %v", tool, result.GetError())
	}
	text, err := json.Marshal(result.StructuredContent)
	if err == nil {
		err = json.Unmarshal(text, out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return result
}

type agentJob struct {
	Job        string
	Ended      bool
	Counts     map[string]int
	Structures []struct{ Name, Mask string }
}

// conversation is the way from a scan to a picture of its liver.
func conversation(t *testing.T, session *sdk.ClientSession, scan string) agentJob {
	t.Helper()
	var j agentJob
	toolAnswer(t, session, "segment", map[string]any{"scan": scan, "query": "liver", "modality": "ct", "wait": 0}, &j)
	for range 10 {
		if toolAnswer(t, session, "job", map[string]any{"job": j.Job, "wait": 60}, &j); j.Ended {
			break
		}
	}
	if j.Counts["segmented"] != 1 {
		t.Fatalf("%+v", j)
	}
	var m struct {
		Structures []struct {
			VolumeML float64 `json:"volumeMl"`
		}
	}
	toolAnswer(t, session, "measure", map[string]any{"job": j.Job}, &m)
	if v := m.Structures[0].VolumeML; v < 300 || v > 4000 {
		t.Errorf("a liver of %.0f mL", v)
	}
	var p struct{ Caption string }
	picture := toolAnswer(t, session, "picture", map[string]any{"job": j.Job, "zoom": true}, &p)
	if image, ok := picture.Content[0].(*sdk.ImageContent); !ok || !strings.HasPrefix(string(image.Data), "\x89PNG") {
		t.Errorf("no picture: %+v", picture.Content)
	}
	return j
}

func connectAgent(t *testing.T, transport sdk.Transport) *sdk.ClientSession {
	t.Helper()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "0"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// agentScans makes a folder with a phantom's scan in a folder of it.
func agentScans(t *testing.T) (dir, scans string) {
	t.Helper()
	onnxtest.Need(t)
	dir = t.TempDir()
	scans = filepath.Join(dir, "scans")
	if err := os.Mkdir(scans, 0o750); err != nil {
		t.Fatal(err)
	}
	phantomScan(t, filepath.Join(scans, "phantom.nii.gz"))
	return dir, scans
}

// The built program with the official SDK's client over stdin and stdout: two of
// them side by side, each of which ends in order when its client goes away.
func TestMCPOverStdio(t *testing.T) {
	dir, scans := agentScans(t)
	start := func() (*sdk.ClientSession, *exec.Cmd) {
		cmd := program(t, "mcp", "--root", scans, "--data", filepath.Join(dir, "data"), "--store", "sqlite:"+filepath.Join(dir, "tree.db"))
		cmd.Stderr = os.Stderr
		return connectAgent(t, &sdk.CommandTransport{Command: cmd}), cmd
	}
	session, cmd := start()
	j := conversation(t, session, "phantom.nii.gz")
	if _, err := volume.ReadLabelMap(j.Structures[0].Mask, volume.ReadOptions{}); err != nil {
		t.Errorf("the mask cannot be read where the answer says: %v", err)
	}
	other, second := start()
	result, err := other.CallTool(t.Context(), &sdk.CallToolParams{Name: "job", Arguments: map[string]any{"job": j.Job}})
	if err != nil || !result.IsError {
		t.Errorf("a second agent takes part in the first one's jobs: %v", err)
	}
	for i, s := range []*sdk.ClientSession{session, other} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if code := []*exec.Cmd{cmd, second}[i].ProcessState.ExitCode(); code != exitDone {
			t.Errorf("agent %d: exit code %d", i+1, code)
		}
	}
	again, _ := start()
	defer func() { _ = again.Close() }()
	var kept agentJob
	toolAnswer(t, again, "job", map[string]any{"job": j.Job}, &kept)
	if !kept.Ended {
		t.Errorf("%+v", kept)
	}
}

// changedDemo is a folder with the demo's bundle, in whose manifest one text is
// another.
func changedDemo(t *testing.T, before, after string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "other"), os.DirFS("../../models/demo")); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "other", inference.ManifestFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), before, after, 1)
	if changed == string(text) {
		t.Fatalf("the demo's manifest has no %s", before)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// An agent chooses another model than the default one.
func TestMCPModels(t *testing.T) {
	dir, scans := agentScans(t)
	cmd := program(t, "mcp", "--root", scans, "--data", filepath.Join(dir, "data"), "--store", "sqlite:"+filepath.Join(dir, "tree.db"),
		"--model", filepath.Join(changedDemo(t, `"satgraph demo"`, `"first opinion"`), "other"), "--models", changedDemo(t, `"satgraph demo"`, `"second opinion"`))
	cmd.Stderr = os.Stderr
	session := connectAgent(t, &sdk.CommandTransport{Command: cmd})
	defer func() { _ = session.Close() }()
	var listed struct {
		Models []struct {
			Name    string
			Default bool
		}
	}
	toolAnswer(t, session, "list_models", nil, &listed)
	if fmt.Sprint(listed.Models) != "[{first opinion true} {second opinion false}]" {
		t.Errorf("%+v", listed)
	}
	segment := func(model string) (j struct{ Job, Model, State string }) {
		toolAnswer(t, session, "segment", map[string]any{"scan": "phantom.nii.gz", "query": "liver", "modality": "ct", "model": model, "wait": 120}, &j)
		return j
	}
	one, two := segment(""), segment("second opinion")
	if one.Model != "first opinion" || two.Model != "second opinion" || one.State != "DONE" || two.State != "DONE" {
		t.Errorf("%+v, %+v", one, two)
	}
	var c struct {
		SameScan   bool
		Structures []struct{ Dice float64 }
	}
	toolAnswer(t, session, "compare_scans", map[string]any{"before": one.Job, "after": two.Job}, &c)
	if !c.SameScan || c.Structures[0].Dice != 1 {
		t.Errorf("the same networks under two names: %+v", c)
	}
}

func TestMCPOverHTTP(t *testing.T) {
	onnxtest.Need(t)
	dir := t.TempDir()
	scan := filepath.Join(dir, "phantom.nii.gz")
	phantomScan(t, scan)
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"))
	image := s.upload(scan)
	session := connectAgent(t, &sdk.StreamableClientTransport{Endpoint: s.url + "/mcp"})
	defer func() { _ = session.Close() }()
	j := conversation(t, session, image)
	response, err := http.Get(s.url + j.Structures[0].Mask) //nolint:noctx // of the test's own service
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Errorf("the mask's address answers %s", response.Status)
	}
}

// Another implementation of the protocol, Python's, over both transports.
func TestMCPWithPythonClient(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	python := tooltest.Get(ctx, t, "../../scripts/python-tools.sh", "mcp-tools")
	dir := t.TempDir()
	phantomScan(t, filepath.Join(dir, "phantom.nii.gz"))
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "served.db"), "--data", filepath.Join(dir, "served"))
	for name, where := range map[string][]string{
		"stdio": {path, "mcp", "--root", dir, "--data", filepath.Join(dir, "data"), "--store", "sqlite:" + filepath.Join(dir, "tree.db")},
		"HTTP":  {s.url + "/mcp"},
	} {
		cmd := exec.CommandContext(ctx, python, append([]string{"testdata/mcp_client.py"}, where...)...)
		out, err := cmd.Output()
		if err != nil {
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				err = fmt.Errorf("%w: %s", err, exit.Stderr)
			}
			t.Errorf("%s: %v", name, err)
			continue
		}
		lines := bufio.NewScanner(strings.NewReader(string(out)))
		var got []string
		for lines.Scan() {
			got = append(got, lines.Text())
		}
		want := []string{"satgraph", "left kidney UBERON:0004538", "liver segmentable", "error UNKNOWN_TERM", "error", "sentences 2 ungrounded 2", "class liver", "error NO_SUCH_JOB"}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s:\n%s", name, out)
		}
	}
}

func TestMCPUsage(t *testing.T) {
	for _, given := range [][]string{
		{"mcp"},
		{"mcp", "--root", filepath.Join(t.TempDir(), "none")},
		{"mcp", "--root", ".", "extra"},
		{"mcp", "--root", ".", "--threads", "-1"},
		{"mcp", "--root", ".", "--models", t.TempDir()},
		{"mcp", "--root", ".", "--model", "../../models/demo", "--models", changedDemo(t, `"0.1.0"`, `"0.1.1"`)},
	} {
		if code, stdout, stderr := satgraph(t, given...); code != exitUsage || stdout != "" || stderr == "" {
			t.Errorf("%v: exit code %d, %q, %q", given, code, stdout, stderr)
		}
	}
}

package mcp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api"
	"satgraph/api/auth"
	"satgraph/api/mcp"
	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
	"satgraph/volume"
)

// An agent is a client of a server whose model finds what is brighter than the
// scan's mean, on the built-in tree.
type agent struct {
	*sdk.ClientSession
	t     testing.TB
	scans string // the folder of scans

	mu       sync.Mutex
	progress []float64
}

var builtinTree = sync.OnceValues(func() (*graph.Tree, error) {
	snapshot, err := builtin.Snapshot()
	if err != nil {
		return nil, err
	}
	return snapshot.Tree()
})

const (
	leftAtrium  = "UBERON:0002079"
	rightAtrium = "UBERON:0002078"
	ventricle   = "UBERON:0002084"
)

func start(t testing.TB, model *jobtest.Model) *agent {
	t.Helper()
	return startWith(t, several{model})
}

// named is a model whose manifest is known.
type named interface {
	inference.Model
	Manifest() *inference.Manifest
}

// several are models that jobs choose from by name, the default one first.
type several []named

func (all several) Manifests() []*inference.Manifest {
	var out []*inference.Manifest
	for _, m := range all {
		out = append(out, m.Manifest())
	}
	return out
}

func (all several) Open(_ context.Context, name string) (inference.Model, error) {
	for _, m := range all {
		if m.Manifest().Name == name {
			return m, nil
		}
	}
	return nil, fmt.Errorf("no model %q", name)
}

func startWith(t testing.TB, models several) *agent {
	t.Helper()
	tree, err := builtinTree()
	if err != nil {
		t.Fatal(err)
	}
	resolver := inference.NewResolver(tree, []inference.Class{
		{Name: jobtest.Bright, Modality: inference.CT, TermID: leftAtrium},
		{Name: jobtest.Dark, Modality: inference.CT, TermID: rightAtrium},
		{Name: jobtest.Nothing, Modality: inference.CT, TermID: ventricle},
		{Name: "spleen", Modality: inference.CT, TermID: "UBERON:0002106"},
		{Name: "brain", Modality: inference.MRI, TermID: "UBERON:0000955"},
	})
	runner, err := jobs.Open(jobs.Config{Dir: filepath.Join(t.TempDir(), "jobs"), Models: models, Classify: api.Classify})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runner.Close() })
	dir := t.TempDir()
	folder, err := mcp.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = folder.Close() })
	c := mcp.Config{
		Tree:     func() *graph.Tree { return tree },
		Resolver: func() *inference.Resolver { return resolver },
		Models:   models.Manifests,
		Jobs:     runner, Scans: folder, Explain: api.Classify, Version: "test",
	}
	server, err := mcp.New(c)
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, scans: dir}
	mine, theirs := sdk.NewInMemoryTransports()
	ctx := auth.With(context.WithoutCancel(t.Context()), auth.Local(""))
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Run(ctx, theirs) }()
	client := sdk.NewClient(&sdk.Implementation{Name: "test", Version: "0"}, &sdk.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, p *sdk.ProgressNotificationClientRequest) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.progress = append(a.progress, p.Params.Progress)
		},
	})
	if a.ClientSession, err = client.Connect(t.Context(), mine, nil); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close(); <-done })
	return a
}

// box is where the scans of the tests are bright.
var box = volume.Box{Min: [3]int{4, 10, 8}, Max: [3]int{12, 20, 20}}

// scan writes a scan of 40 × 32 × 32 voxels of 2 × 2 × 3 mm, of 1000 HU inside a
// box and 0 outside.
func (a *agent) scan(name string, at volume.Box) {
	a.t.Helper()
	g := volume.Grid{Shape: [3]int{40, 32, 32}, Affine: volume.Affine{{2, 0, 0, -39}, {0, 2, 0, -31}, {0, 0, 3, 100}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: g, Data: make([]float32, g.Voxels())}
	for k := at.Min[2]; k < at.Max[2]; k++ {
		for j := at.Min[1]; j < at.Max[1]; j++ {
			for i := at.Min[0]; i < at.Max[0]; i++ {
				im.Data[g.Index(i, j, k)] = 1000
			}
		}
	}
	path := filepath.Join(a.scans, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		a.t.Fatal(err)
	}
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		a.t.Fatal(err)
	}
}

// call calls a tool and decodes its answer; failed is the text of a tool error.
func (a *agent) call(tool string, arguments map[string]any, out any) (result *sdk.CallToolResult, failed string) {
	a.t.Helper()
	params := &sdk.CallToolParams{Name: tool, Arguments: arguments}
	params.SetProgressToken("p")
	result, err := a.CallTool(a.t.Context(), params)
	if err != nil {
		a.t.Fatalf("%s: %v", tool, err)
	}
	if result.IsError {
		text, ok := result.Content[0].(*sdk.TextContent)
		if !ok || text.Text == "" {
			a.t.Fatalf("%s failed without a word: %+v", tool, result.Content)
		}
		return result, text.Text
	}
	if out != nil {
		text, err := json.Marshal(result.StructuredContent)
		if err == nil {
			err = json.Unmarshal(text, out)
		}
		if err != nil {
			a.t.Fatalf("%s: %v", tool, err)
		}
	}
	return result, ""
}

func (a *agent) must(tool string, arguments map[string]any, out any) *sdk.CallToolResult {
	a.t.Helper()
	result, failed := a.call(tool, arguments, out)
	if failed != "" {
		a.t.Fatalf("%s: %s", tool, failed)
	}
	return result
}

type job struct {
	Job, State, Notice, Next, Failure string
	Ended                             bool
	Counts                            map[string]int
	Structures                        []struct {
		ID, Name, Status, Mask string
		VolumeML               float64 `json:"volumeMl"`
	}
}

func (a *agent) segment(scan string) job {
	a.t.Helper()
	var j job
	a.must("segment", map[string]any{"scan": scan, "query": "left atrium, right atrium, left ventricle", "wait": 60}, &j)
	if !j.Ended || j.Counts["segmented"] != 2 {
		a.t.Fatalf("%+v", j)
	}
	return j
}

// Every argument has a limit, and every tool says what it does and changes.
func TestToolsAreDescribed(t *testing.T) {
	a := start(t, &jobtest.Model{})
	n := 0
	for tool, err := range a.Tools(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if len(tool.Description) < 80 || tool.Title == "" || tool.OutputSchema == nil || tool.Annotations == nil {
			t.Errorf("%s lacks a description, title, output schema or annotations", tool.Name)
		}
		changes := tool.Name == "segment" || tool.Name == "cancel_job"
		if tool.Annotations.ReadOnlyHint == changes || *tool.Annotations.DestructiveHint != (tool.Name == "cancel_job") {
			t.Errorf("%s: annotations %+v", tool.Name, tool.Annotations)
		}
		schema, _ := tool.InputSchema.(map[string]any)
		if schema["additionalProperties"] == nil {
			t.Errorf("%s takes any argument", tool.Name)
		}
		properties, _ := schema["properties"].(map[string]any)
		for name, p := range properties {
			limited(t, tool.Name+"."+name, p)
		}
	}
	if n != 12 {
		t.Errorf("%d tools", n)
	}
}

func limited(t *testing.T, name string, schema any) {
	t.Helper()
	p, _ := schema.(map[string]any)
	if d, _ := p["description"].(string); d == "" && !strings.Contains(name, "[]") {
		t.Errorf("%s is not described", name)
	}
	switch kind := fmt.Sprint(p["type"]); {
	case strings.Contains(kind, "array"):
		if p["maxItems"] == nil {
			t.Errorf("%s has no limit", name)
		}
		limited(t, name+"[]", p["items"])
	case strings.Contains(kind, "string"):
		if p["maxLength"] == nil && p["enum"] == nil {
			t.Errorf("%s has no limit", name)
		}
	case strings.Contains(kind, "integer"):
		if p["minimum"] == nil || p["maximum"] == nil {
			t.Errorf("%s has no limit", name)
		}
	case strings.Contains(kind, "boolean"):
	default:
		t.Errorf("%s is of type %s", name, kind)
	}
}

func TestFindAndPlan(t *testing.T) {
	a := start(t, &jobtest.Model{})
	var found struct {
		Terms []struct {
			ID, Name, Side string
			Parents        []struct{ ID string }
			Classes        []struct{ Name, Modality string }
			Segmentable    map[string]string
		}
	}
	a.must("find_term", map[string]any{"text": "LA"}, &found)
	first := found.Terms[0]
	if first.ID != leftAtrium || first.Side != "left" || len(first.Parents) == 0 || first.Segmentable["ct"] != "segmentable" || first.Segmentable["mri"] != "not_segmentable" || len(first.Classes) != 1 {
		t.Errorf("LA is %+v", first)
	}
	var plan struct {
		Total, LeftOff int
		Counts         map[string]int
		Terms          []struct{ Name, Status, ByModel, Reason string }
	}
	a.must("what_can_be_segmented", map[string]any{"query": "left atrium, spleen, brain, liver", "modality": "ct", "limit": 3}, &plan)
	got := fmt.Sprintf("%d %d, %s %s, %s by the model %s, %s", plan.Total, plan.LeftOff, plan.Terms[0].Status, plan.Terms[0].ByModel, plan.Terms[1].Status, plan.Terms[1].ByModel, plan.Terms[2].Status)
	if got != "4 1, "+"segmentable "+"segmentable, segmentable by the model not_segmentable, "+"not_segmentable" || !strings.Contains(plan.Terms[2].Reason, "MRI") {
		t.Errorf("%s; %+v", got, plan)
	}
	for _, c := range []struct{ tool, argument, text, want string }{
		{"find_term", "text", "xyzzyfoo", "UNKNOWN_TERM"},
		{"what_can_be_segmented", "query", "lefft atrim", "Candidates: left cardiac atrium (UBERON:0002079)"},
		{"what_can_be_segmented", "query", "children of", "UNKNOWN_TERM"},
	} {
		if _, failed := a.call(c.tool, map[string]any{c.argument: c.text}, nil); !strings.Contains(failed, c.want) || !strings.Contains(failed, "Try next: ") {
			t.Errorf("%s %q: %s", c.tool, c.text, failed)
		}
	}
}

// The whole way, with figures that are known beforehand.
func TestSegmentMeasurePictureCompare(t *testing.T) {
	a := start(t, &jobtest.Model{})
	a.scan("a/one.nii.gz", box)
	larger := box
	larger.Max[2] += 3
	a.scan("a/two.nii.gz", larger)
	cut := box
	cut.Min[0] = 0
	a.scan("b/cut.nii.gz", cut)
	var listed struct{ Scans []string }
	a.must("list_scans", nil, &listed)
	if fmt.Sprint(listed.Scans) != "[a/one.nii.gz a/two.nii.gz b/cut.nii.gz]" {
		t.Errorf("%v", listed.Scans)
	}
	one, two, three := a.segment("a/one.nii.gz"), a.segment("a/two.nii.gz"), a.segment("b/cut.nii.gz")
	if !strings.Contains(one.Notice, "never for clinical use") || !strings.Contains(one.Notice, "Test-only model") {
		t.Errorf("notice %q", one.Notice)
	}
	if one.Structures[2].Status != "absent" || one.Structures[2].Mask != "" || one.Structures[0].Mask == "" {
		t.Errorf("%+v", one.Structures)
	}

	var m struct {
		Structures []struct {
			Name, Side, Lies, Status string
			VolumeML                 float64 `json:"volumeMl"`
			CentroidMM, ExtentMM     [3]float64
			Truncated                bool
			Intensity                struct {
				Unit                      string
				Mean, SD, Median, P5, P95 float64
			}
			KeySlices []struct {
				Plane       string
				Axis, Index int
				CenterMM    [3]float64
			}
		}
	}
	a.must("measure", map[string]any{"job": one.Job, "structures": []string{"LEFT atrium", "right cardiac atrium"}}, &m)
	left, right := m.Structures[0], m.Structures[1]
	// The model works at 3 mm, so a mask may be off by a voxel of its own.
	whole := 8 * 10 * 12 * 12.0 / 1000
	if left.Name != "left cardiac atrium" || left.VolumeML < 0.7*whole || left.VolumeML > 1.4*whole {
		t.Errorf("%+v, want about %.1f mL", left, whole)
	}
	for a, want := range [3]float64{-24, -2, 140.5} {
		if d := left.CentroidMM[a] - want; d < -2 || d > 2 {
			t.Errorf("centroid %v", left.CentroidMM)
		}
	}
	if left.Intensity.Unit != "HU" || left.Intensity.Median != 1000 || left.Truncated || left.Side != "left" || !strings.Contains(left.Lies, "left") {
		t.Errorf("%+v", left)
	}
	if s := left.KeySlices; s[0].Plane != "axial" || s[0].Axis != 2 || s[0].Index < 8 || s[0].Index >= 20 || s[2].Plane != "sagittal" || s[2].Axis != 0 || s[2].Index < 4 || s[2].Index >= 12 {
		t.Errorf("%+v", s)
	}
	if right.Side != "right" || right.Status != "segmented" {
		t.Errorf("%+v", right)
	}

	for _, zoom := range []bool{false, true} {
		var p struct {
			Caption       string
			Width, Height int
			Through       [3]float64 `json:"throughMm"`
			Slices        []struct{ Axis, Index int }
		}
		result := a.must("picture", map[string]any{"job": one.Job, "structures": []string{leftAtrium}, "zoom": zoom, "width": 700}, &p)
		image, ok := result.Content[0].(*sdk.ImageContent)
		if !ok || image.MIMEType != "image/png" || !strings.HasPrefix(string(image.Data), "\x89PNG") || len(image.Data) > 1<<20 {
			t.Fatalf("%+v", result.Content[0])
		}
		for i, s := range p.Slices {
			if want := left.KeySlices[i]; s.Axis != want.Axis || s.Index < want.Index-1 || s.Index > want.Index+1 {
				t.Errorf("zoom %v: slice %+v, want %+v", zoom, s, want)
			}
		}
		if !strings.Contains(p.Caption, "patient's left is on the right") || !strings.Contains(p.Caption, "never for clinical use") {
			t.Errorf("%s", p.Caption)
		}
	}

	var c struct {
		SharedFrame bool
		Structures  []struct {
			Name, Why         string
			Comparable        bool
			ChangeML, Percent *float64
			ChangePercent     *float64
			DistanceMM        *float64
		}
	}
	a.must("compare_scans", map[string]any{"before": one.Job, "after": two.Job, "structures": []string{leftAtrium, rightAtrium, ventricle}}, &c)
	if !c.SharedFrame || !c.Structures[0].Comparable || *c.Structures[0].ChangePercent < 10 || *c.Structures[0].ChangePercent > 40 || *c.Structures[0].DistanceMM < 2 || *c.Structures[0].DistanceMM > 7 {
		t.Errorf("%+v", c.Structures[0])
	}
	if c.Structures[2].Comparable || !strings.Contains(c.Structures[2].Why, "absent") {
		t.Errorf("%+v", c.Structures[2])
	}
	a.must("compare_scans", map[string]any{"before": one.Job, "after": three.Job, "structures": []string{leftAtrium}}, &c)
	if c.Structures[0].Comparable || !strings.Contains(c.Structures[0].Why, "edge") {
		t.Errorf("%+v", c.Structures[0])
	}
	if _, failed := a.call("measure", map[string]any{"job": one.Job, "structures": []string{"spleen"}}, nil); !strings.Contains(failed, "NOT_IN_JOB") || !strings.Contains(failed, "Candidates: left cardiac atrium") {
		t.Errorf("%s", failed)
	}
}

// A job that takes longer than the wait goes on, tells its progress, and can be
// asked for again or cancelled.
func TestWaitJobCancel(t *testing.T) {
	release := make(chan struct{})
	a := start(t, &jobtest.Model{Look: func(ctx context.Context) error {
		select {
		case <-release:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}})
	a.scan("s.nii", box)
	var j job
	a.must("segment", map[string]any{"scan": "s.nii", "query": "left atrium", "wait": 1}, &j)
	if j.Ended || j.Job == "" || !strings.Contains(j.Next, "call job") {
		t.Fatalf("%+v", j)
	}
	if _, failed := a.call("measure", map[string]any{"job": j.Job}, nil); !strings.Contains(failed, "JOB_RUNS") {
		t.Errorf("%s", failed)
	}
	var other job
	a.must("segment", map[string]any{"scan": "s.nii", "query": "right atrium", "wait": 0}, &other)
	var cancelled job
	a.must("cancel_job", map[string]any{"job": other.Job}, &cancelled)
	if cancelled.State != "CANCELLED" {
		t.Errorf("%+v", cancelled)
	}
	a.must("cancel_job", map[string]any{"job": other.Job}, &cancelled) // and again
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	a.must("job", map[string]any{"job": j.Job, "wait": 60}, &j)
	if !j.Ended || j.State != "DONE" {
		t.Errorf("%+v", j)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.progress) == 0 {
		t.Error("no progress was told")
	}
}

func TestResources(t *testing.T) {
	a := start(t, &jobtest.Model{})
	a.scan("s.nii", box)
	j := a.segment("s.nii")
	for uri, want := range map[string]string{
		"term://" + leftAtrium:       `"name": "left cardiac atrium"`,
		"satgraph://classes":         `"class": "spleen"`,
		"job://" + j.Job + "/report": `"state": "DONE"`,
	} {
		r, err := a.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri})
		if err != nil {
			t.Errorf("%s: %v", uri, err)
		} else if !strings.Contains(r.Contents[0].Text, want) {
			t.Errorf("%s: %s", uri, r.Contents[0].Text)
		}
	}
	for _, uri := range []string{"term://UBERON:none", "job://NONE/report", "job://../../report", "file:///etc/passwd", "term://" + strings.Repeat("x", 9000)} {
		if _, err := a.ReadResource(t.Context(), &sdk.ReadResourceParams{URI: uri}); err == nil || len(err.Error()) > 3000 {
			t.Errorf("%.80s: %v", uri, err)
		}
	}
}

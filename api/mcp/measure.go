package mcp

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/internal/plain"
	"satgraph/jobs"
	"satgraph/volume"
	"satgraph/volume/measure"
)

type measureIn struct {
	Job        string   `json:"job" jsonschema:"the id that segment returned"`
	Structures []string `json:"structures,omitempty" jsonschema:"term ids or names of structures of the job; all that were found where it is left out"`
}

type keySlice struct {
	Plane    string     `json:"plane" jsonschema:"axial, coronal or sagittal"`
	Axis     int        `json:"axis" jsonschema:"the axis of the file that the slice stands on: 0, 1 or 2"`
	Index    int        `json:"index" jsonschema:"the voxel index along that axis, from 0"`
	AreaMM2  float64    `json:"areaMm2" jsonschema:"of the structure on it"`
	CenterMM [3]float64 `json:"centerMm" jsonschema:"the middle of that area, RAS+ mm"`
	Center   [3]float64 `json:"centerVoxel" jsonschema:"the same in voxel coordinates of the file"`
}

type intensity struct {
	Unit   string  `json:"unit" jsonschema:"HU for a CT, else arbitrary units of the file"`
	Mean   float64 `json:"mean"`
	SD     float64 `json:"sd"`
	Min    float64 `json:"min"`
	P5     float64 `json:"p5"`
	Median float64 `json:"median"`
	P95    float64 `json:"p95"`
	Max    float64 `json:"max"`
}

type figures struct {
	ID            string      `json:"id,omitempty"`
	Name          string      `json:"name"`
	Status        string      `json:"status"`
	Reason        string      `json:"reason,omitempty"`
	VolumeML      *float64    `json:"volumeMl,omitempty"`
	ExtentMM      *[3]float64 `json:"extentMm,omitempty" jsonschema:"of its box: right to left, back to front, feet to head"`
	LowMM         *[3]float64 `json:"lowMm,omitempty" jsonschema:"the box's corner of least x, y, z"`
	HighMM        *[3]float64 `json:"highMm,omitempty"`
	CentroidMM    *[3]float64 `json:"centroidMm,omitempty" jsonschema:"RAS+ mm"`
	CentroidVoxel *[3]float64 `json:"centroidVoxel,omitempty" jsonschema:"in voxel coordinates of the file"`
	Components    int         `json:"components,omitempty" jsonschema:"parts that touch by no face"`
	Side          string      `json:"side,omitempty" jsonschema:"the side that the term names"`
	Lies          string      `json:"lies,omitempty" jsonschema:"where the centroid lies to the middle of the scan, which need not be the body's"`
	Truncated     bool        `json:"truncated,omitempty" jsonschema:"it reaches the scan's edge: volume and extents are lower bounds"`
	Intensity     *intensity  `json:"intensity,omitempty"`
	KeySlices     []keySlice  `json:"keySlices,omitempty" jsonschema:"the slice of largest area across each axis"`
	Mask          string      `json:"mask,omitempty"`
}

type measureOut struct {
	Job        string    `json:"job"`
	Scan       string    `json:"scan"`
	Modality   string    `json:"modality"`
	Model      string    `json:"model" jsonschema:"that drew the masks"`
	Structures []figures `json:"structures"`
	LeftOff    int       `json:"leftOff,omitempty" jsonschema:"found structures beyond those measured: name them"`
	Notice     string    `json:"notice"`
	Next       string    `json:"next"`
}

const (
	mostMeasured = 40
	mostDrawn    = 12
)

func structuresLimits(p *jsonschema.Schema, most int) { items(p, most, 200) }

func (s *Server) measureTools() {
	addTool(s, tool{
		name: "measure", title: "Measure structures", needs: auth.Read, voxels: true,
		description: `Measures structures of a job that has ended: volume (mL), extents and centroid (mm, in the scan's coordinates), the intensities under the mask (HU for a CT), which side it lies on, whether it is cut by the scan's edge, and the slices on which it is largest. Structures that were not found are listed with the reason.`,
		input: func(p map[string]*jsonschema.Schema) {
			jobLimits(p["job"])
			structuresLimits(p["structures"], mostMeasured)
		},
	}, s.measure)
	addTool(s, tool{
		name: "picture", title: "Draw structures on their key slices", needs: auth.Read, voxels: true,
		description: `Draws structures of a job over the scan, on an axial, a coronal and a sagittal slice through where they are largest, as a PNG with a legend and a caption. The patient's left is on the right of the picture. zoom cuts the picture to the structures. A picture is for looking at, never for measuring.`,
		input: func(p map[string]*jsonschema.Schema) {
			jobLimits(p["job"])
			structuresLimits(p["structures"], mostDrawn)
			between(p["width"], 600, 2400)
			byDefault(p["width"], "1200")
		},
	}, s.picture)
	addTool(s, tool{
		name: "compare_scans", title: "Compare two scans", needs: auth.Read, voxels: true,
		description: `Compares structures that two jobs have both segmented, usually of two scans of one patient: volumes before and after, the change in mL and percent, and how far the centroid moved where both scans say that they share a frame of reference. Two jobs of one scan, as of two models, are compared voxel by voxel too (Dice). It says what is not comparable, and why. Whether both are of one patient it cannot know.`,
		input: func(p map[string]*jsonschema.Schema) {
			jobLimits(p["before"])
			jobLimits(p["after"])
			structuresLimits(p["structures"], mostMeasured)
		},
	}, s.compare)
}

// ended returns a job of the caller that has ended with something found.
func (s *Server) ended(ctx context.Context, id string) (*jobs.Job, error) {
	j, err := s.config.Jobs.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case j.Request.Plan == nil:
		return nil, &problem{Code: "NOT_A_SEGMENTATION", Message: "the job segments nothing", Next: "use the id of a job that segment returned"}
	case !j.State.Final():
		return nil, &problem{Code: "JOB_RUNS", Message: fmt.Sprintf("job %s is %s", id, j.State), Next: "call job with a wait until ended is true"}
	}
	return &j, nil
}

// choose finds the structures of a job that are named, by id or by what people
// write; none named are all that were found.
func (s *Server) choose(j *jobs.Job, names []string, most int) (list []*inference.StructureResult, more int, err error) {
	if len(names) == 0 {
		for i := range j.Structures {
			if j.Structures[i].Status == inference.Segmented {
				list = append(list, &j.Structures[i])
			}
		}
		if len(list) == 0 {
			return nil, 0, &problem{Code: "NOTHING_FOUND", Message: "the job found no structure", Next: "call job to read the reasons"}
		}
		if len(list) > most {
			return list[:most], len(list) - most, nil
		}
		return list, 0, nil
	}
	for _, name := range names {
		r := s.named(j, name)
		if r == nil {
			p := &problem{Code: "NOT_IN_JOB", Message: fmt.Sprintf("the job was not asked for %q", shorten(name, 100)), Next: "take one of the candidates, or call segment for it"}
			for i := range j.Structures {
				p.Candidates = append(p.Candidates, inference.Candidate{ID: j.Structures[i].TermID, Name: j.Structures[i].Term})
			}
			return nil, 0, p
		}
		if !slices.Contains(list, r) {
			list = append(list, r)
		}
	}
	return list, 0, nil
}

func (s *Server) named(j *jobs.Job, name string) *inference.StructureResult {
	for i := range j.Structures {
		if r := &j.Structures[i]; r.TermID == name || strings.EqualFold(r.Term, name) {
			return r
		}
	}
	for _, m := range graph.Best(s.config.Tree().Lookup(name)) {
		for i := range j.Structures {
			if j.Structures[i].TermID == m.ID {
				return &j.Structures[i]
			}
		}
	}
	return nil
}

// mask reads the mask of a structure.
func (s *Server) mask(ctx context.Context, j *jobs.Job, r *inference.StructureResult) (*volume.Bits, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := s.config.Jobs.MaskPath(ctx, j.ID, r.File)
	if err != nil {
		return nil, err
	}
	var out *volume.Bits
	at := 0
	_, err = volume.ReadLabelRows(path, s.reading(), func(g volume.Grid, labels []uint16) error {
		if out == nil {
			out = volume.NewBits(g)
		}
		setRuns(out, labels, at)
		at += len(labels)
		return ctx.Err()
	})
	return out, err
}

// setRuns puts the labels that begin at a place of the file into a mask.
func setRuns(out *volume.Bits, labels []uint16, at int) {
	width := out.Shape[0]
	for i := 0; i < len(labels); {
		if labels[i] == 0 {
			i++
			continue
		}
		row := (at + i) / width
		end := min(len(labels), (row+1)*width-at)
		to := i
		for to < end && labels[to] != 0 {
			to++
		}
		out.SetRun(at+i-row*width, at+to-row*width, row%out.Shape[1], row/out.Shape[1])
		i = to
	}
}

func (s *Server) reading() volume.ReadOptions {
	return volume.ReadOptions{MaxBytes: s.limits.VoxelBytes, Alone: true}
}

// found is what a tool looks at: structures of a job, on its scan.
type found struct {
	job        *jobs.Job
	structures []*inference.StructureResult
	more       int // found structures beyond these
	im         *volume.Image
}

// find reads the scan of a job that has ended, and chooses its structures.
func (s *Server) find(ctx context.Context, job string, names []string, most int) (*found, error) {
	j, err := s.ended(ctx, job)
	if err != nil {
		return nil, err
	}
	list, more, err := s.choose(j, names, most)
	if err != nil {
		return nil, err
	}
	im, err := s.scanOf(ctx, j)
	if err != nil {
		return nil, err
	}
	return &found{j, list, more, im}, nil
}

// scanOf reads the scan of a job, which must be the one that it ran on.
func (s *Server) scanOf(ctx context.Context, j *jobs.Job) (*volume.Image, error) {
	if h, ok := s.config.Scans.(Hasher); ok && j.Request.ImageSHA256 != "" {
		now, err := h.Hash(ctx, Scan{ID: j.Request.ImageID, Path: j.Request.ImagePath})
		if err != nil {
			return nil, err
		}
		if now != j.Request.ImageSHA256 {
			return nil, &problem{Code: "SCAN_CHANGED", Message: "the scan's file is another than when the job ran", Next: "call segment again, and use the new job"}
		}
	}
	return volume.ReadImage(j.Request.ImagePath, s.reading())
}

func (s *Server) measure(ctx context.Context, _ *sdk.CallToolRequest, in measureIn) (*measureOut, error) {
	at, err := s.find(ctx, in.Job, in.Structures, mostMeasured)
	if err != nil {
		return nil, err
	}
	j := at.job
	out := &measureOut{
		Job: j.ID, Scan: plain.Text(j.Request.ImageID), Modality: string(j.Request.Plan.Modality), Model: modelOf(j), Structures: []figures{}, LeftOff: at.more,
		Notice: s.notice(j), Next: "picture draws them; compare_scans compares them with another job",
	}
	for _, r := range at.structures {
		f, _, err := s.figures(ctx, j, r, at.im)
		if err != nil {
			return nil, err
		}
		out.Structures = append(out.Structures, f)
	}
	return out, nil
}

// figures measures one structure; measured is nil where it has no mask.
func (s *Server) figures(ctx context.Context, j *jobs.Job, r *inference.StructureResult, im *volume.Image) (out figures, measured *measure.Figures, err error) {
	out = figures{ID: r.TermID, Name: plain.Text(r.Term), Status: r.Status, Reason: plain.Text(shorten(r.Reason, 400))}
	if t, ok := s.config.Tree().Term(r.TermID); ok {
		out.Side = string(t.Laterality)
	}
	if r.Status != inference.Segmented || r.File == "" {
		return out, nil, nil
	}
	m, err := s.mask(ctx, j, r)
	if err != nil {
		return out, nil, err
	}
	f, err := measure.Of(m, im)
	if err != nil || f == nil {
		return out, nil, err
	}
	v := round(f.VolumeML, 3)
	extent, low, high := rounded(f.ExtentMM(), 1), rounded(f.Low, 1), rounded(f.High, 1)
	at, voxel := rounded(f.CentroidMM, 1), rounded(f.Centroid, 1)
	out.VolumeML, out.ExtentMM, out.LowMM, out.HighMM, out.CentroidMM, out.CentroidVoxel = &v, &extent, &low, &high, &at, &voxel
	out.Truncated, out.Lies, out.Mask = f.TouchesEdge, lies(f, im.Grid), s.config.MaskRef(j.ID, r.File)
	if r.Measures != nil {
		out.Components = r.Measures.Components
	}
	if i := f.Intensity; i != nil {
		unit := "arbitrary units"
		if j.Request.Plan.Modality == inference.CT {
			unit = "HU"
		}
		out.Intensity = &intensity{unit, round(i.Mean, 1), round(i.SD, 1), round(i.Min, 1), round(i.P5, 1), round(i.Median, 1), round(i.P95, 1), round(i.Max, 1)}
	}
	for _, k := range f.Slices {
		out.KeySlices = append(out.KeySlices, keySlice{k.Plane, k.Axis, k.Index, round(k.AreaMM2, 1), rounded(k.CenterMM, 1), rounded(k.Center, 1)})
	}
	return out, f, nil
}

// offMiddle is how far a centroid lies to the right of the middle of the scan, in
// mm; negative to the left.
func offMiddle(f *measure.Figures, g volume.Grid) float64 {
	var middle [3]float64
	for a, n := range g.Shape {
		middle[a] = float64(n-1) / 2
	}
	return f.CentroidMM[0] - g.Affine.Apply(middle)[0]
}

func lies(f *measure.Figures, g volume.Grid) string {
	off := offMiddle(f, g)
	side := "right"
	if off < 0 {
		side = "left"
	}
	return fmt.Sprintf("%.0f mm to the patient's %s of the scan's middle", math.Abs(off), side)
}

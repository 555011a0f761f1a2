package mcp

import (
	"context"
	"fmt"
	"math"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/inference"
	"satgraph/internal/plain"
	"satgraph/jobs"
	"satgraph/volume"
	"satgraph/volume/measure"
)

type compareIn struct {
	Before     string   `json:"before" jsonschema:"the job of the earlier scan"`
	After      string   `json:"after" jsonschema:"the job of the later scan"`
	Structures []string `json:"structures,omitempty" jsonschema:"term ids or names of structures of the first job; all that both found where it is left out"`
}

type compared struct {
	ID         string      `json:"id,omitempty"`
	Name       string      `json:"name"`
	Comparable bool        `json:"comparable"`
	Why        string      `json:"why,omitempty" jsonschema:"why it is not comparable, or what to beware of"`
	BeforeML   *float64    `json:"beforeMl,omitempty"`
	AfterML    *float64    `json:"afterMl,omitempty"`
	ChangeML   *float64    `json:"changeMl,omitempty"`
	Percent    *float64    `json:"changePercent,omitempty" jsonschema:"of the volume before"`
	ShiftMM    *[3]float64 `json:"shiftMm,omitempty" jsonschema:"of the centroid, RAS+ mm; only where both scans share a frame of reference"`
	DistanceMM *float64    `json:"distanceMm,omitempty"`
	Dice       *float64    `json:"dice,omitempty" jsonschema:"how far both masks are the same, 0 to 1; only where both jobs are of one scan"`
}

type compareOut struct {
	Before      string     `json:"before"`
	After       string     `json:"after"`
	BeforeModel string     `json:"beforeModel" jsonschema:"that drew the masks of the first job"`
	AfterModel  string     `json:"afterModel"`
	SameScan    bool       `json:"sameScan" jsonschema:"both jobs are of one scan, as where two models are compared"`
	Comparable  bool       `json:"comparable"`
	Why         string     `json:"why,omitempty" jsonschema:"why nothing is comparable"`
	SharedFrame bool       `json:"sharedFrame"`
	FrameWhy    string     `json:"frameWhy" jsonschema:"how it is known whether coordinates of both scans mean the same places"`
	Cautions    []string   `json:"cautions"`
	Structures  []compared `json:"structures"`
	LeftOff     int        `json:"leftOff,omitempty"`
	Notice      string     `json:"notice"`
}

func (s *Server) compare(ctx context.Context, _ *sdk.CallToolRequest, in compareIn) (*compareOut, error) {
	a, err := s.ended(ctx, in.Before)
	if err != nil {
		return nil, err
	}
	b, err := s.ended(ctx, in.After)
	if err != nil {
		return nil, err
	}
	out := &compareOut{
		Before: a.ID, After: b.ID, BeforeModel: modelOf(a), AfterModel: modelOf(b), SameScan: sameScan(a, b), Structures: []compared{}, Notice: s.notice(b),
		Cautions: []string{},
	}
	if !out.SameScan {
		out.Cautions = append(out.Cautions, "whether both scans are of the same patient is not checked")
	}
	if one, two := a.Request.Plan.Modality, b.Request.Plan.Modality; one != two {
		out.Why = fmt.Sprintf("one scan is %s, the other %s: their masks come from different classes", one, two)
		return out, nil
	}
	out.Comparable = true
	if a.Model.Name != b.Model.Name || a.Model.Version != b.Model.Version {
		out.Cautions = append(out.Cautions, fmt.Sprintf("different models drew the masks (%s %s, %s %s): a change may be theirs", a.Model.Name, a.Model.Version, b.Model.Name, b.Model.Version))
	}
	if err := s.frames(a, b, out); err != nil {
		return nil, err
	}
	list, more, err := s.choose(a, in.Structures, mostMeasured)
	if err != nil {
		return nil, err
	}
	out.LeftOff = more
	for _, r := range list {
		c, err := s.compareOne(ctx, a, b, r, out)
		if err != nil {
			return nil, err
		}
		out.Structures = append(out.Structures, c)
	}
	return out, nil
}

// frames says whether coordinates of both scans mean the same places.
func (s *Server) frames(a, b *jobs.Job, out *compareOut) error {
	one, err := volume.ReadInfoWith(a.Request.ImagePath, volume.ReadOptions{Alone: true})
	if err != nil {
		return err
	}
	two, err := volume.ReadInfoWith(b.Request.ImagePath, volume.ReadOptions{Alone: true})
	if err != nil {
		return err
	}
	for axis := range one.Spacing {
		x, y := one.Spacing[axis], two.Spacing[axis]
		if max(x, y) > 1.5*min(x, y) {
			out.Cautions = append(out.Cautions, fmt.Sprintf("voxels differ much along axis %d of the files (%.2f mm, %.2f mm): small structures are drawn differently", axis, x, y))
		}
	}
	switch {
	case out.SameScan:
		out.SharedFrame, out.FrameWhy = true, "both jobs are of the same scan"
	case one.Series != nil && two.Series != nil:
		x, y := frameOf(a.Request.ImagePath), frameOf(b.Request.ImagePath)
		out.SharedFrame = x != "" && x == y
		out.FrameWhy = "the DICOM series name different frames of reference, or none"
		if out.SharedFrame {
			out.FrameWhy = "both DICOM series name the same frame of reference"
		}
	case sameGrid(one, two):
		out.SharedFrame, out.FrameWhy = true, "both files have the same grid; the formats name no frame of reference, so this is likely and not certain"
	default:
		out.FrameWhy = "the files name no common frame of reference and their grids differ: register them first to compare places"
	}
	return nil
}

// sameScan says whether two jobs are of one file, wherever it lies.
func sameScan(a, b *jobs.Job) bool {
	x, y := a.Request.ImageSHA256, b.Request.ImageSHA256
	if x != "" && y != "" {
		return x == y
	}
	return a.Request.ImagePath == b.Request.ImagePath
}

func frameOf(path string) string {
	series, _, err := volume.ReadSeries(path, volume.ReadOptions{Alone: true})
	if err != nil || series == nil {
		return ""
	}
	return series.FrameOfReferenceUID
}

func sameGrid(a, b *volume.Info) bool {
	if len(a.Shape) < 3 || len(b.Shape) < 3 || [3]int(a.Shape[:3]) != [3]int(b.Shape[:3]) {
		return false
	}
	for i := range a.Affine {
		for k := range a.Affine[i] {
			if math.Abs(a.Affine[i][k]-b.Affine[i][k]) > 1e-3 {
				return false
			}
		}
	}
	return true
}

func (s *Server) compareOne(ctx context.Context, a, b *jobs.Job, r *inference.StructureResult, whole *compareOut) (compared, error) {
	out := compared{ID: r.TermID, Name: plain.Text(r.Term)}
	var other *inference.StructureResult
	for i := range b.Structures {
		if o := &b.Structures[i]; o.TermID == r.TermID && o.Term == r.Term {
			other = o
		}
	}
	switch {
	case other == nil:
		out.Why = "the second job was not asked for it"
		return out, nil
	case r.Status != inference.Segmented || other.Status != inference.Segmented:
		out.Why = fmt.Sprintf("before: %s; after: %s", r.Status, other.Status)
		return out, nil
	}
	one, before, err := s.measured(ctx, a, r)
	if err != nil {
		return out, err
	}
	two, after, err := s.measured(ctx, b, other)
	if err != nil {
		return out, err
	}
	if before == nil || after == nil {
		out.Why = "one of the masks is empty"
		return out, nil
	}
	x, y := round(before.VolumeML, 3), round(after.VolumeML, 3)
	out.BeforeML, out.AfterML = &x, &y
	if whole.SameScan && one.Shape == two.Shape {
		dice := round(diceOf(one, two), 3)
		out.Dice = &dice
	}
	if !whole.SameScan && (before.TouchesEdge || after.TouchesEdge) {
		out.Why = "it reaches the edge of a scan, so that its whole volume is not known there"
		return out, nil
	}
	c := measure.Compare(before, after)
	change, percent := round(c.VolumeML, 3), round(c.Percent, 1)
	out.Comparable, out.ChangeML, out.Percent = true, &change, &percent
	if whole.SharedFrame {
		shift, distance := rounded(c.ShiftMM, 1), round(c.DistanceMM, 1)
		out.ShiftMM, out.DistanceMM = &shift, &distance
	}
	if len(r.Missing) != len(other.Missing) {
		out.Why = "one of the masks leaves out parts that the other has"
	}
	return out, nil
}

func (s *Server) measured(ctx context.Context, j *jobs.Job, r *inference.StructureResult) (*volume.Bits, *measure.Figures, error) {
	m, err := s.mask(ctx, j, r)
	if err != nil {
		return nil, nil, err
	}
	f, err := measure.Of(m, nil)
	return m, f, err
}

// diceOf is twice what two masks of one grid share, by the sum of both; of one
// voxel at least.
func diceOf(a, b *volume.Bits) float64 {
	alone := a.Clone()
	_ = alone.Subtract(b) // of one shape
	n, m := a.Count(), b.Count()
	return 2 * float64(n-alone.Count()) / float64(n+m)
}

package inference

import (
	"math"
	"time"

	"satgraph/volume"
)

// StructureResult is what became of one asked term.
type StructureResult struct {
	TermID   string   `json:"id"`
	Term     string   `json:"name"`
	Class    string   `json:"class"`                // the classes, joined by " + "
	Classes  []string `json:"classes"`              // whose union the mask is
	Subtract []string `json:"subtract,omitempty"`   // classes taken out of it
	Parts    []string `json:"unitedWith,omitempty"` // classes of its asked parts, taken in on request
	Prompt   string   `json:"prompt"`
	Status   string   `json:"status"`
	Outcome  string   `json:"outcome"` // the status in words
	Reason   string   `json:"reason"`
	Missing  []string `json:"missing,omitempty"` // parts that the mask leaves out

	VolumeML  float64 `json:"volumeMl"`
	Voxels    int     `json:"voxels"`
	Truncated bool    `json:"truncated"` // it touches the scan's edge, so the volume is a lower bound
	// Measures is nil where there is no mask.
	Measures *Measures `json:"measures,omitempty"`

	Seconds float64 `json:"seconds"` // stitching and restoring, without what all structures share
	File    string  `json:"file"`    // name for the mask, unique in the report; empty without mask or sink

	// Mask is on the scan's own grid. It is set only while the sink runs.
	Mask *volume.Bits `json:"-"`
}

// Measures are figures of one mask.
type Measures struct {
	// Box is from the first voxel of the mask along each axis of the file to the
	// one behind the last.
	Box [2][3]int `json:"box"`
	// CentroidMM is the mean of its voxels' centres, RAS+.
	CentroidMM [3]float64 `json:"centroidMm"`
	// IntensityMean and IntensitySD (population) are of the scan's own values,
	// HU for CT, under the mask. Voxels that are not finite are left out.
	IntensityMean float64 `json:"intensityMean"`
	IntensitySD   float64 `json:"intensitySd"`
	// Components is the number of parts that touch by no face.
	Components int `json:"components"`
}

// Report is the outcome of a run.
type Report struct {
	Model      string            `json:"model"`
	Version    string            `json:"version"`
	Demo       bool              `json:"demo"`
	Notice     string            `json:"notice"`
	Files      map[string]string `json:"modelFiles"` // sha256 of every file of the model
	Query      string            `json:"query"`
	Modality   Modality          `json:"modality"`
	Structures []StructureResult `json:"structures"` // in the plan's order
	Warnings   []string          `json:"warnings"`
	Windows    int               `json:"windows"`
	Skipped    int               `json:"windowsSkipped"`
	Passes     int               `json:"passes"` // times the model looked at the scan
	Resumed    bool              `json:"resumed,omitempty"`
	Forecast   *Forecast         `json:"forecast,omitempty"`
	Elapsed    time.Duration     `json:"-"`
	Seconds    float64           `json:"seconds"`
	// ModelSeconds is the part of Seconds in which the model ran, alone or with
	// other work beside it: what is left is overhead.
	ModelSeconds float64 `json:"modelSeconds"`
}

// Count says how many structures have a status.
func (r *Report) Count(status string) int {
	n := 0
	for i := range r.Structures {
		if r.Structures[i].Status == status {
			n++
		}
	}
	return n
}

// measure fills in the figures of a structure's mask.
func (s *StructureResult) measure(m *volume.Bits, im *volume.Image) {
	box, ok := m.Bounds()
	if !ok {
		return
	}
	f := &Measures{Box: [2][3]int{box.Min, box.Max}, Components: findComponents(m).count()}
	n, finite := 0, 0
	var at [3]float64
	var sum, squares float64
	// Sums of differences from the first value lose nothing where the spread is
	// small beside the mean.
	var origin float64
	m.Runs(func(r volume.Run) bool {
		width := r.To - r.From
		n += width
		at[0] += float64(width) * float64(r.From+r.To-1) / 2
		at[1] += float64(width * r.J)
		at[2] += float64(width * r.K)
		start := im.Index(r.From, r.J, r.K)
		for _, v := range im.Data[start : start+width] {
			if v-v != 0 { // NaN or infinite
				continue
			}
			if finite == 0 {
				origin = float64(v)
			}
			finite++
			d := float64(v) - origin
			sum += d
			squares += d * d
		}
		return true
	})
	for a := range at {
		at[a] /= float64(n)
	}
	f.CentroidMM = m.Affine.Apply(at)
	if finite > 0 {
		mean := sum / float64(finite)
		f.IntensityMean = origin + mean
		f.IntensitySD = math.Sqrt(max(0, squares/float64(finite)-mean*mean))
	}
	s.Voxels = n
	s.VolumeML = float64(n) * m.VoxelVolume() / 1000
	for a := range 3 {
		// An axis of one voxel has no faces to speak of.
		if m.Shape[a] > 1 && (box.Min[a] == 0 || box.Max[a] == m.Shape[a]) {
			s.Truncated = true
		}
	}
	s.Measures = f
}

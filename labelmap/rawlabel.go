package labelmap

import (
	"strconv"
	"strings"
)

// RawLabel is one label of a dataset as its source gives it, before anyone has
// judged it.
type RawLabel struct {
	Dataset string
	// Values are the voxel values that carry the label; none where a source
	// names a label without a value (a plain list, a file for each structure).
	// More than one for a region that unites several values.
	Values []int64
	Name   string // as written; may be empty or odd
	// Modality is "ct", "mri", "pet" or empty; Region and Context are the
	// source's words, if it has any.
	Modality string
	Region   string
	Context  string
	Codes    []string // CURIEs: "SCT:64033007", "FMA:7203"
	Color    string   // "#rrggbb", or empty
	File     string   // where it was read, for messages
	Line     int      // from 1; 0 where lines mean nothing
	// Geometry is what the label volume shows, where one was measured.
	Geometry *Geometry
	// Flags say what is odd about it: "empty name", "value named twice".
	Flags []string
}

// FlagBorder is the flag of a label some voxel of which lies at the edge of the
// scan: the structure may go on beyond it, so its size says little.
const FlagBorder = "touches the edge of the scan"

// Geometry is what the voxels of a label show. Positions are in mm, RAS.
type Geometry struct {
	Voxels   int64
	VolumeML float64
	Centroid [3]float64
	// Side is "left" or "right" where the centroid lies clearly on one side of
	// the body's middle, empty where it does not or cannot be told.
	Side string
}

// Key names the label within its dataset: its values, then its name, as
// "2 tumor", "1,2 kidney" or "tumor".
func (l *RawLabel) Key() string {
	var b strings.Builder
	for i, v := range l.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatInt(v, 10))
	}
	if b.Len() > 0 && l.Name != "" {
		b.WriteByte(' ')
	}
	b.WriteString(l.Name)
	return b.String()
}

package labelvolume

import (
	"slices"

	"satgraph/labelmap"
	"satgraph/volume"
)

// Flags of labels that were held against their volume.
const (
	FlagUnnamed = "value that no label names"
	FlagAbsent  = "its value does not occur in the volume"
	FlagNoValue = "no value, so it was not looked for in the volume"
)

// Join gives the labels of a table what the volume shows of their values, and
// adds a label without a name for each value that none of them names, like for
// its other fields. Labels without a value, and those whose values do not occur,
// are flagged; the background is left as it is.
func (m *Measured) Join(labels []labelmap.RawLabel, like labelmap.RawLabel) []labelmap.RawLabel {
	byValue := map[int64]*Found{}
	for i := range m.Found {
		byValue[m.Found[i].Value] = &m.Found[i]
	}
	named := map[int64]bool{0: true}
	out := slices.Clone(labels)
	for i := range out {
		l := &out[i]
		l.Flags = slices.Clone(l.Flags)
		for _, v := range l.Values {
			named[v] = true
		}
		m.measured(l, byValue)
	}
	for i := range m.Found {
		f := &m.Found[i]
		if named[f.Value] {
			continue
		}
		l := like
		l.Values, l.Name, l.Line = []int64{f.Value}, "", 0
		l.Flags = append(slices.Clone(like.Flags), FlagUnnamed)
		m.measured(&l, byValue)
		out = append(out, l)
	}
	return out
}

// measured adds up what the volume shows of a label's values.
func (m *Measured) measured(l *labelmap.RawLabel, byValue map[int64]*Found) {
	switch {
	case len(l.Values) == 0:
		l.Flags = append(l.Flags, FlagNoValue)
		return
	case len(l.Values) == 1 && l.Values[0] == 0:
		return
	}
	var g labelmap.Geometry
	border, sides := false, map[string]bool{}
	for _, v := range l.Values {
		f := byValue[v]
		if f == nil {
			continue
		}
		n, more := float64(g.Voxels), float64(f.Geometry.Voxels)
		for a := range 3 {
			g.Centroid[a] = (n*g.Centroid[a] + more*f.Geometry.Centroid[a]) / (n + more)
		}
		g.Voxels += f.Geometry.Voxels
		g.VolumeML += f.Geometry.VolumeML
		border = border || f.Border
		sides[f.Geometry.Side] = true
		g.Side = f.Geometry.Side
	}
	if g.Voxels == 0 {
		l.Flags = append(l.Flags, FlagAbsent)
		return
	}
	if len(sides) > 1 {
		g.Side = ""
	}
	l.Geometry = &g
	if border {
		l.Flags = append(l.Flags, labelmap.FlagBorder)
	}
}

// Segments lists the structures of a DICOM segmentation (SEG) or radiotherapy
// structure set (RTSTRUCT) as raw labels, with the codes of what each is. Segment
// numbers are values; numbers of regions of interest, which no voxel carries, are
// not. Where a segment is a finding, the code of its site is left out, since the
// segment is not that structure. Errors are those of volume.ReadSegments.
func Segments(path string, like labelmap.RawLabel) ([]labelmap.RawLabel, error) {
	infos, err := volume.ReadSegments(path)
	if err != nil {
		return nil, err
	}
	out := make([]labelmap.RawLabel, 0, len(infos))
	for i := range infos {
		s := &infos[i]
		l := like
		l.Name, l.Context, l.Flags = s.Label, s.Description, slices.Clone(like.Flags)
		if s.Interpreted == "" {
			l.Values = []int64{int64(s.Number)}
		}
		for _, c := range []struct{ value, scheme string }{
			{s.Type.Value, s.Type.Scheme}, {s.Modifier.Value, s.Modifier.Scheme},
		} {
			if c.value != "" && c.scheme != "" {
				l.Codes = append(l.Codes, c.scheme+":"+c.value)
			}
		}
		out = append(out, l)
	}
	return out, nil
}

package volume

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
)

// ErrOverlap says: structures that share voxels, which one label map cannot hold.
var ErrOverlap = errors.New("structures overlap")

// OverlapError names two structures that share voxels. It is an ErrOverlap.
type OverlapError struct{ A, B string }

// Error names the pair.
func (e *OverlapError) Error() string {
	return fmt.Sprintf("%v: %q and %q share voxels; ask for layers or for one file a structure", ErrOverlap, e.A, e.B)
}

// Unwrap returns ErrOverlap.
func (e *OverlapError) Unwrap() error { return ErrOverlap }

// Label is a line of a label table.
type Label struct {
	// Value is the label's number, from 1 in each file; Add sets it.
	Value uint16 `json:"value"`
	Name  string `json:"name"`
	// Term is the id of the anatomy term, empty where there is none.
	Term string `json:"term,omitempty"`
	// Color is "#rrggbb"; Add sets it where it is empty.
	Color string `json:"color"`
}

// Layers gathers structures into label maps: one, or as few as it takes for
// structures that overlap to lie in different ones (first fit, in the order
// given). It holds two bytes a voxel for each.
type Layers struct {
	grid   Grid
	single bool
	layers []*layer
	count  int
}

type layer struct {
	data   []uint16
	labels []Label
}

// NewLayers makes an empty set of label maps on g; with single, no more than one.
func NewLayers(g Grid, single bool) *Layers { return &Layers{grid: g, single: single} }

// Add puts a structure into the first label map where no other has its voxels.
// A structure without voxels gets its line in the table all the same. ErrShape
// where the mask lies on another grid, an *OverlapError where only one label map
// is wanted, ErrTooLarge where a label map is full; nothing is added then.
func (l *Layers) Add(label Label, m *Bits) error {
	if m.Shape != l.grid.Shape || !m.Equal(l.grid, gridSlack) {
		return fmt.Errorf("%w: the mask of %q is on another grid", ErrShape, label.Name)
	}
	for _, to := range l.layers {
		other := to.other(m)
		if other == "" {
			return l.put(to, label, m)
		}
		if l.single {
			return &OverlapError{A: other, B: label.Name}
		}
	}
	to := &layer{data: make([]uint16, l.grid.Voxels())}
	l.layers = append(l.layers, to)
	return l.put(to, label, m)
}

// other is the name of a structure that has some of the mask's voxels, empty
// where none has.
func (y *layer) other(m *Bits) (name string) {
	m.Runs(func(r Run) bool {
		at := m.Index(r.From, r.J, r.K)
		for _, v := range y.data[at : at+r.To-r.From] {
			if v != 0 {
				name = y.labels[v-1].Name
				return false
			}
		}
		return true
	})
	return name
}

func (l *Layers) put(to *layer, label Label, m *Bits) error {
	if len(to.labels) == math.MaxUint16 {
		return fmt.Errorf("%w: more than %d structures", ErrTooLarge, math.MaxUint16)
	}
	label.Value = uint16(len(to.labels) + 1) //nolint:gosec // it was checked
	if label.Color == "" {
		label.Color = shade(l.count)
	}
	l.count++
	to.labels = append(to.labels, label)
	m.Runs(func(r Run) bool {
		at := m.Index(r.From, r.J, r.K)
		row := to.data[at : at+r.To-r.From]
		for i := range row {
			row[i] = label.Value
		}
		return true
	})
	return nil
}

// shade gives colours that stay apart: hues a golden angle from each other.
func shade(n int) string {
	_, hue := math.Modf(0.61803398875 * float64(n))
	channel := func(offset float64) int {
		_, h := math.Modf(hue + offset)
		return int(80 + 160*max(0, min(1, math.Abs(6*h-3)-1)))
	}
	return fmt.Sprintf("#%02x%02x%02x", channel(0), channel(2.0/3), channel(1.0/3))
}

// Write writes each label map as base.nii.gz, or base-1.nii.gz, base-2.nii.gz, …
// where there are several, with the smallest of uint8 and uint16 that holds its
// labels, and beside it its table: NAME.labels.json, NAME.labels.txt for
// ITK-SNAP, NAME.labels.ctbl for 3D Slicer. like is the scan's header, as for
// WriteMask. It returns the label maps' paths; after an error, none of the files
// is left.
func (l *Layers) Write(base string, like *Header) (paths []string, err error) {
	var written []string
	defer func() {
		if err != nil {
			for _, path := range written {
				_ = os.Remove(path) // the first error counts
			}
			paths = nil
		}
	}()
	for n, y := range l.layers {
		name := base
		if len(l.layers) > 1 {
			name = fmt.Sprintf("%s-%d", base, n+1)
		}
		path := name + ".nii.gz"
		if err := WriteLabelMap(path, &LabelMap{Grid: l.grid, Data: y.data, Header: like}); err != nil {
			return nil, err
		}
		paths, written = append(paths, path), append(written, path)
		for ext, fill := range tables {
			path := name + ".labels" + ext
			if err := WriteAtomic(path, func(w io.Writer) error { return fill(w, y.labels) }); err != nil {
				return nil, err
			}
			written = append(written, path)
		}
	}
	return paths, nil
}

// tables are the forms of a label table by extension.
var tables = map[string]func(w io.Writer, labels []Label) error{
	".json": func(w io.Writer, labels []Label) error {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string][]Label{"labels": labels})
	},
	".txt": func(w io.Writer, labels []Label) error {
		_, err := fmt.Fprintf(w, "# ITK-SNAP label description file\n# IDX R G B A VIS MESH LABEL\n%5d %3d %3d %3d %1d %1d %1d  %q\n", 0, 0, 0, 0, 0, 0, 0, "Clear Label")
		for _, l := range labels {
			if err != nil {
				break
			}
			r, g, b := l.rgb()
			_, err = fmt.Fprintf(w, "%5d %3d %3d %3d %1d %1d %1d  \"%s\"\n", l.Value, r, g, b, 1, 1, 1, strings.ReplaceAll(l.Name, `"`, "'"))
		}
		return err
	},
	".ctbl": func(w io.Writer, labels []Label) error {
		_, err := fmt.Fprint(w, "# Color table file\n# index name red green blue alpha\n0 background 0 0 0 0\n")
		for _, l := range labels {
			if err != nil {
				break
			}
			r, g, b := l.rgb()
			_, err = fmt.Fprintf(w, "%d %s %d %d %d 255\n", l.Value, strings.Join(strings.Fields(l.Name), "_"), r, g, b)
		}
		return err
	},
}

func (l Label) rgb() (r, g, b int) {
	if _, err := fmt.Sscanf(l.Color, "#%02x%02x%02x", &r, &g, &b); err != nil {
		return 255, 255, 255
	}
	return r, g, b
}

// maxTable bounds a label table that is read.
const maxTable = 64 << 20

// ReadLabelTable reads the table NAME.labels.json beside a label map, as
// Layers.Write leaves it. It is nil where there is none; fs.ErrNotExist is no
// error. The *FileError wraps ErrBadHeader where the table makes no sense.
func ReadLabelTable(labelMap string) ([]Label, error) {
	path := stem(labelMap) + ".labels.json"
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fileError("read", path, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	var table struct {
		Labels []Label `json:"labels"`
	}
	if err := json.NewDecoder(io.LimitReader(f, maxTable)).Decode(&table); err != nil {
		return nil, fileError("read", path, fmt.Errorf("%w: %w", ErrBadHeader, err))
	}
	return table.Labels, nil
}

// stem is a file's name without the extension of a volume.
func stem(path string) string {
	lower := strings.ToLower(path)
	for _, ext := range []string{".nii.gz", ".nii", ".nrrd", ".mha", ".mhd", ".img.gz", ".img", ".hdr.gz", ".hdr"} {
		if strings.HasSuffix(lower, ext) {
			return path[:len(path)-len(ext)]
		}
	}
	return path
}

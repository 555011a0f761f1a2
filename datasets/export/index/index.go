// Package index exports what a corpus holds as tables for analysts, in Parquet,
// laid out like COCO: scans.parquet (COCO's images), annotations.parquet, one
// row for each structure of each scan that has voxels, and classes.parquet (its
// categories). Any reader of Parquet opens them, such as DuckDB, pandas, Polars.
//
// Masks are in the table too, as COCO's uncompressed run lengths: the numbers of
// voxels outside and inside in turn, beginning outside, the first axis fastest.
// Who does not ask for that column does not read it. Images are not exported.
// Start from [New].
package index

import (
	"context"
	"encoding/json"
	"io"

	"github.com/parquet-go/parquet-go"

	"satgraph/datasets/export"
	"satgraph/volume"
)

// scanRow is a row of scans.parquet.
type scanRow struct {
	ID         int64     `parquet:"id"`
	Name       string    `parquet:"name"`
	Dataset    string    `parquet:"dataset,dict"`
	Patient    string    `parquet:"patient"`
	Split      string    `parquet:"split,dict"`
	Modality   string    `parquet:"modality,dict"`
	Sequence   string    `parquet:"sequence,dict"`
	Width      int32     `parquet:"width"`  // voxels along the first axis
	Height     int32     `parquet:"height"` // the second
	Depth      int32     `parquet:"depth"`  // the third
	Spacing    []float64 `parquet:"spacing_mm,list"`
	Affine     []float64 `parquet:"affine,list"` // row by row, voxels to RAS+ mm
	Annotated  int32     `parquet:"annotated_classes"`
	Shown      int32     `parquet:"shown_classes"`
	Licence    string    `parquet:"licence,dict"`
	Permission string    `parquet:"permission,dict"`
	Provenance string    `parquet:"provenance"` // JSON
	Digest     string    `parquet:"digest"`
}

// annotationRow is a row of annotations.parquet.
type annotationRow struct {
	ID       int64     `parquet:"id"`
	Scan     int64     `parquet:"scan_id"`
	Class    int32     `parquet:"class_id"`
	Name     string    `parquet:"class,dict"`
	Label    string    `parquet:"label,dict"`
	Voxels   int64     `parquet:"voxels"`
	Volume   float64   `parquet:"volume_ml"`
	Box      []int32   `parquet:"bbox,list"` // first voxel along each axis, then how many
	Centroid []float64 `parquet:"centroid_mm,list"`
	Touches  bool      `parquet:"touches_border"` // perhaps cut off by the field of view
	Counts   []int64   `parquet:"counts,list"`
}

// classRow is a row of classes.parquet.
type classRow struct {
	ID          int32  `parquet:"id"`
	Name        string `parquet:"name"`
	Annotations int64  `parquet:"annotations"`
	Annotated   int64  `parquet:"annotated_scans"` // shown or not
}

// Format writes the tables.
type Format struct {
	classes map[string]int32
	names   []string
}

// New begins an export.
func New() *Format { return &Format{classes: map[string]int32{}} }

// Plan numbers the classes, from 1.
func (f *Format) Plan(p *export.Plan) ([]string, error) {
	f.names = p.Classes
	for i, name := range p.Classes {
		f.classes[name] = int32(i + 1)
	}
	return nil, nil
}

// record is what Finish makes a scan's rows of.
type record struct {
	Grid        volume.Grid
	Annotations []annotationRow
}

// Add measures the masks of a scan.
func (f *Format) Add(ctx context.Context, _ *export.Folder, s *export.Sample, scan export.Scan) (any, error) {
	rec := &record{}
	if len(s.Classes) == 0 { // else the masks say where voxels lie, and the image need not be read
		im, err := scan.Image(ctx)
		if err != nil {
			return nil, err
		}
		rec.Grid = im.Grid
	}
	for i, c := range s.Classes {
		m, err := scan.Mask(ctx, i)
		if err != nil {
			return nil, err
		}
		rec.Grid = m.Grid
		if row := f.measure(m); row.Voxels > 0 {
			row.Class, row.Name, row.Label = f.classes[c.Name], c.Name, c.Spelling()
			rec.Annotations = append(rec.Annotations, row)
		}
	}
	return rec, nil
}

func (f *Format) measure(m *volume.Bits) annotationRow {
	var row annotationRow
	var sum [3]float64
	at := 0
	box := volume.Box{Min: m.Shape}
	m.Runs(func(r volume.Run) bool {
		n, start := r.To-r.From, m.Index(r.From, r.J, r.K)
		if start == at && at > 0 { // a run that goes on in the next row
			row.Counts[len(row.Counts)-1] += int64(n)
		} else {
			row.Counts = append(row.Counts, int64(start-at), int64(n))
		}
		at = start + n
		row.Voxels += int64(n)
		sum[0] += float64(n) * float64(r.From+r.To-1) / 2
		sum[1] += float64(n) * float64(r.J)
		sum[2] += float64(n) * float64(r.K)
		for axis, ends := range [3][2]int{{r.From, r.To}, {r.J, r.J + 1}, {r.K, r.K + 1}} {
			box.Min[axis], box.Max[axis] = min(box.Min[axis], ends[0]), max(box.Max[axis], ends[1])
		}
		return true
	})
	if row.Voxels == 0 {
		return row
	}
	if rest := m.Voxels() - at; rest > 0 {
		row.Counts = append(row.Counts, int64(rest))
	}
	shape := box.Shape()
	for axis := range 3 {
		sum[axis] /= float64(row.Voxels)
		row.Touches = row.Touches || box.Min[axis] == 0 || box.Max[axis] == m.Shape[axis]
	}
	for _, v := range [][3]int{box.Min, shape} {
		for _, n := range v {
			row.Box = append(row.Box, int32(n)) //nolint:gosec // an axis is shorter
		}
	}
	centre := m.Affine.Apply(sum)
	row.Centroid = centre[:]
	row.Volume = float64(row.Voxels) * m.VoxelVolume() / 1000
	return row
}

// Replay has nothing to do: rows don't depend on each other.
func (f *Format) Replay(*export.Sample, json.RawMessage) error { return nil }

// Finish writes the tables, scan by scan.
func (f *Format) Finish(_ context.Context, to *export.Folder, records export.Records) error {
	scan := int64(0)
	err := table(to, "scans.parquet", func(put func(...scanRow) error) error {
		return each(records, func(s *export.Sample, rec *record) error {
			scan++
			row, err := rowOf(scan, s, rec)
			if err != nil {
				return err
			}
			return put(row)
		})
	})
	if err != nil {
		return err
	}
	counts := make([]classRow, len(f.names))
	for i, name := range f.names {
		counts[i] = classRow{ID: f.classes[name], Name: name}
	}
	scan = 0
	id := int64(0)
	err = table(to, "annotations.parquet", func(put func(...annotationRow) error) error {
		return each(records, func(s *export.Sample, rec *record) error {
			scan++
			for i := range rec.Annotations {
				id++
				rec.Annotations[i].ID, rec.Annotations[i].Scan = id, scan
				counts[rec.Annotations[i].Class-1].Annotations++
			}
			for _, c := range s.Classes {
				counts[f.classes[c.Name]-1].Annotated++
			}
			return put(rec.Annotations...)
		})
	})
	if err != nil {
		return err
	}
	return table(to, "classes.parquet", func(put func(...classRow) error) error { return put(counts...) })
}

func each(records export.Records, f func(*export.Sample, *record) error) error {
	for r, err := range records {
		if err != nil {
			return err
		}
		var rec record
		if err := r.Decode(&rec); err != nil {
			return err
		}
		if err := f(r.Sample, &rec); err != nil {
			return err
		}
	}
	return nil
}

func rowOf(id int64, s *export.Sample, rec *record) (scanRow, error) {
	provenance, err := json.Marshal(s.Provenance) // maps are sorted
	spacing := rec.Grid.Spacing()
	row := scanRow{
		ID: id, Name: s.ID, Dataset: s.Dataset, Patient: s.Patient, Split: s.Split, Modality: s.Modality, Sequence: s.Sequence,
		Spacing: spacing[:], Annotated: int32(len(s.Classes)), Shown: int32(len(rec.Annotations)), //nolint:gosec // classes are few
		Licence: s.Licence, Permission: string(s.Permission), Provenance: string(provenance), Digest: s.Digest,
	}
	//nolint:gosec // an axis is shorter
	row.Width, row.Height, row.Depth = int32(rec.Grid.Shape[0]), int32(rec.Grid.Shape[1]), int32(rec.Grid.Shape[2])
	for _, r := range rec.Grid.Affine {
		row.Affine = append(row.Affine, r[:]...)
	}
	return row, err
}

// groupBytes is about how much is held before a row group is written.
const groupBytes = 32 << 20

// table writes rows as they come.
func table[T any](to *export.Folder, name string, fill func(put func(...T) error) error) error {
	return to.Write(name, func(w io.Writer) error {
		p := parquet.NewGenericWriter[T](w, parquet.Compression(&parquet.Zstd), parquet.CreatedBy("satgraph", "1", ""))
		held := 0
		err := fill(func(rows ...T) error {
			if _, err := p.Write(rows); err != nil {
				return err
			}
			if held += size(rows); held < groupBytes {
				return nil
			}
			held = 0
			return p.Flush()
		})
		if err != nil {
			return err
		}
		return p.Close()
	})
}

// size is about what rows take in memory.
func size[T any](rows []T) int {
	const small = 300
	n := small * len(rows)
	if list, ok := any(rows).([]annotationRow); ok {
		for _, r := range list {
			n += 8 * len(r.Counts)
		}
	}
	return n
}

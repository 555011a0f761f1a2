package labelvolume

import (
	"context"
	"path/filepath"
	"slices"
	"sync"

	"satgraph/internal/parallel"
	"satgraph/labelmap"
	"satgraph/volume"
)

// Flags of labels that were held against their mask files.
const (
	FlagEmpty  = "its mask holds no voxels"
	FlagUnread = "its mask could not be read" // why follows after a colon
)

// mostMasks is how many mask files are read at a time.
const mostMasks = 4

// Masks gives labels that have a mask file each, named in their File, what the
// voxels of it show: all that is not 0 is the structure. The middle of the body,
// from which sides are told, is that of all the masks together. Files are read
// from front to back and none is held in memory; one that cannot be read, or is
// empty, is flagged on its label, and the others are measured. done, if not nil,
// is told after each file how many are done. The error is the context's.
func Masks(ctx context.Context, folder string, labels []labelmap.RawLabel, o volume.ReadOptions, done func(done, total int)) ([]labelmap.RawLabel, error) {
	out := slices.Clone(labels)
	var all extent
	var mu sync.Mutex
	n := 0
	parallel.For(len(out), mostMasks, func(i int) {
		if ctx.Err() != nil {
			return
		}
		l := &out[i]
		l.Flags = slices.Clone(l.Flags)
		volume, labelled := maskOf(ctx, filepath.Join(folder, l.File), l, o)
		mu.Lock()
		defer mu.Unlock()
		if l.Geometry != nil {
			all.add(volume, labelled)
		}
		if n++; done != nil {
			done(n, len(out))
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	middle := middleOf(all.volume, all.labelled)
	for i := range out {
		if g := out[i].Geometry; g != nil {
			g.Side = middle.side(g.Centroid[0])
		}
	}
	return out, nil
}

// extent is how far masks reach, together.
type extent struct {
	volume, labelled span
	some             bool
}

func (e *extent) add(volume, labelled span) {
	if e.some {
		volume, labelled = volume.with(e.volume), labelled.with(e.labelled)
	}
	*e = extent{volume, labelled, true}
}

// maskOf measures the mask of one label, but for its side.
func maskOf(ctx context.Context, path string, l *labelmap.RawLabel, o volume.ReadOptions) (grid, labelled span) {
	c := newCounter(true)
	g, err := c.read(ctx, path, o)
	if err != nil {
		l.Flags = append(l.Flags, FlagUnread+": "+err.Error())
		return grid, labelled
	}
	found := c.found(g)
	if len(found) == 0 {
		l.Flags = append(l.Flags, FlagEmpty)
		return grid, labelled
	}
	l.Geometry = &found[0].Geometry
	if found[0].Border {
		l.Flags = append(l.Flags, labelmap.FlagBorder)
	}
	return gridSpan(g), c.span(g)
}

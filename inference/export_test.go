package inference

import (
	"context"

	"satgraph/volume"
	"satgraph/volume/prepare"
)

// Probabilities gives the averaged probabilities (query, then C order) of a
// volume that is prepared already: shape is its own, data its C order.
func Probabilities(ctx context.Context, m Model, data []float32, shape [3]int, queries [][]float32) ([]float32, error) {
	grid := volume.Grid{Shape: shape, Affine: volume.Identity()}
	p := &prepare.Scan{Grid: grid, Source: grid, ToGrid: volume.Identity(), Data: data}
	to, err := newRestorer(p, false)
	if err != nil {
		return nil, err
	}
	patch := m.Manifest().Patch
	s := newStitcher(shape, patch, to, &pool{limit: 1 << 20}, true)
	window := make([]float32, len(s.gauss))
	fields := make([]*field, len(queries))
	for i := range fields {
		fields[i] = s.newField(i)
	}
	for _, w := range s.places {
		cut(data, shape, w, patch, window)
		f, err := m.Features(ctx, window)
		if err != nil {
			return nil, err
		}
		logits, err := m.Decode(ctx, f, queries)
		if err != nil {
			return nil, err
		}
		for i, field := range fields {
			s.add(field, w, logits[i*len(window):(i+1)*len(window)])
		}
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	size := shape[0] * shape[1] * shape[2]
	out := make([]float32, len(queries)*size)
	for layer := range s.across[s.axis] {
		lo, hi := [3]int{}, s.across
		lo[s.axis], hi[s.axis] = layer, layer+1
		weights := s.weights(lo, hi)
		for i, f := range fields {
			s.each(layer, func(x, y, z int) {
				b := s.find(f, [3]int{x / brickSide, y / brickSide, z / brickSide})
				v := b[(x%brickSide*brickSide+y%brickSide)*brickSide+z%brickSide]
				out[i*size+(x*shape[1]+y)*shape[2]+z] = v / weights.data[weights.at(x, y, z)]
			})
		}
	}
	return out, nil
}

// each calls f for every voxel of a layer.
func (s *stitcher) each(layer int, f func(x, y, z int)) {
	lo, hi := [3]int{}, s.shape
	lo[s.axis] = layer * brickSide
	hi[s.axis] = min(lo[s.axis]+brickSide, s.shape[s.axis])
	for x := lo[0]; x < hi[0]; x++ {
		for y := lo[1]; y < hi[1]; y++ {
			for z := lo[2]; z < hi[2]; z++ {
				f(x, y, z)
			}
		}
	}
}

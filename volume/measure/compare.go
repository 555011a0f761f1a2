package measure

import "math"

// Change is how one structure differs between two measurements.
type Change struct {
	VolumeML float64 // after less before
	Percent  float64 // of before
	// ShiftMM is the way of the centroid along R, A and S, and DistanceMM its
	// length. They mean something only where both scans lie in one frame of
	// reference; Compare cannot tell.
	ShiftMM    [3]float64
	DistanceMM float64
}

// Compare says how a structure changed. Neither measurement may be nil.
func Compare(before, after *Figures) Change {
	c := Change{VolumeML: after.VolumeML - before.VolumeML}
	if before.VolumeML > 0 {
		c.Percent = 100 * c.VolumeML / before.VolumeML
	}
	var squares float64
	for a := range c.ShiftMM {
		c.ShiftMM[a] = after.CentroidMM[a] - before.CentroidMM[a]
		squares += c.ShiftMM[a] * c.ShiftMM[a]
	}
	c.DistanceMM = math.Sqrt(squares)
	return c
}

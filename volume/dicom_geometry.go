package volume

import (
	"cmp"
	"fmt"
	"math"
	"path/filepath"
	"slices"

	"satgraph/volume/internal/dcm"
)

// How exactly the slices of one volume must lie. Positions are written as
// decimal text, often rounded to 0.01 mm, and cosines to six digits.
const (
	cosineSlack = 1e-3 // between the orientations of two slices
	sameMM      = 1e-3 // two slices nearer than this are at the same place
	unevenMM    = 0.1  // how far a slice may be from its place on the regular grid, or
	unevenPart  = 0.05 // that part of the distance between slices, if it is more
	tiltSlack   = 1e-3 // sine of the angle between the normal and the way from slice to slice
)

// assemble makes one volume of the images of a series: slices sorted by their
// position along the normal of the image plane (PS3.3 C.7.6.2.1.1), never by
// number or name. The error wraps ErrSeries where they do not form one.
// Of several volumes at the same place one must be asked for.
func assemble(instances []*instance, asked string) (*seriesData, error) {
	s := &seriesData{}
	var all []frame
	for _, in := range instances {
		all = append(all, in.frames...)
	}
	var err error
	if s.frames, err = s.oneVolume(all, asked); err != nil {
		return nil, err
	}
	first := s.frames[0]
	if err := s.agree(first); err != nil {
		return nil, err
	}
	row := [3]float64(first.orientation[:3])
	col := [3]float64(first.orientation[3:])
	normal := cross(row, col)
	if n := norm(normal); math.Abs(norm(row)-1) > 0.01 || math.Abs(norm(col)-1) > 0.01 || math.Abs(n-1) > 0.01 {
		return nil, fmt.Errorf("%w: ImageOrientationPatient %v is not two unit vectors at right angles", ErrBadAffine, first.orientation)
	}
	along := func(f frame) float64 { return dot(f.position, normal) }
	slices.SortStableFunc(s.frames, func(a, b frame) int { return cmp.Compare(along(a), along(b)) })
	step, err := s.step(normal, along)
	if err != nil {
		return nil, err
	}
	first = s.frames[0]
	s.grid.Shape = [3]int{first.in.cols, first.in.rows, len(s.frames)}
	for w := range 3 {
		sign := 1.0
		if w < 2 {
			sign = -1 // LPS to RAS
		}
		// PixelSpacing is the distance between rows, then between columns.
		for c, v := range [4]float64{row[w] * first.spacing[1], col[w] * first.spacing[0], step[w], first.position[w]} {
			s.grid.Affine[w][c] = sign*v + 0 // no negative zeros
		}
	}
	s.grid.Affine[3][3] = 1
	if err := s.grid.Affine.check(); err != nil {
		return nil, err
	}
	s.describe(first)
	return s, nil
}

// agree makes sure that all slices are of one shape, orientation and spacing.
func (s *seriesData) agree(first frame) error {
	differs := func(what string, f frame) error {
		return fmt.Errorf("%w: %s has another %s than %s", ErrSeries, name(f), what, name(first))
	}
	for _, f := range s.frames {
		switch {
		case !f.placed:
			return fmt.Errorf("%w: %s does not say where it lies in the patient (ImagePositionPatient, ImageOrientationPatient, PixelSpacing)", ErrBadAffine, name(f))
		case f.in.rows != first.in.rows || f.in.cols != first.in.cols:
			return differs(fmt.Sprintf("shape (%d×%d and %d×%d)", f.in.cols, f.in.rows, first.in.cols, first.in.rows), f)
		case f.in.samples != 1:
			return fmt.Errorf("%w: %s is a colour image (%s)", ErrUnsupported, name(f), f.in.photometric)
		case f.in.table:
			return fmt.Errorf("%w: %s scales its values by a table (Modality LUT)", ErrUnsupported, name(f))
		case f.in.reference != first.in.reference:
			return differs("frame of reference", f)
		}
		for i, c := range f.orientation {
			if !(math.Abs(c-first.orientation[i]) <= cosineSlack) {
				return differs("orientation", f)
			}
		}
		for i, v := range f.spacing {
			if !(math.Abs(v-first.spacing[i]) <= 1e-4*first.spacing[i]) {
				return differs("pixel spacing", f)
			}
		}
	}
	return nil
}

// name is how messages call a slice.
func name(f frame) string {
	if f.multi {
		return fmt.Sprintf("frame %d of %s", f.index+1, filepath.Base(f.in.path))
	}
	return filepath.Base(f.in.path)
}

// step is the vector from slice to slice in LPS mm. The frames are sorted.
func (s *seriesData) step(normal [3]float64, along func(frame) float64) ([3]float64, error) {
	n := len(s.frames)
	first, last := s.frames[0], s.frames[n-1]
	if n == 1 {
		thick := first.thickness
		if !(thick > 0) {
			thick = 1
			s.warn("a single slice without SliceThickness; 1 mm is taken")
		}
		return [3]float64{normal[0] * thick, normal[1] * thick, normal[2] * thick}, nil
	}
	gaps := make([]float64, n-1)
	for i := range gaps {
		a, b := s.frames[i], s.frames[i+1]
		gaps[i] = along(b) - along(a)
		if gaps[i] < sameMM {
			return [3]float64{}, fmt.Errorf("%w: %s and %s are at the same position", ErrSeries, name(a), name(b))
		}
	}
	sorted := slices.Clone(gaps)
	slices.Sort(sorted)
	median := sorted[len(sorted)/2]
	for i, g := range gaps {
		if g > 1.5*median {
			return [3]float64{}, fmt.Errorf("%w: %.4g mm between %s and %s, where slices are %.4g mm apart: about %d missing",
				ErrSeries, g, name(s.frames[i]), name(s.frames[i+1]), median, int(math.Round(g/median))-1)
		}
	}
	var step [3]float64
	for w := range step {
		step[w] = (last.position[w] - first.position[w]) / float64(n-1)
	}
	even := (along(last) - along(first)) / float64(n-1)
	worst := 0.0
	for i, f := range s.frames {
		var off [3]float64
		for w := range off {
			off[w] = f.position[w] - first.position[w] - float64(i)*step[w]
		}
		d := norm(off)
		worst = max(worst, d)
		if d > max(unevenMM, unevenPart*even) {
			return step, fmt.Errorf("%w: %s lies %.3g mm from where evenly spaced slices in a row would have it", ErrSeries, name(f), d)
		}
	}
	if worst > 0.01 {
		s.warn("slices are up to %.2g mm off the regular grid that they are put on", worst)
	}
	switch sine := norm(cross(normal, step)) / norm(step); {
	case sine > 0.5:
		return step, fmt.Errorf("%w: slices are shifted against each other by more than their distance", ErrSeries)
	case sine > tiltSlack:
		// The affine says just where the voxels are; nothing is resampled.
		s.warn("slices are tilted by %.3g degrees against the way from one to the next (gantry tilt); the affine is sheared", math.Asin(sine)*180/math.Pi)
	default:
		// Rounded positions would leave a shear that is not there.
		d := dot(step, normal)
		step = [3]float64{normal[0] * d, normal[1] * d, normal[2] * d}
	}
	return step, nil
}

// describe fills in what is said of the series as a whole.
func (s *seriesData) describe(first frame) {
	in := first.in
	s.Series = Series{
		UID: in.seriesUID, StudyUID: in.studyUID, FrameOfReferenceUID: in.reference, Number: in.number,
		Description: in.description, Modality: in.modality, Orientation: first.orientation, Spacing: first.spacing,
		Thickness: first.thickness, head: in.head,
	}
	lossy, guessed := 0, 0
	scaled := false
	for _, f := range s.frames {
		slice := Slice{Path: f.in.path, ClassUID: f.in.classUID, InstanceUID: f.in.instanceUID, Position: f.position}
		if f.multi {
			slice.Frame = f.index + 1
		}
		s.Slices = append(s.Slices, slice)
		if f.in.lossy {
			lossy++
		}
		if f.in.guessed {
			guessed++
		}
		scaled = scaled || f.slope != 1
	}
	s.dtype = storedType(in)
	if scaled {
		s.dtype = Float32
	}
	if lossy > 0 {
		s.warn("%d slices were compressed with loss", lossy)
	}
	if guessed > 0 {
		s.warn("%d files do not say their transfer syntax, which was guessed", guessed)
	}
	if in.photometric == "MONOCHROME1" {
		s.warn("MONOCHROME1: small values are meant to be shown bright; the values themselves are kept")
	}
	if in.modality == "PT" && in.units != "" && in.units != "GML" {
		s.warn("PET values are in %s, not SUV", in.units)
	}
}

// storedType is the data type of the values as stored, with an integer rescale
// applied, as far as NIfTI has one.
func storedType(in *instance) DType {
	switch {
	case in.pixels.Tag == dcm.FloatPixelData:
		return Float32
	case in.pixels.Tag == dcm.DoublePixelData:
		return Float64
	case in.allocated == 32 && in.signed:
		return Int32
	case in.allocated == 32:
		return Uint32
	case in.stored <= 8 && !in.signed:
		return Uint8
	case in.stored == 16 && !in.signed:
		return Uint16
	}
	return Int16
}

func cross(a, b [3]float64) [3]float64 {
	return [3]float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func norm(a [3]float64) float64 { return math.Sqrt(dot(a, a)) }

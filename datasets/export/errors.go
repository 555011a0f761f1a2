package export

import (
	"errors"
	"fmt"
	"strings"
)

// What an export is refused for. Each is wrapped by an error that says which
// sample, class or dataset it is about, and what to do.
var (
	// ErrOverlap says: two structures share voxels in a format with one label a
	// voxel.
	ErrOverlap = errors.New("structures overlap")
	// ErrNames says: names that the format can't hold or tell apart.
	ErrNames = errors.New("names don't fit the format")
	// ErrPartial says: scans of which some have a class annotated and others have
	// not, in a format where that would make the others negative examples.
	ErrPartial = errors.New("classes are not annotated in every scan")
	// ErrMixed says: scans that can't be in one export, such as of two modalities.
	ErrMixed = errors.New("scans don't belong in one export")
	// ErrLicence says: a dataset that its licence keeps from being passed on, or
	// whose licence nobody knows.
	ErrLicence = errors.New("licence does not allow the export")
	// ErrEmpty says: no scan to export.
	ErrEmpty = errors.New("nothing to export")
	// ErrSamples says: samples that are doubled or lack an id, dataset or modality.
	ErrSamples = errors.New("unusable list of scans")
	// ErrGeometry says: a grid that the format can't hold.
	ErrGeometry = errors.New("geometry does not fit the format")
	// ErrExists says: the target is there already and is not this export.
	ErrExists = errors.New("target exists")
	// ErrBusy says: another export to the same target is running.
	ErrBusy = errors.New("an export to this folder is running")
	// ErrOption says: an option that does not exist or does not fit the format.
	ErrOption = errors.New("unusable option")
	// ErrSplit says: a file of sides that is not one, or that leaves scans out.
	ErrSplit = errors.New("unusable file of sides")
)

// OverlapError names two structures of a scan that share voxels. It is an
// ErrOverlap.
type OverlapError struct {
	Sample, A, B string
	// Hint says how both can be kept.
	Hint string
}

// Error names the pair.
func (e *OverlapError) Error() string {
	return fmt.Sprintf("%v: %q and %q share voxels in %s; %s", ErrOverlap, e.A, e.B, e.Sample, e.Hint)
}

// Unwrap returns ErrOverlap.
func (e *OverlapError) Unwrap() error { return ErrOverlap }

// ScanError is a scan that could not be read. The export goes on with the others
// and is not finished.
type ScanError struct {
	Sample string
	Err    error
}

// Error names the scan.
func (e *ScanError) Error() string { return e.Sample + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ScanError) Unwrap() error { return e.Err }

// IncompleteError lists the scans for want of which an export is not finished.
// What was written stays, and the same export goes on from there.
type IncompleteError struct {
	Done, Total int
	Failed      []*ScanError
}

// Error names the first few scans.
func (e *IncompleteError) Error() string {
	const shown = 3
	lines := make([]string, 0, shown)
	for _, f := range e.Failed[:min(shown, len(e.Failed))] {
		lines = append(lines, f.Error())
	}
	more := ""
	if n := len(e.Failed) - len(lines); n > 0 {
		more = fmt.Sprintf("; and %d more", n)
	}
	return fmt.Sprintf("%d of %d scans are written, %d could not be read (%s%s): mend them and run the same export again, or leave them out by name",
		e.Done, e.Total, len(e.Failed), strings.Join(lines, "; "), more)
}

// Unwrap gives the scans' errors.
func (e *IncompleteError) Unwrap() []error {
	out := make([]error, len(e.Failed))
	for i, f := range e.Failed {
		out[i] = f
	}
	return out
}

// refuse makes an error of one of the values above.
func refuse(kind error, format string, args ...any) error {
	return fmt.Errorf("%w: %s", kind, fmt.Sprintf(format, args...))
}

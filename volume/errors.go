package volume

import (
	"errors"
	"io/fs"
	"strconv"
	"strings"
	"syscall"
)

// What can be wrong with a file. Every error of this package that concerns a
// file is a [*FileError] around one of these or around the system's own error.
var (
	// ErrNotNIfTI says: the file is no NIfTI-1 or NIfTI-2 file.
	ErrNotNIfTI = errors.New("not a NIfTI file")
	// ErrTruncated says: the file ends before its last voxel.
	ErrTruncated = errors.New("file is truncated")
	// ErrCorrupt says: the compressed stream is damaged.
	ErrCorrupt = errors.New("compressed data is damaged")
	// ErrTooLarge says: the header asks for more memory than allowed.
	ErrTooLarge = errors.New("volume is too large")
	// ErrUnsupported says: a file of a kind that is refused on purpose, such
	// as colour or complex voxels.
	ErrUnsupported = errors.New("unsupported kind of file")
	// ErrBadHeader says: a header field has a value that no valid file can have.
	ErrBadHeader = errors.New("malformed header")
	// ErrBadAffine says: the header gives no usable voxel-to-world transform.
	ErrBadAffine = errors.New("unusable affine")
	// ErrNotVolume says: a valid file that does not hold exactly one 3-D volume.
	ErrNotVolume = errors.New("not a single 3-D volume")
	// ErrNotImage says: a DICOM object that is no image, such as a segmentation, a
	// structure set or a report.
	ErrNotImage = errors.New("not an image")
	// ErrSeries says: DICOM slices that do not form exactly one volume: several
	// series, slices that are missing, doubled or unlike each other.
	ErrSeries = errors.New("DICOM slices do not form one volume")
	// ErrSyntax says: DICOM pixels compressed in a way that is not decoded.
	ErrSyntax = errors.New("DICOM transfer syntax that is not decoded")
	// ErrNotLabels says: voxels asked for as labels are not whole numbers from 0 to
	// 65535.
	ErrNotLabels = errors.New("not a label map")
	// ErrRange says: a voxel does not fit the data type it is to be stored as.
	ErrRange = errors.New("value out of range of the data type")
	// ErrShape says: data, shape, grid or header do not belong together.
	ErrShape = errors.New("shapes do not match")
	// ErrFileName says: a name from which the file format cannot be told.
	ErrFileName = errors.New("file name must end in .nii or .nii.gz")
)

// FileError says in one line which file could not be read or written, what is
// wrong and what to do about it. errors.Is sees through it.
type FileError struct {
	// Path is the file as the caller named it; for a .hdr/.img pair, the half
	// that is at fault.
	Path string
	// Op is "read" or "write".
	Op string
	// Hint says what to do; it may be empty.
	Hint string
	// Err is what went wrong.
	Err error
}

// Error gives the message as one line.
func (e *FileError) Error() string {
	msg := e.Op + " " + printable(e.Path) + ": " + e.Err.Error()
	if e.Hint != "" {
		msg += "; " + e.Hint
	}
	return strings.ReplaceAll(msg, "\n", " ")
}

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

// printable quotes a path that would break the line or the terminal.
func printable(path string) string {
	for _, r := range path {
		if !strconv.IsPrint(r) {
			return strconv.Quote(path)
		}
	}
	return path
}

// fileError wraps err, unless it already is a *FileError, with the file, the
// operation and the fitting hint.
func fileError(op, path string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*FileError](err); ok {
		return err
	}
	// os errors repeat operation and path; keep the cause alone.
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		err = pe.Err
	}
	return &FileError{Path: path, Op: op, Hint: hint(op, err), Err: err}
}

// hint is the advice that goes with each kind of error.
func hint(op string, err error) string {
	if _, several := errors.AsType[*VolumesError](err); several {
		return "choose one with --volume, by its number or name"
	}
	if op == "write" && errors.Is(err, fs.ErrNotExist) {
		return "make the folder first"
	}
	for _, h := range [...]struct {
		is   error
		hint string
	}{
		{fs.ErrNotExist, "check the path"},
		{fs.ErrPermission, "check the permissions"},
		{syscall.ENOSPC, "free some space or choose another folder"},
		{syscall.EDQUOT, "free some space or choose another folder"},
		{syscall.EFBIG, "raise the limit on file sizes (ulimit -f) or choose another folder"},
		{syscall.EROFS, "choose a folder that can be written to"},
		{ErrNotNIfTI, "give a NIfTI, NRRD or MetaImage file or a folder of DICOM slices"},
		{ErrSyntax, "decompress it first, for instance with gdcmconv --raw or dcmdjpeg"},
		{ErrTruncated, "copy or download the file again"},
		{ErrCorrupt, "copy or download the file again"},
		{ErrTooLarge, "raise the size limit if the file is genuine"},
		{ErrBadHeader, "write the file again with the tool that made it"},
		{ErrBadAffine, "repair it at its source; for NIfTI, the sform or qform, for instance with nibabel"},
		{ErrSeries, "leave in the folder, or choose with --series, the slices of one volume"},
		{ErrNotVolume, "give one 3-D volume; split a series first"},
		{ErrNotLabels, "give a file of whole numbers from 0 to 65535"},
		{ErrRange, "choose a wider data type"},
		{ErrFileName, "name the file .nii or .nii.gz"},
	} {
		if errors.Is(err, h.is) {
			return h.hint
		}
	}
	return ""
}

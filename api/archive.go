package api

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/volume"
)

// A zip of the slices of one DICOM series is kept as the NIfTI volume that they
// make, without what DICOM says of the person. Nothing in an archive is believed:
// files are written under names of our own, no further than its limits.
const (
	// archiveFiles is how many entries an archive may have.
	archiveFiles = 20_000
	// An archive that unpacks to more than archiveSmall may be archiveRatio times
	// as large unpacked as packed: slices of a scan are some ten times, empty ones
	// some hundred.
	archiveRatio = 200
	archiveSmall = 64 << 20
)

// errArchive means that a zip archive is none, or holds what is not taken.
var errArchive = errors.New("the archive cannot be used")

func archiveError(format string, values ...any) error {
	return &Error{
		Code: CodeBadArchive, Message: "the archive cannot be used: " + fmt.Sprintf(format, values...),
		Hint: "zip the DICOM slices of one series and nothing else, as zip -r series.zip FOLDER does", Err: errArchive,
	}
}

// isArchive says whether a file begins as a zip archive does.
func isArchive(head []byte) bool { return len(head) >= 4 && string(head[:4]) == "PK\x03\x04" }

// unpack makes a NIfTI file in dir of a zip archive of DICOM slices. The caller
// takes the file away. Errors: BAD_ARCHIVE, TOO_LARGE, errStorageFull, those of
// volume.ReadImage, the context's, or the disk's.
func (s *imageStore) unpack(ctx context.Context, dir, file string) (made string, err error) {
	z, err := zip.OpenReader(file)
	if err != nil {
		return "", archiveError("it is cut short or damaged")
	}
	defer func() { _ = z.Close() }()
	packed, err := os.Stat(file)
	if err != nil {
		return "", err
	}
	slices, err := s.acceptable(z.File, packed.Size())
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp(dir, "upload-series-*")
	if err != nil {
		return "", err
	}
	var written int64
	defer func() {
		_ = os.RemoveAll(folder)
		s.used.Add(-written)
	}()
	for i, f := range slices {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		if err := s.extract(f, filepath.Join(folder, fmt.Sprintf("%05d.dcm", i)), packed.Size(), &written); err != nil {
			return "", err
		}
	}
	im, err := volume.ReadImage(folder, volume.ReadOptions{MaxBytes: s.decoded, Alone: true})
	if err != nil {
		return "", seriesError(err)
	}
	out, err := os.CreateTemp(dir, "upload-*.nii.gz")
	if err != nil {
		return "", err
	}
	if err = errors.Join(out.Close(), volume.WriteImage(out.Name(), im, storedType(im))); err != nil {
		return "", errors.Join(err, os.Remove(out.Name()))
	}
	return out.Name(), nil
}

// acceptable looks at what an archive says of itself, before anything is unpacked,
// and gives the files to unpack.
func (s *imageStore) acceptable(entries []*zip.File, packed int64) ([]*zip.File, error) {
	if len(entries) > archiveFiles {
		return nil, archiveError("it has %d entries, and at most %d are taken", len(entries), archiveFiles)
	}
	var files []*zip.File
	total := uint64(0)
	for _, f := range entries {
		name := strings.ReplaceAll(f.Name, `\`, "/")
		switch {
		case path.IsAbs(name) || strings.Contains(name, ":") || strings.ContainsRune(name, 0) || slices.Contains(strings.Split(name, "/"), ".."):
			return nil, archiveError("the name %s leads out of it", quote(f.Name))
		case f.Mode().IsDir():
			continue
		case f.Mode()&fs.ModeSymlink != 0:
			return nil, archiveError("%s is a symbolic link", quote(f.Name))
		case !f.Mode().IsRegular():
			return nil, archiveError("%s is no plain file", quote(f.Name))
		case f.Flags&1 != 0:
			return nil, archiveError("%s is encrypted", quote(f.Name))
		case f.Method != zip.Store && f.Method != zip.Deflate:
			return nil, archiveError("%s is packed by another method than deflate", quote(f.Name))
		case passedOver(name):
			continue
		}
		if total += f.UncompressedSize64; total > math.MaxInt64 || f.UncompressedSize64 > math.MaxInt64 {
			return nil, s.bomb(math.MaxInt64, packed)
		}
		files = append(files, f)
	}
	if err := s.bomb(int64(total), packed); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, archiveError("it holds no files")
	}
	return files, nil
}

// passedOver says whether a file is one that systems put beside slices.
func passedOver(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, ".") || strings.HasPrefix(name, "__MACOSX/") || strings.EqualFold(base, "DICOMDIR") || strings.EqualFold(base, "Thumbs.db")
}

// bomb refuses what unpacks to more than a scan may have, or to so many times its
// size as no scan does.
func (s *imageStore) bomb(unpacked, packed int64) error {
	switch {
	case unpacked > s.decoded:
		return &Error{Code: CodeTooLarge, Message: fmt.Sprintf("the archive unpacks to more than %d MiB", s.decoded>>20), Hint: "send one series, or ask the operator for a higher limit", Err: errArchive}
	case unpacked > archiveSmall && unpacked/archiveRatio > packed:
		return archiveError("it unpacks to more than %d times its size", archiveRatio)
	}
	return nil
}

// extract unpacks one file, counting what it writes, whatever the archive says.
func (s *imageStore) extract(f *zip.File, to string, packed int64, written *int64) (err error) {
	r, err := f.Open()
	if err != nil {
		return archiveError("%s is damaged", quote(f.Name))
	}
	defer func() { _ = r.Close() }()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	buffer := make([]byte, 256<<10)
	for first := true; ; first = false {
		n, readErr := io.ReadFull(r, buffer)
		if first && isArchive(buffer[:n]) {
			return archiveError("%s is an archive itself", quote(f.Name))
		}
		*written += int64(n)
		if s.used.Add(int64(n)) > s.capacity {
			return errStorageFull
		}
		if err := s.bomb(*written, packed); err != nil {
			return err
		}
		if _, err := out.Write(buffer[:n]); err != nil {
			return err
		}
		switch {
		case readErr == nil:
		case errors.Is(readErr, io.EOF), errors.Is(readErr, io.ErrUnexpectedEOF) && !errors.Is(readErr, zip.ErrFormat):
			return s.whole(f, out)
		default:
			return archiveError("%s is damaged", quote(f.Name))
		}
	}
}

// whole says whether a file came to its end.
func (s *imageStore) whole(f *zip.File, out *os.File) error {
	info, err := out.Stat()
	if err != nil {
		return err
	}
	if uint64(info.Size()) != f.UncompressedSize64 { //nolint:gosec // no size is negative
		return archiveError("%s is damaged", quote(f.Name))
	}
	return nil
}

// seriesError names the series of an archive that has several.
func seriesError(err error) error {
	several, ok := errors.AsType[*volume.SeriesError](err)
	if !ok || len(several.Series) < 2 {
		return err
	}
	const most = 20
	told := describe(err)
	return &Error{
		Code: told.Code, Message: fmt.Sprintf("the archive holds %d series", len(several.Series)), Hint: "send one of them",
		Details: map[string]any{"series": several.Series[:min(len(several.Series), most)]}, Err: err,
	}
}

// storedType is the smallest type that keeps an image as it is.
func storedType(im *volume.Image) volume.DType {
	for _, v := range im.Data {
		if v != float32(int16(v)) {
			return volume.Float32
		}
	}
	return volume.Int16
}

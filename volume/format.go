package volume

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"

	"satgraph/volume/internal/dcm"
)

// Format is how a scan is stored.
type Format string

// The formats that are read. A file's format is told by its content; of its
// name only the .img of a NIfTI pair counts, since that half has no header.
const (
	NIfTI     Format = "nifti"
	DICOM     Format = "dicom"
	NRRD      Format = "nrrd"
	MetaImage Format = "metaimage"
)

// sniff tells the format of a file or folder. What is none of the others is
// left to the NIfTI reader, whose error says what it looks like.
func sniff(path string, o ReadOptions) (Format, error) {
	f, err := o.Place().Open(path)
	if err != nil {
		return "", fileError("read", path, err)
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	fi, err := f.Stat()
	switch {
	case err != nil:
		return "", fileError("read", path, err)
	case fi.IsDir():
		return DICOM, nil
	case !fi.Mode().IsRegular() || isImg(path):
		return NIfTI, nil
	}
	head := make([]byte, 256)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fileError("read", path, err)
	}
	head = head[:n]
	switch {
	case bytes.HasPrefix(head, []byte("NRRD000")):
		return NRRD, nil
	case looksMeta(head):
		return MetaImage, nil
	case dcm.Looks(head):
		return DICOM, nil
	}
	return NIfTI, nil
}

// looksMeta reports whether a file starts as a MetaImage header does: with a
// line "ObjectType = Image" or, after comments, one of its first fields.
func looksMeta(head []byte) bool {
	s := bufio.NewScanner(bytes.NewReader(head))
	for s.Scan() {
		key, _, found := strings.Cut(s.Text(), "=")
		if !found {
			return false
		}
		switch strings.TrimSpace(key) {
		case "ObjectType", "NDims":
			return true
		case "Comment":
		default:
			return false
		}
	}
	return false
}

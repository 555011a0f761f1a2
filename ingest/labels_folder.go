package ingest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"satgraph/labelmap"
)

// maskEndings are those of volume files, longest first.
var maskEndings = []string{
	".nii.gz", ".seg.nrrd", ".nrrd", ".nhdr", ".nii", ".mha", ".mhd", ".mgz", ".mgh", ".img.gz", ".hdr.gz", ".img", ".hdr", ".dcm",
}

// readLabelFolder takes the names of mask files, one a structure, for labels:
// TotalSegmentator's "segmentations" folder, or one that holds it. The masks are
// not opened.
func readLabelFolder(path string, o LabelOptions) (*Labels, error) {
	if inside := filepath.Join(path, "segmentations"); isFolder(inside) {
		path = inside
	}
	dir, err := os.Open(path)
	if err != nil {
		return nil, fileError(path, 0, err)
	}
	defer dir.Close() //nolint:errcheck // read only
	entries, err := dir.ReadDir(o.Terms + 1)
	if err != nil && len(entries) == 0 {
		return nil, fileError(path, 0, fmt.Errorf("%w: the folder is empty or cannot be read: %w", ErrFormat, err))
	}
	if len(entries) > o.Terms {
		return nil, fileError(path, 0, fmt.Errorf("%w: more than %d files", ErrTooLarge, o.Terms))
	}
	c := &collector{labels: &Labels{Format: LabelsFolder, Encoding: "UTF-8", Folder: path}, o: o}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	pairs := map[string]bool{} // .hdr of an .img is no structure of its own
	for _, file := range names {
		pairs[file] = true
	}
	for _, file := range names {
		name, ok := structureName(file)
		switch {
		case !ok:
			c.labels.Passed = append(c.labels.Passed, file)
			continue
		case strings.HasSuffix(file, ".hdr") && pairs[strings.TrimSuffix(file, ".hdr")+".img"],
			strings.HasSuffix(file, ".hdr.gz") && pairs[strings.TrimSuffix(file, ".hdr.gz")+".img.gz"]:
			continue
		}
		c.file = file
		l := labelmap.RawLabel{Name: name}
		if !utf8.ValidString(name) {
			l.Name, l.Flags = decodeLine([]byte(name)), []string{FlagEncoding}
		}
		if err := c.add(l); err != nil {
			return nil, fileError(path, 0, err)
		}
	}
	if len(c.labels.Labels) == 0 {
		return nil, fileError(path, 0, fmt.Errorf("%w: the folder holds no mask files (such as liver.nii.gz)", ErrFormat))
	}
	c.finish()
	return c.labels, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// structureName is the file's name without its ending; hidden files and those
// that are no volumes have none.
func structureName(file string) (string, bool) {
	lower := strings.ToLower(file)
	if strings.HasPrefix(file, ".") {
		return "", false
	}
	for _, ending := range maskEndings {
		if strings.HasSuffix(lower, ending) && len(file) > len(ending) {
			return file[:len(file)-len(ending)], true
		}
	}
	return "", false
}

package rawdata

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"satgraph/volume"
)

// Why files are left.
const (
	whyOther    = "no volume"
	whyHidden   = "hidden"
	whyName     = `a name with a character that patterns cannot hold: { } * \`
	whyInside   = "a link to a folder that is looked at already, or that holds this one"
	whyTable    = "a table of labels beside the one that is read"
	whySegments = "a DICOM segmentation or structure set: its voxels are not read"
	whyBroken   = "a link to what is not there"
)

// halfFile is what a file of voxels is called whose header is a file of its own.
var halfFile = regexp.MustCompile(`(?i)\.(img|img\.gz|raw|raw\.gz|zraw)$`)

// walk looks at all files below a folder. Links to folders outside are followed,
// each once; what cannot be opened is left with the reason.
func (d *detector) walk(dir string) error {
	own, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return err
	}
	seen := map[string]bool{own: true}
	return d.folder(dir, d.base, own, seen)
}

func (d *detector) folder(dir, name, root string, seen map[string]bool) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		if name == d.base {
			return err
		}
		d.leaveOne(name+"/", err.Error())
		return nil
	}
	var series []string // that may be slices of
	for _, e := range entries {
		at, named := filepath.Join(dir, e.Name()), name+"/"+e.Name()
		is := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			target, err := filepath.EvalSymlinks(at)
			if err != nil {
				d.files++
				d.leaveOne(named, whyBroken)
				continue
			}
			info, err := os.Stat(target)
			is = err == nil && info.IsDir()
			if is && (seen[target] || inside(target, root) || inside(root, target)) {
				d.leaveOne(named, whyInside)
				continue
			}
			seen[target] = is
		}
		switch {
		case is && strings.HasPrefix(e.Name(), "."):
			d.leaveOne(named+"/", whyHidden)
		case is:
			if err := d.folder(at, named, root, seen); err != nil {
				return err
			}
		default:
			if d.files++; d.files > maxEntries {
				return fmt.Errorf("%w: more than %d files", ErrUnclear, maxEntries)
			}
			if maybeSlice(e.Name()) {
				series = append(series, e.Name())
				continue
			}
			d.take(named)
		}
		if len(d.volumes) > maxVolumes {
			return fmt.Errorf("%w: more than %d volumes", ErrUnclear, maxVolumes)
		}
	}
	d.series(dir, name, series)
	return nil
}

// inside says whether a path is that of a folder, or lies below it.
func inside(at, folder string) bool {
	return at == folder || strings.HasPrefix(at, strings.TrimSuffix(folder, string(filepath.Separator))+string(filepath.Separator))
}

// take notes a file that is no slice.
func (d *detector) take(name string) {
	rel := strings.TrimPrefix(name, d.base+"/")
	switch {
	case strings.HasPrefix(path.Base(name), "."):
		d.leaveAmong(name, whyHidden)
	case rel == "dataset.json":
		if d.table != "" {
			d.leaveAmong(d.table, whyTable)
		}
		d.table = name
	case strings.HasSuffix(rel, "dseg.tsv"):
		if d.table == "" {
			d.table = name
			return
		}
		d.leaveAmong(name, whyTable)
	case halfFile.MatchString(rel):
		// It goes with its header, whose name is that of the volume.
	case !volumeFile.MatchString(rel):
		d.leaveAmong(name, whyOther)
	case strings.ContainsAny(name, "{}*\\"):
		d.leaveOne(name, whyName)
	default:
		d.volumes = append(d.volumes, name)
	}
}

// maybeSlice says whether a name may be that of a DICOM slice: of one of the
// usual endings, of none, or of a unique identifier.
func maybeSlice(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return !strings.HasPrefix(name, ".") && (slices.Contains([]string{".dcm", ".ima", ".dicom", ""}, ext) || strings.Trim(ext[1:], "0123456789") == "")
}

// series takes the slices of a folder for one image, if they are DICOM.
func (d *detector) series(dir, name string, names []string) {
	var images []string
	for i, n := range names {
		at := filepath.Join(dir, n)
		switch {
		// Of many, the first and the last say what all are.
		case len(names) > 8 && 0 < i && i < len(names)-1 && len(images) > 0:
			images = append(images, n)
		case !isDICOM(at):
			d.leaveAmong(name+"/"+n, whyOther)
		default:
			if _, err := volume.ReadSegments(at); errors.Is(err, volume.ErrNotImage) {
				images = append(images, n)
			} else {
				d.leaveOne(name+"/"+n, whySegments)
			}
		}
	}
	switch {
	case len(images) == 0:
	case strings.ContainsAny(name, "{}*\\"):
		d.leaveOne(name+"/", whyName)
	default:
		d.volumes = append(d.volumes, name+"/")
	}
}

func isDICOM(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	head := make([]byte, 132)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head[128:]) == "DICM"
}

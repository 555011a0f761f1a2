package volume

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"satgraph/volume/internal/dcm"
)

// Series is what the headers of a DICOM series say of it as a whole.
type Series struct {
	// UID is the SeriesInstanceUID; it and the other UIDs may be blank in files
	// that were stripped of identities.
	UID, StudyUID, FrameOfReferenceUID string
	Number, Description                string
	// Modality is DICOM's code, such as "CT" or "PT".
	Modality string
	// Slices are the source of each slice of the volume, in its order along the
	// third axis.
	Slices []Slice
	// Orientation is ImageOrientationPatient, Spacing PixelSpacing (between rows,
	// between columns, mm), Thickness SliceThickness (mm, 0 where not given).
	Orientation [6]float64
	Spacing     [2]float64
	Thickness   float64

	head *dcm.Dataset // of the first slice
}

// Slice is where one slice of a volume comes from.
type Slice struct {
	Path                  string
	ClassUID, InstanceUID string
	// Frame is the number of the frame in a multi-frame file, from 1; 0 in a file
	// of one image.
	Frame int
	// Position is ImagePositionPatient: the centre of the first pixel in mm, with
	// x growing to the patient's left, y to the back, z to the head (LPS).
	Position [3]float64
}

// SeriesInfo is a line of the list of series in a folder.
type SeriesInfo struct {
	UID         string `json:"uid"`
	Number      string `json:"number,omitempty"`
	Modality    string `json:"modality"`
	Description string `json:"description,omitempty"`
	Images      int    `json:"images"`
}

// SeriesError says that a folder holds several series, of which one must be
// chosen, or none that was asked for. It is an ErrSeries.
type SeriesError struct {
	// Asked is the series that was asked for; empty where none was.
	Asked  string
	Series []SeriesInfo
}

// Error lists the series.
func (e *SeriesError) Error() string {
	list := make([]string, len(e.Series))
	for i, s := range e.Series {
		list[i] = fmt.Sprintf("%s (%s, %d images%s)", s.UID, cmp.Or(s.Modality, "no modality"), s.Images, prefixed(", ", s.Description))
	}
	if e.Asked != "" {
		return fmt.Sprintf("%v: it holds no series %s, but %s", ErrSeries, e.Asked, strings.Join(list, ", "))
	}
	return fmt.Sprintf("%v: it holds %d series: %s", ErrSeries, len(list), strings.Join(list, ", "))
}

// Unwrap returns ErrSeries.
func (e *SeriesError) Unwrap() error { return ErrSeries }

func prefixed(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}

// BlankSeries is how a series whose UID is blank is asked for.
const BlankSeries = "blank"

// maxFiles bounds the files of a folder that are looked at.
const maxFiles = 200_000

// seriesData is a series whose headers are read and whose voxels are not.
type seriesData struct {
	Series
	grid     Grid
	frames   []frame // sorted, one a slice
	dtype    DType
	warnings []string
}

// openSeries reads the headers of a series: of all files of a folder, or of one
// file.
func openSeries(path string, o ReadOptions) (*seriesData, error) {
	fi, err := o.Place().Stat(path)
	if err != nil {
		return nil, err
	}
	paths := []string{path}
	if fi.IsDir() {
		if paths, err = filesOf(path, o.Place()); err != nil {
			return nil, err
		}
	}
	instances, others, err := readInstances(paths, o)
	if err != nil {
		return nil, err
	}
	var images []*instance
	refused := map[string]int{}
	for _, in := range instances {
		if why := in.notImage(); why != "" {
			refused[why]++
			continue
		}
		images = append(images, in)
	}
	if len(images) == 0 {
		for why := range refused {
			return nil, fmt.Errorf("%w: %s", ErrNotImage, why)
		}
		return nil, fmt.Errorf("%w: no DICOM file among its %d files", ErrSeries, others)
	}
	chosen, err := choose(images, o.Series)
	if err != nil {
		return nil, err
	}
	s, err := assemble(chosen, o.Volume)
	if err != nil {
		return nil, err
	}
	if fi.IsDir() && others > 0 {
		s.warn("%d files of the folder are not DICOM and were passed over", others)
	}
	for why, n := range refused {
		s.warn("%d files of the folder were passed over: %s", n, why)
	}
	if !fi.IsDir() && len(s.frames) == 1 {
		s.warn("one slice only; give the folder to read the whole series")
	}
	slices.Sort(s.warnings)
	return s, nil
}

func (s *seriesData) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// filesOf lists the files of a folder, without those of its subfolders.
func filesOf(dir string, from Files) ([]string, error) {
	entries, err := from.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) > maxFiles {
		return nil, fmt.Errorf("%w: the folder has %d entries, the limit is %d", ErrTooLarge, len(entries), maxFiles)
	}
	var paths []string
	folders := 0
	for _, e := range entries {
		path := Join(dir, e.Name())
		switch fi, err := from.Stat(path); { // follows links
		case err != nil || strings.HasPrefix(e.Name(), ".") || strings.EqualFold(e.Name(), "DICOMDIR"):
		case fi.IsDir():
			folders++
		case fi.Mode().IsRegular():
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return nil, fmt.Errorf("%w: the folder holds no files, and %d folders", ErrSeries, folders)
	}
	return paths, nil
}

// readInstances parses the headers of files on all cores. others counts the
// files that are not DICOM. A damaged file is an error: it may be a slice.
func readInstances(paths []string, o ReadOptions) (instances []*instance, others int, err error) {
	results := make([]*instance, len(paths))
	errs := make([]error, len(paths))
	parallel(len(paths), func(n int) bool {
		results[n], errs[n] = readInstance(paths[n], o)
		return errs[n] == nil || errors.Is(errs[n], dcm.ErrNotDICOM)
	})
	for n, err := range errs {
		switch {
		case errors.Is(err, dcm.ErrNotDICOM):
			others++
		case err != nil:
			return nil, 0, fileError("read", paths[n], err)
		case results[n] != nil:
			instances = append(instances, results[n])
		}
	}
	return instances, others, nil
}

// parallel calls f for 0..n-1 on all cores, until one call returns false.
func parallel(n int, f func(n int) bool) {
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, stop := 0, false
	for range min(runtime.GOMAXPROCS(0), n) {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				done := stop || i >= n
				mu.Unlock()
				if done {
					return
				}
				if !f(i) {
					mu.Lock()
					stop = true
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
}

// choose groups images by series and takes the one asked for, or the only one.
func choose(images []*instance, asked string) ([]*instance, error) {
	groups := map[string][]*instance{}
	var order []string
	for _, in := range images {
		key := in.seriesKey()
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], in)
	}
	slices.Sort(order)
	var fit []string
	e := &SeriesError{Asked: asked}
	for _, key := range order {
		in := groups[key][0]
		uid := cmp.Or(in.seriesUID, BlankSeries)
		frames := 0
		for _, i := range groups[key] {
			frames += len(i.frames)
		}
		e.Series = append(e.Series, SeriesInfo{
			UID: uid, Number: in.number, Modality: in.modality, Description: in.description, Images: frames,
		})
		if asked == "" || asked == uid {
			fit = append(fit, key)
		}
	}
	if len(fit) != 1 {
		return nil, e
	}
	return groups[fit[0]], nil
}

package rawdata

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// ErrUnclear says that a folder's layout cannot be told.
var ErrUnclear = errors.New("cannot tell where images and masks lie")

// Detected is a layout that was told from a folder's files.
type Detected struct {
	// Kind: "nnunet", "decathlon", "bids", "structures" (a file for each structure),
	// "pairs", or "listed" (pairs that dataset.json names and no pattern joins).
	Kind     string
	Families []Family
	// Table is the file that names labels, relative to the folder's parent; empty
	// for none.
	Table string
	// Structures are the mask files of each scan, where each holds one structure;
	// Partial says that some scans lack some of them.
	Structures []Structure
	Partial    bool
	Licence    string // as dataset.json or dataset_description.json says
	Files      int    // all that lie in the folder
	Paired     int    // images that have a mask
	// Left are the files that are no part of the record.
	Left []Left
}

// Family is scans whose paths follow one pattern.
type Family struct {
	catalog.Scans
	// Modality is "ct", "mri" or "pet" where names or files say so, and Why is what
	// says it.
	Modality, Why string
}

// Left is a file that is no part of a layout, or several of one folder and kind,
// with the reason.
type Left struct {
	File  string `json:"file"`  // relative to the folder's parent; the first of several
	Files int    `json:"files"` // how many
	Why   string `json:"why"`
}

// maxVolumes bounds the files that a detection looks at.
const maxVolumes = 500_000

var (
	volumeFile = regexp.MustCompile(`(?i)\.(nii|nii\.gz|nrrd|nhdr|mhd|mha|hdr|hdr\.gz)$`)
	words      = regexp.MustCompile(`[\p{L}]+`)
	camel      = regexp.MustCompile(`(\p{Ll})(\p{Lu})`)
	// maskWords are the words by which a path says that a file is a mask.
	maskWords = map[string]bool{
		"label": true, "labels": true, "mask": true, "masks": true, "seg": true, "segs": true, "segmentation": true, "segmentations": true,
		"gt": true, "groundtruth": true, "ground": true, "truth": true, "dseg": true, "msk": true, "annotation": true, "annotations": true, "roi": true, "rois": true,
		"derivatives": true, "contour": true, "contours": true,
	}
)

// Detect tells the layout of a dataset from its folder: nnU-Net, the Decathlon,
// BIDS with derivatives, masks of one structure each wherever they lie, or pairs
// of images and masks. An image may be a folder of DICOM slices. Masks
// are told by words of their paths, by the lists of dataset.json, and where
// neither says it by what files hold. Patterns begin with the folder's own name.
//
// Errors wrap ErrUnclear, or are the operating system's and the context's.
func Detect(ctx context.Context, dir string) (*Detected, error) {
	d, err := newDetector(ctx, dir)
	if err != nil {
		return nil, err
	}
	d.sort()
	tell := d.sortDrawn
	if len(d.images) == 0 || len(d.masks) == 0 {
		tell = d.sortByContent
	}
	if err := tell(); err != nil {
		return nil, err
	}
	if len(d.images) == 0 || len(d.masks) == 0 {
		return nil, d.nothing(dir)
	}
	return d.detect()
}

// newDetector looks at all files below a folder.
func newDetector(ctx context.Context, dir string) (*detector, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &detector{ctx: ctx, parent: filepath.Dir(dir), base: filepath.Base(dir), left: map[Left]*Left{}}
	if err := d.walk(dir); err != nil {
		return nil, err
	}
	return d, d.readDocument()
}

// nothing is the error of a folder without images or without masks.
func (d *detector) nothing(dir string) error {
	what := fmt.Sprintf("%d images and %d masks", len(d.images), len(d.masks))
	if d.files == 0 {
		what = "no file"
	}
	for _, l := range d.sortedLeft() {
		if l.Why == whySegments {
			return fmt.Errorf("%w: %s below %s, and DICOM segmentations or structure sets such as %s, whose voxels are not read: convert them to NIfTI beside the series", ErrUnclear, what, dir, l.File)
		}
	}
	if len(d.images)+len(d.masks) == 0 && d.files > 0 {
		return fmt.Errorf("%w: no volume below %s, but %s; read are NIfTI (.nii, .nii.gz, .hdr with .img), NRRD, MetaImage and DICOM series: unpack archives, convert the rest", ErrUnclear, dir, d.others())
	}
	return fmt.Errorf("%w: %s below %s, told by the words of their paths (label, mask, seg, gt …) and by what they hold; say it with --image and --mask", ErrUnclear, what, dir)
}

// others are the kinds of files that are no volumes: "4 of .npz, 1 of .zip".
func (d *detector) others() string {
	count := map[string]int{}
	for _, l := range d.left {
		count[cmp.Or(path.Ext(l.File), "no ending")] += l.Files
	}
	kinds := slices.SortedFunc(maps.Keys(count), func(a, b string) int { return cmp.Or(count[b]-count[a], strings.Compare(a, b)) })
	for i, k := range kinds {
		kinds[i] = fmt.Sprintf("%d of %s", count[k], k)
	}
	return "files: " + list(kinds)
}

type detector struct {
	ctx          context.Context //nolint:containedctx // of one call of Detect
	parent, base string
	files        int
	volumes      []string
	table        string // dataset.json or *dseg.tsv
	document     document
	left         map[Left]*Left
	// What volumes are.
	images, masks []string
	fixed         map[string]bool // placeholders that paths of structures need
}

// path of a file, by its name in patterns.
func (d *detector) path(name string) string {
	return filepath.Join(d.parent, filepath.FromSlash(name))
}

// sort tells images and masks by the lists of dataset.json and by the words of
// paths.
func (d *detector) sort() {
	for _, name := range d.volumes {
		listed, known := d.document.files[name]
		switch {
		case known && listed, !known && isMask(strings.TrimPrefix(name, d.base+"/")):
			d.masks = append(d.masks, name)
		default:
			d.images = append(d.images, name)
		}
	}
}

// isMask tells a mask by the words of its path.
func isMask(rel string) bool {
	for _, w := range words.FindAllString(strings.ToLower(camel.ReplaceAllString(rel, "$1 $2")), -1) {
		if maskWords[w] {
			return true
		}
	}
	return false
}

func (d *detector) detect() (*Detected, error) {
	out := &Detected{Kind: "pairs", Table: d.table, Licence: d.document.licence, Files: d.files}
	switch {
	case strings.HasSuffix(d.table, "dataset.json"):
		out.Kind = "decathlon"
	case slices.ContainsFunc(d.masks, func(m string) bool { return strings.Contains(m, "/derivatives/") }):
		out.Kind = "bids"
	}
	families, masks, err := d.pairs(out)
	if err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for _, f := range families {
		out.Paired += len(f.pairs)
		for image, mask := range f.pairs {
			used[image], used[mask] = true, true
		}
	}
	d.leave(families, masks, used)
	out.Left = d.sortedLeft()
	for _, f := range families {
		for _, one := range d.divide(f) {
			out.Families = append(out.Families, d.channels(one)...)
		}
	}
	// nnU-Net numbers the channels of its images behind the name of their mask.
	if image := stem(families[0].scans.Image.String()); out.Kind == "decathlon" && (strings.HasSuffix(image, "_0000") || strings.Contains(image, "=0000|")) {
		out.Kind = "nnunet"
	}
	return out, nil
}

// pairs finds the masks of images: label maps, or files of one structure each.
// It returns the masks that families may leave out.
func (d *detector) pairs(out *Detected) ([]*family, []string, error) {
	var pairs []*family
	var err error
	ofStructures := d.structures()
	if !ofStructures {
		pairs, err = families(d.images, d.masks)
		if d.document.contradicts(pairs) {
			out.Kind = "listed"
			return d.document.families(), d.masks, nil
		}
	}
	if ofStructures || err != nil || len(pairs) == 0 {
		s, failed := d.parallel()
		if failed != nil {
			return nil, nil, failed
		}
		if s != nil {
			found, left, failed := d.ofStructures(s, out)
			if err == nil || !errors.Is(failed, errLabelMaps) {
				return found, left, failed
			}
		}
		if ofStructures {
			pairs, err = families(d.images, d.masks)
		}
	}
	if err == nil && len(pairs) == 0 {
		err = fmt.Errorf("%w: no name of a mask follows from that of an image (such as %s and %s); say it with --image and --mask", ErrUnclear, d.images[0], d.masks[0])
	}
	return pairs, d.masks, err
}

// ofStructures takes masks of one structure each.
func (d *detector) ofStructures(s *drawn, out *Detected) ([]*family, []string, error) {
	if err := d.judge(s, false); err != nil {
		return nil, nil, err
	}
	out.Kind = "structures"
	out.Structures, out.Partial = s.structures()
	taken := map[string]bool{}
	for _, files := range s.files {
		for _, at := range files {
			taken[at] = true
		}
	}
	for _, l := range s.leftOut {
		taken[l] = true // named already
	}
	d.fixed = s.inFiles()
	return s.families, slices.DeleteFunc(slices.Clone(d.masks), func(m string) bool { return taken[m] }), nil
}

// leave names the volumes that are no part of a family.
func (d *detector) leave(families []*family, masks []string, used map[string]bool) {
	for _, name := range d.images {
		if used[name] {
			continue
		}
		why := "an image without a mask"
		for _, f := range families {
			if _, fits := f.scans.Image.Match(name); fits {
				why = "an image whose mask is missing: a scan that fails"
			}
		}
		d.leaveOne(name, why)
	}
	for _, name := range masks {
		if !used[name] {
			d.leaveOne(name, "a mask without an image")
		}
	}
}

// leaveOne names one file.
func (d *detector) leaveOne(file, why string) {
	l := Left{File: file, Files: 1, Why: why}
	d.left[l] = &l
}

// leaveAmong names a file among others of its folder and ending.
func (d *detector) leaveAmong(file, why string) {
	key := Left{File: path.Dir(file) + "/*" + path.Ext(file), Why: why}
	if d.left[key] == nil {
		d.left[key] = &Left{File: file, Why: why}
	}
	d.left[key].Files++
}

func (d *detector) sortedLeft() []Left {
	out := make([]Left, 0, len(d.left))
	for _, l := range d.left {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b Left) int { return strings.Compare(a.File+"\x00"+a.Why, b.File+"\x00"+b.Why) })
	return out
}

// stem is a path without the ending of its format.
func stem(name string) string { return volumeFile.ReplaceAllString(name, "") }

// structures says whether masks are plainly files of one structure each: most of
// their folders hold several, and lie with one image or below it.
func (d *detector) structures() bool {
	byFolder := map[string]int{}
	for _, m := range d.masks {
		byFolder[path.Dir(m)]++
	}
	images := map[string]int{}
	for _, i := range d.images {
		images[path.Dir(strings.TrimSuffix(i, "/"))]++
	}
	several, beside := 0, 0
	for folder, n := range byFolder {
		if n > 1 {
			several++
		}
		if images[folder] == 1 || images[path.Dir(folder)] == 1 {
			beside++
		}
	}
	return 2*several > len(byFolder) && 2*beside > len(byFolder)
}

// IsFolderOf says whether a tree's folder is itself the folder that the patterns
// of a record begin with.
func IsFolderOf(root string, d *catalog.Dataset) bool {
	abs, err := filepath.Abs(root)
	if err != nil {
		return false
	}
	for i := range d.Layouts {
		for j := range d.Layouts[i].Scans {
			first, _, _ := strings.Cut(d.Layouts[i].Scans[j].Image.String(), "/")
			if _, err := os.Stat(filepath.Join(abs, first)); err != nil && first == filepath.Base(abs) {
				return true
			}
		}
	}
	return false
}

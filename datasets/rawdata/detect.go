package rawdata

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"satgraph/datasets/catalog"
)

// ErrUnclear says that a folder's layout cannot be told.
var ErrUnclear = errors.New("cannot tell where images and masks lie")

// Detected is a layout that was told from a folder's files.
type Detected struct {
	// Kind: "nnunet", "decathlon", "bids", "structures" (a file for each structure)
	// or "pairs".
	Kind  string
	Scans []catalog.Scans
	// Table is the file or folder that names labels, relative to the folder's
	// parent; empty for none.
	Table string
	// Structures are the mask files of each scan, as patterns, where each holds one
	// structure.
	Structures []string
	Images     int      // found
	Left       []string // images without a mask, and masks without an image
}

// maxVolumes bounds the files that a detection looks at.
const maxVolumes = 500_000

var (
	volumeFile = regexp.MustCompile(`(?i)\.(nii|nii\.gz|nrrd|mhd|mha)$`)
	words      = regexp.MustCompile(`[a-z]+`)
	camel      = regexp.MustCompile(`([a-z])([A-Z])`)
	// maskWords are the words by which a path says that a file is a mask.
	maskWords = map[string]bool{
		"label": true, "labels": true, "mask": true, "masks": true, "seg": true, "segs": true, "segmentation": true, "segmentations": true,
		"gt": true, "groundtruth": true, "ground": true, "truth": true, "dseg": true, "msk": true, "annotation": true, "annotations": true, "roi": true, "rois": true,
		"derivatives": true, "contour": true, "contours": true,
	}
)

// Detect tells the layout of a dataset from its folder: nnU-Net, the Decathlon,
// BIDS with derivatives, a folder of one file for each structure of each scan,
// or pairs of images and masks. Patterns begin with the folder's own name.
//
// Errors wrap ErrUnclear, or are the operating system's and the context's.
func Detect(ctx context.Context, dir string) (*Detected, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d := &detector{base: filepath.Base(dir)}
	err = filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		if e.IsDir() && strings.HasPrefix(e.Name(), ".") && rel != "." {
			return filepath.SkipDir
		}
		return d.take(filepath.ToSlash(rel), e)
	})
	if err != nil {
		return nil, err
	}
	if len(d.images) == 0 || len(d.masks) == 0 {
		return nil, fmt.Errorf("%w below %s: %d volumes whose path names a mask (label, mask, seg, gt …), %d others; say it with --image and --mask", ErrUnclear, dir, len(d.masks), len(d.images))
	}
	return d.detect()
}

type detector struct {
	base          string
	images, masks []string
	table         string // dataset.json or *dseg.tsv
}

func (d *detector) take(rel string, e fs.DirEntry) error {
	name := path.Join(d.base, rel)
	switch {
	case e.IsDir():
	case rel == "dataset.json", d.table == "" && strings.HasSuffix(rel, "dseg.tsv"):
		d.table = name
	case !volumeFile.MatchString(rel) || strings.ContainsAny(rel, "{}*\\"):
	case isMask(rel):
		d.masks = append(d.masks, name)
	default:
		d.images = append(d.images, name)
	}
	if len(d.images)+len(d.masks) > maxVolumes {
		return fmt.Errorf("%w: more than %d volumes", ErrUnclear, maxVolumes)
	}
	return nil
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
	out := &Detected{Kind: "pairs", Images: len(d.images), Table: d.table}
	switch {
	case strings.HasSuffix(d.table, "dataset.json"):
		out.Kind = "decathlon"
	case slices.ContainsFunc(d.masks, func(m string) bool { return strings.Contains(m, "/derivatives/") }):
		out.Kind = "bids"
	}
	masks := d.masks
	folders := d.structures()
	if folders != nil {
		out.Kind, masks = "structures", folders
	}
	used := map[string]bool{}
	for _, images := range groups(d.images) {
		for _, group := range groups(masks) {
			scans, pairs := pair(images, group, folders != nil)
			if scans == nil {
				continue
			}
			out.Scans = append(out.Scans, *scans)
			for image, mask := range pairs {
				used[image], used[mask] = true, true
			}
		}
	}
	if len(out.Scans) == 0 {
		return nil, fmt.Errorf("%w: no name of a mask follows from that of an image (such as %s and %s); say it with --image and --mask", ErrUnclear, d.images[0], d.masks[0])
	}
	for _, name := range slices.Concat(d.images, masks) {
		if !used[name] {
			out.Left = append(out.Left, name)
		}
	}
	if folders != nil {
		out.Structures = d.structureFiles(&out.Scans[0])
	}
	// nnU-Net numbers the channels of its images behind the name of their mask.
	if image := stem(out.Scans[0].Image.String()); out.Kind == "decathlon" && (strings.HasSuffix(image, "_0000") || strings.Contains(image, "=0000|")) {
		out.Kind = "nnunet"
	}
	return out, nil
}

// stem is a path without the ending of its format.
func stem(name string) string { return volumeFile.ReplaceAllString(name, "") }

// structures are the folders that hold a scan's masks, one for each structure:
// folders of the same names, or of several masks beside an image. nil where
// masks are label maps.
func (d *detector) structures() []string {
	byFolder := map[string][]string{}
	for _, m := range d.masks {
		byFolder[path.Dir(m)] = append(byFolder[path.Dir(m)], path.Base(m))
	}
	images := map[string]int{}
	for _, i := range d.images {
		images[path.Dir(i)]++
	}
	several, beside := 0, 0
	for folder, names := range byFolder {
		if len(names) > 1 {
			several++
		}
		// A folder of structures belongs to one scan: its image lies in it or above.
		if images[folder] == 1 || images[path.Dir(folder)] == 1 {
			beside++
		}
	}
	if 2*several <= len(byFolder) || 2*beside <= len(byFolder) {
		return nil
	}
	return slices.Sorted(maps.Keys(byFolder))
}

// structureFiles are the names of the files that a scan's folder of masks holds,
// with {case} for the id of the scan.
func (d *detector) structureFiles(s *catalog.Scans) []string {
	names := map[string]bool{}
	for _, m := range d.masks {
		values, ok := s.Mask.Match(path.Dir(m) + "/")
		if !ok {
			continue
		}
		name := path.Base(m)
		if id := values["case"]; id != "" {
			name = strings.ReplaceAll(name, id, "{case}")
		}
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

// groups sorts paths by depth and ending: those of one pattern are in one.
func groups(names []string) [][]string {
	by := map[string][]string{}
	for _, n := range names {
		key := fmt.Sprint(strings.Count(n, "/"), volumeFile.FindString(n))
		by[key] = append(by[key], n)
	}
	var out [][]string
	for _, key := range slices.Sorted(maps.Keys(by)) {
		slices.Sort(by[key])
		out = append(out, by[key])
	}
	return out
}

// shape is the pattern of a group of paths: literal texts, and between them what
// differs from path to path.
type shape struct {
	parts []part
	// values are the texts of each placeholder, path by path.
	values [][]string
	// columns are the folders that were met so far, whose names later ones may
	// begin with.
	columns []column
}

// column is the names of one folder of all paths, and their pattern.
type column struct {
	texts []string
	parts []part
}

// part is a literal text, or the number of a placeholder.
type part struct {
	text  string
	place int // -1 for a literal
}

// shapeOf finds the pattern of paths of one depth.
func shapeOf(names []string) *shape {
	s := &shape{}
	split := make([][]string, len(names))
	for i, n := range names {
		split[i] = strings.Split(n, "/")
	}
	for c := range split[0] {
		if c > 0 {
			s.literal("/")
		}
		texts := make([]string, len(names))
		for i := range names {
			texts[i] = split[i][c]
		}
		own := &shape{values: s.values, columns: s.columns}
		own.column(texts)
		s.values = own.values
		if !same(texts) {
			s.columns = append(s.columns, column{texts, own.parts})
		}
		s.append(own.parts)
	}
	return s
}

func (s *shape) append(parts []part) {
	for _, p := range parts {
		if p.place < 0 {
			s.literal(p.text)
		} else {
			s.parts = append(s.parts, p)
		}
	}
}

func (s *shape) literal(text string) {
	if text == "" {
		return
	}
	if n := len(s.parts); n > 0 && s.parts[n-1].place < 0 {
		s.parts[n-1].text += text
		return
	}
	s.parts = append(s.parts, part{text, -1})
}

// column adds a part of the paths: what all share, ids that were met before, and
// what else differs.
func (s *shape) column(texts []string) {
	if same(texts) {
		s.literal(texts[0])
		return
	}
	for _, c := range s.columns {
		if rest, ok := cutAll(texts, c.texts); ok {
			s.append(c.parts)
			s.column(rest)
			return
		}
	}
	prefix, suffix := shared(texts)
	middle := make([]string, len(texts))
	for i, t := range texts {
		middle[i] = t[len(prefix) : len(t)-len(suffix)]
	}
	for place, known := range s.values {
		// The whole that differs, or its beginning, is an id met before.
		rest, ok := cutAll(middle, known)
		if !ok {
			continue
		}
		s.literal(prefix)
		s.parts = append(s.parts, part{place: place})
		for i := range rest {
			rest[i] += suffix
		}
		s.column(rest)
		return
	}
	s.literal(prefix)
	s.parts = append(s.parts, part{place: len(s.values)})
	s.values = append(s.values, middle)
	s.literal(suffix)
}

func same(texts []string) bool {
	return !slices.ContainsFunc(texts, func(t string) bool { return t != texts[0] })
}

// cutAll takes from each text the id that it begins with; false where one does
// not, or goes on in the middle of a word.
func cutAll(texts, ids []string) ([]string, bool) {
	out := make([]string, len(texts))
	for i, t := range texts {
		rest, ok := strings.CutPrefix(t, ids[i])
		if !ok || rest != "" && alnum(rest[0]) {
			return nil, false
		}
		out[i] = rest
	}
	return out, true
}

func alnum(c byte) bool { return unicode.IsLetter(rune(c)) || unicode.IsDigit(rune(c)) }

// within says whether two characters that follow each other are of one word or
// number. A capital begins a word.
func within(a, b byte) bool {
	x, y := rune(a), rune(b)
	return unicode.IsDigit(x) && unicode.IsDigit(y) || unicode.IsLetter(x) && unicode.IsLetter(y) && (!unicode.IsLower(x) || !unicode.IsUpper(y))
}

// shared is what all texts begin and end with, up to the bounds of words and
// numbers.
func shared(texts []string) (prefix, suffix string) {
	prefix, suffix = texts[0], texts[0]
	for _, t := range texts[1:] {
		n := 0
		for n < len(prefix) && n < len(t) && prefix[n] == t[n] {
			n++
		}
		prefix = prefix[:n]
		n = 0
		for n < len(suffix) && n < len(t) && suffix[len(suffix)-1-n] == t[len(t)-1-n] {
			n++
		}
		suffix = suffix[len(suffix)-n:]
	}
	for _, t := range texts {
		for len(prefix) > 0 && (len(prefix) >= len(t) || within(prefix[len(prefix)-1], t[len(prefix)])) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	for _, t := range texts {
		for len(suffix) > 0 && (len(prefix)+len(suffix) >= len(t) || within(t[len(t)-len(suffix)-1], suffix[0])) {
			suffix = suffix[1:]
		}
	}
	return prefix, suffix
}

// splitBy takes apart the values of a placeholder that begin with an id of the
// masks: "case_0001" is the id "case" and "0001". It is for images of several
// channels.
func (s *shape) splitBy(ids map[string]bool) {
	for place, values := range s.values {
		first, rest := make([]string, len(values)), make([]string, len(values))
		for i, v := range values {
			n := len(v)
			for n > 0 && (!ids[v[:n]] || n == len(v) || alnum(v[n])) {
				n--
			}
			if n == 0 {
				first = nil
				break
			}
			first[i], rest[i] = v[:n], v[n:]
		}
		if first == nil {
			continue
		}
		at := slices.IndexFunc(s.parts, func(p part) bool { return p.place == place })
		after := &shape{}
		after.column(rest)
		tail := slices.Clone(s.parts[at+1:])
		s.values[place] = first
		s.parts = s.parts[:at+1]
		for _, p := range after.parts {
			if p.place >= 0 {
				s.values = append(s.values, after.values[p.place])
				p.place = len(s.values) - 1
			}
			s.parts = append(s.parts, p)
		}
		s.parts = append(s.parts, tail...)
		return
	}
}

// few is how many words a placeholder lists rather than standing for any.
const few = 8

// pattern writes the shape with names for its placeholders.
func (s *shape) pattern(names map[int]string, kinds bool) string {
	var b strings.Builder
	for _, p := range s.parts {
		if p.place < 0 {
			b.WriteString(p.text)
			continue
		}
		b.WriteString("{" + names[p.place])
		words := slices.Compact(slices.Sorted(slices.Values(s.values[p.place])))
		switch digits := !slices.ContainsFunc(words, func(w string) bool { return strings.Trim(w, "0123456789") != "" }); {
		case !kinds:
		case names[p.place] == "case" && digits:
			b.WriteString("#")
		case names[p.place] != "case" && len(words) <= few && !slices.Contains(words, ""):
			b.WriteString("=" + strings.Join(words, "|"))
		}
		b.WriteString("}")
	}
	return b.String()
}

// pair finds how masks are called after images; nil where they are not.
func pair(images, masks []string, folders bool) (*catalog.Scans, map[string]string) {
	is, ms := shapeOf(images), shapeOf(masks)
	if len(masks) == 1 && len(images) == 1 {
		return single(images[0], masks[0], folders)
	}
	ids := map[string]bool{}
	for _, values := range ms.values {
		for _, v := range values {
			ids[v] = true
		}
	}
	is.splitBy(ids)
	// The image's placeholder with most values is the case.
	names, most := map[int]string{}, -1
	for place, values := range is.values {
		names[place] = fmt.Sprintf("part%d", place+1)
		if n := distinct(values); most < 0 || n > distinct(is.values[most]) {
			most = place
		}
	}
	if most >= 0 {
		names[most] = "case"
	}
	// Each placeholder of the mask takes its texts from one of the image's.
	maskNames := map[int]string{}
	for place, values := range ms.values {
		best, hits := -1, 0
		for other, texts := range is.values {
			if n := overlap(values, texts); n > hits {
				best, hits = other, n
			}
		}
		if best < 0 {
			return nil, nil
		}
		maskNames[place] = names[best]
	}
	end := ""
	if folders {
		end = "/"
	}
	image, err := catalog.ParsePattern(is.pattern(names, true))
	mask, err2 := catalog.ParsePattern(ms.pattern(maskNames, false) + end)
	if err != nil || err2 != nil {
		return nil, nil
	}
	there := map[string]bool{}
	for _, m := range masks {
		there[m] = true
	}
	pairs := map[string]string{}
	for _, name := range images {
		if values, ok := image.Match(name); ok {
			if at, err := mask.Fill(values); err == nil && there[strings.TrimSuffix(at, "/")] {
				pairs[name] = strings.TrimSuffix(at, "/")
			}
		}
	}
	if 2*len(pairs) < len(masks) || len(pairs) == 0 {
		return nil, nil
	}
	example := slices.Sorted(maps.Keys(pairs))[0]
	patient := "{case}"
	if most < 0 {
		return nil, nil
	}
	return &catalog.Scans{Image: image, Mask: mask, Example: example, Patient: patient}, pairs
}

func distinct(values []string) int {
	return len(slices.Compact(slices.Sorted(slices.Values(values))))
}

func overlap(a, b []string) int {
	in := map[string]bool{}
	for _, v := range b {
		in[v] = true
	}
	n := 0
	for _, v := range slices.Compact(slices.Sorted(slices.Values(a))) {
		if in[v] {
			n++
		}
	}
	return n
}

// single is the layout of one image and one mask: nothing tells what differs from
// scan to scan but the folder or name that both have.
func single(image, mask string, folders bool) (*catalog.Scans, map[string]string) {
	id := ""
	for _, candidate := range append(strings.Split(path.Dir(image), "/")[1:], stem(path.Base(image))) {
		if candidate != "" && strings.Contains(mask, candidate) && len(candidate) > len(id) && !isMask(candidate) {
			id = candidate
		}
	}
	if id == "" {
		return nil, nil
	}
	end := ""
	if folders {
		end = "/"
	}
	at, err := catalog.ParsePattern(strings.ReplaceAll(image, id, "{case}"))
	to, err2 := catalog.ParsePattern(strings.ReplaceAll(mask, id, "{case}") + end)
	if err != nil || err2 != nil {
		return nil, nil
	}
	return &catalog.Scans{Image: at, Mask: to, Example: image, Patient: "{case}"}, map[string]string{image: mask}
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

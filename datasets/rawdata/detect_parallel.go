package rawdata

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/volume"
)

// Structure is the mask files of one structure, one of each scan.
type Structure struct {
	// File is the pattern of their paths below the folder of masks, with the
	// placeholders of the image: "liver/{case}.nii.gz".
	File string
	// Name is what the paths call the structure.
	Name string
	// Value is the one value beside 0 that masks of a scan were found to hold; 0
	// where that is no whole number, or was not found.
	Value int
}

// Bounds of what is looked for when each structure has a file of its own.
const (
	maxStructures = 2000
	maxWords      = 12 // words of an id
)

// whySeveral is said of a label map that lies among files of one structure.
const whySeveral = "it holds several values, where the masks beside it are of one structure each"

// parallel finds masks of one structure each, wherever they lie: in a folder for
// each structure beside the images, in one folder for all, in folders within
// those of cases. What is left of a mask's path without the id of its scan is
// the structure. nil where there is no such order.
func (d *detector) parallel() (*drawn, error) {
	out := &drawn{}
	for _, group := range groups(d.images) {
		images := d.groupOf(group)
		if images == nil {
			continue
		}
		templates := images.templates(d.masks)
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		if len(templates) == 0 || len(templates) > maxStructures {
			continue
		}
		out.add(images, templates, d.masks)
	}
	// Each of the structures lies in some of the scans, at least two in half of them.
	usual := 0
	for _, n := range out.scans {
		if 2*n >= len(out.files) {
			usual++
		}
	}
	if usual < 2 {
		return nil, nil
	}
	return out, nil
}

// imageGroup is images of one pattern.
type imageGroup struct {
	pattern catalog.Pattern
	patient string
	names   []string
	values  []map[string]string // of the placeholders, image by image
	byCase  map[string][]int    // images by their {case}
	before  []string            // texts of the pattern before {case}, each within its folder
}

// groupOf is the pattern of images; nil where they have none.
func (d *detector) groupOf(images []string) *imageGroup {
	if len(images) == 1 {
		f := single(images[0], d.masks[0])
		if f == nil {
			return nil
		}
		return newGroup(f.scans.Image, f.scans.Patient, images)
	}
	s := shapeOf(images)
	g := s.group(images)
	if g != nil && !slices.ContainsFunc(d.masks, func(m string) bool { return len(g.idsIn(m)) > 0 }) {
		// Images of several channels have an id with the channel's number behind it.
		ids := map[string]bool{}
		for _, m := range d.masks[:min(len(d.masks), 50_000)] {
			for _, r := range runs(m) {
				ids[m[r[0]:r[1]]] = true
			}
		}
		s.splitBy(ids)
		g = s.group(images)
	}
	return g
}

// group is images by their shape, whose placeholder with most values is the case.
func (s *shape) group(images []string) *imageGroup {
	names, most := map[int]string{}, -1
	for place, values := range s.values {
		names[place] = fmt.Sprintf("part%d", place+1)
		if most < 0 || distinct(values) > distinct(s.values[most]) {
			most = place
		}
	}
	if most < 0 {
		return nil
	}
	names[most] = "case"
	p, err := catalog.ParsePattern(s.pattern(names, true))
	if err != nil {
		return nil
	}
	return newGroup(p, s.person(names), images)
}

func newGroup(p catalog.Pattern, patient string, images []string) *imageGroup {
	g := &imageGroup{pattern: p, patient: patient, byCase: map[string][]int{}}
	for _, name := range images {
		values, ok := p.Match(name)
		if !ok {
			continue
		}
		g.byCase[values["case"]] = append(g.byCase[values["case"]], len(g.names))
		g.names, g.values = append(g.names, name), append(g.values, values)
	}
	pieces := strings.Split(p.String(), "{case")
	for _, piece := range pieces[:len(pieces)-1] {
		g.before = append(g.before, piece[strings.LastIndexAny(piece, "/}")+1:])
	}
	return g
}

// runs are the bounds of words, and of words that follow each other within a
// folder's name.
func runs(text string) [][2]int {
	var words [][2]int
	for i := 0; i < len(text); {
		j := i + 1
		for alnum(text[i]) && j < len(text) && alnum(text[j]) && (digit(text[j-1]) == digit(text[j]) || within(text[j-1], text[j])) {
			j++
		}
		words = append(words, [2]int{i, j})
		i = j
	}
	var out [][2]int
	for i, w := range words {
		for _, v := range words[i:min(len(words), i+2*maxWords)] {
			if text[v[0]] == '/' {
				break
			}
			if alnum(text[w[0]]) && alnum(text[v[0]]) {
				out = append(out, [2]int{w[0], v[1]})
			}
		}
	}
	return out
}

// idsIn are the places of a path that are the case of an image.
func (g *imageGroup) idsIn(name string) [][2]int {
	return slices.DeleteFunc(runs(name), func(r [2]int) bool { return g.byCase[name[r[0]:r[1]]] == nil })
}

// templates are what is left of the masks' paths without the ids of images. Where
// a path holds several ids, or one several times, that is taken which stands as
// it does in the images' paths, and then that which more masks have.
func (g *imageGroup) templates(masks []string) []string {
	type reading struct {
		template string
		likeness int
	}
	readings := make([][]reading, len(masks))
	count := map[string]int{}
	for i, m := range masks {
		places := map[string][][2]int{} // by id
		for _, r := range g.idsIn(m) {
			places[m[r[0]:r[1]]] = append(places[m[r[0]:r[1]]], r)
		}
		seen := map[string]bool{}
		take := func(id string, at ...[2]int) {
			likeness := 0
			for _, r := range at {
				likeness += g.likeness(m, r[0])
			}
			for _, image := range g.byCase[id] {
				if t := g.template(m, at, g.values[image]); !seen[t] {
					seen[t] = true
					readings[i] = append(readings[i], reading{t, likeness})
					count[t]++
				}
			}
		}
		for id, at := range places {
			for _, r := range at {
				take(id, r)
			}
			if len(at) > 1 {
				take(id, at...)
			}
		}
	}
	found := map[string]bool{}
	for _, some := range readings {
		if len(some) > 0 {
			best := slices.MaxFunc(some, func(a, b reading) int {
				return cmp.Or(cmp.Compare(a.likeness, b.likeness), cmp.Compare(count[a.template], count[b.template]), strings.Compare(b.template, a.template))
			})
			found[best.template] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// likeness is 1 where an id stands behind the text that it stands behind in the
// images' paths, -1 elsewhere.
func (g *imageGroup) likeness(name string, at int) int {
	own := name[strings.LastIndex(name[:at], "/")+1 : at]
	if slices.Contains(g.before, own) || slices.ContainsFunc(g.before, func(b string) bool { return b != "" && strings.HasSuffix(own, b) }) {
		return 1
	}
	return -1
}

// template puts {case} in some places of a mask's path, and the image's other
// placeholders where a whole folder, or what follows the case, is their text.
func (g *imageGroup) template(name string, at [][2]int, values map[string]string) string {
	var b strings.Builder
	from := 0
	for _, r := range append(at, [2]int{len(name), len(name)}) {
		b.WriteString(g.others(name[from:r[0]], from > 0, values))
		if r[0] < len(name) {
			b.WriteString("{case}")
		}
		from = r[1]
	}
	return b.String()
}

func (g *imageGroup) others(text string, behind bool, values map[string]string) string {
	for _, key := range g.pattern.Names() {
		v := values[key]
		if key == "case" {
			continue
		}
		text = strings.ReplaceAll(text, "/"+v+"/", "/{"+key+"}/")
		if rest, ok := strings.CutPrefix(text, "_"+v); ok && behind && (rest == "" || !alnum(rest[0])) {
			text = "_{" + key + "}" + rest
		}
	}
	return text
}

// drawn is images whose structures have a mask file each.
type drawn struct {
	families []*family
	found    map[string]Structure // by their file
	// files are the mask files of each scan, by the file of their structure; scans
	// is how many scans have one.
	files   map[string]map[string]string
	scans   map[string]int
	leftOut []string
	soft    map[string]bool // structures whose masks hold parts of 1
}

// inFiles are the placeholders that the files of structures have.
func (s *drawn) inFiles() map[string]bool {
	out := map[string]bool{}
	for file := range s.found {
		if p, err := catalog.ParsePattern(file); err == nil {
			for _, name := range p.Names() {
				out[name] = true
			}
		}
	}
	return out
}

// add takes images whose masks follow templates.
func (s *drawn) add(g *imageGroup, templates, masks []string) {
	if s.files == nil {
		s.found, s.files, s.scans = map[string]Structure{}, map[string]map[string]string{}, map[string]int{}
	}
	there := map[string]bool{}
	for _, m := range masks {
		there[m] = true
	}
	folder := commonFolder(templates)
	mask, err := catalog.ParsePattern(folder)
	if err != nil {
		return
	}
	names := structureNames(templates)
	f := &family{catalog.Scans{Image: g.pattern, Mask: mask, Patient: g.patient}, map[string]string{}}
	for n, t := range templates {
		p, err := catalog.ParsePattern(t)
		if err != nil {
			continue
		}
		file := strings.TrimPrefix(t, folder)
		for i, image := range g.names {
			at, err := p.Fill(g.values[i])
			if err != nil || !there[at] {
				continue
			}
			if s.files[image] == nil {
				s.files[image] = map[string]string{}
			}
			s.files[image][file] = at
			s.scans[file]++
			s.found[file] = Structure{File: file, Name: names[n]}
			if f.pairs[image], err = mask.Fill(g.values[i]); err != nil {
				delete(f.pairs, image)
			}
		}
	}
	if len(f.pairs) > 0 {
		f.scans.Example = slices.Min(slices.Collect(maps.Keys(f.pairs)))
		s.families = append(s.families, f)
	}
}

// structures are those found, by their files, and whether some scans lack some.
func (s *drawn) structures() (all []Structure, partial bool) {
	for _, file := range slices.Sorted(maps.Keys(s.found)) {
		all = append(all, s.found[file])
		partial = partial || s.scans[file] < len(s.files)
	}
	return all, partial
}

// leave takes a structure out, and says why of its files.
func (s *drawn) leave(d *detector, file, why string) {
	delete(s.found, file)
	delete(s.scans, file)
	for image, files := range s.files {
		if at, ok := files[file]; ok {
			d.leaveAmong(at, why)
			s.leftOut = append(s.leftOut, at)
			delete(files, file)
			if len(files) == 0 {
				delete(s.files, image)
			}
		}
	}
}

// errLabelMaps says that masks are no files of one structure each.
var errLabelMaps = fmt.Errorf("%w: the masks hold several values each", ErrUnclear)

// judge looks at the masks of a scan: a label map among them is no structure, and
// masks that all show the same are drawings by several people, unless somebody has said
// that they are not.
func (d *detector) judge(s *drawn, said bool) error {
	image := ""
	for _, at := range slices.Sorted(maps.Keys(s.files)) {
		if len(s.files[at]) > len(s.files[image]) {
			image = at
		}
	}
	var first *volume.Bits
	s.soft = map[string]bool{}
	several, alike, drawn := []string{}, 0, 0
	values := map[string]int{}
	files := s.files[image]
	for _, file := range slices.Sorted(maps.Keys(files)) {
		m := look(d.ctx, d.path(files[file]))
		if m.value > 0 {
			values[file] = m.value
		}
		s.soft[file] = m.soft
		switch {
		case d.ctx.Err() != nil:
			return d.ctx.Err()
		case m.several:
			several = append(several, file)
		case m.bits == nil || m.bits.Count() == 0:
		case first == nil:
			first, drawn = m.bits, 1
		default:
			drawn++
			if sameDrawing(first, m.bits) {
				alike++
			}
		}
	}
	if len(several) == len(files) || len(files)-len(several) < 2 && len(several) > 0 {
		return errLabelMaps
	}
	if !said && drawn > 1 && alike == drawn-1 {
		var some []string
		for _, file := range slices.Sorted(maps.Keys(files))[:2] {
			some = append(some, files[file])
		}
		return fmt.Errorf("%w: %s has several masks that show much the same, such as %s: if they are drawings of one structure, say which is meant with --image '%s' --mask; if each is of a structure of its own, put {structure} where the path of --mask names it",
			ErrUnclear, image, strings.Join(some, " and "), s.families[0].scans.Image)
	}
	for _, file := range several {
		s.leave(d, file, whySeveral)
		delete(values, file)
	}
	s.hold(values)
	return nil
}

// hold keeps the values of masks. A mask that is empty in the scan at hand is
// taken to hold what all the others do.
func (s *drawn) hold(values map[string]int) {
	usual := 0
	if all := slices.Compact(slices.Sorted(maps.Values(values))); len(all) == 1 {
		usual = all[0]
	}
	for file, f := range s.found {
		if f.Value = values[file]; f.Value == 0 && !s.soft[file] {
			f.Value = usual
		}
		s.found[file] = f
	}
}

// sameDrawing says whether two masks have most of their voxels in common: a Dice
// coefficient above 0.5.
func sameDrawing(a, b *volume.Bits) bool {
	both := a.Clone()
	if a.Shape != b.Shape || both.Union(b) != nil {
		return false
	}
	n, m, u := a.Count(), b.Count(), both.Count()
	return 4*(n+m-u) > n+m
}

// seen is what a mask file was found to hold.
type seen struct {
	several bool // more values than 0 and one, beyond those from 0 to 1
	value   int  // the one beside 0, if it is a whole number
	soft    bool // values between 0 and 1
	bits    *volume.Bits
}

// look reads a mask of one structure. Of one that cannot be read it says nothing:
// whoever reads the scan names the error.
func look(ctx context.Context, name string) seen {
	var out seen
	one := float32(math.NaN())
	at := 0
	_, err := volume.ReadVolumes(name, volume.ReadOptions{}, func(g volume.Grid, _, _ int, values []float32) error {
		if out.bits == nil {
			out.bits = volume.NewBits(g)
		}
		for _, v := range values {
			if v != 0 {
				if one != one {
					one = v
				}
				out.soft = out.soft || v != float32(math.Trunc(float64(v)))
				if v != one && (v < 0 || v > 1 || one < 0 || one > 1) {
					out.several = true
					return errEnough
				}
				if i := at % g.Shape[0]; v > 0.5 && at < g.Voxels() {
					out.bits.SetRun(i, i+1, at/g.Shape[0]%g.Shape[1], at/(g.Shape[0]*g.Shape[1]))
				}
			}
			at++
		}
		return ctx.Err()
	})
	if err != nil && !out.several {
		return seen{}
	}
	if !out.several && !out.soft && one > 0 && one <= math.MaxUint16 {
		out.value = int(one)
	}
	return out
}

// DetectStructures tells the structures of a dataset whose layout somebody says:
// the pattern of the images, and that of the masks, in which {structure} stands
// for the structure of each: "D/{structure}/{case}.nii.gz". Errors are those of
// Detect.
func DetectStructures(ctx context.Context, dir string, image, mask catalog.Pattern) (*Detected, error) {
	d, err := newDetector(ctx, dir)
	if err != nil {
		return nil, err
	}
	var images []string
	for _, v := range d.volumes {
		if _, ok := image.Match(v); ok {
			images = append(images, v)
		}
	}
	names := image.Names()
	if len(names) == 0 {
		return nil, fmt.Errorf("%w: the pattern %q of images has no placeholder, as {case}", ErrUnclear, image)
	}
	person := "{" + names[0] + "}"
	if slices.Contains(names, "case") {
		person = "{case}"
	}
	g := newGroup(image, person, images)
	words, err := d.wordsOf(g, mask)
	if err != nil {
		return nil, err
	}
	s := &drawn{}
	var templates []string
	for _, w := range words {
		templates = append(templates, strings.ReplaceAll(mask.String(), structurePlace, w))
	}
	if len(templates) > 0 {
		s.add(g, templates, d.volumes)
	}
	if len(s.families) == 0 {
		return nil, fmt.Errorf("%w: %d files of %s are called %s, and none of them has a mask called %s; patterns begin with the folder's own name", ErrUnclear, len(images), dir, image, mask)
	}
	for n, t := range templates {
		file := strings.TrimPrefix(t, commonFolder(templates))
		if f, ok := s.found[file]; ok {
			f.Name = words[n]
			s.found[file] = f
		}
	}
	out := &Detected{Licence: d.document.licence, Files: d.files}
	if err := d.judge(s, true); err != nil {
		return nil, err
	}
	used := map[string]bool{}
	for image, files := range s.files {
		used[image] = true
		for _, at := range files {
			used[at] = true
		}
	}
	for _, at := range s.leftOut {
		used[at] = true // named already
	}
	for _, v := range d.volumes {
		if !used[v] {
			d.leaveAmong(v, "it is neither an image with a mask nor a mask, by the patterns that were given")
		}
	}
	out.Kind, out.Left = "given", d.sortedLeft()
	out.Structures, out.Partial = s.structures()
	for _, f := range s.families {
		out.Paired += len(f.pairs)
		out.Families = append(out.Families, d.channels(Family{Scans: f.scans})...)
	}
	return out, nil
}

// structurePlace stands for the structure in a pattern of masks.
const structurePlace = "{structure}"

// wordsOf are the texts that files have for {structure} in a pattern of masks.
func (d *detector) wordsOf(g *imageGroup, mask catalog.Pattern) ([]string, error) {
	slices.Sort(d.volumes)
	words := map[string]bool{}
	for i, image := range g.names {
		if err := d.ctx.Err(); err != nil {
			return nil, err
		}
		values := maps.Clone(g.values[i])
		const here = "\x01"
		values["structure"] = here
		text, err := mask.Fill(values)
		if err != nil {
			return nil, err
		}
		prefix, rest, _ := strings.Cut(text, here)
		suffix, _, again := strings.Cut(rest, here)
		at, _ := slices.BinarySearch(d.volumes, prefix)
		for ; at < len(d.volumes) && strings.HasPrefix(d.volumes[at], prefix); at++ {
			v := d.volumes[at]
			end := len(v) - len(suffix)
			if again { // the structure goes up to where the text between two of it is met
				n := strings.Index(v[len(prefix):], suffix)
				end = len(prefix) + max(n, 0)
			}
			if end <= len(prefix) || v == image {
				continue
			}
			w := v[len(prefix):end]
			if !strings.Contains(w, "/") && strings.ReplaceAll(text, here, w) == v {
				words[w] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(words)), nil
}

// commonFolder is the folder, with "/" behind, that all paths lie in.
func commonFolder(names []string) string {
	common := path.Dir(names[0]) + "/"
	for _, n := range names[1:] {
		for !strings.HasPrefix(n, common) {
			common = path.Dir(strings.TrimSuffix(common, "/")) + "/"
		}
	}
	return common
}

// structureNames are what the patterns of masks call their structures: what
// differs in the names of files, and where that tells no two apart, or is
// nothing, the folders that differ.
func structureNames(files []string) []string {
	parts := make([][]string, len(files))
	depth := math.MaxInt
	for i, f := range files {
		parts[i] = strings.Split(f, "/")
		depth = min(depth, len(parts[i]))
	}
	out := make([]string, len(files))
	for up := range depth {
		column := make([]string, len(files))
		for i, p := range parts {
			column[i] = p[len(p)-1-up]
			if up == 0 {
				column[i] = stem(column[i])
				column[i], _, _ = strings.Cut(column[i], ".")
			}
		}
		if same(column) && len(files) > 1 {
			continue
		}
		for i, name := range ownWords(column) {
			out[i] = strings.TrimSpace(name + " " + out[i])
		}
		if distinct(out) == len(out) && !slices.Contains(out, "") {
			break
		}
	}
	return out
}

var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// ownWords are names without placeholders, and without what stands before,
// between or behind these in all of them.
func ownWords(names []string) []string {
	pieces := make([][]string, len(names))
	shared := map[string]int{}
	for i, n := range names {
		for _, p := range placeholder.Split(n, -1) {
			pieces[i] = append(pieces[i], strings.Trim(p, "_- "))
		}
		for _, p := range slices.Compact(slices.Sorted(slices.Values(pieces[i]))) {
			shared[p]++
		}
	}
	out := make([]string, len(names))
	for i, some := range pieces {
		var own []string
		for _, p := range some {
			if p != "" && (shared[p] < len(names) || len(some) == 1) {
				own = append(own, p)
			}
		}
		out[i] = bidsLabel(strings.Join(own, " "))
	}
	return out
}

var bidsEntity = regexp.MustCompile(`(?:^|_)(label|hemi)-([A-Za-z0-9]+)`)

// bidsLabel is the structure of a name in BIDS's form, "hemi-L_label-GM_mask"; of
// others, the name.
func bidsLabel(name string) string {
	words := map[string]string{}
	for _, m := range bidsEntity.FindAllStringSubmatch(name, -1) {
		words[m[1]] = m[2]
	}
	if words["label"] == "" {
		return name
	}
	return strings.TrimSpace(words["hemi"] + " " + words["label"])
}

package rawdata

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/volume"
)

// maxEntries bounds the files and folders that a search goes through.
const maxEntries = 20_000_000

// Open prepares to read a dataset below root: the folder that holds the
// datasets, or one above it.
//
// Errors wrap ErrLayout (no image where the record says; it names the patterns)
// and ErrRecipe.
func Open(ctx context.Context, root string, d *catalog.Dataset, o Options) (*Source, error) {
	var names []string
	for i := range d.Layouts {
		l := &d.Layouts[i]
		names = append(names, l.Names...)
		if o.Layout != "" && !l.Has(o.Layout) {
			continue
		}
		s := &Source{root: root, dataset: d, layout: l, options: o}
		cases, err := s.cases(ctx, 1)
		if err != nil {
			return nil, err
		}
		if len(cases) > 0 {
			s.recipes, err = s.resolve()
			return s, err
		}
	}
	if o.Layout != "" && !slices.Contains(names, o.Layout) {
		return nil, fmt.Errorf("%w: %s has no layout %q; it has %s", ErrLayout, d.Name, o.Layout, strings.Join(names, ", "))
	}
	var patterns []string
	for i := range d.Layouts {
		if l := &d.Layouts[i]; o.Layout == "" || l.Has(o.Layout) {
			for j := range l.Scans {
				patterns = append(patterns, l.Scans[j].Image.String())
			}
		}
	}
	return nil, fmt.Errorf("%w: %s: nothing below %s is called %s", ErrLayout, d.Name, root, strings.Join(patterns, " or "))
}

// Prepare is Open for rows of a scan list: it does not look for files.
func Prepare(root string, d *catalog.Dataset, o Options) (*Source, error) {
	if o.Layout == "" {
		o.Layout = catalog.Prepared
	}
	l, ok := d.Layout(o.Layout)
	if !ok {
		return nil, fmt.Errorf("%w: %s has no layout %q", ErrLayout, d.Name, o.Layout)
	}
	s := &Source{root: root, dataset: d, layout: l, options: o}
	var err error
	s.recipes, err = s.resolve()
	return s, err
}

// Cases finds the scans of the tree, in the order of their paths.
func (s *Source) Cases(ctx context.Context) ([]Case, error) { return s.cases(ctx, 0) }

// cases finds up to limit scans, all with 0.
func (s *Source) cases(ctx context.Context, limit int) ([]Case, error) {
	var out []Case
	masks := map[string]bool{}
	for i := range s.layout.Scans {
		scans := &s.layout.Scans[i]
		f := &walk{ctx: ctx, root: s.root, place: s.options.Place(), pattern: scans.Image, limit: limit}
		if err := f.from(".", strings.Split(strings.TrimSuffix(scans.Image.String(), "/"), "/")); err != nil {
			return nil, err
		}
		for _, image := range f.found {
			c, err := s.caseOf(scans, image)
			if err != nil {
				return nil, err
			}
			masks[c.Mask] = true
			for i := range s.dataset.Labels {
				for _, file := range s.labelFiles(c, &s.dataset.Labels[i]) {
					masks[path.Join(c.Mask, file)] = true
				}
			}
			out = append(out, *c)
		}
	}
	// A pattern of images may fit masks as well.
	out = slices.DeleteFunc(out, func(c Case) bool { return masks[c.Image] })
	slices.SortStableFunc(out, func(a, b Case) int { return strings.Compare(a.ID(), b.ID()) })
	return out, nil
}

// Lost are scans beside those of Cases: their mask lies in the tree and their image
// does not, where the name of the one says that of the other. Reading one says so.
func (s *Source) Lost(ctx context.Context, cases []Case) ([]Case, error) {
	known := map[string]bool{}
	for i := range cases {
		known[cases[i].Image], known[cases[i].Mask] = true, true
	}
	var out []Case
	for i := range s.layout.Scans {
		scans := &s.layout.Scans[i]
		if strings.Contains(scans.Image.String(), "*") || scans.Mask.IsFolder() && strings.HasPrefix(scans.Image.String(), scans.Mask.String()) {
			continue // a folder of masks that holds the image may be any folder
		}
		f := &walk{ctx: ctx, root: s.root, place: s.options.Place(), pattern: scans.Mask}
		if err := f.from(".", strings.Split(strings.TrimSuffix(scans.Mask.String(), "/"), "/")); err != nil {
			return nil, err
		}
		for _, mask := range f.found {
			if c := s.lost(scans, mask); c != nil && !known[mask] && !known[c.Image] {
				known[mask] = true
				out = append(out, *c)
			}
		}
	}
	return out, nil
}

// lost is the case of a mask whose name says that of its image, else nil.
func (s *Source) lost(scans *catalog.Scans, mask string) *Case {
	at := mask
	if scans.Mask.IsFolder() {
		at += "/"
	}
	values, ok := scans.Mask.Match(at)
	if !ok {
		return nil
	}
	image, err := scans.Image.Fill(values)
	if err != nil {
		return nil
	}
	c, err := s.caseOf(scans, strings.TrimSuffix(image, "/"))
	if err != nil || c.Mask != mask {
		return nil
	}
	return c
}

// labelFiles are the names of the files, below the folder of masks, that the
// layout keeps a label in.
func (s *Source) labelFiles(c *Case, l *catalog.Label) []string {
	if !c.Folder || l.Release == nil {
		return nil
	}
	var out []string
	for _, src := range l.Release.Sources() {
		p, err := catalog.ParsePattern(src.File)
		if err != nil {
			continue // the usual label file
		}
		if name, err := p.Fill(c.Values); err == nil {
			out = append(out, name)
		}
	}
	return out
}

// caseOf makes the case of an image that was found.
func (s *Source) caseOf(scans *catalog.Scans, image string) (*Case, error) {
	at := image
	if scans.Image.IsFolder() {
		at += "/"
	}
	values, ok := scans.Image.Match(at)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrLayout, image)
	}
	mask, err := scans.Mask.Fill(values)
	if err != nil {
		return nil, err
	}
	c := &Case{
		Dataset: s.dataset.Name, Layout: s.Layout(), Image: image, Mask: strings.TrimSuffix(mask, "/"), Folder: scans.Mask.IsFolder(),
		Sequence: scans.Sequence, Split: scans.Split, Channel: -1, Values: values,
	}
	if scans.Channel != nil {
		c.Channel = *scans.Channel
	}
	if c.Patient, err = scans.PatientOf(values); err != nil {
		return nil, err
	}
	for _, p := range scans.Also {
		also, err := p.Fill(values)
		if err != nil {
			return nil, err
		}
		c.Also = append(c.Also, strings.TrimSuffix(also, "/"))
	}
	return c, nil
}

// CaseOf is the case of a row of a scan list, whose paths are relative to the
// tree's folder. Errors wrap ErrLayout where no layout has such an image.
func (s *Source) CaseOf(row *corpus.Scan) (*Case, error) {
	scans, values, ok := s.dataset.Locate(row.Image, s.Layout())
	if !ok {
		return nil, fmt.Errorf("%w: %s: no layout has an image %s", ErrLayout, s.dataset.Name, row.Image)
	}
	c := &Case{
		Dataset: row.Dataset, Layout: s.Layout(), Image: row.Image, Mask: row.Mask,
		Sequence: row.Sequence, Split: row.Split, Channel: -1, Values: values,
	}
	if scans.Channel != nil {
		c.Image, c.Channel = strings.TrimSuffix(row.Image, "/"+scans.Suffix), *scans.Channel
	}
	var err error
	c.Patient, err = scans.PatientOf(values)
	return c, err
}

// walk finds the paths that follow a pattern. It goes only into folders that can
// lead to one.
type walk struct {
	ctx     context.Context
	root    string
	place   volume.Files
	pattern catalog.Pattern
	limit   int
	seen    int
	found   []string
}

func (w *walk) full() bool { return w.limit > 0 && len(w.found) >= w.limit }

func (w *walk) from(dir string, parts []string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	name := parts[0]
	if !strings.ContainsAny(name, "{*") {
		return w.take(path.Join(dir, name), parts[1:])
	}
	part, err := catalog.ParsePattern(name)
	if err != nil {
		return err
	}
	at := volume.Join(w.root, dir)
	if is, err := w.isDir(at); !is {
		return err
	}
	entries, err := w.place.ReadDir(at)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if w.seen++; w.seen > maxEntries {
			return fmt.Errorf("%w: more than %d files below %s", ErrLayout, maxEntries, w.root)
		}
		if _, ok := part.Match(e.Name()); !ok {
			continue
		}
		if err := w.take(path.Join(dir, e.Name()), parts[1:]); err != nil || w.full() {
			return err
		}
	}
	return nil
}

// take goes on below a path, or takes it if the pattern ends there.
func (w *walk) take(at string, rest []string) error {
	full := volume.Join(w.root, at)
	if len(rest) > 0 {
		if is, err := w.isDir(full); !is {
			return err
		}
		return w.from(at, rest)
	}
	name := at
	if w.pattern.IsFolder() {
		name += "/"
	}
	if _, ok := w.pattern.Match(name); !ok {
		return nil
	}
	info, err := w.place.Stat(full)
	if err == nil && info.IsDir() == w.pattern.IsFolder() {
		w.found = append(w.found, at)
	}
	return ignoreMissing(err)
}

// isDir says whether a name is that of a folder; of what is not there, no.
func (w *walk) isDir(name string) (bool, error) {
	info, err := w.place.Stat(name)
	return err == nil && info.IsDir(), ignoreMissing(err)
}

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"satgraph/datasets/catalog"
	"satgraph/datasets/labelvolume"
	"satgraph/datasets/rawdata"
	"satgraph/graph"
	"satgraph/ingest"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
	"satgraph/volume"
)

// draft is a record in the making.
type draft struct {
	*addFlags
	ask    *asker // nil where nobody is asked
	parent string // the folder above the dataset's
	folder string // the dataset's own
	d      *catalog.Dataset
	doc    *addDocument
	tree   *graph.Tree
	engine *suggest.Engine
	found  *rawdata.Detected
	cases  []rawdata.Case
	labels []labelmap.RawLabel
	files  []rawdata.Structure // of each label, where it has a file of its own
}

// datasetName makes a name of a folder's: without accents, with "_" for what a
// name may not hold.
func datasetName(folder string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(strings.ReplaceAll(folder, "ß", "ss")))
	name := strings.Trim(notName.ReplaceAllString(plain, "_"), "._+-")
	return cmp.Or(name[:min(len(name), 100)], "dataset")
}

// notName is what a dataset's name may not hold.
var notName = regexp.MustCompile(`[^A-Za-z0-9.+-]+`)

// layout tells where images and masks lie.
func (p *draft) layout(ctx context.Context, dir string) error {
	var err error
	switch {
	case (p.image == "") != (p.mask == ""):
		return usageError{errors.New("--image and --mask go together")}
	case p.image != "":
		err = p.given(ctx, dir)
	default:
		p.found, err = rawdata.Detect(ctx, dir)
	}
	if err != nil {
		return err
	}
	p.doc.Kind, p.doc.Left = p.found.Kind, p.found.Left
	if err := p.findModality(); err != nil {
		return err
	}
	p.layouts()
	s, err := rawdata.Prepare(p.parent, p.d, rawdata.Options{Layout: catalog.Release})
	if err != nil {
		return err
	}
	if p.cases, err = s.Cases(ctx); err != nil {
		return err
	}
	if len(p.cases) == 0 {
		return fmt.Errorf("%w: nothing in %s is called %s; patterns begin with the folder's own name", rawdata.ErrLayout, dir, p.image)
	}
	if example := &p.d.Layouts[0].Scans[0]; example.Example == "" {
		example.Example = p.cases[0].Image
		if example.Image.IsFolder() {
			example.Example += "/"
		}
	}
	p.doc.Scans = len(p.cases)
	if p.ask == nil {
		return nil
	}
	for i := range p.d.Layouts[0].Scans[:min(len(p.d.Layouts[0].Scans), maxShown)] {
		s := &p.d.Layouts[0].Scans[i]
		_, _ = fmt.Fprintf(p.ask.out, "image %s\nmask  %s%s\n", s.Image, s.Mask, aboutScans(s))
	}
	if !p.ask.yes(fmt.Sprintf("%d scans lie so. Is that right?", len(p.cases)), true) {
		return refusal{errors.New("say how files are called with --image and --mask")}
	}
	return nil
}

// given takes the patterns that the user gives.
func (p *draft) given(ctx context.Context, dir string) error {
	image, err := catalog.ParsePattern(p.image)
	if err != nil {
		return err
	}
	mask, err := catalog.ParsePattern(p.mask)
	if err != nil {
		return err
	}
	names := image.Names()
	if len(names) == 0 {
		return usageError{fmt.Errorf("--image %s: want a placeholder, as {case}", p.image)}
	}
	if slices.Contains(mask.Names(), "structure") && !slices.Contains(names, "structure") {
		p.found, err = rawdata.DetectStructures(ctx, dir, image, mask)
		return err
	}
	person := names[0]
	if slices.Contains(names, "case") {
		person = "case"
	}
	scans := catalog.Scans{Image: image, Mask: mask, Patient: "{" + person + "}"}
	p.found = &rawdata.Detected{Kind: "given", Families: []rawdata.Family{{Scans: scans}}}
	return nil
}

// findModality takes the modality that the user gives, or that names and files
// say.
func (p *draft) findModality() error {
	said := map[string]string{} // modalities, with what says them
	for _, f := range p.found.Families {
		if f.Modality != "" && said[f.Modality] == "" {
			said[f.Modality] = fmt.Sprintf("%s: %s", f.Image, f.Why)
		}
	}
	if p.modality == "" && len(said) == 0 {
		p.modality = p.tableModality()
	}
	switch {
	case p.modality != "":
	case len(said) == 1:
		for m, why := range said {
			p.modality, p.doc.Why = m, why
		}
	case p.ask != nil:
		p.modality = p.ask.choose("Modality: ct, mri or pet?", "ct", "mri", "pet")
	case len(said) > 1:
		var list []string
		for m, why := range said {
			list = append(list, fmt.Sprintf("%s (%s)", m, why))
		}
		slices.Sort(list)
		return usageError{fmt.Errorf("--modality: the folder holds %s; a record is of one: add each with --modality and a --name of its own", strings.Join(list, " and "))}
	}
	if !slices.Contains([]string{"ct", "mri", "pet"}, p.modality) {
		return usageError{errors.New("--modality: want ct, mri or pet; the files do not say")}
	}
	p.d.Modality = catalog.Modality(p.modality)
	return nil
}

// tableModality is what the table of labels says.
func (p *draft) tableModality() string {
	if p.found.Table == "" {
		return ""
	}
	labels, err := ingest.ReadLabels(p.at(p.found.Table), ingest.LabelOptions{})
	if err != nil || len(labels.Labels) == 0 {
		return ""
	}
	return labels.Labels[0].Modality
}

// at is the path of a file of the dataset.
func (p *draft) at(name string) string {
	return filepath.Join(p.parent, filepath.FromSlash(strings.TrimSuffix(name, "/")))
}

// layouts takes the scans of the modality into the record. Where no name is of
// it, all are: whoever gave it knows better.
func (p *draft) layouts() {
	var scans []catalog.Scans
	var others []rawdata.Left
	for _, f := range p.found.Families {
		if f.Modality == "" || f.Modality == p.modality {
			scans = append(scans, f.Scans)
			continue
		}
		others = append(others, rawdata.Left{File: f.Example, Why: fmt.Sprintf("an image of %s (%s): a record of its own can have those, with --modality %s --name NAME", f.Modality, f.Why, f.Modality)})
	}
	if len(scans) == 0 {
		others = nil
		for _, f := range p.found.Families {
			scans = append(scans, f.Scans)
		}
	}
	p.doc.Left = append(p.doc.Left, others...)
	p.d.Layouts = []catalog.Layout{{Names: []string{catalog.Release}, Scans: scans}}
	if p.found.Partial {
		p.d.Masks.Absent = true
	}
}

// labelTable is what a file that names labels may be called.
var labelTable = regexp.MustCompile(`(?i)(label|class|structure|organ|legend|lut|lookup).*\.(txt|csv|tsv|json|ctbl|label)$`)

// table finds the file that names labels; empty for none.
func (p *draft) table() string {
	switch {
	case p.addFlags.labels != "":
		return p.addFlags.labels
	case p.found.Table != "":
		return p.at(p.found.Table)
	}
	entries, err := os.ReadDir(p.folder)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		at := filepath.Join(p.folder, e.Name())
		if !e.Type().IsRegular() || !labelTable.MatchString(e.Name()) {
			continue
		}
		read, err := ingest.ReadLabels(at, ingest.LabelOptions{})
		if err == nil && slices.ContainsFunc(read.Labels, func(l labelmap.RawLabel) bool { return len(l.Values) > 0 }) {
			return at
		}
	}
	return tableBeside(p.at(p.cases[0].Mask))
}

// readLabels finds the raw labels, with names where a table has some.
func (p *draft) readLabels(ctx context.Context) error {
	like := labelmap.RawLabel{Dataset: p.d.Name, Modality: p.modality, Region: p.region}
	for _, file := range p.found.Structures {
		l := like
		l.Name = file.Name
		p.labels, p.files = append(p.labels, l), append(p.files, file)
	}
	if len(p.labels) > 0 {
		return p.measureStructures(ctx)
	}
	if table := p.table(); table != "" {
		read, err := ingest.ReadLabels(table, ingest.LabelOptions{Dataset: p.d.Name, Modality: p.modality, Region: p.region})
		if err != nil {
			return err
		}
		p.labels, p.doc.Table = read.Labels, table
		p.doc.Left = slices.DeleteFunc(p.doc.Left, func(l rawdata.Left) bool { return l.Files == 1 && p.at(l.File) == table })
	}
	// What the masks hold: the first is held against the names, and may hold values
	// that have none; so may the others.
	read := false
	var first error
	for i := range min(p.scans, len(p.cases)) {
		m, err := labelvolume.Measure(ctx, p.at(p.cases[i*len(p.cases)/min(p.scans, len(p.cases))].Mask), volume.ReadOptions{})
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			first = cmp.Or(first, err) // the check that follows names it
			continue
		}
		joined := m.Join(p.labels, like)
		if read {
			joined = append(slices.Clone(p.labels), joined[len(p.labels):]...)
		}
		p.labels, read = joined, true
	}
	slices.SortStableFunc(p.labels, func(a, b labelmap.RawLabel) int { return slices.Compare(a.Values, b.Values) })
	if len(p.labels) == 0 {
		if first != nil {
			return first
		}
		return fmt.Errorf("%w: neither a table of labels nor a value in the masks", rawdata.ErrUnclear)
	}
	p.nameOne()
	return nil
}

// measureStructures measures the masks of the first scan, so that a left kidney
// that lies on the right is seen. What is empty or cannot be read there says
// nothing of the structure.
func (p *draft) measureStructures(ctx context.Context) error {
	c := &p.cases[0]
	there := slices.Clone(p.labels)
	for i := range there {
		pattern, err := catalog.ParsePattern(p.files[i].File)
		if err != nil {
			return err
		}
		if there[i].File, err = pattern.Fill(c.Values); err != nil {
			return err
		}
	}
	measured, err := labelvolume.Masks(ctx, p.at(c.Mask), there, volume.ReadOptions{}, nil)
	if err != nil {
		return err
	}
	for i := range measured {
		if measured[i].Geometry != nil {
			p.labels[i].Geometry, p.labels[i].Flags = measured[i].Geometry, measured[i].Flags
		}
	}
	return nil
}

// nameOne names the one label of masks without a table after their path.
func (p *draft) nameOne() {
	drawn := slices.DeleteFunc(slices.Clone(p.labels), func(l labelmap.RawLabel) bool { return slices.Equal(l.Values, []int64{0}) })
	if len(drawn) != 1 || drawn[0].Name != "" {
		return
	}
	parts := strings.Split(p.d.Layouts[0].Scans[0].Mask.String(), "/")
	for _, part := range slices.Backward(parts) {
		like := drawn[0]
		like.Name = strings.TrimSpace(notWord.ReplaceAllString(part, " "))
		if r := p.engine.Suggest([]labelmap.RawLabel{like}, 1); like.Name != "" && !r[0].Abstained && len(r[0].Suggestions) > 0 {
			p.labels = []labelmap.RawLabel{like}
			return
		}
	}
}

// notWord is what a part of a mask's path says beside the structure.
var notWord = regexp.MustCompile(`(?i)\{[^{}]*\}|\.(nii|gz|nrrd|mhd|mha)\b|labels?|masks?|seg(mentation)?s?\b|[_\W0-9]+|ground ?truth|\bgt\b|tr\b|ts\b`)

// recipes suggests terms for the labels and proposes recipes for the classes.
func (p *draft) recipes() error {
	var judged []labelmap.Judged
	results := p.engine.Suggest(p.labels, 3)
	single := map[int64]bool{}
	for i := range p.labels {
		if v := p.labels[i].Values; len(v) == 1 {
			single[v[0]] = true
		}
	}
	for i := range results {
		r := &results[i]
		l := catalog.Label{Name: cmp.Or(r.Label.Name, "value "+r.Label.Key())}
		j := labelmap.Judged{Label: *r.Label}
		j.Label.Modality = p.modality
		values := r.Label.Values
		switch {
		case p.files != nil:
			values := ">0.5.."
			if v := p.files[i].Value; v > 0 {
				values, j.Label.Values = strconv.Itoa(v), []int64{int64(v)}
			}
			e, err := labelmap.ParseExpr(fmt.Sprintf("%q{%s}", p.files[i].File, values))
			if err != nil {
				return err
			}
			l.Release, j.File = &catalog.Expr{Expr: e}, p.files[i].File
		case len(values) == 1 && values[0] > 0:
			v := int(values[0])
			l.Value = &v
		case len(values) == 1 || slices.Contains(r.Label.Flags, ingest.FlagBackground):
			continue // the background
		case len(values) > 1:
			p.regionValues(&l, values, single)
		default:
			p.open(l.Name, "it has no value and no file", nil)
			continue
		}
		if p.judge(r, &l, &j) {
			judged = append(judged, j)
		}
		if l.Value != nil || l.Release != nil {
			p.d.Labels = append(p.d.Labels, l)
		}
	}
	return p.compose(judged)
}

// regionValues names the values of a region that no label of their own names, so
// that the record knows them.
func (p *draft) regionValues(region *catalog.Label, values []int64, named map[int64]bool) {
	for _, v := range values {
		if named[v] || v <= 0 {
			continue
		}
		named[v] = true
		n := int(v)
		p.d.Labels = append(p.d.Labels, catalog.Label{Name: fmt.Sprintf("%s, value %d", region.Name, n), Value: &n, Note: "a value of the region " + region.Name})
	}
}

// judge takes the sure suggestion for a label, or asks.
func (p *draft) judge(r *suggest.Result, l *catalog.Label, j *labelmap.Judged) bool {
	if r.Abstained || len(r.Suggestions) == 0 {
		if s, ok := p.ask.term(p, r, l.Name); ok {
			j.TermID, j.Predicate, l.Note = s.TermID, labelmap.Exact, "answered in the terminal: "+s.Name
			if r.Label.Name == "" {
				l.Name, j.Label.Name = s.Name, s.Name
			}
			return true
		}
		var names []string
		for _, s := range r.Suggestions {
			names = append(names, s.Name)
		}
		l.Note = cmp.Or(r.Why, "no term was found")
		p.open(l.Name, l.Note, names)
		return false
	}
	s := r.Suggestions[0]
	j.TermID, j.Predicate, l.Note = s.TermID, s.Predicate, strings.Join(s.Reasons, "; ")
	if len(r.Flags) > 0 {
		p.open(l.Name, strings.Join(r.Flags, "; "), []string{s.Name})
	}
	return true
}

func (p *draft) open(label, why string, candidates []string) {
	p.doc.Open = append(p.doc.Open, openLabel{label, why, candidates})
}

// compose writes the recipes of the corpus's classes, and of terms that are no
// class yet.
func (p *draft) compose(judged []labelmap.Judged) error {
	corpus, err := corpusClasses()
	if err != nil {
		return err
	}
	classes := labelmap.WantedOf(judged, corpus)
	terms := map[string]bool{}
	for _, c := range classes {
		terms[c.TermID] = true
	}
	for _, j := range judged {
		if t, ok := p.tree.Term(j.TermID); ok && !terms[j.TermID] {
			terms[j.TermID] = true
			classes = append(classes, labelmap.Wanted{Name: t.Name, TermID: j.TermID})
		}
	}
	byTerm := map[string]string{}
	for _, r := range labelmap.Compose(p.tree, judged, classes) {
		if !r.Complete {
			continue // a class of which the dataset has parts alone is not its class
		}
		p.d.Recipes = append(p.d.Recipes, catalog.Recipe{
			Class: strings.ToLower(strings.Join(strings.Fields(r.Class), " ")), Expr: catalog.Expr{Expr: r.Expr}, Definition: r.Definition, Reason: r.Reason,
		})
		i := slices.IndexFunc(classes, func(w labelmap.Wanted) bool { return w.Name == r.Class })
		byTerm[classes[i].TermID] = p.d.Recipes[len(p.d.Recipes)-1].Class
	}
	for _, j := range judged {
		for i := range p.d.Labels {
			l := &p.d.Labels[i]
			if l.Name == cmp.Or(j.Label.Name, "value "+j.Label.Key()) && l.Class == "" {
				l.Class = byTerm[j.TermID]
			}
		}
	}
	p.d.Region = p.region
	if p.d.Region == "" {
		p.d.Region, err = regionOf(p.d)
	}
	return err
}

// regionOf is the part of the body that most classes of a dataset are of.
func regionOf(d *catalog.Dataset) (string, error) {
	classes, err := catalog.Classes()
	if err != nil {
		return "", err
	}
	count, best := map[string]int{}, "whole body"
	for i := range classes {
		if c := &classes[i]; c.Modality == d.Modality && slices.Contains(d.Classes(), c.Name) {
			if count[c.Region]++; count[c.Region] > count[best] {
				best = c.Region
			}
		}
	}
	return best, nil
}

package catalog

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"satgraph/labelmap"
)

// placeError is an error of a place in a record: keys, and indexes.
type placeError struct {
	place []any
	err   error
}

func (e *placeError) Error() string { return e.err.Error() }
func (e *placeError) Unwrap() error { return e.err }

func wrong(place []any, format string, args ...any) error {
	return &placeError{place, fmt.Errorf("%w: "+format, append([]any{ErrRecord}, args...)...)}
}

// goodName is what a dataset may be called: the name is also a folder's.
var goodName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._+-]{0,99}$`)

// regions are the parts of the body that a record may name.
var regions = []string{"abdomen", "brain", "head and neck", "lower limb", "pelvis", "spine", "thorax", "upper limb", "whole body"}

// Regions are the parts of the body that a record may name.
func Regions() []string { return slices.Clone(regions) }

// Validate checks a record by itself. Errors wrap ErrRecord.
func (d *Dataset) Validate() error {
	switch {
	case !goodName.MatchString(d.Name):
		return wrong([]any{"name"}, "name %q: want letters, digits, %q", d.Name, "._+-")
	case d.Licence.ID == "":
		return wrong([]any{"licence"}, "no licence id: want an SPDX identifier, the name of the terms, or %q", Unknown)
	case d.Licence.Known() && d.Licence.Reference == "":
		return wrong([]any{"licence"}, "licence %s without a reference to the dataset's own terms", d.Licence.ID)
	case !slices.Contains([]Modality{CT, MRI, PET}, d.Modality):
		return wrong([]any{"modality"}, "modality %q: want ct, mri or pet", d.Modality)
	case !slices.Contains(regions, d.Region):
		return wrong([]any{"region"}, "region %q: want one of %s", d.Region, strings.Join(regions, ", "))
	case len(d.Layouts) == 0:
		return wrong(nil, "no layout: want at least one under %q", "layouts")
	}
	for _, check := range []func() error{d.checkMasks, d.checkLabels, d.checkRecipes, d.checkLayouts, d.checkImage, d.checkAnomalies, d.checkOrigins} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (d *Dataset) checkMasks() error {
	if d.Masks.Kind != Values && d.Masks.Kind != Channels {
		return wrong([]any{"masks", "kind"}, "masks are of kind %q: want values or channels", d.Masks.Kind)
	}
	if !slices.Contains([]Rule{Equality, AboveHalf, Scaled, StackMax, Sum}, d.Masks.Published) {
		return wrong([]any{"masks", "published"}, "unknown rule %q", d.Masks.Published)
	}
	for key, e := range map[string]*Expr{"background": d.Masks.Background, "other_table": d.Masks.OtherTable} {
		if e != nil && (e.Source == nil || e.Source.File != "" || e.Source.Channel >= 0) {
			return wrong([]any{"masks", key}, "%s %s: want {values} alone", key, e.String())
		}
	}
	return nil
}

func (d *Dataset) checkLabels() error {
	if len(d.Labels) > maxLabels {
		return wrong([]any{"labels"}, "more than %d labels", maxLabels)
	}
	seen := map[int]string{}
	for i := range d.Labels {
		l, at := &d.Labels[i], []any{"labels", i}
		if strings.TrimSpace(l.Name) == "" {
			return wrong(at, "a label without a name")
		}
		key, kind := l.Value, "value"
		if d.Masks.Kind == Channels {
			key, kind = l.Channel, "channel"
		}
		switch {
		case key == nil && l.Release == nil:
			return wrong(at, "label %q: no %s, nor where the release has it", l.Name, kind)
		case l.Value != nil && l.Channel != nil:
			return wrong(at, "label %q has a value and a channel: want one", l.Name)
		case key == nil:
			continue
		case *key < 0:
			return wrong(at, "label %q: %s %d", l.Name, kind, *key)
		case seen[*key] != "":
			return wrong(at, "%s %d is both %q and %q", kind, *key, seen[*key], l.Name)
		}
		seen[*key] = l.Name
		if l.Class != "" && !slices.ContainsFunc(d.Recipes, func(r Recipe) bool { return r.Class == l.Class }) {
			return wrong(at, "label %q stands for the class %q, of which there is no recipe", l.Name, l.Class)
		}
	}
	return nil
}

func (d *Dataset) checkRecipes() error {
	if len(d.Recipes) == 0 && !d.Draft {
		return wrong([]any{"recipes"}, "no recipe: the dataset makes no class")
	}
	seen := map[string]bool{}
	for i := range d.Recipes {
		r, at := &d.Recipes[i], []any{"recipes", i}
		switch {
		case seen[r.Class]:
			return wrong(at, "two recipes for %q", r.Class)
		case r.Class != strings.ToLower(strings.Join(strings.Fields(r.Class), " ")):
			return wrong(at, "class %q: want lower case, single spaces", r.Class)
		case r.Written != "" && !strings.EqualFold(r.Written, r.Class):
			return wrong(at, "%q is not %q written otherwise", r.Written, r.Class)
		case r.Published != nil && r.Reason == "":
			return wrong(at, "%q differs from what is published and gives no reason", r.Class)
		}
		seen[r.Class] = true
		for _, asPublished := range []bool{false, true} {
			e := r.Of(asPublished)
			full := labelmap.Recipe{Class: r.Class, Expr: e, Risk: r.Reason}
			if err := full.Validate(); err != nil {
				return &placeError{at, fmt.Errorf("%w: %w", ErrRecord, err)}
			}
			if err := d.checkSources(&e); err != nil && !asPublished {
				return wrong(at, "%q: %v", r.Class, err)
			}
		}
	}
	return nil
}

// checkSources finds values and channels that no label names.
func (d *Dataset) checkSources(e *labelmap.Expr) error {
	for _, s := range e.Sources() {
		if s.File != "" {
			continue
		}
		if d.Masks.Kind == Channels && s.Channel < 0 {
			return errors.New("want channels, as #0{1}")
		}
		for _, r := range s.Values {
			one := labelmap.Source{Channel: s.Channel, Values: []labelmap.Range{r}}
			if !slices.ContainsFunc(d.Labels, func(l Label) bool { return l.Names(&one) }) {
				return fmt.Errorf("no label is %s", one.String())
			}
		}
	}
	return nil
}

func (d *Dataset) checkLayouts() error {
	names := map[string]bool{}
	for i := range d.Layouts {
		l, at := &d.Layouts[i], []any{"layouts", i}
		if len(l.Names) == 0 || len(l.Scans) == 0 {
			return wrong(at, "a layout without names or scans")
		}
		for _, n := range l.Names {
			if names[n] || n == "" {
				return wrong(at, "layout %q stands twice", n)
			}
			names[n] = true
		}
		for j := range l.Scans {
			if err := l.Scans[j].check([]any{"layouts", i, "scans", j}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Scans) check(at []any) error {
	if s.Image.IsZero() || s.Mask.IsZero() {
		return wrong(at, "scans without the pattern of an image or of a mask")
	}
	values, ok := s.Image.Match(s.Example)
	if !ok {
		return wrong(at, "the example %q does not follow the pattern %q", s.Example, s.Image)
	}
	for _, text := range append([]Pattern{s.Mask, {text: s.Patient}}, s.Also...) {
		if _, err := text.Fill(values); err != nil {
			return &placeError{at, err}
		}
	}
	if s.Patient == "" {
		return wrong(at, "it does not say what names a patient")
	}
	if s.Channel != nil && *s.Channel < 0 {
		return wrong(at, "channel %d", *s.Channel)
	}
	return nil
}

func (d *Dataset) checkImage() error {
	for i := range d.Image {
		op := &d.Image[i]
		if err := op.check(); err != nil {
			return wrong([]any{"image", i}, "step %s %q: %v", op.Op, op.Value, err)
		}
		if op.Layout != "" {
			if _, ok := d.Layout(op.Layout); !ok {
				return wrong([]any{"image", i}, "step %s is for the layout %q, which the record lacks", op.Op, op.Layout)
			}
		}
		if op.On != "" && op.On != OnMask && !slices.ContainsFunc(d.Labels, func(l Label) bool { return l.Name == op.On }) {
			return wrong([]any{"image", i}, "step %s on %q: want %q or the name of a label", op.Op, op.On, OnMask)
		}
	}
	return nil
}

var (
	axes     = regexp.MustCompile(`^([RL][AP][SI]|[RL][SI][AP]|[AP][RL][SI]|[AP][SI][RL]|[SI][RL][AP]|[SI][AP][RL])$`)
	flips    = regexp.MustCompile(`^i?j?k?$`)
	arrays   = regexp.MustCompile(`^[RLAPSI]{3} [0-9]+(\.[0-9]+)?$`)
	cropping = regexp.MustCompile(`^[ijk] [0-9]{1,4}$`)
)

func (op *ImageOp) check() error {
	switch op.Op {
	case OpOrient:
		if op.Value != "none" && !axes.MatchString(op.Value) {
			return errors.New(`want three axes, as "LPS", or "none"`)
		}
	case OpAdd:
		if v, err := strconv.ParseFloat(op.Value, 64); err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("want a number")
		}
	case OpFlip:
		if op.Value == "" || !flips.MatchString(op.Value) {
			return errors.New("want voxel axes, of i, j and k")
		}
	case OpGeometry:
		if op.Value != "image" || op.On == "" {
			return errors.New(`want "image", on the mask or a label`)
		}
	case OpAxes:
		if !arrays.MatchString(op.Value) || !axes.MatchString(op.Value[:3]) {
			return errors.New(`want the axes of the array and the voxel size in mm, as "IPL 0.3"`)
		}
	case OpCrop:
		if !cropping.MatchString(op.Value) {
			return errors.New(`want an axis and a number of slices, as "k 48"`)
		}
	default:
		return fmt.Errorf("want one of %s, %s, %s, %s, %s, %s", OpOrient, OpAdd, OpFlip, OpGeometry, OpAxes, OpCrop)
	}
	return nil
}

func (d *Dataset) checkOrigins() error {
	names := map[string]bool{}
	for i, o := range d.Origins {
		if o.Name == "" || o.What == "" || o.Source == "" || names[o.Name] {
			return wrong([]any{"origins", i}, "an origin needs a name of its own, what was taken from it, and the source that says so")
		}
		names[o.Name] = true
	}
	return nil
}

func (d *Dataset) checkAnomalies() error {
	for i, a := range d.Anomalies {
		if a.Gate == "" || a.What == "" {
			return wrong([]any{"anomalies", i}, "an anomaly without a gate or without saying what it is")
		}
	}
	return nil
}

package gates

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"satgraph/datasets/catalog"
)

// recordGates check the records alone.
func recordGates() []Gate {
	gates := []Gate{
		{"licence", "a corpus may only be used as the licence of each of its datasets allows", needNothing, licences},
		{"draft-record", "a record that nobody has reviewed may call structures by wrong names", needNothing, drafts},
		{"known-overlap", "a scan that two datasets took from the same place must be on one side, and counts once", needNothing, knownOverlaps},
		{"class-names", "two classes whose names differ by case, spelling or number would be trained as two structures", needNothing, classNames},
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		gates = append(gates, Gate{name, known[name], needNothing, anomalies(name)})
	}
	return gates
}

// known are the gates of oddities that people found and records tell of; no
// list of scans shows them.
var known = map[string]string{
	"absent-file":   "a structure that nobody drew in a scan must not count as empty",
	"any-value":     "a rule that takes every value above 0.5 hides values that no label explains",
	"label-table":   "volumes and the owner's table of labels must speak of the same values",
	"loader-labels": "a loader must give the classes that the rows list",
	"orientation":   "images of one corpus lie along the same axes",
	"overlap-codes": "values that stand for two structures at once must reach both classes",
	"overwrite":     "a structure must not take voxels from one that it overlaps",
	"readme":        "what a dataset is said to hold and what it holds should agree",
	"scaled-cut":    "masks that are scaled before they are cut depend on the other labels of the scan",
	"stray-value":   "a raw value must not reach a class that it is no part of",
	"uncut-sum":     "a mask is 0 or 1, also where its parts overlap",
	"unused-label":  "a raw label that makes no class must be left out on purpose",
}

// datasets are the records that the input is about: those of the list's rows
// if there is a list, else those of the datasets that a built corpus holds.
func (in *Input) datasets() []*catalog.Dataset {
	return slices.DeleteFunc(in.Catalog.Datasets(), func(d *catalog.Dataset) bool {
		switch {
		case in.Index != nil:
			return len(in.Index.OfDataset(d.Name)) == 0
		case in.Datasets != nil:
			return !slices.Contains(in.Datasets, d.Name)
		}
		return false
	})
}

// anomalies is the check of a gate that only records tell of.
func anomalies(gate string) func(context.Context, *Input, func(Finding)) error {
	return func(_ context.Context, in *Input, found func(Finding)) error {
		in.eachAnomaly(gate, found)
		return nil
	}
}

// eachAnomaly reports what records say under a gate's name.
func (in *Input) eachAnomaly(gate string, found func(Finding)) {
	for _, d := range in.datasets() {
		for i := range d.Anomalies {
			if d.Anomalies[i].Gate == gate {
				found(in.anomaly(d, &d.Anomalies[i]))
			}
		}
	}
}

// anomaly is a Note where the program puts it right, and to be looked at where
// nobody does, or where the published form was asked for.
func (in *Input) anomaly(d *catalog.Dataset, a *catalog.Anomaly) Finding {
	f := Finding{Severity: Warn, Dataset: d.Name, Subject: d.Name, What: a.What}
	switch {
	case in.AsPublished && a.Published != "":
		f.What += "; as published: " + a.Published
	case a.Corrected != "":
		f.Severity = Note
		f.What += "; here: " + a.Corrected
	}
	return f
}

// licences asks whether each dataset's licence is known and allows the use.
func licences(_ context.Context, in *Input, found func(Finding)) error {
	for _, d := range in.datasets() {
		if f, bad := licenceFinding(d, in.Use); bad {
			found(f)
		}
	}
	for _, name := range in.Datasets {
		if _, known := in.Catalog.Dataset(name); !known {
			found(Finding{Severity: Stop, Dataset: name, Subject: name, What: "it has no record, so nobody knows its licence: --catalog names the folder of your records"})
		}
	}
	return nil
}

// drafts finds records that are still as they were proposed.
func drafts(_ context.Context, in *Input, found func(Finding)) error {
	for _, d := range in.datasets() {
		if d.Draft {
			found(Finding{Severity: Stop, Dataset: d.Name, Subject: d.Name, What: "its record is a draft: look through it, and take out \"draft: true\""})
		}
	}
	return nil
}

func licenceFinding(d *catalog.Dataset, use Use) (Finding, bool) {
	f := Finding{Severity: Stop, Dataset: d.Name, Subject: d.Name}
	terms := freedoms(d.Licence.ID)
	switch {
	case !d.Licence.Known():
		f.What = "nobody has looked its licence up: read the terms at " + cmp.Or(d.Homepage, "its homepage") + " and put them into its record"
		if d.Licence.Note != "" {
			f.What += " (" + d.Licence.Note + ")"
		}
	case terms == nil:
		f.What = fmt.Sprintf("it has terms of its own (%s): read them at %s", d.Licence.ID, d.Licence.Reference)
		if use == Research {
			f.Severity = Warn
		}
	case use != Research && terms.noncommercial:
		f.What = fmt.Sprintf("%s forbids commercial use", d.Licence.ID)
		if use == Share {
			f.Severity = Warn
			f.What = fmt.Sprintf("%s: whoever gets it may use it for research only", d.Licence.ID)
		}
	case use == Share && terms.noderivatives:
		f.What = fmt.Sprintf("%s forbids to pass on what was changed, as standardised scans are", d.Licence.ID)
	case use == Share && terms.sharealike:
		f.Severity = Note
		f.What = fmt.Sprintf("%s: what is made of it must be passed on under the same licence", d.Licence.ID)
	default:
		return f, false
	}
	return f, true
}

// terms of a licence, as far as they touch a Use.
type terms struct{ noncommercial, noderivatives, sharealike bool }

// freedoms reads an SPDX identifier; nil for one whose terms are not known here.
func freedoms(id string) *terms {
	upper := strings.ToUpper(id)
	switch {
	case strings.HasPrefix(upper, "CC0-"), strings.HasPrefix(upper, "PDDL-"),
		strings.HasPrefix(upper, "APACHE-"), strings.HasPrefix(upper, "BSD-"), upper == "MIT",
		strings.HasPrefix(upper, "ODC-BY-"):
		return &terms{}
	case strings.HasPrefix(upper, "ODBL-"):
		return &terms{sharealike: true}
	case strings.HasPrefix(upper, "CC-BY-"):
		parts := strings.Split(upper, "-")
		return &terms{
			noncommercial: slices.Contains(parts, "NC"),
			noderivatives: slices.Contains(parts, "ND"),
			sharealike:    slices.Contains(parts, "SA"),
		}
	}
	return nil
}

// knownOverlaps tells of scans that datasets took from the same place, as their
// owners say.
func knownOverlaps(_ context.Context, in *Input, found func(Finding)) error {
	for _, o := range catalog.Overlaps(in.datasets()) {
		f := Finding{Severity: Warn, Dataset: o.Datasets[0].Dataset, Subject: o.Origin}
		var names []string
		for _, d := range o.Datasets {
			names = append(names, d.Dataset)
			f.example(d.Dataset + ": " + d.What + " (" + d.Source + ")")
		}
		f.What = strings.Join(names, ", ") + " hold scans of " + o.Origin + ", under other names: near-content finds them in a built corpus"
		found(f)
	}
	return nil
}

// classNames looks for two names of one structure among the classes in use.
func classNames(_ context.Context, in *Input, found func(Finding)) error {
	users := map[string][]string{} // class: datasets
	for _, d := range in.datasets() {
		for _, class := range d.Classes() {
			users[class] = append(users[class], d.Name)
		}
	}
	byKey := map[string][]string{}
	for _, class := range slices.Sorted(maps.Keys(users)) {
		byKey[spellingKey(class)] = append(byKey[spellingKey(class)], class)
	}
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		if names := byKey[key]; len(names) > 1 {
			found(sameName(names, users, Stop, "names that differ by case, spelling or number only"))
		}
	}
	classes, err := catalog.Classes()
	if err != nil {
		return err
	}
	byTerm := map[string][]string{}
	for i := range classes {
		c := &classes[i]
		if users[c.Name] != nil && c.Predicate == catalog.Exact && !slices.Contains(byTerm[c.TermID], c.Name) {
			byTerm[c.TermID] = append(byTerm[c.TermID], c.Name)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(byTerm)) {
		if names := byTerm[id]; len(names) > 1 {
			found(sameName(names, users, Warn, "names of one term of the tree, "+id))
		}
	}
	return nil
}

func sameName(names []string, users map[string][]string, severity Severity, why string) Finding {
	f := Finding{Severity: severity, Subject: strings.Join(names, " / "), What: why}
	for _, name := range names {
		f.example(name + " in " + strings.Join(first(users[name], 3), ", "))
	}
	return f
}

// first returns at most n of a list.
func first[T any](list []T, n int) []T { return list[:min(n, len(list))] }

// british gives American spellings of word parts.
var british = strings.NewReplacer("oesophag", "esophag", "tumour", "tumor", "haem", "hem", "anaes", "anes",
	"foetal", "fetal", "paed", "ped", "oedema", "edema", "grey", "gray", "centre", "center", "fibre", "fiber", "caecum", "cecum")

// spellingKey is equal for names that only differ by case, British or American
// spelling, hyphens, or a plural.
func spellingKey(name string) string {
	words := strings.FieldsFunc(british.Replace(strings.ToLower(name)), func(r rune) bool {
		return strings.ContainsRune(" -_/.,'’()", r)
	})
	for i, w := range words {
		words[i] = singular(w)
	}
	return strings.Join(words, " ")
}

func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "ae") && len(w) > 4: // vertebrae
		return w[:len(w)-1]
	case strings.HasSuffix(w, "ies") && len(w) > 4: // arteries
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	case strings.HasSuffix(w, "s") && len(w) > 3:
		return w[:len(w)-1]
	}
	return w
}

// Allows says whether a licence allows a use, and whether its terms are known
// here; what is not known is not allowed.
func Allows(l catalog.Licence, use Use) (allowed, known bool) {
	d := &catalog.Dataset{Licence: l}
	f, bad := licenceFinding(d, use)
	return !bad || f.Severity != Stop, l.Known() && freedoms(l.ID) != nil
}

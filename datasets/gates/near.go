package gates

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"satgraph/datasets/corpus"
	"satgraph/datasets/standard"
)

// certain is the likeness from which a pair on both sides stops a release; below
// it, somebody should look.
const certain = 0.92

// nearContent finds scans whose images are nearly the same, as those are that
// several datasets took from one place and saved in their own ways. Images that
// are equal are left to same-content, and those of one person on one side are
// nobody's fault.
func nearContent(ctx context.Context, in *Input, found func(Finding)) error {
	type candidate struct {
		*Measured
		signs *standard.Signs
	}
	var all []candidate
	err := in.Built.Each(ctx, func(m *Measured) error {
		if m.Print != nil {
			all = append(all, candidate{m, m.Print.Signs()})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.Print.Extent[0], b.Print.Extent[0]), cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Scan, b.Scan))
	})
	prints := make([]*Measured, len(all))
	for i := range all {
		prints[i] = all[i].Measured
	}
	findings := map[string]*Finding{}
	for i, a := range all {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		for _, b := range all[i+1:] {
			if b.Print.Extent[0]-a.Print.Extent[0] > max(6, 0.05*b.Print.Extent[0]) {
				break // and so are all behind it
			}
			if a.Modality != b.Modality || a.Content == b.Content || !a.Print.SameExtent(b.Print) {
				continue
			}
			onePerson := a.Dataset == b.Dataset && a.Person == b.Person
			if onePerson && a.Side == b.Side {
				continue
			}
			if like := a.signs.Likeness(b.signs); like >= standard.Likely && own(a.Measured, b.Measured, prints) {
				near(findings, a.Measured, b.Measured, like)
			}
		}
	}
	report(findings, found)
	return nil
}

// own says whether two images are alike beyond what scans of their kind have in
// common: those of one modality and size. Of few, it can't be told, and they are.
func own(a, b *Measured, all []*Measured) bool {
	const few, enough = 16, 200
	var others []*standard.Fingerprint
	for _, m := range all {
		if m != a && m != b && m.Modality == a.Modality && a.Print.SameExtent(m.Print) {
			if others = append(others, m.Print); len(others) == enough {
				break
			}
		}
	}
	return len(others) < few || a.Print.Beyond(b.Print, others) >= standard.Own
}

// near adds a pair to the finding of its two datasets.
func near(findings map[string]*Finding, a, b *Measured, like float64) {
	if cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Scan, b.Scan)) > 0 {
		a, b = b, a
	}
	f := Finding{Severity: Warn, Dataset: a.Dataset, Subject: a.Dataset + " / " + b.Dataset, What: "scans that are nearly the same picture"}
	if a.Side != b.Side || a.Side == corpus.Both {
		f.What = "scans that are nearly the same picture, one in training and one in test"
		if like >= certain {
			f.Severity = Stop
		}
	}
	key := string(f.Severity) + f.Subject + f.What
	if findings[key] == nil {
		findings[key] = &f
	}
	findings[key].example(fmt.Sprintf("%s (%s) and %s (%s): %.2f", a.Scan, a.Side, b.Scan, b.Side, like))
}

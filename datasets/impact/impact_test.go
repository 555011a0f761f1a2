package impact

import (
	"reflect"
	"strings"
	"testing"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/labelmap"
)

func recipes(t *testing.T, pairs ...string) []labelmap.Recipe {
	t.Helper()
	var out []labelmap.Recipe
	for i := 0; i < len(pairs); i += 2 {
		e, err := labelmap.ParseExpr(pairs[i+1])
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, labelmap.Recipe{Class: pairs[i], Expr: e, Complete: true})
	}
	return out
}

// Three scans, of which one does not list the kidney: losing it changes two,
// gaining the liver three, and the spleen stays as it is.
func TestCountedInAList(t *testing.T) {
	known, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	scan := func(dataset, image string, side corpus.Side, classes ...string) corpus.Scan {
		return corpus.Scan{Dataset: dataset, Image: image, Modality: catalog.CT, Split: "train", Side: side, Labels: classes, Classes: classes}
	}
	index := corpus.NewIndex(known, []corpus.Scan{
		scan("Mine", "a", corpus.Train, "kidney", "spleen"), scan("Mine", "b", corpus.Test, "kidney", "spleen"), scan("Mine", "c", corpus.Train, "spleen"),
		scan("KiTS23", "d", corpus.Train, "kidney"),
	})
	manifest := export.Manifest{Format: "nnunet", Classes: []string{"kidney", "spleen"}, Datasets: []export.ManifestDataset{{Name: "Mine", Samples: 3}}}
	r := Of(Input{
		Dataset: "Mine", Modality: catalog.CT, Index: index, Catalog: known,
		Before:  recipes(t, "kidney", "{1}", "spleen", "{2}"),
		After:   recipes(t, "spleen", "{2}", "liver", "{3}"),
		Exports: []Manifest{{"out", manifest}, {"other", export.Manifest{Datasets: []export.ManifestDataset{{Name: "KiTS23"}}}}},
	})
	if r.Counted != "scan list" || r.Scans != 3 || r.Annotations != (Span{5, 6}) || r.Splits["train"] != (Span{5, 6}) ||
		r.Sides["train"] != (Span{3, 4}) || r.Sides["test"] != (Span{2, 2}) {
		t.Errorf("%+v", r)
	}
	if len(r.Classes) != 2 {
		t.Fatalf("%d classes change", len(r.Classes))
	}
	kidney, liver := r.Classes[0], r.Classes[1]
	if kidney.Change != Lost || kidney.Scans != 2 || kidney.Corpus != (Span{3, 1}) || kidney.Datasets.After != kidney.Datasets.Before-1 {
		t.Errorf("kidney: %+v", kidney)
	}
	if liver.Change != Gained || liver.Scans != 3 || liver.Corpus != (Span{0, 3}) {
		t.Errorf("liver: %+v", liver)
	}
	if len(r.Exports) != 1 || !reflect.DeepEqual(r.Exports[0].Classes, []string{"kidney", "liver"}) || r.Exports[0].Samples != 3 {
		t.Errorf("exports: %+v", r.Exports)
	}
}

// Without a list, what the catalog says was published: 489 rows of KiTS23, 391
// of them for training.
func TestCountedInTheCatalog(t *testing.T) {
	known, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	in := Input{
		Dataset: "KiTS23", Modality: catalog.CT, Catalog: known,
		Before: recipes(t, "kidney", "{1, 2, 3}", "kidney tumor", "{2}"), After: recipes(t, "kidney", "{1}", "kidney tumor", "{2}"),
	}
	r := Of(in)
	if len(r.Classes) != 1 || r.Classes[0].Change != Changed || r.Classes[0].Scans != 489 || r.Scans != 489 || r.Annotations != (Span{978, 978}) || r.Sides["train"] != (Span{782, 782}) {
		t.Errorf("%+v", r)
	}
	if lines := strings.Join(r.Lines(), "\n"); !strings.Contains(lines, "changed kidney: {1, 2, 3} > {1}") || !strings.Contains(lines, "489 scans of KiTS23 change") {
		t.Errorf("in words:\n%s", lines)
	}
	in.After = in.Before
	if r := Of(in); len(r.Classes) != 0 || r.Scans != 0 {
		t.Errorf("nothing is decided: %+v", r)
	}
	in.Dataset, in.After = "Nobody's", nil
	if r := Of(in); r.Counted != "nothing" || len(r.Classes) != 2 || r.Classes[0].Scans != 0 {
		t.Errorf("an unknown dataset: %+v", r)
	}
}

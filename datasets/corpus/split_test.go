package corpus_test

import (
	"slices"
	"testing"

	"satgraph/datasets/corpus"
)

// No person and no image is on both sides after a split by person, nothing else
// moves, and the order of rows makes no difference.
func TestSplitByPerson(t *testing.T) {
	x := released(t)
	split, moved := x.ByPerson()
	want := []corpus.Moved{
		{Dataset: "BraTS2023_GLI", People: 41, ToTrain: 164},
		{Dataset: "BraTS2023_MEN", People: 10, ToTrain: 48},
		{Dataset: "CMRxMotion", People: 10, ToTrain: 22, ToTest: 2},
		{Dataset: "MSD_Prostate", People: 1, ToTrain: 2},
	}
	slices.SortFunc(moved, func(a, b corpus.Moved) int { return slices.Compare([]byte(a.Dataset), []byte(b.Dataset)) })
	if !slices.Equal(moved, want) {
		t.Errorf("moved %+v, want %+v", moved, want)
	}
	for _, f := range split.Findings() {
		if f.Gate == corpus.GateBothSides {
			t.Errorf("still on both sides: %s", f.Subject)
		}
	}
	changed := 0
	images := map[string]corpus.Side{}
	for i := range split.Len() {
		now, was := split.Scan(i), x.Scan(i)
		if now.Side != was.Side {
			changed++
		}
		if side, seen := images[now.Image]; seen && side != now.Side {
			t.Errorf("%s is on two sides", now.Image)
		}
		images[now.Image] = now.Side
	}
	if changed != 164+48+24+2 {
		t.Errorf("%d rows changed", changed)
	}
	if again, more := split.ByPerson(); len(more) != 0 || again.Version() != split.Version() {
		t.Errorf("a second time moves %+v", more)
	}
	var scans []corpus.Scan
	for i := range x.Len() {
		scans = append(scans, *x.Scan(x.Len() - 1 - i))
	}
	if back, _ := corpus.NewIndex(x.Catalog(), scans).ByPerson(); back.Version() != split.Version() {
		t.Error("the order of rows matters")
	}
}

// The side with more scans takes a person; as many on either go to training; who
// has no side gets none. Rows of one image go together over datasets.
func TestSplitRule(t *testing.T) {
	at := func(dataset, image, patient string, side corpus.Side) corpus.Scan {
		return corpus.Scan{Dataset: dataset, Image: image, Patient: patient, Side: side}
	}
	x := corpus.NewIndex(records(t), []corpus.Scan{
		at("mine", "a1", "a", corpus.Test), at("mine", "a2", "a", corpus.Test), at("mine", "a3", "a", corpus.Train), at("mine", "a4", "a", ""),
		at("mine", "b1", "b", corpus.Test), at("mine", "b2", "b", corpus.Train),
		at("mine", "c1", "c", corpus.Both), at("mine", "d1", "d", corpus.Test),
		at("mine", "e1", "e", corpus.Train), at("yours", "e1", "x", corpus.Test), at("yours", "e2", "x", corpus.Test),
	})
	split, _ := x.ByPerson()
	want := []corpus.Side{corpus.Test, corpus.Test, corpus.Test, "", corpus.Train, corpus.Train, corpus.Train, corpus.Test, corpus.Test, corpus.Test, corpus.Test}
	for i, side := range want {
		if got := split.Scan(i).Side; got != side {
			t.Errorf("row %d: %q, want %q", i, got, side)
		}
	}
	if x.Scan(0).Side != corpus.Test || x.Scan(2).Side != corpus.Train {
		t.Error("the list itself changed")
	}
}

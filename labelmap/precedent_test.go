package labelmap

import "testing"

func TestPrecedents(t *testing.T) {
	state := func(dataset, name, actor string, v *Verdict) State {
		return State{Subject: Subject{Kind: SubjectLabel, Dataset: dataset, Key: name}, Label: &RawLabel{Name: name}, Status: Settled, Verdict: v, SettledBy: []string{actor}}
	}
	got := Precedents([]State{
		state("C", "Left Kidney", "ann", mapped("K")), state("A", "left kidney", "bob", mapped("K")), state("B", "left kidney", "ann", mapped("K")),
		state("D", "left kidney", "ann", mapped("X")), state("E", "left kidney", "ann", mapped("K", "X")), state("F", "left kidney", "ann", &Verdict{Outcome: NoTerm}),
		{Subject: Subject{Dataset: "G"}, Label: &RawLabel{Name: "left kidney"}},
	})
	list := got["left kidney"]
	if len(got) != 1 || len(list) != 2 || list[0].Target.TermID != "K" || list[0].Where() != "A, B and 1 more" || list[0].Actors[0] != "ann" || list[1].Where() != "D" {
		t.Errorf("%+v", got)
	}
}

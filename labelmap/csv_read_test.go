package labelmap

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestTablesOfDecisions(t *testing.T) {
	rows, err := ReadCSV(strings.NewReader("\ufeffDataset,label,term,predicate,outcome,mode,comment,more\n" +
		"D,1 heart,T:1,,,,,x\n" +
		"D,2 both,T:2,broad,mapped,one_of,sure,\nD,2 both,T:3,exact,mapped,one_of,,\n" +
		"D,3 open,,,,,,\n" +
		"D,'=1+1,,,no_term,,,\n"))
	want := []Row{
		{Line: 2, Dataset: "D", Label: "1 heart", Outcome: Mapped, Terms: []RowTerm{{"T:1", Exact}}},
		{Line: 3, Dataset: "D", Label: "2 both", Outcome: Mapped, Mode: OneOf, Terms: []RowTerm{{"T:2", Broad}, {"T:3", Exact}}, Comment: "sure"},
		{Line: 6, Dataset: "D", Label: "=1+1", Outcome: NoTerm},
	}
	if err != nil || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %+v, %v", rows, err)
	}
	for text, says := range map[string]string{
		"":                                  "no header",
		"label,predicate\n":                 `"term" is missing`,
		"label,term,label\n":                "stands twice",
		"label,term\n,T:1\n":                "line 2: it names no label",
		"label,term,outcome\na,,mapped\n":   "line 2: it names no term",
		"label,term,outcome\na,T,no_term\n": "no_term goes with no term",
		"label,term,outcome\na,,perhaps\n":  "perhaps",
		"label,term,predicate\na,T,equal\n": "the predicate \"equal\" is none",
		"label,term,mode\na,T,some\n":       "the mode",
		"label,term\n\"a,T\n":               "line 2",
	} {
		if _, err := ReadCSV(strings.NewReader(text)); !errors.Is(err, ErrTable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %v, want %q", text, err, says)
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	f.Add("label,term,outcome\n1 heart,T:1,mapped\n'=x,,no_term\n")
	f.Fuzz(func(t *testing.T, text string) {
		rows, err := ReadCSV(strings.NewReader(text))
		if err != nil && !errors.Is(err, ErrTable) {
			t.Errorf("an unnamed error: %v", err)
		}
		for _, r := range rows {
			if r.Label == "" || (r.Outcome == Mapped) != (len(r.Terms) > 0) {
				t.Errorf("a row that decides nothing: %+v", r)
			}
		}
	})
}

package labelmap

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

func TestParseExpr(t *testing.T) {
	for _, text := range []string{
		"{1}",
		"{1, 2} - {3}",
		"{1} + {2} + {4..6}",
		"({1} + {2}) & {3}",
		"{1} - ({2} & #3{1})",
		"{case}_lesion.nii.gz{1} + #2{>0.5..}",
		`"a b#c.nii"{..7} & {>55..70}`,
		"first of a.nii{1}, b.nii#0{1}",
		"left of the middle of {4}",
		"right components of ({4} + {5})",
		"{-1}",
	} {
		e, err := ParseExpr(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := e.String(); got != text {
			t.Errorf("%s became %s", text, got)
		}
	}
	e, err := ParseExpr("{1, 2} - #3{5}")
	want := Expr{Op: OpDifference, Args: []Expr{
		{Op: OpSource, Source: &Source{Channel: -1, Values: []Range{Value(1), Value(2)}}},
		{Op: OpSource, Source: &Source{Channel: 3, Values: []Range{Value(5)}}},
	}}
	if err != nil || !reflect.DeepEqual(e, want) {
		t.Errorf("%+v, %v", e, err)
	}
	for _, text := range []string{
		"", "1", "{}", "{1", "{x}", "{1} {2}", "{1} + ", "{1} + {2} - {3}", "#x{1}", "(" + "{1}", "{NaN}", "{1e999}",
		strings.Repeat("(", 100) + "{1}" + strings.Repeat(")", 100), `"a`,
	} {
		if e, err := ParseExpr(text); !errors.Is(err, ErrRecipe) {
			t.Errorf("%q gave %s, %v", text, &e, err)
		}
	}
}

// What is read once is written and read again as the same.
func FuzzParseExpr(f *testing.F) {
	f.Add("{1, 2} - {3}")
	f.Add(`first of "a b"#0{>1..2}, left components of {1}`)
	f.Fuzz(func(t *testing.T, text string) {
		e, err := ParseExpr(text)
		if err != nil {
			return
		}
		again, err := ParseExpr(e.String())
		if err != nil || !e.equal(&again) {
			t.Errorf("%q: %s, then %s: %v", text, &e, &again, err)
		}
	})
}

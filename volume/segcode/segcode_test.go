package segcode

import (
	"regexp"
	"testing"
)

func TestFor(t *testing.T) {
	kidney := Code{"64033007", SNOMED, "Kidney"}
	for name, want := range map[string]Codes{
		"liver":             {Category: structure, Type: Code{"10200004", SNOMED, "Liver"}},
		"Left kidney":       {Category: structure, Type: kidney, Side: left},
		"right kidney":      {Category: structure, Type: kidney, Side: right},
		"left heart atrium": {Category: structure, Type: Code{"82471001", SNOMED, "Left atrium"}},
		"left rib 12":       {Category: structure, Type: Code{"43993008", SNOMED, "Twelfth rib"}, Side: left},
		"left kidney cyst":  {Category: altered, Type: Code{"367643001", SNOMED, "Cyst"}, Side: left, Site: kidney},
		"fat":               {Category: tissue, Type: Code{"55603005", SNOMED, "Fat"}},
	} {
		got, coded := For(name)
		if got != want || !coded {
			t.Errorf("%s: %+v %v, want %+v", name, got, coded, want)
		}
	}
}

func TestPrivateCodes(t *testing.T) {
	got, coded := For("right superior temporal gyrus middle part")
	other, _ := For("right superior temporal gyrus anterior part")
	if coded || got.Type.Scheme != Private || len(got.Type.Value) != 16 || got.Side != right ||
		got.Type.Meaning != "superior temporal gyrus middle part" || got.Type.Value == other.Type.Value {
		t.Errorf("%+v %+v", got, other)
	}
	if short, _ := For("hip"); short.Type != (Code{"HIP", Private, "hip"}) {
		t.Errorf("%+v", short)
	}
}

// Each code is a SNOMED CT identifier: its check digit is right (Verhoeff), and
// its partition is that of core concepts.
func TestCodesAreWellFormed(t *testing.T) {
	if len(rows()) < 150 {
		t.Errorf("%d rows", len(rows()))
	}
	form := regexp.MustCompile(`^[1-9][0-9]{4,16}$`)
	for name, c := range rows() {
		for _, code := range []Code{c.Type, c.Site, c.Category} {
			if code == (Code{}) {
				continue
			}
			n := len(code.Value)
			if !form.MatchString(code.Value) || code.Value[n-3:n-1] != "00" || !verhoeff(code.Value) {
				t.Errorf("%s: %+v", name, code)
			}
			if code.Meaning == "" || len(code.Meaning) > 64 {
				t.Errorf("%s: meaning %q", name, code.Meaning)
			}
		}
	}
}

func verhoeff(s string) bool {
	permute := [10]int{1, 5, 7, 6, 2, 8, 3, 0, 9, 4}
	c := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		for range i % 8 {
			d = permute[d]
		}
		// The dihedral group of the pentagon.
		switch {
		case c < 5 && d < 5:
			c = (c + d) % 5
		case c < 5:
			c = 5 + (c+d)%5
		case d < 5:
			c = 5 + (c-d+10)%5
		default:
			c = (c - d + 10) % 5
		}
	}
	return c == 0
}

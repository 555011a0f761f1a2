// Package segcode says by which codes a DICOM segmentation names a structure:
// SNOMED CT's for what it is (a body structure, a tissue, a morphologic change),
// where a finding lies, and on which side.
//
// The table holds codes of "structure of …" concepts, the ones that DICOM's
// context groups use (PS3.16), and never those of "entire …" concepts, which
// anatomy ontologies refer to. A name without a reviewed code gets one in a
// private scheme, so that nothing is coded as what it is not. Start from [For].
package segcode

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"
)

// Code is a coded concept.
type Code struct {
	Value   string `json:"value"`
	Scheme  string `json:"scheme"`
	Meaning string `json:"meaning"`
}

// Coding schemes: SNOMED CT, and the program's own.
const (
	SNOMED  = "SCT"
	Private = "99SATG"
)

// Codes describe one segment.
type Codes struct {
	// Category is what kind of thing it is, Type which one.
	Category, Type Code
	// Side is left, right or, as its zero value, neither.
	Side Code
	// Site is where a finding lies; zero for a structure.
	Site Code
}

var (
	structure = Code{"123037004", SNOMED, "Anatomical Structure"}
	tissue    = Code{"85756007", SNOMED, "Tissue"}
	altered   = Code{"49755003", SNOMED, "Morphologically Altered Structure"}
	left      = Code{"7771000", SNOMED, "Left"}
	right     = Code{"24028007", SNOMED, "Right"}
)

//go:embed codes.tsv
var table string

var rows = sync.OnceValue(func() map[string]Codes {
	out := map[string]Codes{}
	_, body, _ := strings.Cut(table, "\n") // behind the heading
	for line := range strings.Lines(body) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		c := Codes{Type: Code{f[2], SNOMED, f[3]}, Category: structure}
		switch f[1] {
		case "finding":
			c.Category = altered
			if f[4] != "" {
				c.Site = Code{f[4], SNOMED, f[5]}
			}
		case "tissue":
			c.Category = tissue
		}
		out[f[0]] = c
	}
	return out
})

// For returns the codes of a structure by its name in the corpus, such as "left
// kidney". A side is told from the first word. Where the name is not in the
// table, Type is a private code made of the name and coded is false.
func For(name string) (c Codes, coded bool) {
	name = strings.ToLower(strings.TrimSpace(name))
	if c, coded = rows()[name]; coded {
		return c, true
	}
	base, side := name, Code{}
	if rest, found := strings.CutPrefix(name, "left "); found {
		base, side = rest, left
	} else if rest, found := strings.CutPrefix(name, "right "); found {
		base, side = rest, right
	}
	if c, coded = rows()[base]; coded {
		c.Side = side
		return c, true
	}
	return Codes{Category: structure, Type: private(base), Side: side}, false
}

// private makes a code of a name: at most 16 characters of capitals (PS3.3
// 8.1), told apart by a checksum where it had to be cut. The meaning keeps up to
// 64 characters.
func private(name string) Code {
	value := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
	if len(value) > 16 {
		sum := uint32(2166136261) // FNV-1a
		for i := range len(name) {
			sum = (sum ^ uint32(name[i])) * 16777619
		}
		const digits = "0123456789ABCDEF"
		tail := make([]byte, 5)
		for i := range tail {
			tail[i] = digits[sum>>(4*i)&15]
		}
		value = value[:10] + "_" + string(tail)
	}
	return Code{Value: value, Scheme: Private, Meaning: clip(name, 64)}
}

// clip cuts a text to at most n characters.
func clip(s string, n int) string {
	for utf8.RuneCountInString(s) > n {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

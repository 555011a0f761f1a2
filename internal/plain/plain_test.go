package plain

import (
	"strconv"
	"testing"
)

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"left kidney":           "left kidney",
		"Nierenlager größer":    "Nierenlager größer",
		"左肾":                    "左肾",
		"כליה שמאל":             "כליה שמאל",
		"\x1b[2J\x1b]0;title\a": `\x1b[2J\x1b]0;title\a`,
		"a\u009b31mb":           `a\u009b31mb`,
		"evil\u202egnp":         `evil\u202egnp`,
		"zero\u200bwidth":       `zero\u200bwidth`,
		"line\r\nbreak\ttab":    `line\r\nbreak\ttab`,
		"bad\xffbyte\x9b":       `bad\xffbyte\x9b`,
		"nbsp\u00a0":            `nbsp\u00a0`,
		"\ufffd":                "\ufffd",
		"<b>&amp;</b>":          "<b>&amp;</b>",
		"\U000e0041tag":         `\U000e0041tag`,
	} {
		if got := Text(in); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("a\x1b[0m")
	f.Fuzz(func(t *testing.T, s string) {
		for _, r := range Text(s) {
			if !strconv.IsPrint(r) {
				t.Fatalf("%q still holds %q", s, r)
			}
		}
	})
}

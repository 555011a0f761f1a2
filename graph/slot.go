package graph

import (
	"fmt"
	"slices"
	"strings"
)

// slot is one word of a reading with the words of the tree that may answer it.
type slot struct {
	choices []choice
}

// choice is one word of the tree for a slot.
type choice struct {
	word    int32
	quality float64
	note    string // why, where it is not the word itself
	guess   bool   // by a rule alone
	// misspelt: the word as typed is none of the tree's.
	misspelt bool
}

// effort is how far a search goes to find something.
type effort uint8

const (
	asWritten effort = iota // words as written, or their equivalents; guesses for unknown words
	generic                 // and without words like "muscle" that a name may leave out
	guessing                // and guesses for known words
)

// slots answers the words of a reading. ok is false if one cannot be answered.
func (x *textIndex) slots(r *reading, how effort) (slots []slot, notes []string, quality float64, ok bool) {
	quality = r.quality
	var seen []string
	content := 0
	for _, t := range r.tokens {
		if !stopWord(t.word) && !leftOut(t.word) {
			content++
		}
	}
	last := len(r.tokens) - 1
	for i, t := range r.tokens {
		if stopWord(t.word) || slices.Contains(seen, t.word) {
			continue
		}
		seen = append(seen, t.word)
		optional := content > 0 && leftOut(t.word)
		if optional && how >= generic {
			quality *= 0.93
			notes = append(notes, fmt.Sprintf("leaving out %q", t.typed))
			continue
		}
		s := slot{choices: x.known(t)}
		unknown := len(s.choices) == 0 || s.choices[0].guess
		if (unknown || how == guessing) && !t.given && !isSide(t.word) && !hasDigit(t.word) {
			least := 4
			switch {
			case i == last && content > 1:
				least = 2 // somebody is typing
			case i == last && r.side != anySide:
				least = 3
			}
			s.choices = x.guess(s.choices, t, least)
		}
		switch {
		case len(s.choices) > 0:
			slots = append(slots, s)
		case optional:
			quality *= 0.93
			notes = append(notes, fmt.Sprintf("leaving out %q", t.typed))
		default:
			return nil, nil, 0, false
		}
	}
	return slots, notes, quality, len(slots) > 0
}

// leftOut says whether names may leave a word out.
func leftOut(w string) bool {
	switch w {
	case "muscle", "bone", "gland", "organ", "structure", "region", "tissue", "whole", "entire", "complete", "total", "human", "normal",
		"anatomical", "area", "level", "body", "vessel", "part", "joint", "musculus", "os", "nerve", "lesion", "proper", "main":
		return true
	}
	return false
}

// known lists the word itself, its equivalents and what a Latin ending stands for.
func (x *textIndex) known(t token) []choice {
	var out []choice
	add := func(w string, quality float64, note string) {
		if n := x.word(w); n >= 0 && !slices.ContainsFunc(out, func(c choice) bool { return c.word == n }) {
			out = append(out, choice{word: n, quality: quality, note: note})
		}
	}
	add(t.word, 1, "")
	for _, e := range knownWords().words[t.word] {
		quality, says := 0.92, fmt.Sprintf("%q is %s for %q", t.typed, e.why, e.word)
		switch e.why {
		case "adjective":
			quality, says = 0.95, fmt.Sprintf("%q and %q are forms of one word", t.typed, e.word)
		case "direction":
			quality, says = 0.9, fmt.Sprintf("%q is another word for %q", t.typed, e.word)
		case "plain word":
			quality, says = 0.9, fmt.Sprintf("%q is a plain word for %q", t.typed, e.word)
		case "spelling":
			quality, says = 0.93, fmt.Sprintf("%q is taken for %q", t.typed, e.word)
		}
		add(e.word, quality, says)
	}
	known := len(out)
	for _, w := range fromLatin(t.word) {
		add(w, 0.92, fmt.Sprintf("%q is Latin for %q", t.typed, w))
	}
	for i := known; i < len(out); i++ {
		out[i].guess = true
	}
	return out
}

// latinEndings turns endings of Latin adjectives into the English ones.
var latinEndings = []struct{ latin, english string }{
	{"orius", "ory"},
	{"oria", "ory"},
	{"orium", "ory"},
	{"oideus", "oid"},
	{"oidea", "oid"},
	{"oideum", "oid"},
	{"alis", "al"},
	{"ale", "al"},
	{"alia", "al"},
	{"aris", "ar"},
	{"are", "ar"},
	{"aria", "ary"},
	{"arius", "ary"},
	{"icus", "ic"},
	{"ica", "ic"},
	{"icum", "ic"},
	{"iacus", "iac"},
	{"iaca", "iac"},
	{"iacum", "iac"},
	{"eus", "eal"},
	{"ea", "eal"},
	{"eum", "eal"},
	{"anus", "an"},
	{"ana", "an"},
	{"anum", "an"},
	{"osus", "ous"},
	{"osa", "ous"},
	{"osum", "ous"},
	{"atus", "ate"},
	{"ata", "ate"},
	{"atum", "ate"},
	{"en", "ent"},
	{"tura", "ture"},
	{"cula", "cle"},
	{"culum", "cle"},
	{"culus", "cle"},
	{"ria", "ry"},
	{"ura", "ure"},
}

func fromLatin(w string) []string {
	const stem = 3
	var out []string
	for _, e := range latinEndings {
		if s, ok := strings.CutSuffix(w, e.latin); ok && len(s) >= stem {
			out = append(out, s+e.english)
		}
	}
	return out
}

// guess adds the words that begin with an unfinished one of at least so many
// letters, and those that a misspelt one may stand for.
func (x *textIndex) guess(choices []choice, t token, least int) []choice {
	const most = 64 // words of either sort
	add := func(c choice) {
		for i := range choices {
			if choices[i].word == c.word {
				if c.quality > choices[i].quality {
					choices[i] = c
				}
				return
			}
		}
		choices = append(choices, c)
	}
	if len(t.word) >= least {
		from, to := x.beginning(t.word)
		for i := from; i < to && i < from+most; i++ {
			w := x.vocabulary[i]
			if w == t.word || isSide(w) {
				continue
			}
			add(choice{
				word: int32(i), quality: 0.6 + 0.3*float64(len(t.word))/float64(len(w)), //nolint:gosec // fits memory
				note: fmt.Sprintf("%q begins %q", t.typed, x.surface[i]),
			})
		}
	}
	spelt := x.near(t.word)
	if t.typed != t.word { // "maximas" is no plural
		spelt = append(spelt, x.near(t.typed)...)
	}
	slices.SortStableFunc(spelt, func(a, b misspelt) int { return a.slips - b.slips })
	for _, m := range spelt[:min(len(spelt), most)] {
		says := "one letter"
		switch m.slips {
		case 0:
			continue
		case 2:
			says = "two letters"
		}
		add(choice{
			misspelt: true, word: m.word, quality: 1 - float64(m.slips)*0.7/float64(len(t.word)),
			note: fmt.Sprintf("%q is taken for %q, %s off", t.typed, x.surface[m.word], says),
		})
	}
	return choices
}

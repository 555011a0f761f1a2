package graph

import (
	"slices"
	"strings"
)

// Normalize brings a name to the form under which Lookup compares names, so
// that spellings of one structure meet: "Left Kidney", "kidney, left",
// "kidneys_left" and "left-kidney" are all "left kidney". In turn it
//
//   - folds case and accents, and turns every run of other characters than
//     letters, digits and "+" into one space (apostrophes vanish);
//   - brings each word to the singular (of English and Latin) and to American
//     spelling, Latin sides to English, ordinals and Roman numerals to digits;
//   - turns "lobe of the lung" into "lung lobe";
//   - moves a single "left" or "right" to the front (with both, or two of one,
//     words keep their places, since the side then belongs to a part).
//
// The result is a key, not a text to show: "pancreas" becomes "pancrea".
func Normalize(text string) string {
	var n normalizer
	return n.key(text)
}

// normalizer normalises many texts, reusing its lists of words.
type normalizer struct {
	folder          folder
	words, inverted []string
}

func (n *normalizer) key(text string) string { return strings.Join(n.parts(text), " ") }

// parts returns the words of the key; they hold until the next call.
func (n *normalizer) parts(text string) []string {
	n.words = n.folder.fold(appendWords(n.words[:0], text))
	words := n.words
	if slices.Contains(words, "of") || slices.Contains(words, "the") {
		n.inverted = appendInverted(n.inverted[:0], words)
		if len(n.inverted) > 0 { // not for a text of nothing but "of"
			words = n.inverted
		}
	}
	return sideFirst(words)
}

// hash is hashOf(key(text)) without making the key; ok is false for an empty one.
func (n *normalizer) hash(text string) (hash uint64, ok bool) {
	parts := n.parts(text)
	hash = hashStart
	for i, w := range parts {
		if i > 0 {
			hash = hashMore(hash, " ")
		}
		hash = hashMore(hash, w)
	}
	return hash, len(parts) > 0
}

// FNV-1a.
const hashStart = 14695981039346656037

func hashMore(h uint64, s string) uint64 {
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// verbatimKey folds case and outer space only.
func verbatimKey(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// appendInverted turns [lobe of the lung] into [lung lobe], from the right, so
// that chains nest as they do in English.
func appendInverted(out, words []string) []string {
	end := len(words)
	for i := len(words) - 1; i >= -1; i-- {
		if i >= 0 && words[i] != "of" {
			continue
		}
		for _, w := range words[i+1 : end] {
			if w != "the" {
				out = append(out, w)
			}
		}
		end = max(i, 0)
	}
	return out
}

// sideFirst moves the only side word to the front.
func sideFirst(words []string) []string {
	at := -1
	for i, w := range words {
		if w == "left" || w == "right" {
			if at >= 0 {
				return words
			}
			at = i
		}
	}
	if at <= 0 {
		return words
	}
	side := words[at]
	copy(words[1:at+1], words[:at])
	words[0] = side
	return words
}

// splitSide separates the side from a normalised name; rest is the unsided
// name. A name whose side is not its first word has none.
func splitSide(key string) (side Laterality, rest string) {
	if rest, ok := strings.CutPrefix(key, "left "); ok && !hasSide(rest) {
		return Left, rest
	}
	if rest, ok := strings.CutPrefix(key, "right "); ok && !hasSide(rest) {
		return Right, rest
	}
	return Unsided, key
}

func hasSide(key string) bool {
	for w := range strings.FieldsSeq(key) {
		if w == "left" || w == "right" {
			return true
		}
	}
	return false
}

// Words splits a text into its words in the form that Normalize compares, in the
// order of the text: "Kidneys, left (both)" is kidney, left, both.
func Words(text string) []string { return appendFolded(appendWords(nil, text)) }

// SplitSide separates the side that a text states from the rest, which comes
// normalised: "kidney, left" is Left and "kidney". A text without a side, or with
// several, is Unsided and whole.
func SplitSide(text string) (side Laterality, rest string) { return splitSide(Normalize(text)) }

// SideOf returns the side that a name states: the side of its only "left" or
// "right"; Unsided when it has none, or several ("left lobe of right ...").
func SideOf(name string) Laterality {
	side, _ := splitSide(Normalize(name))
	return side
}

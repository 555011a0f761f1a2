package graph

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Normalize brings a name to the form under which Lookup compares names, so
// that spellings of one structure meet: "Left Kidney", "kidney, left",
// "kidneys_left" and "left-kidney" are all "left kidney". In turn it
//
//   - folds case, and turns every run of other characters than letters, digits
//     and "+" into one space (apostrophes vanish);
//   - brings each word to the singular and to American spelling;
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
type normalizer struct{ words, inverted []string }

func (n *normalizer) key(text string) string {
	n.words = appendWords(n.words[:0], text)
	for i, w := range n.words {
		n.words[i] = foldWord(w)
	}
	words := n.words
	if slices.Contains(words, "of") || slices.Contains(words, "the") {
		n.inverted = appendInverted(n.inverted[:0], words)
		if len(n.inverted) > 0 { // not for a text of nothing but "of"
			words = n.inverted
		}
	}
	return strings.Join(sideFirst(words), " ")
}

// verbatimKey folds case and outer space only.
func verbatimKey(text string) string { return strings.ToLower(strings.TrimSpace(text)) }

// appendWords splits text into lower-case words.
func appendWords(words []string, text string) []string {
	lower := strings.ToLower(text)
	if strings.ContainsAny(lower, "'’") {
		lower = strings.NewReplacer("'", "", "’", "").Replace(lower)
	}
	start := -1
	for i := 0; i < len(lower); {
		c, size := lower[i], 1
		inWord := c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+'
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(lower[i:])
			inWord = unicode.IsLetter(r) || unicode.IsDigit(r)
		}
		switch {
		case inWord && start < 0:
			start = i
		case !inWord && start >= 0:
			words = append(words, lower[start:i])
			start = -1
		}
		i += size
	}
	if start >= 0 {
		words = append(words, lower[start:])
	}
	return words
}

// irregular holds words whose singular or American form no rule gives.
var irregular = map[string]string{
	// Latin and Greek plurals
	"atria": "atrium", "septa": "septum", "ganglia": "ganglion", "crania": "cranium",
	"bronchi": "bronchus", "nuclei": "nucleus", "gyri": "gyrus", "sulci": "sulcus",
	"thalami": "thalamus", "humeri": "humerus", "rami": "ramus", "hippocampi": "hippocampus",
	"radii": "radius", "tali": "talus", "emboli": "embolus", "thrombi": "thrombus",
	"bronchioli": "bronchiolus", "alveoli": "alveolus", "canaliculi": "canaliculus",
	"fasciculi": "fasciculus", "acini": "acinus", "glomeruli": "glomerulus",
	"cortices": "cortex", "apices": "apex", "appendices": "appendix", "vertices": "vertex",
	"meninges": "meninx", "pelves": "pelvis", "testes": "testis", "diaphyses": "diaphysis",
	"epiphyses": "epiphysis", "metastases": "metastasis", "foramina": "foramen",
	"lumina": "lumen", "stroma": "stroma", "corpora": "corpus", "capitula": "capitulum",
	"ostia": "ostium", "diverticula": "diverticulum", "labia": "labium", "sterna": "sternum",
	// English plurals
	"feet": "foot", "teeth": "tooth", "calves": "calf", "halves": "half",
	// British spellings and other variants
	"oesophagus": "esophagus", "oesophageal": "esophageal", "caecum": "cecum", "caecal": "cecal",
	"tumour": "tumor", "tumours": "tumor", "oedema": "edema", "grey": "gray", "disk": "disc",
	"disks": "disc", "foetal": "fetal", "foetus": "fetus", "haemorrhage": "hemorrhage",
	"haematoma": "hematoma", "anaesthesia": "anesthesia", "leukaemia": "leukemia",
	"fibre": "fiber", "fibres": "fiber", "centre": "center", "centres": "center",
	"metre": "meter", "gynaecological": "gynecological", "coeliac": "celiac",
	"peritonaeum": "peritoneum", "faeces": "feces", "ischaemic": "ischemic", "ischaemia": "ischemia",
	"ageing": "aging", "colour": "color", "mould": "mold", "anulus": "annulus",
}

// foldWord brings one lower-case word to its singular and American spelling.
func foldWord(w string) string {
	if len(w) < 4 {
		return w
	}
	if w[len(w)-1] != 's' && w[len(w)-1] != 'e' {
		if f, ok := irregular[w]; ok {
			return f
		}
		return w
	}
	if f, ok := irregular[w]; ok {
		return f
	}
	switch {
	case strings.HasSuffix(w, "ae"):
		return w[:len(w)-1]
	case w[len(w)-1] != 's':
		return w
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	case strings.HasSuffix(w, "ies") && len(w) > 5: // not "rabies", "series" (kept equal on both sides)
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "sses"), strings.HasSuffix(w, "uses"), strings.HasSuffix(w, "xes"),
		strings.HasSuffix(w, "ches"), strings.HasSuffix(w, "shes"):
		return w[:len(w)-2]
	default:
		return w[:len(w)-1]
	}
}

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

// SideOf returns the side that a name states: the side of its only "left" or
// "right"; Unsided when it has none, or several ("left lobe of right ...").
func SideOf(name string) Laterality {
	side, _ := splitSide(Normalize(name))
	return side
}

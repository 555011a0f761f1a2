package graph

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// appendWords splits text into lower-case words of letters, digits and "+".
// Accents are dropped, ligatures resolved and apostrophes vanish.
func appendWords(words []string, text string) []string {
	lower := plainLetters(strings.ToLower(text))
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

// plainLetters drops apostrophes and the accents of Latin letters, and writes
// ligatures as two letters. Other scripts are kept.
func plainLetters(lower string) string {
	if !strings.ContainsFunc(lower, func(r rune) bool { return r == '\'' || r >= 0x80 }) {
		return lower
	}
	var b strings.Builder
	for _, r := range lower {
		switch {
		case r == '\'' || r == '’' || r == '‘' || r == 'ʼ' || unicode.Is(unicode.Mn, r):
		case r == 'æ':
			b.WriteString("ae")
		case r == 'œ':
			b.WriteString("oe")
		case r == 'ß':
			b.WriteString("ss")
		case r >= 0xe0 && r < 0x180:
			b.WriteRune(unaccented(r))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// unaccented gives the base letter of the Latin letters that languages of
// anatomy labels use.
func unaccented(r rune) rune {
	for _, group := range []string{"aàáâãäåāăą", "cçćč", "eèéêëēęě", "iìíîïī", "lł", "nñńň", "oòóôõöøōő", "sśš", "uùúûüūůű", "yýÿ", "zźżž"} {
		if strings.ContainsRune(group, r) {
			return rune(group[0])
		}
	}
	return r
}

// folder folds words and remembers what became of them, for the indexes, which
// meet the same words a million times.
type folder struct{ known map[string]string }

// appendFolded brings words to the form in which names are compared: singular,
// American spelling, sides in English, numbers in digits. It works in place.
func appendFolded(words []string) []string { return (&folder{}).fold(words) }

func (f *folder) fold(words []string) []string {
	out := words[:0]
	for _, w := range words {
		switch w {
		case "i", "v", "x", "va", "vb":
			// One letter is a number only after something that is counted, and a part
			// of it only after a word: "L VA" is a left artery.
			if len(out) > 0 && counted(out[len(out)-1]) && (len(w) == 1 || len(out[len(out)-1]) > 1) {
				w = map[string]string{"i": "1", "v": "5", "x": "10", "va": "5a", "vb": "5b"}[w]
			}
		case "th", "st", "nd", "rd":
			if len(out) > 0 && isNumber(out[len(out)-1]) {
				continue // as in "4 th digit"
			}
		}
		out = append(out, f.word(w))
	}
	return out
}

func (f *folder) word(w string) string {
	if folded, ok := f.known[w]; ok {
		return folded
	}
	folded, ok := numberOf(w)
	if !ok {
		folded = foldWord(w)
	}
	if f.known != nil {
		f.known[strings.Clone(w)] = strings.Clone(folded) // not to hold the whole text
	}
	return folded
}

// counted says whether a structure comes in numbers, so that "V" after it is 5.
func counted(w string) bool {
	switch w {
	case "segment", "segmentum", "nerve", "nervus", "n", "cn", "cranial", "digit", "digitus", "finger", "toe", "rib", "costa", "layer", "lamina",
		"metacarpal", "metatarsal", "metacarpale", "metatarsale", "vertebra", "ventricle", "lobule", "zone", "area", "level", "station", "optic",
		"olfactory", "vagus", "trigeminal", "phalanx", "hepati", "hepatis", "liver", "hepatic", "c", "t", "l", "s":
		return true
	}
	return false
}

func isNumber(w string) bool { return w != "" && w[0] >= '0' && w[0] <= '9' }

var ordinals = map[string]string{
	"first": "1", "second": "2", "third": "3", "fourth": "4", "fifth": "5", "sixth": "6", "seventh": "7",
	"eighth": "8", "ninth": "9", "tenth": "10", "eleventh": "11", "twelfth": "12", "thirteenth": "13",
	"primus": "1", "prima": "1", "primum": "1", "secundus": "2", "secunda": "2", "secundum": "2",
	"tertius": "3", "tertia": "3", "tertium": "3", "quartus": "4", "quarta": "4", "quartum": "4",
	"quintus": "5", "quinta": "5", "quintum": "5",
}

// numberOf reads an ordinal in words, "3rd", a Roman numeral of two letters or
// more, also with the letter of a part ("IVa"), and digits with leading zeros.
func numberOf(w string) (string, bool) {
	if n, ok := ordinals[w]; ok {
		return n, true
	}
	if isNumber(w) {
		digits := strings.TrimRight(w, "abcdefghijklmnopqrstuvwxyz")
		n, err := strconv.Atoi(digits)
		if err != nil {
			return "", false
		}
		switch suffix := w[len(digits):]; suffix {
		case "", "st", "nd", "rd", "th", "o":
			return strconv.Itoa(n), true
		case "a", "b", "c", "d":
			return strconv.Itoa(n) + suffix, true
		}
		return "", false
	}
	if len(w) < 2 || len(w) > 6 {
		return "", false
	}
	numeral, suffix := w, ""
	if last := w[len(w)-1]; (last == 'a' || last == 'b') && len(w) > 2 {
		numeral, suffix = w[:len(w)-1], w[len(w)-1:]
	}
	if n := romans[numeral]; n > 0 {
		return strconv.Itoa(n) + suffix, true
	}
	return "", false
}

// romans are the Roman numerals from II to XXXIX.
var romans = func() map[string]int {
	numerals := map[string]int{}
	units := []string{"", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix"}
	for n := 2; n < 40; n++ {
		if numeral := strings.Repeat("x", n/10) + units[n%10]; len(numeral) > 1 {
			numerals[numeral] = n
		}
	}
	return numerals
}()

// irregular holds words whose singular or American form no rule gives.
var irregular = map[string]string{
	// Sides in Latin
	"sinister": "left", "sinistra": "left", "sinistrum": "left", "sinistri": "left", "sinistrae": "left", "sinistro": "left",
	"dexter": "right", "dextra": "right", "dextrum": "right", "dextri": "right", "dextrae": "right", "dextro": "right",
	// Latin and Greek plurals and genitives
	"atria": "atrium", "septa": "septum", "septi": "septum", "ganglia": "ganglion", "crania": "cranium", "cranii": "cranium",
	"ova": "ovum", "ovaria": "ovary", "antra": "antrum", "labia": "labium", "ilia": "ilium", "ischia": "ischium",
	"ostia": "ostium", "epithelia": "epithelium", "endothelia": "endothelium", "mesothelia": "mesothelium", "atrii": "atrium",
	"acetabula": "acetabulum", "diverticula": "diverticulum", "capitula": "capitulum", "tubercula": "tubercle",
	"infundibula": "infundibulum", "vestibula": "vestibulum", "retinacula": "retinaculum", "sterna": "sternum", "sterni": "sternum",
	"frenula": "frenulum", "cerebella": "cerebellum", "cerebelli": "cerebellum", "cerebra": "cerebrum", "cerebri": "cerebrum",
	"duodena": "duodenum", "duodeni": "duodenum", "jejuni": "jejunum", "ilei": "ileum", "centra": "centrum",
	"hila": "hilum", "ligamenta": "ligament", "ligamentum": "ligament",
	"humeri": "humerus", "radii": "radius", "corpora": "corpus", "viscera": "viscus", "femora": "femur", "femoris": "femur",
	"crura": "crus", "ossa": "os", "ossis": "os", "capita": "caput", "cornua": "cornu", "genua": "genu", "tempora": "temple",
	"foramina": "foramen", "lumina": "lumen", "abdomina": "abdomen", "culmina": "culmen", "nomina": "nomen",
	"testes": "testis", "pelves": "pelvis", "nares": "naris", "dentes": "dens", "pedes": "pes", "irides": "iris", "glandes": "glans",
	"fontes": "fons", "pontes": "pons", "axes": "axis", "penes": "penis", "epididymides": "epididymis", "metastases": "metastasis",
	"cortices": "cortex", "apices": "apex", "appendices": "appendix", "vertices": "vertex", "cervices": "cervix",
	"helices": "helix", "varices": "varix", "matrices": "matrix", "radices": "radix", "calices": "calyx", "calyces": "calyx",
	"calix": "calyx", "meninges": "meninx", "phalanges": "phalanx", "larynges": "larynx", "pharynges": "pharynx",
	"pancreata": "pancreas", "stomata": "stoma", "bronchia": "bronchus", "bronchium": "bronchus",
	"chiasma": "chiasm", "chiasmata": "chiasm", "mediastina": "mediastinum", "omenta": "omentum",
	// English plurals
	"feet": "foot", "teeth": "tooth", "calves": "calf", "halves": "half", "lenses": "lens", "lens": "lens",
	// British spellings and other variants
	"tumour": "tumor", "tumours": "tumor", "grey": "gray", "greys": "gray", "disk": "disc", "disks": "disc", "discs": "disc",
	"fibre": "fiber", "fibres": "fiber", "centre": "center", "centres": "center", "metre": "meter", "calibre": "caliber",
	"colour": "color", "humour": "humor", "mould": "mold", "ageing": "aging", "anulus": "annulus", "anuli": "annulus",
	"lachrymal": "lacrimal", "lacrymal": "lacrimal", "peritonaeum": "peritoneum", "perinaeum": "perineum",
	"praecuneus": "precuneus", "taenia": "tenia", "taeniae": "tenia", "aquaeductus": "aqueduct", "aqueductus": "aqueduct",
	"hypophyseal": "hypophysial", "zygapophyseal": "zygapophysial", "pharyngial": "pharyngeal",
}

// british are stems that British and American English write differently, with
// the vowels that give them away.
var british = strings.NewReplacer(
	"oesoph", "esoph", "oedem", "edem", "oestr", "estr", "foet", "fet", "coel", "cel", "coer", "cer", "caer", "cer", "diarrhoea", "diarrhea",
	"haem", "hem", "aemi", "emi", "caec", "cec", "faec", "fec", "gynaec", "gynec", "paed", "ped", "anaesth", "anesth",
	"caes", "ces", "praevi", "previ", "praesc", "presc", "amoeb", "ameb", "phaeo", "pheo",
)

// foldWord brings one lower-case word to its singular and American spelling.
func foldWord(w string) string {
	if len(w) < 3 {
		return w
	}
	if f, ok := irregular[w]; ok {
		return f
	}
	if len(w) < 4 {
		return w
	}
	if strings.Contains(w, "ae") || strings.Contains(w, "oe") {
		w = british.Replace(w)
	}
	switch w[len(w)-1] {
	case 'i':
		return w[:len(w)-1] + "us" // bronchi, nuclei, radii
	case 'e':
		if strings.HasSuffix(w, "ae") { // vertebrae
			return w[:len(w)-1]
		}
		return w
	case 's':
		return singular(w)
	default:
		return w
	}
}

// singular takes the plural ending from a word in -s.
func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "ss"), strings.HasSuffix(w, "us"), strings.HasSuffix(w, "is"):
		return w
	case endsIn(w, "physes", "stenoses", "stomoses", "neuroses", "throses", "thromboses", "scleroses"): // diaphyses, anastomoses
		return w[:len(w)-2] + "is"
	case strings.HasSuffix(w, "ies") && len(w) > 5: // not "ties"
		return w[:len(w)-3] + "y"
	case endsIn(w, "sses", "uses", "xes", "ches", "shes"):
		return w[:len(w)-2]
	default:
		return w[:len(w)-1]
	}
}

func endsIn(w string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(w, s) {
			return true
		}
	}
	return false
}

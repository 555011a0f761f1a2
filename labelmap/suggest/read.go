package suggest

import (
	"regexp"
	"strings"
	"unicode"

	"satgraph/graph"
)

// reading is one way to understand what is written.
type reading struct {
	text    string
	quality float64 // how sure the reading is, up to 1
	reason  string  // empty for the label as written
	told    bool    // words that were left out say what a short name means
}

// maxName is the longest name that is read; longer ones are no names.
const maxName = 400

var (
	reExtension = regexp.MustCompile(`(?i)(\.seg)?\.(nii(\.gz)?|nrrd|mha|mhd|dcm|stl|png|npz?)$`)
	reWrapper   = regexp.MustCompile(`(?i)^(the|oar|roi|seg|organ|structure|label|mask|normal|healthy)[ _\-.:]+|[ _\-.]+(mask|seg|segmentation|label|roi|oar|contour|whole|all|total|blood (cavity|pool)|cavity blood|region|area|final|copy|edited|corrected|manual|auto|primar(y|ies))$`)
	reMargin    = regexp.MustCompile(`(?i)[ _\-]?prv[ _\-]?\d*(mm)?$`)
	reParcel    = regexp.MustCompile(`(?i)^(?:ctx|wm)[-_. ](lh|rh)[-_. ](.+)$`)
	reHemi      = regexp.MustCompile(`(?i)^(lh|rh)[-_. ](.+)$`)
	rePrefix    = regexp.MustCompile(`^([AVNM])_([A-Za-z].*)$`)
	reSpaced    = regexp.MustCompile(`(?i)\b(th|[tlcs]) +(\d{1,2})\b`)
	reGerman    = regexp.MustCompile(`(?i)\b(bwk|lwk|hwk|bw|lw|hw|th) ?(\d{1,2})\b`)
	reCavity    = regexp.MustCompile(`(?i)\b(blood )?(cavity|cav|pool|chamber)\b`)
	reDisc      = regexp.MustCompile(`(?i)\b([ctl])(\d{1,2}) ?[/-] ?(\d{1,2})\b`)
	reValue     = regexp.MustCompile(`^\s*[\[(]?\d{1,5}[\])]?\s*[:=.,_\- ][:=.,_\- ]*|\s*[\[(]\s*\d{1,5}\s*[\])]$`)
	reCount     = regexp.MustCompile(`(?i)[_\- ]v?\d{1,2}$`)
	reGlued     = regexp.MustCompile(`(?i)^(left|right|lt|rt)([a-z]{4,})$`)
	reCounted   = regexp.MustCompile(`(?i)(rib|vert(ebrae?)?|segm?e?n?t?|tooth|dis[ck]|level|zone|lobule|branch|finger|toe|digit|bone|node|station|area|type|grade|fragment|part|[ctls])s?[_\- ]*\d{1,2}$`)
	reAside     = regexp.MustCompile(`\s*\([^()]*\)\s*`)
	reQualified = regexp.MustCompile(`(?i),? +(\w+) (division|part|portion|subdivision)$`)
	reVessel    = regexp.MustCompile(`(?i)\b[avnm]\b`)
	reVertebral = regexp.MustCompile(`(?i)\b([CTLS]\d{1,2}) (?:vertebral body|body|vb|corpus)\b|\bvb ([CTLS]\d{1,2})\b`)
)

var germanLevels = map[string]string{"bwk": "T", "bw": "T", "th": "T", "lwk": "L", "lw": "L", "hwk": "C", "hw": "C"}

// readings are the ways to read a label's name, surest first.
func (v *vocabulary) readings(name string) []reading {
	text := strings.TrimSpace(reExtension.ReplaceAllString(strings.TrimSpace(name), ""))
	if len(text) > maxName {
		return nil
	}
	out := []reading{{text: text, quality: 1}}
	add := func(text, reason string, quality float64) {
		text = strings.Join(strings.Fields(text), " ")
		for _, r := range out {
			if text == "" || r.text == text {
				return
			}
		}
		out = append(out, reading{text: text, quality: quality, reason: reason})
	}
	if m := reParcel.FindStringSubmatch(text); m != nil {
		v.parcel(m[1], m[2], add)
	} else if m := reHemi.FindStringSubmatch(text); m != nil {
		v.parcel(m[1], m[2], add)
	}
	apart := split(text)
	if apart != text {
		add(apart, "", 0.995)
	}
	if bare := unwrap(apart); bare != apart {
		add(bare, "without words that name no structure", 0.98)
		apart = bare
	}
	if m := rePrefix.FindStringSubmatch(text); m != nil {
		kind := map[string]string{"A": "artery", "V": "vein", "N": "nerve", "M": "muscle"}[m[1]]
		add(split(m[2])+" "+kind, m[1]+"_ stands for "+kind, 0.97)
		add(split(m[2]), m[1]+"_ stands for "+kind, 0.96)
	}
	if t := reMargin.ReplaceAllString(text, ""); t != text {
		add(split(t), "a planning margin (PRV) around it", 0.9)
	}
	if t := reGerman.ReplaceAllStringFunc(apart, germanLevel); t != apart {
		add(t, "German level of the spine", 0.98)
	}
	if t := reSpaced.ReplaceAllString(apart, "$1$2"); t != apart {
		add(t, "", 0.99)
	}
	if t := reDisc.ReplaceAllString(text, "$1$2-$1$3"); t != text {
		add(t, "", 0.99)
	}
	if t := reVertebral.ReplaceAllString(apart, "$1$2"); t != apart {
		add(t, "the body of the vertebra", 0.93)
	}
	if t := reCavity.ReplaceAllString(apart, " "); t != apart {
		add(t, "the cavity is the chamber", 0.97)
	}
	written := len(out)
	for _, words := range []string{apart, separated(text)} {
		if t, why := v.expand(words); why != "" {
			add(t, why, 0.96)
		}
	}
	for i := range out {
		out[i].told = reCavity.MatchString(split(text))
		if i < written && len(out) > written && reVessel.MatchString(apart) {
			out[i].quality *= 0.8 // "renal a" is no "renal"
		}
	}
	return out
}

// loose are readings that leave out what says nothing in most labels: the voxel
// value, a count, a remark in parentheses.
func (v *vocabulary) loose(name string) []reading {
	text := strings.TrimSpace(reExtension.ReplaceAllString(strings.TrimSpace(name), ""))
	if len(text) > maxName {
		return nil
	}
	var out []reading
	add := func(t, reason string, quality float64) {
		if t = strings.TrimSpace(t); t == "" || t == text || graph.SideOf(t) != graph.SideOf(text) {
			return
		}
		for _, r := range v.readings(t) {
			r.quality *= quality
			r.reason = strings.Trim(reason+", "+r.reason, ", ")
			out = append(out, r)
		}
	}
	add(reValue.ReplaceAllString(text, ""), "without its value", 0.95)
	if !reCounted.MatchString(text) {
		add(reCount.ReplaceAllString(text, ""), "without its number", 0.93)
	}
	if m := reGlued.FindStringSubmatch(text); m != nil {
		out = append(out, reading{text: m[1] + " " + m[2], quality: 0.92, reason: "run together"})
	}
	add(reAside.ReplaceAllString(text, " "), "without the remark", 0.9)
	if side, rest := handed(split(text)); side != graph.Unsided && diseased(text) {
		out = append(out, reading{text: strings.Join(rest, " "), quality: 0.8, reason: "on whichever side"})
	}
	return out
}

var handWords = map[string]graph.Laterality{
	"l": graph.Left, "lt": graph.Left, "lh": graph.Left, "r": graph.Right, "rt": graph.Right, "rh": graph.Right, "li": graph.Left, "re": graph.Right,
}

// handed separates the side that a label states from the rest, as words; a
// letter counts at either end.
func handed(text string) (graph.Laterality, []string) {
	side, rest := graph.SplitSide(text)
	words := strings.Fields(rest)
	if side != graph.Unsided || len(words) < 2 {
		return side, words
	}
	if s, ok := handWords[words[len(words)-1]]; ok {
		return s, words[:len(words)-1]
	}
	if s, ok := handWords[words[0]]; ok {
		return s, words[1:]
	}
	return side, words
}

// separated turns separators into spaces and leaves words that are run together.
func separated(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" _-.,;:()[]", r) }), " ")
}

func germanLevel(s string) string {
	m := reGerman.FindStringSubmatch(s)
	return germanLevels[strings.ToLower(m[1])] + m[2]
}

// unwrap takes off words around a name that say nothing of the structure.
func unwrap(text string) string {
	for {
		bare := strings.TrimSpace(reWrapper.ReplaceAllString(text, ""))
		if bare == "" || bare == text {
			return text
		}
		text = bare
	}
}

// split parts words that are run together ("OpticNrv", "LLung", "KidneyL") and
// turns separators into spaces. "IVC" and "T12" stay whole.
func split(text string) string {
	runes := []rune(text)
	var b strings.Builder
	for i, r := range runes {
		if r == '_' || r == '-' || r == '.' || r == ',' || r == ';' || r == ':' || r == '(' || r == ')' || r == '[' || r == ']' {
			b.WriteByte(' ')
			continue
		}
		if i > 0 && unicode.IsUpper(r) {
			before := runes[i-1]
			after := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsUpper(before) && after {
				b.WriteByte(' ')
			}
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// parcel reads a cortical parcel of FreeSurfer.
func (v *vocabulary) parcel(side, rest string, add func(text, reason string, quality float64)) {
	hand := "left"
	if strings.EqualFold(side, "rh") {
		hand = "right"
	}
	key := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(rest))
	if p, ok := v.parcels[key]; ok {
		add(hand+" "+p.meaning, "FreeSurfer's parcel: "+p.reason, 0.97)
		return
	}
	add(hand+" "+split(rest), side+" is the "+hand+" hemisphere", 0.95)
}

// longestShort is the number of words of the longest phrase in the table of
// short words.
const longestShort = 3

// expand writes shortened words out.
func (v *vocabulary) expand(text string) (string, string) {
	words := strings.Fields(text)
	var out, why []string
	for i := 0; i < len(words); {
		n := min(longestShort, len(words)-i)
		for ; n > 0; n-- {
			k := strings.ToLower(strings.Join(words[i:i+n], " "))
			s, ok := v.shorts[k]
			if !ok || len(words) == 1 && len(k) < 3 {
				continue
			}
			out = append(out, s.meaning)
			why = append(why, k+" for "+s.meaning)
			break
		}
		if n == 0 {
			out = append(out, words[i])
			n = 1
		}
		i += n
	}
	return strings.Join(out, " "), strings.Join(why, ", ")
}

// translate reads a text in another language, if all its letters are accounted
// for and at least one word is of that language.
func (v *vocabulary) translate(text string) []reading {
	var out []reading
	for _, language := range v.order {
		words, foreign := v.words(language, text)
		if english, said := v.languages[language].translate(words, foreign); said != "" {
			out = append(out, reading{text: english, quality: 0.95, reason: language + ": " + said})
		}
	}
	return out
}

// words cuts a text for translation; Chinese has no spaces, and is cut by the
// longest phrases known.
func (v *vocabulary) words(language, text string) (words []string, foreign bool) {
	if language != chinese {
		return strings.Fields(unaccented.Replace(strings.ToLower(split(text)))), false
	}
	var b strings.Builder
	for i, r := range []rune(text) {
		if unicode.Is(unicode.Han, r) {
			foreign = true
			if i > 0 {
				b.WriteByte(' ')
			}
		}
		b.WriteRune(r)
	}
	return strings.Fields(strings.ToLower(b.String())), foreign
}

// unaccented and spelledOut write the letters of other languages as English
// keyboards do.
var (
	unaccented = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "à", "a", "â", "a", "á", "a", "ã", "a", "ç", "c",
		"è", "e", "é", "e", "ê", "e", "ë", "e", "î", "i", "ï", "i", "í", "i", "ñ", "n", "ô", "o", "ó", "o", "õ", "o", "ù", "u", "û", "u", "ú", "u", "œ", "oe")
	spelledOut = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")
)

// lexicon maps phrases of a language (words joined by spaces) to English.
type lexicon struct {
	phrases map[string]string
	longest int // words of the longest phrase
	joined  bool
}

// translate replaces the longest phrases first. Words that are not the
// language's stay, since names are shared between languages.
func (l *lexicon) translate(words []string, foreign bool) (english, said string) {
	var out, notes []string
	known := 0
	for i := 0; i < len(words); {
		n := min(l.longest, len(words)-i)
		for ; n > 0; n-- {
			phrase := strings.Join(words[i:i+n], " ")
			if e, ok := l.phrases[phrase]; ok {
				out = append(out, e)
				if e != "of" && e != "the" && e != "and" && e != "" && len(phrase) > 1 || l.joined {
					known++
					notes = append(notes, strings.ReplaceAll(phrase, " ", l.sep())+" is "+e)
				}
				break
			}
		}
		if n == 0 {
			if foreign && l.joined && isHan(words[i]) {
				return "", "" // a character that no phrase accounts for
			}
			out = append(out, words[i])
			n = 1
		}
		i += n
	}
	if known == 0 {
		return "", ""
	}
	return strings.Join(out, " "), strings.Join(notes, ", ")
}

func (l *lexicon) sep() string {
	if l.joined {
		return ""
	}
	return " "
}

func isHan(s string) bool {
	for _, r := range s {
		if unicode.Is(unicode.Han, r) {
			return true
		}
	}
	return false
}

// key is a label's name as the tables spell labels.
func key(name string) string { return strings.Join(graph.Words(split(name)), " ") }

package suggest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"satgraph/graph"
)

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
	before := false
	foreign = isHan(text)
	for _, r := range chineseNumbers(text) {
		han := unicode.Is(unicode.Han, r)
		if han || before {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		before = han
	}
	return strings.Fields(strings.ToLower(split(b.String()))), foreign
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
	// stems are the words of the language without their endings, which follow
	// number, gender and case.
	stems map[string]string
	// starting lists the phrases by their first byte.
	starting map[byte][]string
	longest  int // words of the longest phrase
	joined   bool
	// compounds: words may be joined to one ("Milzarterie"), as in German.
	compounds bool
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
			word := words[i]
			if e := l.stems[stem(word)]; e != "" {
				known++
				notes = append(notes, word+" is "+e)
				word = e
			} else if e := l.compound(word); e != "" {
				known++
				notes = append(notes, word+" is "+e)
				word = e
			}
			out = append(out, word)
			n = 1
		}
		i += n
	}
	if known == 0 && (!foreign || !l.joined) { // levels of the spine are read before
		return "", ""
	}
	return strings.Join(out, " "), cmp.Or(strings.Join(notes, ", "), "a level of the spine")
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

// leastStem is the length of the shortest word without its ending.
const leastStem = 5

// stem is a word without its ending; the word itself where little would be left.
func stem(word string) string {
	for _, ending := range []string{"en", "er", "es", "as", "os", "a", "e", "o", "s", "n", "i"} {
		if bare, ok := strings.CutSuffix(word, ending); ok && len(bare) >= leastStem {
			return bare
		}
	}
	return word
}

// learnStems fills the indexes of the phrases; a stem of words that mean several things is none.
func (l *lexicon) learnStems() {
	l.stems, l.starting = map[string]string{}, map[byte][]string{}
	for phrase, e := range l.phrases {
		l.starting[phrase[0]] = append(l.starting[phrase[0]], phrase)
		if l.joined || strings.Contains(phrase, " ") || len(phrase) < leastStem {
			continue
		}
		s := stem(phrase)
		if other, ok := l.stems[s]; ok && graph.Normalize(other) != graph.Normalize(e) {
			e = ""
		}
		l.stems[s] = e
	}
}

// leastPart is the length of the shortest part of a compound.
const leastPart = 4

// compound reads a word as several of the language joined, with the letters that
// join them.
func (l *lexicon) compound(word string) string {
	if !l.compounds || len(word) < 2*leastPart {
		return ""
	}
	for n := len(word) - leastPart; n >= leastPart; n-- {
		first, ok := l.part(word[:n])
		if !ok {
			continue
		}
		rest := word[n:]
		if last, ok := l.phrases[rest]; ok {
			return first + " " + last
		}
		if last := l.compound(rest); last != "" {
			return first + " " + last
		}
	}
	return ""
}

// part is a word that stands before another in a compound.
func (l *lexicon) part(word string) (string, bool) {
	for _, joint := range []string{"", "n", "en", "s", "es"} {
		bare, ok := strings.CutSuffix(word, joint)
		if e, known := l.phrases[bare]; ok && known && len(bare) >= leastPart-1 {
			return e, true
		}
	}
	e, ok := l.phrases[word+"e"] // Schläfe, Schläf-
	return e, ok && len(word) >= leastPart-1
}

var (
	reChineseNumber = regexp.MustCompile(`第?([一二三四五六七八九十]+|\d+)`)
	reChineseLevel  = regexp.MustCompile(`([颈胸腰骶])(?:椎)?第?([一二三四五六七八九十]+|\d{1,2})(?:椎体|椎骨|椎)?`)
	chineseLevels   = map[string]string{"颈": "C", "胸": "T", "腰": "L", "骶": "S"}
)

// chineseNumbers writes numbers in digits and levels of the spine as "L5".
func chineseNumbers(text string) string {
	text = reChineseLevel.ReplaceAllStringFunc(text, func(s string) string {
		m := reChineseLevel.FindStringSubmatch(s)
		return " " + chineseLevels[m[1]] + chineseNumber(m[2]) + " "
	})
	return reChineseNumber.ReplaceAllStringFunc(text, func(s string) string {
		if !strings.HasPrefix(s, "第") {
			return s // 三尖瓣 is a valve, not a number of them
		}
		return " " + chineseNumber(strings.TrimPrefix(s, "第")) + " "
	})
}

// chineseNumber reads 1 to 99.
func chineseNumber(text string) string {
	if text[0] >= '0' && text[0] <= '9' {
		return text
	}
	n, digit := 0, 0
	for _, r := range text {
		if r == '十' {
			n, digit = n+10*max(digit, 1), 0
			continue
		}
		digit = 1 + slices.Index([]rune("一二三四五六七八九"), r)
	}
	return strconv.Itoa(n + digit)
}

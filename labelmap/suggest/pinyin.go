package suggest

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"satgraph/graph"
	"satgraph/labelmap"
)

// Bounds of labels in pinyin, and how sure such a reading is.
const (
	leastSyllables = 2 // of a label
	leastPinyin    = 3 // labels, and half of a list, by which it is written so
	sureSyllables  = 3 // of a label that is hardly a word of another language
	mostSyllables  = 20
	mostTilings    = 8 // of a label that are weighed
	mostSounds     = 8 // of a phrase of which characters are read in several ways
	pinyinQuality  = 0.93
	// briefPinyinQuality keeps an answer of few syllables from being accepted unseen.
	briefPinyinQuality = 0.78
)

// sounded is a Chinese phrase as it is written in pinyin.
type sounded struct {
	phrase, english string
	syllables       int
}

// pinyin reads Chinese that is written in Latin letters without tones. Its
// phrases are those of the table of languages, by their letters run together; the
// table pinyin.tsv has the syllables of each character.
type pinyin struct {
	phrases map[string][]sounded
	longest int // letters of the longest phrase
}

// rePinyinLevel is a vertebra: "yaozhui3", "yao 3".
var rePinyinLevel = regexp.MustCompile(`^(jing|xiong|yao|di)(?:zhui)?(?:di)?(\d{1,2})(?:zhui)?(?:ti|gu)?$`)

var pinyinLevels = map[string]string{"jing": "C", "xiong": "T", "yao": "L", "di": "S"}

// mostOrdinal is the highest number that is read of words: ribs have twelve.
const mostOrdinal = 12

// loadPinyin spells the Chinese phrases of the table of languages.
func loadPinyin(phrases [][]string) *pinyin {
	sounds := map[rune][]string{}
	for _, f := range rows("pinyin", 2) {
		r, _ := utf8.DecodeRuneInString(f[0])
		sounds[r] = strings.Split(f[1], "|")
	}
	p := &pinyin{phrases: map[string][]sounded{}}
	for _, f := range phrases {
		if f[0] == "Chinese" {
			p.add(simplified.Replace(f[1]), f[2], sounds)
		}
	}
	for n := 1; n <= mostOrdinal; n++ {
		p.add("第"+chineseDigits(n), strconv.Itoa(n), sounds)
	}
	return p
}

// chineseDigits writes 1 to 19.
func chineseDigits(n int) string {
	digits := []rune(" 一二三四五六七八九")
	if n < 10 {
		return string(digits[n])
	}
	return strings.TrimSpace("十" + string(digits[n-10]))
}

// add spells a phrase in each way that its characters sound; one with a character
// of which no sound is known is left out.
func (p *pinyin) add(phrase, english string, sounds map[rune][]string) {
	spelt := []string{""}
	for _, r := range phrase {
		var longer []string
		for _, before := range spelt {
			for _, s := range sounds[r] {
				longer = append(longer, before+s)
			}
		}
		spelt = longer[:min(len(longer), mostSounds)]
	}
	for _, s := range spelt {
		p.phrases[s] = append(p.phrases[s], sounded{phrase, english, utf8.RuneCountInString(phrase)})
		p.longest = max(p.longest, len(s))
	}
}

// tiling is a way to read letters as phrases.
type tiling struct {
	english, phrases []string
	syllables        int
}

// tilings are the ways to read all letters of a text with the fewest phrases.
func (p *pinyin) tilings(text string) []tiling {
	best := make([][]tiling, len(text)+1)
	best[0] = []tiling{{}}
	for end := 1; end <= len(text); end++ {
		for start := max(0, end-p.longest); start < end; start++ {
			for _, t := range best[start] {
				for _, s := range p.phrasesOf(text[start:end]) {
					longer := tiling{append(slices.Clone(t.english), s.english), append(slices.Clone(t.phrases), s.phrase), t.syllables + s.syllables}
					best[end] = fewest(best[end], longer)
				}
			}
		}
	}
	return best[len(text)]
}

// fewest adds a tiling to others of the same letters, if none has fewer phrases.
func fewest(known []tiling, t tiling) []tiling {
	switch {
	case len(known) == 0 || len(t.phrases) < len(known[0].phrases):
		return []tiling{t}
	case len(t.phrases) > len(known[0].phrases) || len(known) >= mostTilings:
		return known
	case slices.ContainsFunc(known, func(k tiling) bool { return slices.Equal(k.english, t.english) }):
		return known
	}
	return append(known, t)
}

// phrasesOf are the phrases that sound so; a number stands for itself.
func (p *pinyin) phrasesOf(letters string) []sounded {
	if len(letters) <= 2 && strings.Trim(letters, "0123456789") == "" {
		return []sounded{{letters, letters, 0}}
	}
	return p.phrases[letters]
}

// inPinyin reads a label that is Chinese in Latin letters: "shishenjing_L", "you
// fei shangye". All its letters have to be phrases, and no more than one reading
// may name a term. among says that the list is written so, where a syllable may be
// a label.
func (e *Engine) inPinyin(a *answer, l *labelmap.RawLabel, among bool) {
	name := strings.TrimSpace(reExtension.ReplaceAllString(l.Name, ""))
	if e.inPinyinNamed(a, l, e.words.remarksOff(unwrap(name)), among) {
		return
	}
	for _, strip := range []*regexp.Regexp{reDate, reCount, reInitials, reNumbered} {
		bare := strip.ReplaceAllString(name, "$1")
		if bare != name && e.inPinyinNamed(a, l, bare, among) {
			return
		}
	}
}

// besidePinyin takes the side, in English, off either end of a name and runs the
// rest together.
func besidePinyin(name string) (side, letters string) {
	words := strings.Fields(strings.ToLower(split(name)))
	for _, at := range []int{len(words) - 1, 0} {
		if len(words) > 1 && isSideWord(words[at]) {
			side = string(cmp.Or(handWords[words[at]], graph.Laterality(words[at])))
			words = slices.Delete(words, at, at+1)
			break
		}
	}
	return side, strings.Join(words, "")
}

func (e *Engine) inPinyinNamed(a *answer, l *labelmap.RawLabel, name string, among bool) bool {
	side, text := besidePinyin(name)
	if strings.ContainsFunc(text, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }) || len(text) > mostSyllables*len("zhuang") {
		return false
	}
	quality := map[bool]float64{true: pinyinQuality, false: briefPinyinQuality}
	if m := rePinyinLevel.FindStringSubmatch(text); m != nil {
		a.pinyin = true
		e.look(a, reading{text: pinyinLevels[m[1]] + m[2], quality: quality[among], reason: "Chinese in pinyin: a level of the spine", evidence: byLanguage}, l.Modality)
		return true
	}
	var all []*answer
	for _, t := range e.words.pinyin.tilings(text) {
		if t.syllables < leastSyllables && !among {
			continue
		}
		r := reading{text: strings.TrimSpace(side + " " + strings.Join(t.english, " ")), quality: quality[among || t.syllables >= sureSyllables], evidence: byLanguage}
		r.reason = "Chinese in pinyin: " + strings.Join(t.phrases, "") + " is " + strings.Join(t.english, " ")
		found := &answer{found: map[string]*candidate{}, told: []reading{r}}
		e.look(found, r, l.Modality)
		all = append(all, found)
	}
	best := slices.MaxFunc(append(all, &answer{}), func(x, y *answer) int { return int(100*x.best()) - int(100*y.best()) })
	alike := slices.ContainsFunc(all, func(other *answer) bool {
		return other != best && other.best() > best.best()-0.1 && other.ranked()[0].id != best.ranked()[0].id
	})
	if len(best.found) == 0 || alike {
		return false
	}
	a.pinyin, a.told = true, append(a.told, best.told...)
	for _, c := range best.found {
		a.add(*c)
	}
	return true
}

// inPinyinMostly says whether half of a list is in pinyin.
func inPinyinMostly(alone []answer) bool {
	n := 0
	for k := range alone {
		if alone[k].pinyin {
			n++
		}
	}
	return n >= leastPinyin && 2*n >= len(alone)
}

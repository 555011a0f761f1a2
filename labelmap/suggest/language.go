package suggest

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"satgraph/graph"
)

// translate reads a text in another language, if all its letters are accounted
// for and at least one word is of that language.
func (v *vocabulary) translate(text string) []reading {
	var out []reading
	latin := plain.cut(text) // one for all languages of Latin letters
	for _, language := range v.order {
		l := v.languages[language]
		words, foreign := latin, false
		if l.script != nil {
			words, foreign = v.words(language, text)
		}
		if l.script != nil && !foreign {
			continue
		}
		if english, said := l.translate(words, foreign); said != "" {
			out = append(out, reading{text: english, quality: 0.95, reason: language + ": " + said})
		}
	}
	return out
}

// words cuts a text for translation; foreign says that some of it is in the
// script of the language, where that is not the Latin one.
func (v *vocabulary) words(language, text string) (words []string, foreign bool) {
	l := v.languages[language]
	if l.script != nil && !strings.ContainsFunc(text, l.script) {
		return nil, false
	}
	return l.cut(text), l.script != nil
}

// cut is a text in words of the language as its phrases spell them. Languages that
// may be written without spaces are cut to letters, of which the longest phrases
// known are made.
func (l *lexicon) cut(text string) []string {
	text = norm.NFKC.String(text)
	if l.prepare != nil {
		text = l.prepare(text)
	}
	if !l.joined {
		text = apostrophes.Replace(strings.ToLower(split(text)))
		return strings.Fields(strings.ReplaceAll(unaccented.Replace(text), "'", "' "))
	}
	var b strings.Builder
	before := false
	for _, r := range text {
		own := l.script(r)
		if own || before {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
		before = own
	}
	return strings.Fields(strings.ToLower(split(b.String())))
}

// plain cuts texts of Latin letters.
var plain = &lexicon{manner: plainManner}

var apostrophes = strings.NewReplacer("’", "'", "ʼ", "'")

// unaccented and spelledOut write the letters of other languages as English
// keyboards do.
var (
	unaccented = strings.NewReplacer("ä", "a", "ö", "o", "ü", "u", "ß", "ss", "à", "a", "â", "a", "á", "a", "ã", "a", "å", "a", "ą", "a", "æ", "ae", "ç", "c", "ć", "c",
		"è", "e", "é", "e", "ê", "e", "ë", "e", "ę", "e", "ì", "i", "î", "i", "ï", "i", "í", "i", "ł", "l", "ñ", "n", "ń", "n", "ò", "o", "ô", "o", "ó", "o", "õ", "o", "ø", "o",
		"ś", "s", "ù", "u", "û", "u", "ú", "u", "ź", "z", "ż", "z", "œ", "oe", "ё", "е")
	spelledOut = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss")
)

// manner is how a language is written.
type manner struct {
	// script says whether a letter is the language's; nil for Latin letters.
	script    func(rune) bool
	joined    bool // words are not parted by spaces
	compounds bool // words may be joined to one ("Milzarterie"), as in German
	umlauts   bool // ä may be spelt ae
	prepare   func(string) string
	endings   []string          // of words, the longest first
	leastStem int               // letters of the shortest word without its ending
	fleeting  []string          // last letters of words of which the vowel goes before an ending
	last      map[string]string // what words mean at the end of a label, where they mean something else elsewhere
}

var (
	latinEndings        = []string{"en", "er", "es", "as", "os", "a", "e", "o", "s", "n", "i"}
	romanEndings        = []string{"orum", "arum", "ium", "ibus", "um", "us", "is", "ae", "es", "em", "a", "e", "i"}
	scandinavianEndings = []string{"erna", "arna", "orna", "ens", "ets", "en", "et", "er", "ar", "or", "na", "a", "e", "n", "t", "s"}
	polishEndings       = []string{"iego", "iemu", "ymi", "imi", "ami", "ego", "emu", "iej", "ach", "ych", "ich", "owi", "ow", "om", "ej", "ie", "ia", "iu", "ym", "im", "y", "i", "a", "e", "u", "o"}
	russianEndings      = []string{
		"ого", "его", "ому", "ему", "ыми", "ими", "ами", "ями", "ая", "яя", "ое", "ее", "ой", "ей", "ую", "юю", "ые", "ие", "ый", "ий", "ых", "их", "ым", "им",
		"ом", "ем", "ам", "ям", "ах", "ях", "ов", "ев", "ья", "ье", "ьи", "а", "я", "о", "е", "у", "ю", "ы", "и", "ь", "й",
	}
	manners = map[string]manner{
		"German":     {compounds: true, umlauts: true, endings: latinEndings, leastStem: 5},
		"Dutch":      {compounds: true, endings: latinEndings, leastStem: 5},
		"Swedish":    {compounds: true, endings: scandinavianEndings, leastStem: 5},
		"Danish":     {compounds: true, endings: scandinavianEndings, leastStem: 5},
		"Norwegian":  {compounds: true, endings: scandinavianEndings, leastStem: 5},
		"Latin":      {endings: romanEndings, leastStem: 5},
		"Polish":     {endings: polishEndings, leastStem: 4, fleeting: []string{"ek", "ec"}},
		"Portuguese": {endings: latinEndings, leastStem: 5, last: map[string]string{"e": "left"}},
		"Russian":    {script: in(unicode.Cyrillic), endings: russianEndings, leastStem: 3, fleeting: []string{"ек", "ок", "ец"}},
		"Chinese":    {script: in(unicode.Han), joined: true, prepare: func(s string) string { return chineseNumbers(simplified.Replace(s)) }},
		"Japanese":   {script: japanese, joined: true, prepare: eastAsianNumbers},
		"Korean":     {script: in(unicode.Hangul), joined: true, prepare: eastAsianNumbers},
	}
	plainManner = manner{endings: latinEndings, leastStem: 5}
)

func in(script *unicode.RangeTable) func(rune) bool {
	return func(r rune) bool { return unicode.Is(script, r) }
}

// japanese says whether a letter is one of Japanese, whose sign for long vowels
// is of no script.
func japanese(r rune) bool {
	return r == 'ー' || unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana)
}

// lexicons reads the phrases of all languages from their table.
func lexicons(phrases [][]string) map[string]*lexicon {
	out := map[string]*lexicon{}
	for _, f := range phrases {
		l := out[f[0]]
		if l == nil {
			m, ok := manners[f[0]]
			if !ok {
				m = plainManner
			}
			l = &lexicon{phrases: map[string]string{}, manner: m}
			out[f[0]] = l
		}
		words := l.cut(f[1])
		l.phrases[strings.Join(words, " ")] = f[2]
		if l.umlauts {
			l.phrases[strings.Join(l.cut(spelledOut.Replace(strings.ToLower(f[1]))), " ")] = f[2]
		}
		l.longest = max(l.longest, len(words))
	}
	for _, l := range out {
		l.learnStems()
	}
	return out
}

// lexicon maps phrases of a language (words joined by spaces) to English.
type lexicon struct {
	manner
	phrases map[string]string
	// stems are the phrases whose words lack their endings, which follow number,
	// gender and case.
	stems    map[string]string
	sorted   []string // the phrases in order
	longest  int      // words of the longest phrase
	cuttable map[cutKey][]cuttable
	// begins is how many words the longest phrase has that begins with a word, or
	// with one of its stem.
	begins map[string]int
}

// translate replaces the longest phrases first. Words that are not the
// language's stay, since names are shared between languages; letters of its
// script that no phrase accounts for do not.
func (l *lexicon) translate(words []string, foreign bool) (english, said string) {
	var out, notes []string
	known := 0
	for i := 0; i < len(words); {
		e, n := l.phrase(words[i:])
		if n == 0 {
			n, e = 1, l.compound(words[i])
		}
		phrase := strings.Join(words[i:i+n], " ")
		if i > 0 && i+n == len(words) {
			e = cmp.Or(l.last[phrase], e)
		}
		if len(phrase) == 1 && sidedWithout(words, i) {
			e = "" // "frontal g R" is a gyrus, not left and right
		}
		switch {
		case e == "" && foreign && strings.ContainsFunc(phrase, l.script):
			return "", ""
		case e == "":
			out = append(out, phrase)
		default:
			out = append(out, e)
			if l.joined || telling(phrase, e) {
				known++
				notes = append(notes, strings.ReplaceAll(phrase, " ", l.sep())+" is "+e)
			}
		}
		i += n
	}
	if known == 0 && (!foreign || !l.joined) { // levels of the spine are read before
		return "", ""
	}
	return strings.Join(out, " "), cmp.Or(strings.Join(notes, ", "), "a level of the spine")
}

// sidedWithout says whether words say a side without one of them.
func sidedWithout(words []string, i int) bool {
	side, _ := handed(strings.Join(slices.Delete(slices.Clone(words), i, i+1), " "))
	return side != graph.Unsided
}

// telling says whether a phrase shows that a text is of the language: not a letter,
// a small word, or one cut as its English word is too ("sup").
func telling(phrase, english string) bool {
	const cut = 4
	switch english {
	case "of", "the", "and":
		return false
	}
	return len(phrase) > 1 && (len(phrase) > cut || phrase == english || !strings.HasPrefix(english, phrase))
}

// phrase is what the longest phrase at the start of words means, and of how many
// words it is: none where the language has no such word.
func (l *lexicon) phrase(words []string) (english string, n int) {
	n = min(l.longest, len(words))
	if !l.joined {
		n = min(n, max(l.begins[words[0]], l.begins[l.stem(words[:1])]))
	}
	for ; n > 0; n-- {
		if e, ok := l.phrases[strings.Join(words[:n], " ")]; ok {
			return e, n
		}
		if l.joined {
			continue
		}
		if e := l.stems[l.stem(words[:n])]; e != "" {
			return e, n
		}
	}
	return "", 0
}

func (l *lexicon) sep() string {
	if l.joined {
		return ""
	}
	return " "
}

// stem is a phrase whose words lack their endings, but for words of which little
// would be left.
func (l *lexicon) stem(words []string) string {
	bare := make([]string, len(words))
	for i, w := range words {
		bare[i] = w
		for _, ending := range l.endings {
			if b, ok := strings.CutSuffix(w, ending); ok && utf8.RuneCountInString(b) >= l.leastStem {
				bare[i] = b
				break
			}
		}
		for _, last := range l.fleeting {
			if b, ok := strings.CutSuffix(bare[i], last); ok {
				_, vowel := utf8.DecodeRuneInString(last)
				bare[i] = b + last[vowel:]
			}
		}
	}
	return strings.Join(bare, " ")
}

// learnStems fills the indexes of the phrases; a stem of phrases that mean several
// things is none.
func (l *lexicon) learnStems() {
	l.sorted = slices.Sorted(maps.Keys(l.phrases)) // the same engine each time
	if !l.joined {
		l.learnCut()
	}
	l.stems, l.begins = map[string]string{}, map[string]int{}
	for _, phrase := range l.sorted {
		e := l.phrases[phrase]
		if words := strings.Fields(phrase); !l.joined {
			for _, first := range []string{words[0], l.stem(words[:1])} {
				l.begins[first] = max(l.begins[first], len(words))
			}
		}
		if l.joined || utf8.RuneCountInString(phrase) < l.leastStem {
			continue
		}
		s := l.stem(strings.Fields(phrase))
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

// reOrdinal is a number of Japanese and Korean with the words for ordinals.
var reOrdinal = regexp.MustCompile(`(?:第|제)?(\d{1,2})(?:番目?|번째|번)?`)

// eastAsianNumbers leaves the number alone of "第5腰椎" and "제5번 요추".
func eastAsianNumbers(text string) string { return reOrdinal.ReplaceAllString(text, " $1 ") }

// simplified writes the traditional Chinese characters of anatomy as simplified ones.
var simplified = strings.NewReplacer(
	"腎", "肾", "臟", "脏", "髒", "脏", "膽", "胆", "腸", "肠", "結", "结", "腦", "脑", "葉", "叶", "動", "动", "靜", "静", "脈", "脉", "頸", "颈", "頭", "头", "側", "侧",
	"雙", "双", "氣", "气", "橋", "桥", "體", "体", "視", "视", "經", "经", "內", "内", "聽", "听", "顱", "颅", "額", "额", "顳", "颞", "頂", "顶", "頜", "颌", "頰", "颊",
	"顎", "腭", "齒", "齿", "鎖", "锁", "脛", "胫", "髖", "髋", "髕", "髌", "橈", "桡", "關", "关", "節", "节", "韌", "韧", "帶", "带", "軟", "软", "膚", "肤", "總", "总",
	"淺", "浅", "長", "长", "徑", "径", "園", "园", "環", "环", "狀", "状", "鈎", "钩", "鉤", "钩", "後", "后", "幹", "干", "乾", "干", "灣", "湾", "彎", "弯", "門", "门",
	"隱", "隐", "鎧", "铠", "閉", "闭", "竇", "窦", "鬥", "斗", "殼", "壳", "蒼", "苍", "質", "质", "層", "层", "腫", "肿", "轉", "转", "積", "积", "潰", "溃", "輸", "输",
	"陰", "阴", "莖", "茎", "宮", "宫", "絡", "络", "叢", "丛", "縱", "纵", "溝", "沟", "迴", "回", "島", "岛", "紋", "纹", "連", "连", "繫", "系", "區", "区", "顆", "颗",
	"顏", "颜", "淚", "泪", "嚥", "咽", "聲", "声", "會", "会", "厭", "厌", "鐮", "镰", "鞏", "巩", "網", "网", "馬", "马", "亞", "亚", "蹠", "跖", "闌", "阑", "豎", "竖",
	"圓", "圆", "鄰", "邻", "傷", "伤", "創", "创", "產", "产", "變", "变", "異", "异", "轄", "辖", "鱗", "鳞", "顴", "颧", "薦", "骶", "黏", "粘", "間", "间", "盤", "盘",
	"終", "终", "絲", "丝", "緣", "缘", "細", "细", "緻", "致", "樑", "梁", "樹", "树", "腳", "脚", "輻", "辐", "黃", "黄", "麗", "丽", "車", "车", "術", "术", "臍", "脐",
	"髮", "发", "塊", "块", "檢", "检", "無", "无", "遠", "远", "際", "际", "鬆", "松", "攝", "摄", "護", "护", "緊", "紧", "張", "张", "聯", "联", "濾", "滤",
)

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

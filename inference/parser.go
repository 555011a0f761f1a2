package inference

import (
	"fmt"
	"regexp"
	"strings"
)

// parser reads one query. What it asked of the names is kept.
type parser struct {
	names namer
	seen  map[string]bool
	parts map[string]reading
	work  int // readings of parts of the piece at hand
}

// reading is what a text was read as.
type reading struct {
	items []item
	ok    bool
}

// maxWork bounds the readings of one piece, which may be cut at every "of".
const maxWork = 100

func (p *parser) known(text string) bool {
	if v, ok := p.seen[text]; ok {
		return v
	}
	v := p.names.known(text)
	p.seen[text] = v
	return v
}

// isName says whether words name a term. A text with commas does so only as it
// stands, or with nothing but a side behind them ("kidney, left"): else "heart,
// left ventricle" would be one structure.
func (p *parser) isName(words []word, text string) bool {
	comma := -1
	for i, w := range words {
		switch {
		case w.isBreak():
			return false
		case w.text == ",":
			comma = i
		}
	}
	if _, _, ok := p.names.group(text); ok {
		return true
	}
	if comma < 0 {
		return p.known(text)
	}
	tail := words[comma+1:]
	if len(tail) == 1 && (tail[0].text == "left" || tail[0].text == "right") && strings.Count(text, ",") == 1 {
		return p.known(text)
	}
	return p.names.whole(text)
}

// piece is what stands between two separators.
type piece struct {
	words  []word
	text   string
	sep    string // what stood before it: "", ",", "and" or ";"
	except bool   // "without" stood before it
	inside bool   // it stood in brackets behind the piece before it
	quoted bool
	note   string // how it was read
}

// exclusions are the words that take something out, longest first.
var exclusions = [][]string{
	{"not", "including"},
	{"but", "not"},
	{"and", "not"},
	{"other", "than"},
	{"apart", "from"},
	{"aside", "from"},
	{"except", "for"},
	{"with", "the", "exception", "of"},
	{"leaving", "out"},
	{"but", "without"},
	{"and", "without"},
	{"but", "no"},
	{"without"},
	{"except"},
	{"excepting"},
	{"excluding"},
	{"exclude"},
	{"excl"},
	{"minus"},
	{"w/o"},
	{"not"},
	{"but"},
	{"sans"},
}

// additions are the words that list a further structure.
var additions = [][]string{
	{"as", "well", "as"},
	{"and/or"},
	{"along", "with"},
	{"together", "with"},
	{"and", "also"},
	{"and", "then"},
	{"and"},
	{"plus"},
	{"+"},
	{"or"},
	{"including"},
	{"with"},
}

func startsWith(words []word, phrases [][]string) int {
	for _, phrase := range phrases {
		if len(words) < len(phrase) {
			continue
		}
		same := true
		for i, w := range phrase {
			same = same && words[i].text == w
		}
		if same {
			return len(phrase)
		}
	}
	return 0
}

// pieces cuts words at separators, but never inside a name.
func (p *parser) pieces(text string, words []word) []piece {
	var out []piece
	cur := piece{}
	finish := func() {
		if len(cur.words) > 0 {
			cur.text = say(text, cur.words)
			out = append(out, cur)
			cur = piece{}
		}
	}
	for i := 0; i < len(words); {
		w := words[i]
		if n := p.nameWithSeparator(text, words[i:]); n > 0 && startsItem(cur.words) {
			cur.words = append(cur.words, words[i:i+n]...)
			i += n
			continue
		}
		if w.text == `"` {
			end := i + 1
			for end < len(words) && words[end].text != `"` {
				end++
			}
			if len(cur.words) == 0 && end > i+1 && end < len(words) {
				cur.words, cur.quoted = words[i+1:end], true
				keep := cur
				finish()
				cur = piece{sep: keep.sep}
				cur.sep = ","
				i = end + 1
				continue
			}
			i++ // a lone quote says nothing
			continue
		}
		if n := startsWith(words[i:], exclusions); n > 0 {
			finish()
			cur.except = true
			i += n
			continue
		}
		if w.text == "(" {
			end := i + 1
			for end < len(words) && words[end].text != ")" {
				end++
			}
			if n := startsWith(words[i+1:end], exclusions); n > 0 {
				finish()
				inner := p.pieces(text, words[i+1+n:end])
				for k := range inner {
					inner[k].except, inner[k].inside = true, true
				}
				out = append(out, inner...)
				cur.sep = "and"
			} else {
				cur.words = append(cur.words, words[i:min(end+1, len(words))]...)
			}
			i = end + 1
			continue
		}
		if w.isMark() || startsWith(words[i:], additions) > 0 {
			n := max(1, startsWith(words[i:], additions))
			sep := "and"
			switch {
			case w.isBreak():
				sep = ";"
			case w.isMark():
				sep = ","
			}
			except := cur.except && len(cur.words) == 0
			finish()
			if cur.sep == "" || sep == ";" || sep == "," && cur.sep == "and" {
				cur.sep = sep
			}
			cur.except = cur.except || except
			i += n
			continue
		}
		cur.words = append(cur.words, w)
		i++
	}
	finish()
	return out
}

// startsItem says whether a name may begin after these words.
func startsItem(before []word) bool {
	for _, w := range before {
		switch w.text {
		case "the", "a", "an", "all", "both", "each", "every", "of", "in", "children", "parts", "descendants", "left", "right":
		default:
			return false
		}
	}
	return true
}

// nameWithSeparator counts the words of the longest name at the start that
// holds a separator or "without": "portal vein and splenic vein". A name ends
// where a piece may end.
func (p *parser) nameWithSeparator(text string, words []word) int {
	limit := min(len(words), maxNameWords)
	cut := false
	best := 0
	for e := 1; e <= limit; e++ {
		w := words[e-1]
		if w.isBreak() {
			break
		}
		if e > 1 && (w.isMark() || startsWith(words[e-1:], additions) > 0 || startsWith(words[e-1:], exclusions) > 0) {
			cut = true
			continue
		}
		ends := e == len(words) || words[e].isMark() || startsWith(words[e:], additions) > 0 || startsWith(words[e:], exclusions) > 0
		if cut && ends && p.isName(words[:e], say(text, words[:e])) {
			best = e
		}
	}
	// A closing bracket belongs to the name.
	if limit > 0 && best == 0 {
		for e := 2; e <= limit; e++ {
			if words[e-1].text == ")" && (e == len(words) || words[e].isMark() || startsWith(words[e:], additions) > 0) &&
				p.isName(words[:e], say(text, words[:e])) {
				best = e
			}
		}
	}
	return best
}

// words cuts a text, also at strokes between names ("liver/spleen").
func (p *parser) words(text string) []word {
	var out []word
	for _, w := range split(text) {
		one, other, ok := strings.Cut(w.text, "/")
		if !ok || isNumeric(w.text) || w.text == "w/o" || len(w.text) != w.end-w.start || p.known(w.text) || !p.known(one) || !p.known(other) {
			out = append(out, w)
			continue
		}
		at := w.start + len(one)
		out = append(out, word{one, w.start, at}, word{"and", at, at + 1}, word{other, at + 1, w.end})
	}
	return out
}

// query reads a trimmed text.
func (p *parser) query(text string) []group {
	pieces := p.pieces(text, p.words(text))
	p.borrow(pieces)
	var groups []group
	var g group
	except := false // the pieces at hand are to be left out
	flush := func() {
		if len(g.items)+len(g.without)+len(g.perhaps) > 0 {
			groups = append(groups, g)
		}
		g = group{}
	}
	var last []item // of the piece before
	for k, pc := range pieces {
		if pc.sep == ";" {
			flush()
			except, last = false, nil
		}
		next := k+1 < len(pieces) && pieces[k+1].except && !pieces[k+1].inside
		if except && !pc.except && next {
			flush() // "liver without …, heart without …"
			except, last = false, nil
		}
		items := p.read(pc, last)
		for i := range items {
			items[i].note = join(pc.note, items[i].note)
		}
		switch {
		case pc.inside:
			// Only of what stands before the bracket.
			if n := len(g.items); n > 0 && !except && !pieces[k-1].inside {
				keep := g.items[n-len(last):]
				g.items = g.items[: n-len(last) : n-len(last)]
				flush()
				g.items = keep
			}
			g.without = append(g.without, items...)
			if k+1 == len(pieces) || !pieces[k+1].inside {
				flush()
			}
			last = nil
			continue
		case pc.except:
			except = true
			g.without = append(g.without, items...)
		case except && pc.sep == ",":
			g.perhaps = append(g.perhaps, items...)
		case except && len(g.perhaps) > 0:
			g.perhaps = append(g.perhaps, items...)
		case except:
			g.without = append(g.without, items...)
		default:
			g.items = append(g.items, items...)
		}
		last = items
	}
	flush()
	return groups
}

// borrow completes pieces that share words with their neighbours: "left and
// right kidney", "upper and lower lobes of the left lung", "lungs, left and
// right", "ribs 3, 4 and 5".
func (p *parser) borrow(pieces []piece) {
	for k := len(pieces) - 2; k >= 0; k-- {
		a, b := &pieces[k], &pieces[k+1]
		if a.quoted || b.quoted || b.except || b.sep == ";" {
			continue
		}
		// L1-L2 and L2-L3 discs
		if x, ok := readNumbers(split(a.text)); ok && len(x.levels) > 0 && x.noun == "" {
			if y, ok := readNumbers(split(b.text)); ok && len(y.levels) > 0 && y.noun != "" {
				a.text += " " + y.noun
			}
		}
		if p.clear(a) {
			continue
		}
		words := split(b.text)
		for n := 1; n < len(words) && n <= 4; n++ {
			text := a.text + " " + say(b.text, words[n:])
			if p.known(text) || p.readable(text) && (sideOf(a.text) != "" || hasNumber(a.text)) {
				a.text = text
				break
			}
		}
		if head, of, ok := cutOf(b.text); ok && head != "" && !p.clear(a) && p.known(a.text+" of "+of) {
			a.text += " of " + of
		}
	}
	run := make([]bool, len(pieces)) // it goes on with the numbers before it
	for k := 1; k < len(pieces); k++ {
		a, b := &pieces[k-1], &pieces[k]
		// tumors of the liver and kidney
		if m := reLocated.FindStringSubmatch(a.text); m != nil && b.sep == "and" && !a.quoted && !b.quoted && !b.except && p.known(b.text) {
			bare := reArticle.ReplaceAllString(b.text, "")
			if text := bare + " " + m[1]; p.known(text) && p.names.drawn(text) {
				b.note = fmt.Sprintf("%q is read as %q, as what stands before it", b.text, text)
				b.text = text
			}
		}
		if b.quoted || b.sep == ";" || p.known(b.text) && p.names.drawn(b.text) && !numberOnly(b.text) {
			continue
		}
		switch {
		case a.quoted:
		case b.except:
			// all ribs on the left except the first
			if noun := p.nounOf(a.text); reOrdinal.MatchString(b.text) && noun != "" && p.readable(b.text+" "+noun) {
				b.text += " " + noun
			}
		case p.known(b.text):
			// renal arteries and veins, liver and tumors
			words := split(a.text)
			for n := len(words); n > 0; n-- {
				if text := say(a.text, words[:n]) + " " + b.text; p.known(text) && p.names.drawn(text) {
					b.text = text
					break
				}
			}
		case sideOf(b.text) != "" && hasNumber(a.text) && !a.quoted: // ribs 3-5, left
			a.text, b.text = sideOf(b.text)+" "+a.text, ""
		case sideOf(b.text) != "":
			if noun := withoutSide(a.text); noun != "" && noun != a.text {
				b.text += " " + noun
			} else if a.text != "" && p.known(b.text+" "+a.text) {
				b.text += " " + a.text
			}
		case numberOnly(b.text):
			if n, ok := readNumbers(split(a.text)); ok && n.noun != "" {
				b.text, run[k] = n.noun+" "+b.text, true
			}
		case hasNumber(b.text) && !p.readable(b.text):
			// segments V and VI of the liver
			if head := beforeNumber(a.text); head != "" && p.readable(head+" "+b.text) {
				b.text, run[k] = head+" "+b.text, true
			}
		}
	}
	// ribs 3, 4 and 5 on the right
	side := ""
	for k := len(pieces) - 1; k > 0; k-- {
		if m := reSideBack.FindStringSubmatch(pieces[k].text); m != nil && run[k] {
			side = sideWord(m[2] + m[3] + m[4])
		}
		switch {
		case !run[k] || hasSide(pieces[k-1].text):
			side = ""
		case side != "":
			pieces[k-1].text = side + " " + pieces[k-1].text
		}
	}
	p.carrySides(pieces)
}

// reOrdinal finds a text that only says which of several.
var reOrdinal = regexp.MustCompile(`(?i)^(?:the\s+)?(?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|last|\d{1,2}(?:st|nd|rd|th))` +
	`(?:\s+(?:one|two|three|four|five))?$`)

// nounOf is what a text without a number counts: "left ribs" of "all ribs on the
// left".
func (p *parser) nounOf(text string) string {
	if hasNumber(text) {
		return ""
	}
	noun := strings.TrimSpace(reWhole.ReplaceAllString(reArticle.ReplaceAllString(text, ""), ""))
	if m := reSideBack.FindStringSubmatch(noun); m != nil {
		noun = sideWord(m[2]+m[3]+m[4]) + " " + m[1]
	}
	return noun
}

// carrySides reads "left hippocampus and amygdala" as both on the left: one of a
// pair, in the singular, behind "and".
func (p *parser) carrySides(pieces []piece) {
	for k := 1; k < len(pieces); k++ {
		a, b := &pieces[k-1], &pieces[k]
		first, _, _ := strings.Cut(strings.ToLower(strings.TrimPrefix(a.text, "the ")), " ")
		bare := strings.TrimPrefix(b.text, "the ")
		if a.quoted || b.quoted || b.except || b.sep != "and" || first != "left" && first != "right" || hasSide(b.text) {
			continue
		}
		if sided := first + " " + bare; p.names.singular(bare) && p.known(sided) && p.names.drawn(sided) {
			b.note = "\"" + b.text + "\" is read as on the " + first + " too"
			b.text = sided
		}
	}
}

func hasSide(text string) bool {
	for w := range strings.FieldsSeq(strings.ToLower(text)) {
		switch strings.Trim(w, "().,") {
		case "left", "right", "both", "bilateral", "left-sided", "right-sided":
			return true
		}
	}
	return false
}

// clear says that a piece is understood by itself.
func (p *parser) clear(pc *piece) bool {
	return p.known(pc.text) || sideOf(pc.text) == "" && !numberOnly(pc.text) && p.readable(pc.text)
}

func (p *parser) readable(text string) bool {
	p.work = 0
	items, ok := p.readText(text, 0)
	return ok && len(items) > 0
}

func hasNumber(text string) bool {
	n, ok := readNumbers(split(text))
	return ok && len(n.nums) > 0
}

// beforeNumber is what stands before the first number of a text.
func beforeNumber(text string) string {
	words := split(text)
	for i, w := range words {
		if isNumeric(w.text) {
			return say(text, words[:i])
		}
	}
	return ""
}

func numberOnly(text string) bool {
	n, ok := readNumbers(split(text))
	return ok && n.noun == "" && len(n.nums) > 0
}

func sideOf(text string) string {
	switch strings.ToLower(strings.TrimSpace(text)) {
	case "left", "the left", "left side", "the left one":
		return "left"
	case "right", "the right", "right side", "the right one":
		return "right"
	}
	return ""
}

func withoutSide(text string) string {
	var kept []string
	for w := range strings.FieldsSeq(text) {
		if l := strings.ToLower(w); l != "left" && l != "right" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " ")
}

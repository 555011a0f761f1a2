package inference

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Numbered structures: ribs, vertebrae, discs, segments of the liver, digits.

// maxNumbered bounds how many structures one range may name.
const maxNumbered = 64

var (
	ordinals = []string{"", "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth"}
	cardinal = []string{"", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"}
	romans   = []string{"", "i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"}

	reDigits = regexp.MustCompile(`^#?(\d{1,3})(?:st|nd|rd|th|\.)?$`)
	reLevel  = regexp.MustCompile(`^(c|th|t|d|l|s)[.-]?(\d{1,2})$`)
	// A range in one word: 3-5, T10-L2, T1-4, L4/5, 1st-3rd.
	reJoined = regexp.MustCompile(`^((?:c|th|t|d|l|s)?\d{1,2}|[ivx]+)(?:st|nd|rd|th)?(-|/)((?:c|th|t|d|l|s)?\d{1,2}|[ivx]+)(?:st|nd|rd|th)?$`)
)

// asNumber reads a number as digits, as an ordinal, in words or in Roman
// digits.
func asNumber(w string) (int, bool) {
	if m := reDigits.FindStringSubmatch(w); m != nil {
		n, err := strconv.Atoi(m[1])
		return n, err == nil
	}
	for _, list := range [][]string{ordinals, cardinal, romans} {
		for n, s := range list {
			if n > 0 && s == w {
				return n, true
			}
		}
	}
	return 0, false
}

// level is a vertebra counted from C1 = 1 down: T1 is 8, L1 20, S1 25.
type level int

const (
	levelT1 level = 8
	levelL1 level = 20
	levelS1 level = 25
	levelS5 level = 29
	// levelL6 is a sixth lumbar vertebra, which few people have: no range runs
	// through it.
	levelL6 level = 100
)

// asLevel reads C1 to C7, T1 to T12 (also Th and D), L1 to L6 and S1 to S5.
func asLevel(w string) (level, bool) {
	m := reLevel.FindStringSubmatch(w)
	if m == nil {
		return 0, false
	}
	n, err := strconv.Atoi(m[2])
	if err != nil || n < 1 {
		return 0, false
	}
	switch m[1] {
	case "c":
		return level(n), n <= 7
	case "l":
		if n == 6 {
			return levelL6, true
		}
		return levelL1 + level(n) - 1, n <= 5
	case "s":
		return levelS1 + level(n) - 1, n <= 5
	default:
		return levelT1 + level(n) - 1, n <= 12
	}
}

// String gives the level as radiologists write it.
func (l level) String() string {
	switch {
	case l == levelL6:
		return "L6"
	case l >= levelS1:
		return fmt.Sprintf("S%d", l-levelS1+1)
	case l >= levelL1:
		return fmt.Sprintf("L%d", l-levelL1+1)
	case l >= levelT1:
		return fmt.Sprintf("T%d", l-levelT1+1)
	default:
		return fmt.Sprintf("C%d", int(l))
	}
}

// vertebra names the level's vertebra.
func (l level) vertebra() string {
	s := l.String()
	part := map[byte]string{'C': "cervical", 'T': "thoracic", 'L': "lumbar", 'S': "sacral"}[s[0]]
	return part + " vertebra " + s[1:]
}

// numbered is a text with numbers in it, read: "ribs 3 to 5 on the left".
type numbered struct {
	noun   string  // what is left of the text
	nums   []int   // one of nums and levels is filled
	levels []level //
	ranged bool    // two ends were named
	slash  bool    // ... as L4/5, which means the disc between
	worded bool    // ... with "to" or "through", which no disc is named with
	bad    string  // why the numbers make no sense
}

// readNumbers finds the one run of numbers in a text.
func readNumbers(words []word) (numbered, bool) {
	var n numbered
	var noun, run []string
	for i := range words {
		w := words[i].text
		if isNumeric(w) && (len(w) > 1 || w >= "0" && w <= "9" || i > 0) {
			if len(run) > 0 && run[len(run)-1] == "" {
				return n, false // a second run
			}
			run = append(run, w)
			continue
		}
		joins := len(run) > 0 && run[len(run)-1] != "" && i+1 < len(words) && isNumeric(words[i+1].text)
		switch {
		case joins && (w == "to" || w == "through" || w == "thru" || w == "until" || w == "till" || w == "-"):
			run = append(run, w)
			n.worded = n.worded || w != "-"
		case w == "from" || w == "number" || w == "numbers" || w == "no" || w == "nos" || w == "level" || w == "levels" || w == "between":
		default:
			if len(run) > 0 && run[len(run)-1] != "" {
				run = append(run, "")
			}
			noun = append(noun, w)
		}
	}
	if len(run) > 0 && run[len(run)-1] == "" {
		run = run[:len(run)-1]
	}
	if len(run) == 0 {
		return n, false
	}
	n.noun = strings.Join(noun, " ")
	return n, n.expand(run)
}

func isNumeric(w string) bool {
	if _, ok := asNumber(w); ok {
		return true
	}
	if _, ok := asLevel(w); ok {
		return true
	}
	return reJoined.MatchString(w)
}

// expand turns the run of numbers into a list.
func (n *numbered) expand(run []string) bool {
	// 3, to, 5 is one range; 3-5 is split into the same.
	var flat []string
	for _, w := range run {
		if m := reJoined.FindStringSubmatch(w); m != nil {
			if _, whole := asLevel(w); !whole {
				flat = append(flat, m[1], m[2], m[3])
				continue
			}
		}
		flat = append(flat, w)
	}
	for i := 0; i < len(flat); {
		if i+2 < len(flat) && !isNumeric(flat[i+1]) {
			n.slash = n.slash || flat[i+1] == "/"
			n.ranged = true
			if !n.span(flat[i], flat[i+2]) {
				return false
			}
			i += 3
			continue
		}
		if !n.span(flat[i], flat[i]) {
			return false
		}
		i++
	}
	return (len(n.nums) > 0) != (len(n.levels) > 0) || n.bad != ""
}

// span adds the numbers from a to b.
func (n *numbered) span(a, b string) bool {
	if first, ok := asLevel(a); ok {
		last, ok := asLevel(b)
		if !ok { // T1-4, L4/5
			last, ok = asLevel(first.String()[:1] + b)
			if !ok {
				last, ok = asLevel(strings.ToLower(first.String()[:1]) + b)
			}
			if !ok {
				n.bad = fmt.Sprintf("there is no vertebra %s%s", first.String()[:1], b)
				return true
			}
		}
		if last == levelL6 && first != last {
			n.levels = appendLevels(n.levels, first, levelS1-1)
			n.levels = append(n.levels, levelL6)
			return true
		}
		if last < first {
			first, last = last, first
		}
		n.levels = appendLevels(n.levels, first, last)
		return true
	}
	first, ok := asNumber(a)
	if !ok {
		return false
	}
	last, ok := asNumber(b)
	if !ok {
		return false
	}
	if last < first {
		first, last = last, first
	}
	if last-first >= maxNumbered {
		n.bad = fmt.Sprintf("from %d to %d are more than %d structures", first, last, maxNumbered)
		return true
	}
	for x := first; x <= last; x++ {
		n.nums = append(n.nums, x)
	}
	return true
}

func appendLevels(list []level, first, last level) []level {
	for l := first; l <= last; l++ {
		list = append(list, l)
	}
	return list
}

// named is how a noun and a number may be spelt in a name, likeliest first.
func namesOf(noun string, n int) []string {
	noun = strings.TrimSpace(noun)
	out := []string{fmt.Sprintf("%s %d", noun, n)}
	if of, head, ok := cutOf(noun); ok { // segments of liver, 5
		out = append(out, fmt.Sprintf("%s %d of %s", of, n, head))
	}
	if n > 0 && n < len(ordinals) {
		out = append(out, ordinals[n]+" "+noun)
	}
	return append(out, fmt.Sprintf("%s of digit %d", noun, n))
}

func cutOf(text string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(text, " of ")
	return before, strings.TrimPrefix(after, "the "), ok
}

package graph

import (
	"iter"
	"math"
	"slices"
)

// matcher tests texts for the words of a reading.
type matcher struct {
	x     *textIndex
	slots []slot
	best  float64 // the most that choices can give
	full  int     // the most that the words asked for can weigh
	// of says for each word of the vocabulary where its answers begin; 0 is none.
	of      []uint16
	answers []answer
	chosen  []*choice
}

// answer is a choice of a slot; next is another one for the same word, or 0.
type answer struct {
	slot   int
	choice *choice
	next   uint16
}

// newMatcher readies a matcher; release gives back what it borrows.
func newMatcher(x *textIndex, slots []slot) *matcher {
	of, ok := x.pool.Get().(*[]uint16)
	if !ok {
		fresh := make([]uint16, len(x.vocabulary))
		of = &fresh
	}
	m := &matcher{x: x, slots: slots, best: 1, of: *of, answers: make([]answer, 1), chosen: make([]*choice, len(slots))}
	for i := range slots {
		most, weight := 0.0, 0
		for k := range slots[i].choices {
			c := &slots[i].choices[k]
			m.answers = append(m.answers, answer{i, c, m.of[c.word]})
			m.of[c.word] = uint16(len(m.answers) - 1) //nolint:gosec // a slot has some hundred choices
			most, weight = max(most, c.quality), max(weight, weightOf(x.vocabulary[c.word]))
		}
		m.best *= most
		m.full += weight
	}
	return m
}

func (m *matcher) release() {
	for _, a := range m.answers[1:] {
		m.of[a.choice.word] = 0
	}
	m.x.pool.Put(&m.of)
}

// candidates yields the texts that answer every slot, ascending. It looks no
// farther than it is asked to: the slots leap over one another to the next text
// that all of them hold, the rarest first.
func (m *matcher) candidates() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		cursors := make([]cursor, len(m.slots))
		for i, s := range m.slots {
			for _, c := range s.choices {
				texts := m.x.with(c.word)
				cursors[i].lists = append(cursors[i].lists, texts)
				cursors[i].size += len(texts)
			}
		}
		slices.SortStableFunc(cursors, func(a, b cursor) int { return a.size - b.size })
		for at := int32(0); ; at++ {
			for agreed := 0; agreed < len(cursors); agreed++ {
				next, ok := cursors[agreed].seek(at)
				if !ok {
					return
				}
				if next > at {
					at, agreed = next, -1 // ask all again
				}
			}
			if !yield(at) {
				return
			}
		}
	}
}

// cursor goes through the texts that hold any choice of a slot.
type cursor struct {
	lists [][]int32
	size  int
}

// seek returns the first text from at on; ok is false at the end. What lies
// before is forgotten.
func (c *cursor) seek(at int32) (text int32, ok bool) {
	text = math.MaxInt32
	for i, list := range c.lists {
		list = from(list, at)
		if c.lists[i] = list; len(list) > 0 {
			text, ok = min(text, list[0]), true
		}
	}
	return text, ok
}

// from drops what is below at from an ascending list, looking near the front
// first.
func from(list []int32, at int32) []int32 {
	step := 1
	for step < len(list) && list[step-1] < at {
		list = list[step:]
		step *= 2
	}
	i, _ := slices.BinarySearch(list[:min(step, len(list))], at)
	return list[i:]
}

// match says whether a text answers every slot, with the product of the
// qualities of the best choices, which are left in chosen, and the weight of the
// words that answer.
func (m *matcher) match(text int32) (quality float64, weight int, ok bool) {
	clear(m.chosen)
	left := len(m.slots)
	for _, w := range m.x.of(text) {
		n := m.of[w]
		if n > 0 {
			weight += weightOf(m.x.vocabulary[w])
		}
		for ; n > 0; n = m.answers[n].next {
			a := m.answers[n]
			old := m.chosen[a.slot]
			if old == nil {
				left--
			}
			if old == nil || a.choice.quality > old.quality {
				m.chosen[a.slot] = a.choice
			}
		}
	}
	if left > 0 {
		return 0, 0, false
	}
	quality = 1
	for _, c := range m.chosen {
		quality *= c.quality
	}
	return quality, weight, true
}

// intersect returns what two ascending lists share.
func intersect(a, b []int32) []int32 {
	var out []int32
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = from(a, b[0])
		default:
			b = from(b, a[0])
		}
	}
	return out
}

package graph

import (
	"slices"
)

// matcher tests texts for the words of a reading.
type matcher struct {
	x     *textIndex
	slots []slot
	best  float64 // the most that choices can give
	full  int     // the most that the words asked for can weigh
	// of lists for each word of the vocabulary that a slot takes which.
	of map[int32][]answer
}

type answer struct {
	slot   int
	choice *choice
}

func newMatcher(x *textIndex, slots []slot) *matcher {
	m := &matcher{x: x, slots: slots, best: 1, full: fullWord * len(slots), of: map[int32][]answer{}}
	for i := range slots {
		most := 0.0
		for k := range slots[i].choices {
			c := &slots[i].choices[k]
			m.of[c.word] = append(m.of[c.word], answer{i, c})
			most = max(most, c.quality)
		}
		m.best *= most
	}
	return m
}

// candidates returns the texts that hold an answer to the rarest slots, in
// ascending order.
func (m *matcher) candidates() []int32 {
	count := func(s slot) (n int) {
		for _, c := range s.choices {
			n += len(m.x.with(c.word))
		}
		return n
	}
	const few = 512 // fewer are quicker looked at one by one
	slots := slices.Clone(m.slots)
	slices.SortStableFunc(slots, func(a, b slot) int { return count(a) - count(b) })
	texts := m.union(slots[0])
	for _, s := range slots[1:] {
		if len(texts) <= few {
			break
		}
		texts = intersect(texts, m.union(s))
	}
	return texts
}

// union returns the texts that hold any choice of a slot, ascending.
func (m *matcher) union(s slot) []int32 {
	if len(s.choices) == 1 {
		return m.x.with(s.choices[0].word)
	}
	var all []int32
	for _, c := range s.choices {
		all = append(all, m.x.with(c.word)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// match says whether a text answers every slot, with the product of the
// qualities of the best choices and the weight of the words that answer.
func (m *matcher) match(text int32) (quality float64, weight int, choices []*choice, ok bool) {
	var chosen [64]*choice
	left := len(m.slots)
	for _, w := range m.x.of(text) {
		answers := m.of[w]
		if len(answers) > 0 {
			weight += weightOf(m.x.vocabulary[w])
		}
		for _, a := range answers {
			old := chosen[a.slot]
			if old == nil {
				left--
			}
			if old == nil || a.choice.quality > old.quality {
				chosen[a.slot] = a.choice
			}
		}
	}
	if left > 0 {
		return 0, 0, nil, false
	}
	quality = 1
	for _, c := range chosen[:len(m.slots)] {
		quality *= c.quality
	}
	return quality, weight, slices.Clone(chosen[:len(m.slots)]), true
}

// intersect returns what two ascending lists share.
func intersect(a, b []int32) []int32 {
	if len(a) > len(b) {
		a, b = b, a
	}
	var out []int32
	if len(a)*16 < len(b) { // look each one up
		for _, v := range a {
			i, ok := slices.BinarySearch(b, v)
			if b = b[i:]; ok {
				out = append(out, v)
			}
		}
		return out
	}
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0] == b[0]:
			out = append(out, a[0])
			a, b = a[1:], b[1:]
		case a[0] < b[0]:
			a = a[1:]
		default:
			b = b[1:]
		}
	}
	return out
}

package suggest

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestUnseenLists answers each development list without the rows of tables that
// it alone uses, as a list is answered that nobody has looked at. What only
// their author knew is lost with them, so this is a lower bound; it shows which
// kinds of evidence still hold.
func TestUnseenLists(t *testing.T) {
	if testing.Short() {
		t.Skip("answers every list by an engine of its own")
	}
	e := engine(t)
	set := judgements(t, e.tree, development)
	lists := map[string][]judged{}
	users := map[string]map[string]bool{} // lists, by what they use
	for _, j := range set {
		list := j.label.Dataset
		lists[list] = append(lists[list], j)
		for _, k := range e.uses(j.label.Name) {
			if users[k] == nil {
				users[k] = map[string]bool{}
			}
			users[k][list] = true
		}
	}
	var m measures
	for _, list := range slices.Sorted(maps.Keys(lists)) {
		ablated := e.without(func(k string) bool { return len(users[k]) == 1 && users[k][list] })
		m.answer(t, ablated, lists[list], &measures{})
	}
	m.log(t, ", each list without the rows that it alone uses")
	if m.all.wrong*100 > 2*m.all.above {
		t.Errorf("%d of %d answers above the threshold wrong: want 2 %% at most", m.all.wrong, m.all.above)
	}
}

// uses are the keys of the tables that a label's name may be looked up by.
func (e *Engine) uses(name string) []string {
	var out []string
	texts := append(e.words.readings(name), e.words.loose(name, e.words.readings)...)
	for _, r := range append(texts, reading{text: name}) {
		for _, s := range e.spellings(r.text) {
			out = append(out, s.key, sorted(s.key))
		}
		for _, language := range e.words.order {
			words, _ := e.words.words(language, r.text)
			for n := 1; n <= e.words.languages[language].longest; n++ {
				for i := 0; i+n <= len(words); i++ {
					out = append(out, strings.Join(words[i:i+n], " "))
				}
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// without is an engine whose tables lack some rows.
func (e *Engine) without(lacks func(key string) bool) *Engine {
	v := e.words
	gone := func(k string, _ meaning) bool { return lacks(k) }
	ablated := &vocabulary{
		languages: map[string]*lexicon{}, pinyin: v.pinyin, order: v.order, contexts: maps.Clone(v.contexts), parcels: maps.Clone(v.parcels), shorts: maps.Clone(v.shorts), cortex: maps.Clone(v.cortex),
		known: v.known, starts: v.starts, remarks: v.remarks, divisions: v.divisions, qualities: v.qualities, generic: v.generic, foreign: v.foreign,
	}
	maps.DeleteFunc(ablated.contexts, func(k string, _ []placed) bool { return lacks(k) })
	maps.DeleteFunc(ablated.parcels, gone)
	maps.DeleteFunc(ablated.shorts, gone)
	maps.DeleteFunc(ablated.cortex, func(k, _ string) bool { return lacks(k) })
	for language, l := range v.languages {
		ablated.languages[language] = l
		lost := false
		for k := range l.phrases {
			lost = lost || lacks(k)
		}
		if !lost {
			continue
		}
		less := *l
		less.phrases = maps.Clone(l.phrases)
		maps.DeleteFunc(less.phrases, func(k, _ string) bool { return lacks(k) })
		less.learnStems()
		ablated.languages[language] = &less
	}
	return e.With(func(e *Engine) { e.words, e.memory = ablated, &memory{} })
}

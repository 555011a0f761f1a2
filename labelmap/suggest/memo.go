package suggest

import (
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
)

// memo remembers what was worked out while a list is answered: its labels repeat
// words, and a label is read in ways that differ little. It forgets what was not
// asked for lately. What it gives is shared, and must not be changed. It is safe
// for concurrent use.
type memo[K comparable, V any] struct {
	mu          sync.Mutex
	lately, ago map[K]V
}

// mostKept is how much is remembered since the last forgetting.
const mostKept = 1 << 14

// of is work(key), or what it was before.
func (m *memo[K, V]) of(key K, work func(K) V) V {
	if v, ok := m.get(key); ok {
		return v
	}
	v := work(key)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(key, v)
	return v
}

func (m *memo[K, V]) get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok := m.lately[key]; ok {
		return v, true
	}
	v, ok := m.ago[key]
	if ok {
		m.keep(key, v)
	}
	return v, ok
}

func (m *memo[K, V]) keep(key K, v V) {
	if m.lately == nil || len(m.lately) >= mostKept {
		m.lately, m.ago = map[K]V{}, m.lately
	}
	m.lately[key] = v
}

// memory is what one call of Suggest remembers.
type memory struct {
	searches  memo[search, []graph.Hit]
	readings  memo[string, []reading]
	spelt     memo[string, []spelling]
	pointless memo[string, string]
}

type search struct {
	text  string
	limit int
}

// search is the tree's.
func (e *Engine) search(text string, limit int) []graph.Hit {
	text = strings.ReplaceAll(text, "_", " ") // which search reads alike
	return e.memory.searches.of(search{text, limit}, func(s search) []graph.Hit {
		hits := e.tree.Search(s.text, s.limit)
		for i := range hits {
			hits[i].Reasons = slices.Clip(hits[i].Reasons) // to append to one is to copy it
		}
		return hits
	})
}

// readings are the vocabulary's.
func (e *Engine) readings(name string) []reading {
	return e.memory.readings.of(name, e.words.readings)
}

// pointless says why a text means no structure; empty if it may mean one.
func (e *Engine) pointless(text string) string { return e.memory.pointless.of(text, pointless) }

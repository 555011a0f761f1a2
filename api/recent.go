package api

import "sync"

// recent keeps values that were asked for lately, up to twice a weight: when the
// newer half is full it becomes the older one, and what nobody asked for since is
// forgotten. So a stranger's many new keys do not push out what others use all
// the time. It is safe for concurrent use; the values are shared.
type recent[K comparable, V any] struct {
	most   int // weight of each half
	weight func(k K, v V) int

	mu           sync.RWMutex
	newer, older map[K]V
	sum          int // weight of the newer half
}

func newRecent[K comparable, V any](most int, weight func(k K, v V) int) *recent[K, V] {
	return &recent[K, V]{most: most, weight: weight, newer: map[K]V{}}
}

func (r *recent[K, V]) find(k K) (V, bool) {
	r.mu.RLock()
	v, ok := r.newer[k]
	if !ok {
		if v, ok = r.older[k]; ok {
			r.mu.RUnlock()
			r.keep(k, v)
			return v, true
		}
	}
	r.mu.RUnlock()
	return v, ok
}

// keep keeps a value; one that weighs more than a half is not kept.
func (r *recent[K, V]) keep(k K, v V) {
	w := r.weight(k, v)
	if w > r.most {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, known := r.newer[k]; known {
		return
	}
	if r.sum+w > r.most {
		r.older, r.newer, r.sum = r.newer, make(map[K]V, len(r.newer)), 0
	}
	r.newer[k] = v
	r.sum += w
}

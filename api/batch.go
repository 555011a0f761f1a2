package api

import (
	"context"
	"slices"
	"sync"
)

// loader gathers what the fields of a level want of a store, and asks for all of
// it together. Nothing is asked for twice in one request.
type loader[K comparable, V any] struct {
	mu      sync.Mutex
	waiting []K
	found   map[K]V
}

func (l *loader[K, V]) want(k K) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.found[k]; !known && !slices.Contains(l.waiting, k) {
		l.waiting = append(l.waiting, k)
	}
}

// load returns what was wanted; the first to ask asks for all that wait.
func (l *loader[K, V]) load(ctx context.Context, k K, fetch func(ctx context.Context, keys []K) (map[K]V, error)) (V, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.waiting) > 0 {
		found, err := fetch(ctx, l.waiting)
		if err != nil {
			var none V
			return none, err
		}
		if l.found == nil {
			l.found = make(map[K]V, len(l.waiting))
		}
		for _, one := range l.waiting {
			l.found[one] = found[one]
		}
		l.waiting = nil
	}
	return l.found[k], nil
}

// later gives a field's value when all fields of its level have asked.
func later[K comparable, V any](ctx context.Context, s *Service, l *loader[K, V], k K,
	fetch func(ctx context.Context, keys []K) (map[K]V, error), give func(v V) (any, error),
) (any, error) {
	l.want(k)
	return func() (any, error) {
		v, err := l.load(ctx, k, fetch)
		if err == nil {
			var value any
			if value, err = give(v); err == nil {
				return value, nil
			}
		}
		panic(s.late(ctx, err))
	}, nil
}

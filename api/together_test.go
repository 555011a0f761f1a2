package api_test

import (
	"fmt"
	"sync"
	"testing"
)

// graphql-go builds an enum's lookup tables at its first use and without a lock;
// the race detector sees first requests that come together, unless the tables
// are there before.
func TestFirstRequestsTogether(t *testing.T) {
	s := start(t, nil)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if a := s.ask(`{resolve(query: "heart", modality: CT) {terms {status} calls {modality}}}`); len(a.Errors) > 0 {
				t.Errorf("got %v", a.Errors)
			}
		})
	}
	wg.Wait()
}

// A query that was answered before is answered alike, also by many at once and
// after more queries than are kept.
func TestTheSameQueryAgain(t *testing.T) {
	s := start(t, nil)
	query := func(alias string) string { return `query Q($id: ID!) {` + alias + `: term(id: $id) {id}}` }
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 300 {
				alias := fmt.Sprintf("t%d", i)
				for _, id := range []string{"T:2", "T:3"} {
					a := s.ask(query(alias), map[string]any{"id": id})
					if term, ok := a.Data[alias].(map[string]any); !ok || term["id"] != id {
						t.Errorf("%s of %s: %v, %v", alias, id, a.Data, a.Errors)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

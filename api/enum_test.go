package api_test

import (
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

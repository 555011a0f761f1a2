package build

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

// What is at work stays within the budget, unless one scan alone is larger; all
// get their turn, and who waits can be called off.
func TestAdmission(t *testing.T) {
	a := &admission{budget: 100}
	var now, most, alone atomic.Int64
	var group sync.WaitGroup
	for i := range 200 {
		bytes := int64(i%7) * 20 // of which 120 is too large
		group.Go(func() {
			leave, err := a.enter(t.Context(), bytes)
			if err != nil {
				t.Error(err)
				return
			}
			total := now.Add(bytes)
			for {
				was := most.Load()
				if total <= was || bytes > a.budget || most.CompareAndSwap(was, total) {
					break
				}
			}
			if bytes > a.budget && total != bytes {
				alone.Add(1)
			}
			now.Add(-bytes)
			leave()
		})
	}
	group.Wait()
	if most.Load() > 100 || alone.Load() > 0 || a.taken != 0 || a.work != 0 {
		t.Errorf("at most %d at once, %d large ones beside others, %d kept", most.Load(), alone.Load(), a.taken)
	}
	leave, _ := a.enter(t.Context(), 100)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := a.enter(ctx, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("called off: %v", err)
	}
	leave()
}

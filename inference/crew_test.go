package inference

import (
	"sync/atomic"
	"testing"
)

// The parts of a stage may run at the same time, those of the next only after
// them, whoever does the work.
func TestCrewKeepsTheOrderOfStages(t *testing.T) {
	for hands := range 4 {
		c := newCrew(hands)
		const stages, parts = 50, 7
		var ended [stages]atomic.Int32
		var waits []*stage
		for n := range stages {
			waits = append(waits, c.add(parts, func(int) {
				if n > 0 && ended[n-1].Load() != parts {
					t.Errorf("%d hands: stage %d begins before its time", hands, n)
				}
				ended[n].Add(1)
			}))
		}
		c.wait(waits[20])
		if ended[20].Load() != parts {
			t.Errorf("%d hands: a stage is waited for and has not ended", hands)
		}
		c.wait(c.add(0, nil))
		c.wait(nil)
		c.drain()
		if ended[stages-1].Load() != parts {
			t.Errorf("%d hands: not all is done", hands)
		}
		c.close()
	}
}

// What nobody has begun is left undone by an end before its time.
func TestCrewEndsBeforeItsTime(t *testing.T) {
	c := newCrew(2)
	began, release := make(chan struct{}), make(chan struct{})
	c.add(2, func(part int) {
		if part == 0 {
			close(began)
			<-release
		}
	})
	later := false
	c.add(1, func(int) { later = true })
	<-began
	ended := make(chan struct{})
	go func() { defer close(ended); c.close() }()
	for closed := false; !closed; {
		c.mu.Lock()
		closed = c.closed
		c.mu.Unlock()
	}
	close(release)
	<-ended
	if later {
		t.Error("a stage was begun after the end")
	}
}

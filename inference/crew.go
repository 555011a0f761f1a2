package inference

import "sync"

// crew does work beside the model: stages in the order in which they come, the
// parts of one stage at the same time. While a run's own goroutine waits for
// the crew it takes parts itself, so that no thread is idle and none is too
// many.
type crew struct {
	mu     sync.Mutex
	change *sync.Cond // a stage came or ended
	stages []*stage
	closed bool
	hands  sync.WaitGroup
}

// stage is work in parts that need not wait for each other.
type stage struct {
	do          func(part int)
	parts, next int // next is the first part that nobody has taken
	left        int // parts that have not ended
}

// newCrew starts a crew of some goroutines; with none, all is done by those who
// wait for it.
func newCrew(hands int) *crew {
	c := &crew{}
	c.change = sync.NewCond(&c.mu)
	for range hands {
		c.hands.Go(func() {
			c.mu.Lock()
			defer c.mu.Unlock()
			for !c.closed {
				if !c.take() {
					c.change.Wait()
				}
			}
		})
	}
	return c
}

// add hands over a stage. do must not wait for the crew.
func (c *crew) add(parts int, do func(part int)) *stage {
	s := &stage{do: do, parts: parts, left: parts}
	if parts == 0 {
		return s
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stages = append(c.stages, s)
	c.change.Broadcast()
	return s
}

// take does one part of the first stage; false where all are taken.
func (c *crew) take() bool {
	if len(c.stages) == 0 || c.stages[0].next == c.stages[0].parts {
		return false
	}
	s := c.stages[0]
	part := s.next
	s.next++
	c.mu.Unlock()
	s.do(part)
	c.mu.Lock()
	if s.left--; s.left == 0 && len(c.stages) > 0 { // none where the crew is closed
		c.stages = c.stages[1:]
		c.change.Broadcast()
	}
	return true
}

// wait returns when a stage has ended; nil is none.
func (c *crew) wait(s *stage) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for s != nil && s.left > 0 {
		if !c.take() {
			c.change.Wait()
		}
	}
}

// drain returns when all stages have ended.
func (c *crew) drain() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.stages) > 0 {
		if !c.take() {
			c.change.Wait()
		}
	}
}

// close ends the crew; parts that nobody has taken are not done.
func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	c.stages = nil
	c.change.Broadcast()
	c.mu.Unlock()
	c.hands.Wait()
}

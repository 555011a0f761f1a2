package sysmem

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// leastGCPercent is the garbage that a large heap may hold at least, in percent of
// what lives.
const leastGCPercent = 50

// PaceGC lets a small heap grow by most percent between collections, as a service
// that makes much garbage of little wants it, and a larger one by so many bytes of
// garbage: by most percent of a heap that thousands of connections have made large,
// the process would hold several times what it needs. Whoever sets another percentage
// meanwhile is left alone until they have put it back. Call stop to end it; the
// percentage stays as it is then.
func PaceGC(most int, garbage int64) (stop func()) {
	p := &pacer{most: most, garbage: garbage}
	debug.SetGCPercent(most)
	p.set = most
	p.again()
	return func() { p.stopped.Store(true) }
}

type pacer struct {
	most    int
	garbage int64
	set     int // the percentage that it set last
	stopped atomic.Bool
}

// again has the percentage looked at after the next collection, which finds the new
// object to be in no use.
func (p *pacer) again() {
	type sentinel struct{ _ [16]byte } // not one of the tiny objects that share a block
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		if p.stopped.Load() {
			return
		}
		p.adjust()
		p.again()
	})
}

// adjust sets the percentage that what lives now calls for.
func (p *pacer) adjust() {
	samples := []metrics.Sample{{Name: "/gc/gogc:percent"}, {Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/stack:bytes"}, {Name: "/gc/scan/globals:bytes"}}
	metrics.Read(samples)
	if samples[0].Value.Uint64() != uint64(p.set) { //nolint:gosec // what was set is no less than zero
		return // somebody else's, for a while
	}
	counted := uint64(1)
	for _, s := range samples[1:] {
		counted += s.Value.Uint64()
	}
	percent := int(min(float64(p.most), max(leastGCPercent, 100*float64(p.garbage)/float64(counted))))
	const worth = 5 // to set it stops the program for a moment
	if percent > p.set+worth || percent < p.set-worth || percent != p.set && percent == p.most {
		debug.SetGCPercent(percent)
		p.set = percent
	}
}

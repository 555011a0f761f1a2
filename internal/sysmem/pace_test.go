package sysmem_test

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"testing"
	"time"

	"satgraph/internal/sysmem"
)

func percent() int {
	sample := []metrics.Sample{{Name: "/gc/gogc:percent"}}
	metrics.Read(sample)
	return int(sample[0].Value.Uint64())
}

// becomes waits until the percentage is one that ok likes, collecting meanwhile.
func becomes(t *testing.T, what string, ok func(percent int) bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if ok(percent()) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%s: the heap may grow by %d percent", what, percent())
}

func TestPaceGC(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(100))
	defer sysmem.PaceGC(400, 32<<20)()
	becomes(t, "a small heap", func(p int) bool { return p == 400 })
	held := make([]byte, 32<<20)
	becomes(t, "a heap of 32 MiB", func(p int) bool { return p > 70 && p <= 100 })
	more := make([]byte, 256<<20)
	becomes(t, "a heap of 288 MiB", func(p int) bool { return p == 50 })
	runtime.KeepAlive(more)
	before := debug.SetGCPercent(25)
	for range 5 {
		runtime.GC()
		time.Sleep(10 * time.Millisecond)
	}
	if p := percent(); p != 25 {
		t.Errorf("what somebody else set became %d", p)
	}
	debug.SetGCPercent(before)
	runtime.KeepAlive(held)
	becomes(t, "a small heap again", func(p int) bool { return p == 400 })
}

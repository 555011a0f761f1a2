// Package parallel spreads loops over processors.
package parallel

import (
	"runtime"
	"sync"
)

// For calls f for 0..n-1, spread over threads; 0 means all processors.
func For(n, threads int, f func(i int)) {
	if threads <= 0 {
		threads = runtime.GOMAXPROCS(0)
	}
	threads = min(threads, n)
	var wg sync.WaitGroup
	for t := range threads {
		wg.Go(func() {
			for i := t; i < n; i += threads {
				f(i)
			}
		})
	}
	wg.Wait()
}

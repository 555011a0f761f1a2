// Tree measures what reading the anatomy tree costs at three sizes: the built-in
// tree, and trees of 50,000 and 500,000 terms made from its words. Each size runs
// in a process of its own, so that its memory is its own.
//
//	go run ./bench/tree
//
// What the columns are is printed under the table.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/store/sqlite"
)

// figures is what one size costs.
type figures struct {
	Terms, Relations, Texts int

	Load       build // open the store, read it, index the tree
	LoadMB     int   // largest resident memory until then
	SearchMB   int   // largest resident memory at the end
	HeapMB     int   // what is in use then
	FirstNames build // first Lookup: index of names
	FirstWords build // first Search: index of words

	Subtree, ByName  times
	Search, Misspelt times
}

// times are a median and a 99th percentile.
type times struct{ P50, P99 time.Duration }

func main() {
	size := flag.Int("size", 0, "measure one size in this process and print JSON (what the program runs itself with)")
	store := flag.String("store", "", "the store to measure, with -size")
	sizes := flag.String("sizes", "6502,50000,500000", "sizes to measure")
	dir := flag.String("dir", "", "folder to make the stores in and to leave them (default: a temporary one)")
	flag.Parse()
	var err error
	if *size > 0 {
		err = child(context.Background(), *store)
	} else {
		err = parent(context.Background(), *sizes, *dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench/tree:", err)
		os.Exit(1)
	}
}

// parent makes a store of each size and measures it in a child.
func parent(ctx context.Context, sizes, dir string) error {
	if dir == "" {
		temporary, err := os.MkdirTemp("", "bench-tree-")
		if err != nil {
			return err
		}
		defer os.RemoveAll(temporary) //nolint:errcheck // a temporary folder
		dir = temporary
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var all []figures
	for field := range strings.SplitSeq(sizes, ",") {
		size, err := strconv.Atoi(field)
		if err != nil || size <= 0 {
			return fmt.Errorf("-sizes %q: want numbers", sizes)
		}
		path := filepath.Join(dir, field+".db")
		if _, err := os.Stat(path); err != nil {
			fmt.Fprintf(os.Stderr, "making a tree of %d terms\n", size)
			if err := makeStore(ctx, path, size); err != nil {
				return err
			}
		}
		debug.FreeOSMemory()
		cmd := exec.CommandContext(ctx, self, "-size", field, "-store", path) //nolint:gosec // this program
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			return fmt.Errorf("size %d: %w", size, err)
		}
		var f figures
		if err := json.Unmarshal(out, &f); err != nil {
			return err
		}
		all = append(all, f)
	}
	table(all)
	return nil
}

func makeStore(ctx context.Context, path string, size int) error {
	source, err := builtin.Snapshot()
	if err != nil {
		return err
	}
	snapshot := source
	if size != len(source.Terms) {
		snapshot = grow(source, size)
	}
	s, err := sqlite.Open(ctx, path, sqlite.Options{Seed: func() (*graph.Snapshot, error) { return snapshot, nil }})
	if err != nil {
		return err
	}
	return s.Close()
}

// child measures one store.
func child(ctx context.Context, path string) error {
	var f figures
	var tree *graph.Tree
	var err error
	f.Load = timed(func() { tree, err = load(ctx, path) })
	if err != nil {
		return err
	}
	f.LoadMB = peakMB()
	f.Terms, f.Relations = tree.Len(), len(tree.Relations())
	for i := range tree.Terms() {
		f.Texts += 1 + len(tree.Terms()[i].Synonyms)
	}
	runtime.GC()
	subtrees(tree, &f)
	f.FirstNames = timed(func() { tree.Lookup("heart") })
	f.FirstWords = timed(func() { tree.Search("heart", 1) })
	plain, misspelt := queries(tree)
	f.Search = measure(plain, func(q string) { tree.Search(q, 20) })
	f.Misspelt = measure(misspelt, func(q string) { tree.Search(q, 20) })
	f.SearchMB = peakMB()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	f.HeapMB = int(m.HeapAlloc >> 20)
	runtime.KeepAlive(tree)
	return json.NewEncoder(os.Stdout).Encode(f)
}

func load(ctx context.Context, path string) (*graph.Tree, error) {
	s, err := sqlite.Open(ctx, path, sqlite.Options{})
	if err != nil {
		return nil, err
	}
	snapshot, err := s.Load(ctx)
	if err := errors.Join(err, s.Close()); err != nil {
		return nil, err
	}
	return snapshot.Tree()
}

// subtrees measures subtrees of about 1,000 terms, as they are walked and as a
// list of ids by name.
func subtrees(tree *graph.Tree, f *figures) {
	const want = 1000
	var roots []string
	for i := 0; i < tree.Len() && len(roots) < 300; i += max(1, tree.Len()/20000) {
		id := tree.Terms()[i].ID
		n := len(tree.Subtree(id, -1))
		if n >= want*8/10 && n <= want*12/10 {
			roots = append(roots, id)
		}
	}
	if len(roots) == 0 {
		return
	}
	f.Subtree = measure(repeat(roots, 2000), func(id string) { tree.Subtree(id, -1) })
	f.ByName = measure(repeat(roots, 2000), func(id string) { tree.SortByName(tree.Descendants(id)) })
}

func repeat(list []string, n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = list[i%len(list)]
	}
	return out
}

// measure calls f with each argument and gives the percentiles of what the calls
// took of the thread's CPU time, which is what they take on an idle machine.
func measure(list []string, f func(string)) times {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	took := make([]time.Duration, len(list))
	for i, x := range list {
		start := cpuTime(unix.CLOCK_THREAD_CPUTIME_ID)
		f(x)
		took[i] = cpuTime(unix.CLOCK_THREAD_CPUTIME_ID) - start
	}
	slices.Sort(took)
	return times{took[len(took)/2], took[len(took)*99/100]}
}

// cpuTime reads one of the clocks of CPU time.
func cpuTime(clock int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(clock, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// build is what a piece of work took: on the clock, and of all CPUs.
type build struct{ Wall, CPU time.Duration }

func timed(f func()) build {
	wall, cpu := time.Now(), cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID)
	f()
	return build{time.Since(wall), cpuTime(unix.CLOCK_PROCESS_CPUTIME_ID) - cpu}
}

// peakMB is the largest resident memory of this process so far.
func peakMB() int {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0
	}
	defer f.Close() //nolint:errcheck // read only
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			kb, _ := strconv.Atoi(strings.Fields(rest)[0])
			return kb >> 10
		}
	}
	return 0
}

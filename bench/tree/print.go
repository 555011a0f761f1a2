package main

import (
	"fmt"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

func table(all []figures) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cell func(f figures) string) {
		_, _ = fmt.Fprintf(w, "%s\t", name)
		for _, f := range all {
			_, _ = fmt.Fprintf(w, "%s\t", cell(f))
		}
		_, _ = fmt.Fprintln(w)
	}
	d := func(t time.Duration) string {
		switch {
		case t >= time.Second:
			return fmt.Sprintf("%.2f s", t.Seconds())
		case t >= 10*time.Millisecond:
			return fmt.Sprintf("%.0f ms", float64(t)/1e6)
		default:
			return fmt.Sprintf("%.3f ms", float64(t)/1e6)
		}
	}
	both := func(b build) string { return d(b.Wall) + " / " + d(b.CPU) }
	pair := func(t times) string { return d(t.P50) + " / " + d(t.P99) }
	fmt.Printf("%s, %d cores, %s, %s\n\n", cpu(), runtime.NumCPU(), runtime.Version(), time.Now().Format(time.DateOnly))
	row("terms", func(f figures) string { return fmt.Sprint(f.Terms) })
	row("relations", func(f figures) string { return fmt.Sprint(f.Relations) })
	row("names and synonyms", func(f figures) string { return fmt.Sprint(f.Texts) })
	row("load from SQLite, clock / CPU", func(f figures) string { return both(f.Load) })
	row("memory, tree loaded", func(f figures) string { return fmt.Sprintf("%d MB", f.LoadMB) })
	row("subtree of 1,000, p50 / p99", func(f figures) string { return pair(f.Subtree) })
	row("its ids by name, p50 / p99", func(f figures) string { return pair(f.ByName) })
	row("first lookup, clock / CPU", func(f figures) string { return both(f.FirstNames) })
	row("first search, clock / CPU", func(f figures) string { return both(f.FirstWords) })
	row("search, p50 / p99", func(f figures) string { return pair(f.Search) })
	row("misspelt search, p50 / p99", func(f figures) string { return pair(f.Misspelt) })
	row("memory, all indexes", func(f figures) string { return fmt.Sprintf("%d MB", f.SearchMB) })
	row("of it in use", func(f figures) string { return fmt.Sprintf("%d MB", f.HeapMB) })
	_ = w.Flush()
	fmt.Print(`
Load: open the store, read and check it, index the tree. Memory: the largest
resident set of the process so far, and what the tree and its indexes take. The
first lookup and the first search build their indexes. Subtrees and searches
(2,000 each, 20 hits at most; the misspelt ones have a wrong letter in one or two
words) are in CPU time of their thread, which is what they take on an idle
machine.
`)
}

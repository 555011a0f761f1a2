// Corpus measures reading, checking and indexing a scan list against Python's
// standard library, which reads and indexes the same list without checking it, in
// one run.
//
//	bench/corpus/run.sh scans.jsonl.gz
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
)

func main() {
	rounds := flag.Int("n", 5, "rounds; the median counts")
	peer := flag.String("peer", "bench/corpus/peer.py", "the peer's program")
	python := flag.String("python", "python3", "what runs it")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: bench/corpus/run.sh [-n ROUNDS] SCANS")
		os.Exit(2)
	}
	if err := race(context.Background(), flag.Arg(0), *python, *peer, *rounds); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func race(ctx context.Context, list, python, peer string, rounds int) error {
	var ours, theirs, stats []time.Duration
	rows := 0
	for range rounds {
		began := time.Now()
		c, err := catalog.Builtin() // parsed in the first round
		if err != nil {
			return err
		}
		x, err := corpus.ReadList(ctx, list, c)
		if err != nil {
			return err
		}
		ours = append(ours, time.Since(began))
		rows = x.Len()
		classes, err := catalog.Classes()
		if err != nil {
			return err
		}
		began = time.Now()
		x.Stats(classes, corpus.Options{})
		x.Findings()
		stats = append(stats, time.Since(began))
		out, err := exec.CommandContext(ctx, python, peer, list).Output() //nolint:gosec // the user names the program
		if err != nil {
			return err
		}
		seconds, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			return err
		}
		theirs = append(theirs, time.Duration(seconds*float64(time.Second)))
	}
	first := ours[0]
	a, b := median(ours), median(theirs)
	fmt.Printf("%d rows read, checked and indexed: %v (with the 72 records, first round: %v)\n", rows, a.Round(time.Millisecond), first.Round(time.Millisecond))
	fmt.Printf("counted, and looked through for what is odd: %v\n", median(stats).Round(time.Millisecond))
	fmt.Printf("Python's json and gzip, read and indexed, not checked: %v; ratio %.1f\n", b.Round(time.Millisecond), b.Seconds()/a.Seconds())
	return nil
}

func median(d []time.Duration) time.Duration {
	slices.Sort(d)
	return d[len(d)/2]
}

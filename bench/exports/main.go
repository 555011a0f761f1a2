// Command exports measures the exports of a corpus: how many scans and MB a second
// each format takes with one worker and with two, beside a plain program of the
// format's own world (nibabel, NumPy, highdicom) and beside copying the files.
// run.sh runs it; the figures belong to one run on one machine and are never
// tested for.
//
//	exports make DIR                      builds a corpus, and what the peers read of it
//	exports export FORMAT CORPUS OUT N    exports it with N workers
//	exports copy FROM OUT                 copies a folder's files, each seen to disk
//	exports race DIR PYTHON PEER.PY       lets all of them do it in turn
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"syscall"
	"time"

	"satgraph/datasets/build/view"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/export/bids"
	"satgraph/datasets/export/croissant"
	"satgraph/datasets/export/dicomseg"
	"satgraph/datasets/export/index"
	"satgraph/datasets/export/labelmaps"
	"satgraph/datasets/export/monai"
	"satgraph/datasets/export/nnunet"
	"satgraph/datasets/export/sat"
	"satgraph/internal/sysmem"
	"satgraph/volume"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "exports:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: exports make DIR | export FORMAT CORPUS OUT WORKERS | copy FROM OUT | race DIR PYTHON PEER.PY")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch mode := args[0]; {
	case mode == "make" && len(args) == 2:
		debug.SetGCPercent(25)
		return makeInputs(ctx, args[1])
	case mode == "export" && len(args) == 5:
		return exportOnce(ctx, args[1], args[2], args[3], args[4])
	case mode == "copy" && len(args) == 3:
		return copyOnce(args[1], args[2])
	case mode == "race" && len(args) == 4:
		return race(ctx, args[1], args[2], args[3])
	}
	return errUsage
}

// formats are those of the command, in the order of its help.
var formats = map[string]func() export.Format{
	"sat":    func() export.Format { return sat.New(sat.Options{}) },
	"nnunet": func() export.Format { return nnunet.New(nnunet.Options{}) },
	"regions": func() export.Format {
		return nnunet.New(nnunet.Options{Settings: labelmaps.Settings{Overlap: export.Regions}})
	},
	"monai":     func() export.Format { return monai.New(labelmaps.Settings{}) },
	"croissant": func() export.Format { return croissant.New(croissant.Options{}) },
	"bids":      func() export.Format { return bids.New(bids.Options{}) },
	"dicomseg":  func() export.Format { return dicomseg.New("bench") },
	"index":     func() export.Format { return index.New() },
}

// cost is what one side took.
type cost struct {
	Seconds float64 `json:"seconds"`
	Work    float64 `json:"work"` // seconds of processor
	Peak    int64   `json:"peak"` // of resident memory, bytes
	Bytes   int64   `json:"bytes"`
}

func (c cost) print() error {
	_, c.Peak, _ = sysmem.Process()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return err
	}
	c.Work = time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	return json.NewEncoder(os.Stdout).Encode(c)
}

func exportOnce(ctx context.Context, name, corpus, out, workers string) error {
	n, err := strconv.Atoi(workers)
	if err != nil {
		return err
	}
	start := time.Now()
	records, err := catalog.Builtin()
	if err != nil {
		return err
	}
	c, err := view.Open(corpus, records)
	if err != nil {
		return err
	}
	c.Units = name != "sat"
	r, err := export.Run(ctx, formats[name](), c, export.Options{Dir: out, Format: name, Workers: n})
	if err != nil {
		return err
	}
	return cost{Seconds: time.Since(start).Seconds(), Bytes: r.Bytes}.print()
}

// copyOnce writes each file as an export does, which is as fast as the disk lets
// it.
func copyOnce(from, out string) error {
	start := time.Now()
	var c cost
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		to := filepath.Join(out, rel)
		if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
			return err
		}
		f, err := os.Open(path) //nolint:gosec // a folder of our own
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
		return volume.WriteAtomic(to, func(w io.Writer) error {
			n, err := io.Copy(w, f)
			c.Bytes += n
			return err
		})
	})
	c.Seconds = time.Since(start).Seconds()
	return errors.Join(err, c.print())
}

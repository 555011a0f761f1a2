// Command pipeline races the way from a scan to masks against plain PyTorch and
// MONAI: preparing a scan; stitching, restoring and writing 497 masks; and the
// whole way for 30 structures with the same weights. run.sh runs it; the figures
// belong to one run on one machine and are never tested for.
//
//	pipeline make DIR                 writes scans and logits
//	pipeline scan DIR                 writes the scan of the full size
//	pipeline queries BUNDLE OUT.npy   writes the embeddings of 30 prompts
//	pipeline prepare|stitch|whole …   does it once and prints the cost as JSON
//	pipeline race DIR PYTHON PEER.PY  lets both do each in turn
//	pipeline full DIR PYTHON PEER.PY  lets both go the whole way at full size
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"syscall"
	"time"

	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/internal/sysmem"
	"satgraph/volume"
)

func main() {
	debug.SetGCPercent(25) // as satgraph segment does
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pipeline:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: pipeline make DIR | scan DIR | queries BUNDLE OUT.npy | prepare SCAN | stitch SCAN TEMPLATES.npy CLASSES OUT | whole SCAN BUNDLE OUT | race DIR PYTHON PEER.PY | full DIR PYTHON PEER.PY")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch mode := args[0]; {
	case mode == "make" && len(args) == 2:
		return makeInputs(args[1])
	case mode == "queries" && len(args) == 3:
		return writeQueries(ctx, args[1], args[2])
	case mode == "prepare" && len(args) == 2:
		return prepareOnce(ctx, args[1])
	case mode == "stitch" && len(args) == 5:
		classes, err := strconv.Atoi(args[3])
		if err != nil {
			return err
		}
		return stitchOnce(ctx, args[1], args[2], classes, args[4])
	case mode == "whole" && len(args) == 4:
		return wholeOnce(ctx, args[1], args[2], args[3])
	case mode == "race" && len(args) == 4:
		return race(ctx, args[1], args[2], args[3])
	case mode == "full" && len(args) == 4:
		return full(ctx, args[1], args[2], args[3])
	case mode == "scan" && len(args) == 2:
		return volume.WriteImage(filepath.Join(args[1], "full.nii.gz"), scan(fullGrid), volume.Int16)
	}
	return errUsage
}

// cost is what one side took.
type cost struct {
	Seconds  float64 `json:"seconds"`
	Peak     int64   `json:"peak"` // of resident memory, bytes
	Voxels   int     `json:"voxels"`
	Forecast int64   `json:"forecast"` // of Peak; 0 on the other side
	Model    float64 `json:"model"`    // seconds within the model
	// Processor is seconds of processor time; 0 where it is not measured.
	Processor float64 `json:"processor"`

	before float64
}

func (c cost) print() error {
	_, c.Peak, _ = sysmem.Process()
	if start := c.before; start != 0 {
		c.Processor = processor() - start
	}
	return json.NewEncoder(os.Stdout).Encode(c)
}

// processor is the processor time of this process so far, in seconds.
func processor() float64 {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // only fails for a bad pointer
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// errEnough ends a run once the scan is prepared.
var errEnough = errors.New("prepared")

func prepareOnce(ctx context.Context, scan string) error {
	start := time.Now()
	im, err := volume.ReadImage(scan, volume.ReadOptions{})
	if err != nil {
		return err
	}
	m := newGiven(1, nil)
	_, err = inference.Run(ctx, m, im, inference.Prompts(inference.CT, m.man.Prompts[0].Name), inference.Options{
		Forecast: func(inference.Forecast) error { return errEnough },
	})
	if !errors.Is(err, errEnough) {
		return fmt.Errorf("it was not prepared: %w", err)
	}
	return cost{Seconds: time.Since(start).Seconds()}.print()
}

func stitchOnce(ctx context.Context, scan, templates string, classes int, out string) error {
	logits, err := readTemplates(templates)
	if err != nil {
		return err
	}
	im, err := volume.ReadImage(scan, volume.ReadOptions{})
	if err != nil {
		return err
	}
	m := newGiven(classes, logits)
	var names []string
	for _, p := range m.man.Prompts {
		names = append(names, p.Name)
	}
	return measure(ctx, m, im, names, out, time.Time{}, 0)
}

// measure runs a model; the clock starts at start, or where the scan is
// prepared if that is zero. before is the processor time until then.
func measure(ctx context.Context, m inference.Model, im *volume.Image, names []string, out string, start time.Time, before float64) error {
	c := cost{before: before}
	report, err := inference.Run(ctx, m, im, inference.Prompts(inference.CT, names...), inference.Options{
		Forecast: func(f inference.Forecast) error {
			c.Forecast = f.Peak
			if start.IsZero() {
				start = time.Now()
			}
			return nil
		},
		Sink: func(s *inference.StructureResult) error {
			c.Voxels += s.Voxels
			return volume.WriteBits(filepath.Join(out, s.File), s.Mask, im.Header)
		},
	})
	if err != nil {
		return err
	}
	c.Seconds, c.Model = time.Since(start).Seconds(), report.ModelSeconds
	if _, ok := m.(*given); ok {
		c.Forecast = 0 // it takes none of the memory that it tells of
	}
	return c.print()
}

func wholeOnce(ctx context.Context, scan, bundle, out string) error {
	m, err := onnx.Open(bundle, onnx.Options{Device: onnx.CPU})
	if err != nil {
		return err
	}
	defer m.Close() //nolint:errcheck // the process ends
	start, before := time.Now(), processor()
	im, err := volume.ReadImage(scan, volume.ReadOptions{})
	if err != nil {
		return err
	}
	return measure(ctx, m, im, wholePrompts(m), out, start, before)
}

// wholePrompts are 30 of the classes that a bundle knows in CT.
func wholePrompts(m inference.Model) (out []string) {
	for _, p := range m.Manifest().Prompts {
		if len(out) < 30 && slices.Contains(p.Modalities, inference.CT) {
			out = append(out, p.Name)
		}
	}
	return out
}

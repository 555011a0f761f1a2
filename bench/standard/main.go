// Command standard races the making of a corpus against MONAI and NumPy:
// standardising a scan with 104 classes, keeping and reading its masks; and
// measures a build of many scans. run.sh runs it; the figures belong to one run
// on one machine and are never tested for.
//
//	standard make DIR                  writes a scan, its labels, and scans to build
//	standard scan SCAN LABELS OUT      standardises one, as does one of
//	standard read|dense MASKS          reads masks
//	standard build TREE OUT            builds a corpus
//	standard race DIR PYTHON PEER.PY   lets both sides do each in turn
//	standard classes LABELS PYTHON PEER.PY  races reading single classes of a label map
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"time"

	"satgraph/datasets/build"
	"satgraph/datasets/masks"
	"satgraph/datasets/standard"
	"satgraph/internal/sysmem"
	"satgraph/volume"
)

func main() {
	debug.SetGCPercent(25) // as satgraph corpus build does
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standard:", err)
		os.Exit(1)
	}
}

var errUsage = errors.New("usage: standard make DIR | scan SCAN LABELS OUT | read|dense MASKS | build TREE OUT | race DIR PYTHON PEER.PY | classes LABELS PYTHON PEER.PY")

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	switch mode := args[0]; {
	case mode == "make" && len(args) == 2:
		return makeInputs(args[1])
	case mode == "scan" && len(args) == 4:
		return scanOnce(ctx, args[1], args[2], args[3])
	case (mode == "read" || mode == "dense") && len(args) == 2:
		return readOnce(mode, args[1])
	case mode == "build" && len(args) == 3:
		return buildOnce(ctx, args[1], args[2])
	case mode == "race" && len(args) == 4:
		return race(ctx, args[1], args[2], args[3])
	case mode == "classes" && len(args) == 4:
		return raceClasses(ctx, args[1], args[2], args[3])
	}
	return errUsage
}

// cost is what one side took.
type cost struct {
	Seconds float64 `json:"seconds"`
	Peak    int64   `json:"peak"` // of resident memory, bytes
	Voxels  int     `json:"voxels,omitempty"`
	Bytes   int64   `json:"bytes,omitempty"`
	Scans   int     `json:"scans,omitempty"`
	Busy    float64 `json:"busy,omitempty"`   // share of the processors' time
	Wanted  float64 `json:"wanted,omitempty"` // the same, waiting for one included
}

func (c cost) print() error {
	_, c.Peak, _ = sysmem.Process()
	return json.NewEncoder(os.Stdout).Encode(c)
}

func scanOnce(ctx context.Context, scan, labels, out string) error {
	start := time.Now()
	s := &pair{image: scan, labels: labels}
	v, err := s.Read(ctx)
	if err != nil {
		return err
	}
	std, err := standard.New(ctx, v.Image, true, standard.SAT(), runtime.GOMAXPROCS(0))
	if err != nil {
		return err
	}
	v.Image = nil // lets its memory go
	if _, err := std.Write(out, s.Origin(), func(add func(string, *volume.Bits) error) error { return s.Masks(ctx, add) }); err != nil {
		return err
	}
	return cost{Seconds: time.Since(start).Seconds()}.print()
}

// readOnce reads all classes as they are held, or each as a byte for every
// voxel of the grid.
func readOnce(mode, path string) error {
	start := time.Now()
	f, err := masks.Open(path, masks.Options{})
	if err != nil {
		return err
	}
	var c cost
	var dense masks.Dense
	kept := make([]*volume.Bits, 0, len(f.Classes()))
	for _, class := range f.Classes() {
		switch mode {
		case "read":
			m, err := f.Read(class.Name)
			if err != nil {
				return err
			}
			kept = append(kept, m)
		case "dense":
			if err := f.ReadDense(class.Name, &dense); err != nil {
				return err
			}
			c.Voxels += class.Voxels // the reader has counted them
		}
	}
	c.Seconds = time.Since(start).Seconds()
	for _, m := range kept {
		c.Voxels += m.Count()
	}
	return errors.Join(c.print(), f.Close())
}

// pair is a scan with a label map beside it, whose classes are its values.
type pair struct{ dataset, id, image, labels string }

func (p *pair) Origin() standard.Origin {
	return standard.Origin{Dataset: p.dataset, ID: p.id, Image: filepath.Base(p.image), Modality: "ct"}
}

func (p *pair) Read(context.Context) (*build.Voxels, error) {
	im, err := volume.ReadImage(p.image, volume.ReadOptions{})
	return &build.Voxels{Image: im}, err
}

func (p *pair) Masks(_ context.Context, add func(string, *volume.Bits) error) error {
	lm, err := volume.ReadLabelMap(p.labels, volume.ReadOptions{})
	if err != nil {
		return err
	}
	all := split(lm)
	for v := range classes {
		m := all[uint16(v+1)]
		if m == nil {
			m = volume.NewBits(lm.Grid)
		}
		if err := add(fmt.Sprintf("class %d", v+1), m); err != nil {
			return err
		}
	}
	return nil
}

// split gives the mask of every value in one pass.
func split(lm *volume.LabelMap) map[uint16]*volume.Bits {
	out := map[uint16]*volume.Bits{}
	n := 0
	for k := range lm.Shape[2] {
		for j := range lm.Shape[1] {
			row := lm.Data[n : n+lm.Shape[0]]
			n += lm.Shape[0]
			for i := 0; i < len(row); {
				v, from := row[i], i
				for i < len(row) && row[i] == v {
					i++
				}
				if v == 0 {
					continue
				}
				if out[v] == nil {
					out[v] = volume.NewBits(lm.Grid)
				}
				out[v].SetRun(from, i, j, k)
			}
		}
	}
	return out
}

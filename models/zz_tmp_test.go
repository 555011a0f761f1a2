package models_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"satgraph/datasets/catalog"
	"satgraph/graph/builtin"
	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/models"
	"satgraph/volume"
)

func TestTmpPhantom(t *testing.T) {
	s, _ := builtin.Snapshot()
	tree, _ := s.Tree()
	cs, _ := catalog.Classes()
	var classes []inference.Class
	for _, c := range cs {
		classes = append(classes, inference.Class{Name: c.Name, Modality: inference.Modality(c.Modality), TermID: c.TermID, Predicate: string(c.Predicate), Note: c.Reason})
	}
	r := inference.NewResolver(tree, classes)
	t0 := time.Now()
	m, err := models.OpenDemo(onnx.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	fmt.Println("open", time.Since(t0))
	dir := os.Getenv("PH")
	im, err := volume.ReadImage(filepath.Join(dir, "image.nii"), volume.ReadOptions{})
	if err != nil {
		im, err = volume.ReadImage(dir, volume.ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
	}
	lab, laberr := volume.ReadLabelMap(filepath.Join(dir, "tissues.nii"), volume.ReadOptions{})
	var meta struct{ Classes map[string][]uint16 }
	if b, err := os.ReadFile(filepath.Join(dir, "phantom.json")); err == nil {
		json.Unmarshal(b, &meta)
	}
	q := os.Getenv("Q")
	plan, err := r.Resolve(q, inference.CT)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := inference.Run(context.Background(), m, im, plan, inference.Options{Sink: func(s *inference.StructureResult) error {
		if laberr != nil {
			return nil
		}
		codes := map[uint16]bool{}
		for _, c := range s.Classes {
			for _, x := range meta.Classes[c] {
				codes[x] = true
			}
		}
		both, ref := 0, 0
		for i, v := range s.Mask.Data {
			if codes[lab.Data[i]] {
				ref++
				if v == 1 {
					both++
				}
			}
		}
		fmt.Printf("   dice %-40s %.3f\n", s.Term, 2*float64(both)/float64(ref+s.Voxels))
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rep.Structures {
		fmt.Printf("%-14s %-34s %-15s %8.1f mL %7d %.2fs %.150s\n", s.TermID, s.Term, s.Status, s.VolumeML, s.Voxels, s.Seconds, s.Reason)
	}
	var ms runtime.MemStats
	runtime.ReadMemStats(&ms)
	fmt.Println(im.Shape, rep.Windows, rep.Passes, rep.Seconds, "heap sys MB", ms.HeapSys>>20)
}

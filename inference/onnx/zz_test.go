package onnx

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"satgraph/inference"
)

func TestTmpSpeed(t *testing.T) {
	m, err := Open("/tmp/inf/demo2", Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := m.Manifest().Patch
	patch := make([]float32, p[0]*p[1]*p[2])
	for i := range patch {
		patch[i] = float32(i%97) / 50
	}
	var names []string
	for _, q := range m.Manifest().Prompts {
		names = append(names, q.Name)
	}
	q, _ := m.Encode(context.Background(), names, inference.CT)
	var a, b syscall.Rusage
	for range 3 {
		syscall.Getrusage(0, &a)
		t0 := time.Now()
		for range 5 {
			f, err := m.Features(context.Background(), patch)
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		t1 := time.Now()
		syscall.Getrusage(0, &b)
		cpu1 := b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano()
		f, _ := m.Features(context.Background(), patch)
		syscall.Getrusage(0, &a)
		t2 := time.Now()
		for range 5 {
			m.Decode(context.Background(), f, q)
		}
		syscall.Getrusage(0, &b)
		cpu2 := b.Utime.Nano() + b.Stime.Nano() - a.Utime.Nano() - a.Stime.Nano()
		fmt.Printf("features wall %v cpu %v; decode wall %v cpu %v\n", t1.Sub(t0)/5, time.Duration(cpu1/5), time.Since(t2)/5, time.Duration(cpu2/5))
	}
}

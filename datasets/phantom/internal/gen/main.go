// Temporary: makes a training pool.
package main

import (
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"

	"satgraph/datasets/phantom"
)

func nii(path string, shape [3]int, aff [4][4]float64, dtype, bits int16, body any) {
	h := make([]byte, 352)
	le := binary.LittleEndian
	le.PutUint32(h, 348)
	d := []int{3, shape[0], shape[1], shape[2], 1, 1, 1, 1}
	for i, v := range d {
		le.PutUint16(h[40+2*i:], uint16(v))
	}
	le.PutUint16(h[70:], uint16(dtype))
	le.PutUint16(h[72:], uint16(bits))
	pix := []float64{1, aff[0][0], aff[1][1], aff[2][2], 1, 1, 1, 1}
	for i, v := range pix {
		le.PutUint32(h[76+4*i:], math.Float32bits(float32(v)))
	}
	le.PutUint32(h[108:], math.Float32bits(352))
	le.PutUint32(h[112:], math.Float32bits(1))
	h[123] = 2
	le.PutUint16(h[254:], 1)
	for r := range 3 {
		for c := range 4 {
			le.PutUint32(h[280+16*r+4*c:], math.Float32bits(float32(aff[r][c])))
		}
	}
	copy(h[344:], "n+1\x00")
	f, err := os.Create(path)
	if err != nil {
		panic(err)
	}
	defer f.Close()
	f.Write(h)
	if err := binary.Write(f, le, body); err != nil {
		panic(err)
	}
}

func main() {
	o := flag.String("o", "", "")
	seed := flag.Uint64("seed", 1, "")
	count := flag.Int("count", 1, "")
	ver := flag.Int("version", 1, "")
	sp := flag.Float64("spacing", 4, "")
	crop := flag.Bool("product", false, "random FOV")
	flag.Parse()
	for s := *seed; s < *seed+uint64(*count); s++ {
		p, err := phantom.Generate(phantom.Options{Seed: s, Version: *ver, Spacing: *sp, FullFOV: !*crop})
		if err != nil {
			panic(err)
		}
		dir := filepath.Join(*o, fmt.Sprintf("phantom_%d", s))
		os.MkdirAll(dir, 0o755)
		im := make([]int16, len(p.Image.Data))
		for i, v := range p.Image.Data {
			im[i] = int16(v)
		}
		ts := make([]uint8, len(p.Tissues.Data))
		for i, v := range p.Tissues.Data {
			ts[i] = uint8(v)
		}
		nii(filepath.Join(dir, "image.nii"), p.Image.Shape, p.Image.Affine, 4, 16, im)
		nii(filepath.Join(dir, "tissues.nii"), p.Image.Shape, p.Image.Affine, 2, 8, ts)
		b, _ := json.MarshalIndent(map[string]any{"seed": s, "version": *ver, "phase": p.Phase, "view": p.View, "spacing": *sp, "tissues": p.Codes, "classes": p.Classes}, "", " ")
		os.WriteFile(filepath.Join(dir, "phantom.json"), b, 0o644)
		fmt.Println(dir, p.Image.Shape, p.Phase, p.View, p.Image.Orientation(), p.Image.Spacing())
	}
}

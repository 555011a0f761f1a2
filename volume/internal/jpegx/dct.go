package jpegx

import (
	"encoding/binary"
	"fmt"
	"math"
)

// zigzag gives the place of each coefficient in its block (T.81 figure A.6).
var zigzag = [64]int{
	0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
	12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
	35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
	58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
}

func (d *decoder) quantization(s []byte) error {
	for len(s) > 0 {
		size, n := int(s[0]>>4)+1, s[0]&15
		if size > 2 || n > 3 || len(s) < 1+64*size {
			return fmt.Errorf("%w: quantization table", ErrCorrupt)
		}
		for k := range 64 {
			v := int32(s[1+k*size])
			if size == 2 {
				v = int32(binary.BigEndian.Uint16(s[1+2*k:]))
			}
			d.quant[n][zigzag[k]] = v
		}
		s = s[1+64*size:]
	}
	return nil
}

// cosines is the matrix of the inverse transform (A.3.3).
var cosines = func() (c [8][8]float64) {
	for x := range 8 {
		for u := range 8 {
			c[x][u] = math.Cos(float64((2*x+1)*u)*math.Pi/16) / 2
		}
		c[x][0] /= math.Sqrt2
	}
	return c
}()

// sequential decodes blocks of the discrete cosine transform (Annex F).
func (d *decoder) sequential(dc, ac byte) error {
	im := d.im
	if dc > 3 || ac > 3 || d.huffman[0][dc] == nil || d.huffman[1][ac] == nil {
		return fmt.Errorf("%w: a Huffman table is missing", ErrCorrupt)
	}
	hd, ha, r := d.huffman[0][dc], d.huffman[1][ac], &bits{b: d.b, at: d.at}
	quant := &d.quant[d.tq]
	across, down := (im.Width+7)/8, (im.Height+7)/8
	previous := int32(0)
	for n := range across * down {
		if n > 0 && d.restart > 0 && n%d.restart == 0 {
			if err := r.next(); err != nil {
				return err
			}
			previous = 0
		}
		var block [64]float64
		category := r.decode(hd)
		if category < 0 || category > 15 {
			return fmt.Errorf("%w: no such code in block %d", ErrCorrupt, n)
		}
		previous += extend(r.take(int(category)), int(category))
		block[0] = float64(previous) * float64(quant[0])
		for k := 1; k < 64; k++ {
			rs := r.decode(ha)
			if rs < 0 {
				return fmt.Errorf("%w: no such code in block %d", ErrCorrupt, n)
			}
			run, size := int(rs>>4), int(rs&15)
			if size == 0 {
				if run < 15 {
					break
				}
				k += 15
				continue
			}
			if k += run; k > 63 {
				return fmt.Errorf("%w: too many coefficients in block %d", ErrCorrupt, n)
			}
			block[zigzag[k]] = float64(extend(r.take(size), size)) * float64(quant[zigzag[k]])
		}
		if r.ended() {
			return fmt.Errorf("%w: it ends in block %d of %d", ErrCorrupt, n, across*down)
		}
		d.place(&block, n%across*8, n/across*8)
	}
	return nil
}

// place transforms a block and puts its samples into the image.
func (d *decoder) place(block *[64]float64, x0, y0 int) {
	var half [64]float64
	for v := range 8 {
		for x := range 8 {
			sum := 0.0
			for u, c := range cosines[x] {
				sum += c * block[8*v+u]
			}
			half[8*v+x] = sum
		}
	}
	im := d.im
	level, most := float64(int(1)<<(im.Precision-1)), float64(int(1)<<im.Precision-1)
	for y := range min(8, im.Height-y0) {
		for x := range min(8, im.Width-x0) {
			sum := level
			for v, c := range cosines[y] {
				sum += c * half[8*v+x]
			}
			im.Data[(y0+y)*im.Width+x0+x] = int32(max(0, min(most, math.Round(sum))))
		}
	}
}

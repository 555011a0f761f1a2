package checkpoint

import (
	"fmt"

	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/checkpoint/torchfile"
)

// fused is the first convolution of a decoder stage over the upsampled x and
// the encoder's skip, without the upsampled map.
//
// Let y = 2i+p be a fine voxel's index along one axis, p its parity. Tap k of
// the 3-tap kernel reads the upsampled map at 2i+p+k-1, which is coarse voxel
// i+floor((p+k-1)/2) through tap (p+k-1) mod 2 of the transposed kernel. So for
// p=0 only coarse voxels i-1 and i are read, for p=1 only i and i+1, and the
// products of the two kernels add up to one 2-tap kernel for each parity. The
// transposed convolution's bias reaches every fine voxel inside the grid and
// none beyond its border; a channel of ones, padded with zeros, does the same.
//
// The grid is done in slabs of planes along its first axis; a slab reads the
// planes on its two sides too, where there are any.
func (b *builder) fused(x, skip string, stage, out, in, slabs int) string {
	first := decoderBlock(stage, 0)
	conv := b.from.take(first+".conv.weight", out, 2*out, kernel, kernel, kernel)
	up := b.from.take(upsampler(stage)+".weight", in, out, 2, 2, 2)
	upBias := b.from.take(upsampler(stage)+".bias", out)
	bias := b.weight(first+".conv.bias", out)
	if conv == nil || up == nil || upBias == nil {
		return ""
	}
	same := b.Weight(onnxfile.Weight{
		Name: first + ".conv.weight.skip", Dims: []int{out, out, kernel, kernel, kernel}, Half: b.half,
		Data: func() ([]float32, error) { return skipPart(conv) },
	})
	var parity [8]string
	for n := range parity {
		p := [3]int{n >> 2 & 1, n >> 1 & 1, n & 1}
		parity[n] = b.Weight(onnxfile.Weight{
			Name: fmt.Sprintf("%s.conv.weight.up%d%d%d", first, p[0], p[1], p[2]),
			Dims: []int{out, in + 1, 2, 2, 2}, Half: b.half,
			Data: func() ([]float32, error) { return compose(conv, up, upBias, p) },
		})
	}
	var planes string
	if slabs > 1 {
		planes = b.shape(x, 2, 3)
	}
	x = b.op("Pad", x, b.Ints(0, 0, 0, 0, 0, 0, 1, 0, 0, 0), b.Floats([]float32{1}))
	done := make([]string, slabs)
	for n := range done {
		s := b.slab(planes, n, slabs)
		var fine []string
		for n, w := range parity {
			p := [3]int{n >> 2 & 1, n >> 1 & 1, n & 1}
			read, before, behind := s.read(x, 1, 1-p[0], p[0])
			fine = append(fine, b.Node("Conv", []string{read, w},
				onnxfile.Attr{Name: "kernel_shape", Value: []int{2, 2, 2}},
				onnxfile.Attr{Name: "pads", Value: []int{before, 1 - p[1], 1 - p[2], behind, p[1], p[2]}}))
		}
		read, before, behind := s.read(skip, 2, 1, 1)
		beside := b.Node("Conv", []string{read, same, bias},
			onnxfile.Attr{Name: "kernel_shape", Value: []int{kernel, kernel, kernel}},
			onnxfile.Attr{Name: "pads", Value: []int{before, 1, 1, behind, 1, 1}})
		done[n] = b.op("Add", beside, b.op("Reshape", b.interleave(fine), b.op("Shape", beside)))
	}
	if slabs == 1 {
		return done[0]
	}
	return b.concat(2, done...)
}

// slab is one of some that a grid is cut into along its first axis.
type slab struct {
	b        *builder
	from, to string // planes of the coarse grid
	n, of    int
	reads    map[string]string
}

// slab is number n of several of a coarse grid of some planes.
func (b *builder) slab(planes string, n, of int) *slab {
	s := &slab{b: b, n: n, of: of, reads: map[string]string{}}
	if of > 1 {
		at := func(n int) string { return b.op("Div", b.op("Mul", planes, b.Ints(n)), b.Ints(of)) }
		s.from, s.to = at(n), at(n+1)
	}
	return s
}

// read gives the planes of x that lie in the slab, and some before and behind
// it. What of these is beyond the grid is to be padded. x has scale planes for
// each of the coarse grid.
func (s *slab) read(x string, scale, before, behind int) (part string, padBefore, padBehind int) {
	if s.n == 0 {
		before, padBefore = 0, before
	}
	if s.n == s.of-1 {
		behind, padBehind = 0, behind
	}
	if s.of == 1 {
		return x, padBefore, padBehind
	}
	b := s.b
	key := fmt.Sprint(x, before, behind)
	if s.reads[key] == "" {
		from := b.op("Sub", b.op("Mul", s.from, b.Ints(scale)), b.Ints(before))
		to := b.op("Add", b.op("Mul", s.to, b.Ints(scale)), b.Ints(behind))
		s.reads[key] = b.op("Slice", x, from, to, b.Ints(2))
	}
	return s.reads[key], padBefore, padBehind
}

// interleave puts the eight parities of a grid (1,C,h,w,d) in their places:
// the result, read as (1,C,2h,2w,2d), is the fine grid.
func (b *builder) interleave(parts []string) string {
	last := b.Ints(5)
	for i, p := range parts {
		parts[i] = b.op("Unsqueeze", p, last)
	}
	for axis := 5; axis >= 3; axis-- { // last axis d, then rows, then planes
		for i := range len(parts) / 2 {
			parts[i] = b.concat(axis, parts[2*i], parts[2*i+1])
		}
		parts = parts[:len(parts)/2]
	}
	return parts[0]
}

// skipPart is the kernel's half for the encoder's channels, which stand behind
// the upsampled ones.
func skipPart(conv *torchfile.Tensor) ([]float32, error) {
	w, err := conv.Float32()
	if err != nil {
		return nil, err
	}
	out, block := conv.Shape[0], kernel*kernel*kernel*conv.Shape[1]
	half := make([]float32, 0, len(w)/2)
	for o := range out {
		half = append(half, w[o*block+block/2:(o+1)*block]...)
	}
	return half, nil
}

// compose is the kernel (out, in+1, 2,2,2) of one parity.
func compose(conv, up, upBias *torchfile.Tensor, p [3]int) ([]float32, error) {
	w, err := conv.Float32()
	if err != nil {
		return nil, err
	}
	u, err := up.Float32()
	if err != nil {
		return nil, err
	}
	ub, err := upBias.Float32()
	if err != nil {
		return nil, err
	}
	in, mid, out := up.Shape[0], up.Shape[1], conv.Shape[0]
	const taps = kernel * kernel * kernel
	// The transposed kernel by tap, middle channel and input, the last being
	// the bias.
	byTap := make([][]float64, 8)
	for q := range byTap {
		byTap[q] = make([]float64, mid*(in+1))
		for m := range mid {
			row := byTap[q][m*(in+1):]
			for i := range in {
				row[i] = float64(u[(i*mid+m)*8+q])
			}
			row[in] = float64(ub[m])
		}
	}
	sums := make([]float64, 8*(in+1)) // by tap and input, of one output
	composed := make([]float32, out*(in+1)*8)
	for o := range out {
		clear(sums)
		for k := range taps {
			tap, q := composedTap([3]int{k / 9, k / 3 % 3, k % 3}, p)
			sum := sums[tap*(in+1) : (tap+1)*(in+1)]
			for m := range mid {
				f := float64(w[(o*conv.Shape[1]+m)*taps+k])
				for i, v := range byTap[q][m*(in+1) : (m+1)*(in+1)] {
					sum[i] += f * v
				}
			}
		}
		for tap := range 8 {
			for i := range in + 1 {
				composed[(o*(in+1)+i)*8+tap] = float32(sums[tap*(in+1)+i])
			}
		}
	}
	return composed, nil
}

// composedTap says which tap of the composed kernel, and which of the
// transposed one, a tap of the 3x3x3 kernel goes through.
func composedTap(k, p [3]int) (tap, transposed int) {
	for a := range 3 {
		at := p[a] + k[a] - 1 + 2 // not negative
		tap = tap<<1 | (at/2 - 1 + 1 - p[a])
		transposed = transposed<<1 | at%2
	}
	return tap, transposed
}

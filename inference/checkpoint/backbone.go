package checkpoint

import (
	"fmt"
	"math"

	"satgraph/inference/checkpoint/onnxfile"
)

// The U-Net as the checkpoint has it: every stage of the encoder but the first
// halves the grid in its first convolution; the decoder upsamples by a
// transposed convolution of kernel and stride 2, puts the encoder's stage
// behind on the channels, and convolves.
//
// At the two finest stages, where nearly all of the time and memory goes, the
// graph does the same sum in another order. A convolution of a concatenation is
// the sum of two convolutions. And a transposed convolution followed by a
// 3x3x3 one is, for each of the eight parities of a voxel, a 2x2x2 convolution
// of the coarse grid (fuse.go): a third of the multiplications, and neither the
// upsampled map nor the concatenation is ever in memory. At the finest it is
// done slab by slab, so that the eight parities and what becomes of them are
// never in memory as a whole: the graph needs no more than two maps of full
// resolution at a time, and a few slabs.

const (
	kernel     = 3 // of the U-Net's convolutions
	fusedCount = 2 // of the decoder's stages, from the finest on
	slabCount  = 8 // of the finest
)

// backbone builds image (B,3,H,W,D) -> features (B,F,H,W,D), memory (B,T,C) and
// key (B,T,C), which is memory with the positions of patch added. H, W and D
// may be any multiples of the stride up to patch.
func backbone(s *source, v *VisionSizes, patch [3]int, half bool) *builder {
	b := newBuilder("backbone", s, half)
	stages := len(v.Features)
	x, channels := "image", v.Channels
	var skips []string
	for stage := range stages {
		for i := range v.EncoderConvs[stage] {
			stride := 1
			if stage > 0 && i == 0 {
				stride = 2
			}
			x = b.block(x, encoderBlock(stage, i), v.Features[stage], channels, stride)
			channels = v.Features[stage]
		}
		skips = append(skips, x)
		b.seen[fmt.Sprintf("skip_%d", stage)] = x
	}
	memory, key := b.tokens(skips, v, patch)

	for stage := range stages - 1 {
		level := stages - 2 - stage // of the encoder, whose grid this is
		out, in := v.Features[level], v.Features[level+1]
		first := decoderBlock(stage, 0)
		if level < fusedCount {
			slabs := 1
			if level == 0 { // of which each has a plane of the coarse grid also in the smallest image
				slabs = max(1, min(slabCount, v.stride()/2))
			}
			x = b.fused(x, skips[level], stage, out, in, slabs)
		} else {
			up := b.Node("ConvTranspose", []string{
				x, b.weight(upsampler(stage)+".weight", in, out, 2, 2, 2), b.weight(upsampler(stage)+".bias", out),
			}, onnxfile.Attr{Name: "kernel_shape", Value: []int{2, 2, 2}}, onnxfile.Attr{Name: "strides", Value: []int{2, 2, 2}})
			w := b.weight(first+".conv.weight", out, 2*out, kernel, kernel, kernel)
			x = b.conv(b.concat(1, up, skips[level]), w, b.weight(first+".conv.bias", out), 1)
		}
		x = b.normalise(x, first, out)
		for i := 1; i < v.DecoderConvs[stage]; i++ {
			x = b.block(x, decoderBlock(stage, i), out, out, 1)
		}
	}
	b.Rename(x, "features")
	b.Rename(memory, "memory")
	b.Rename(key, "key")
	b.Input("image", onnxfile.Float, "B", v.Channels, "H", "W", "D")
	b.Output("features", onnxfile.Float, "B", v.Features[0], "H", "W", "D")
	b.Output("memory", onnxfile.Float, "B", "T", v.Width)
	b.Output("key", onnxfile.Float, "B", "T", v.Width)
	return b
}

// block is convolution, instance norm and leaky ReLU.
func (b *builder) block(x, name string, out, in, stride int) string {
	w := b.weight(name+".conv.weight", out, in, kernel, kernel, kernel)
	return b.normalise(b.conv(x, w, b.weight(name+".conv.bias", out), stride), name, out)
}

func (b *builder) conv(x, w, bias string, stride int) string {
	in := []string{x, w}
	if bias != "" {
		in = append(in, bias)
	}
	return b.Node("Conv", in,
		onnxfile.Attr{Name: "kernel_shape", Value: []int{kernel, kernel, kernel}},
		onnxfile.Attr{Name: "pads", Value: []int{1, 1, 1, 1, 1, 1}},
		onnxfile.Attr{Name: "strides", Value: []int{stride, stride, stride}})
}

// normalise is instance norm and leaky ReLU. ONNX's InstanceNormalization is
// not used, since ONNX Runtime sums millions of voxels in float32, which is 1e-4
// off at full size. Here rows are summed in float32 and the rows' sums, sums of
// squares, mean and variance are float64; what is left is a product, a sum and
// the leaky ReLU, all in the memory of x.
func (b *builder) normalise(x, block string, n int) string {
	w, bias := b.weight(block+".norm.weight", n), b.weight(block+".norm.bias", n)
	length := b.cast(b.shape(x, 4, 5), onnxfile.Double)
	moment := func(rows string) string {
		mean := b.Node("ReduceMean", []string{b.cast(rows, onnxfile.Double)},
			onnxfile.Attr{Name: "axes", Value: []int{2, 3}}, onnxfile.Attr{Name: "keepdims", Value: 0})
		return b.op("Div", mean, length)
	}
	mean := moment(b.Node("ReduceSum", []string{x, b.Ints(4)}, onnxfile.Attr{Name: "keepdims", Value: 0}))
	square := moment(b.Node("ReduceSumSquare", []string{x}, onnxfile.Attr{Name: "axes", Value: []int{4}}, onnxfile.Attr{Name: "keepdims", Value: 0}))
	variance := b.op("Sub", square, b.op("Mul", mean, mean))
	std := b.op("Sqrt", b.op("Add", b.cast(variance, onnxfile.Float), b.Floats([]float32{1e-5})))
	scale := b.op("Div", w, std)
	shift := b.op("Sub", bias, b.op("Mul", b.cast(mean, onnxfile.Float), scale))
	each := func(values string) string { return b.op("Unsqueeze", values, b.Ints(2, 3, 4)) }
	x = b.grid(x, n, block)
	x = b.grid(b.op("Mul", x, each(scale)), n, block)
	x = b.grid(b.op("Add", x, each(shift)), n, block)
	return b.grid(b.Node("LeakyRelu", []string{x}, onnxfile.Attr{Name: "alpha", Value: 0.01}), n, block)
}

// grid says that x has n channels on the grid of a block, which no shape
// inference could know of an open one. Each block's grid has a name of its own:
// ONNX Runtime keeps the memory of a value for a later one of the same shape,
// which may be at the other end of the network.
func (b *builder) grid(x string, n int, block string) string {
	b.Value(x, onnxfile.Float, "B", n, "H "+block, "W "+block, "D "+block)
	return x
}

// tokens pools every stage to the deepest grid and projects the result; key
// has the positions added.
func (b *builder) tokens(skips []string, v *VisionSizes, patch [3]int) (memory, key string) {
	var pooled []string
	sum := 0
	for stage, skip := range skips {
		if k := v.stride() >> stage; k > 1 {
			skip = b.Node("AveragePool", []string{skip},
				onnxfile.Attr{Name: "kernel_shape", Value: []int{k, k, k}}, onnxfile.Attr{Name: "strides", Value: []int{k, k, k}})
		}
		pooled = append(pooled, skip)
		sum += v.Features[stage]
	}
	all := b.concat(1, pooled...)
	b.seen["pooled"] = all
	x := b.permute(b.op("Reshape", all, b.Ints(0, 0, -1)), 0, 2, 1)
	memory = b.mlp(x, "projection_layer", v.Width, v.Hidden, sum)

	grid := [3]int{patch[0] / v.stride(), patch[1] / v.stride(), patch[2] / v.stride()}
	width := max(v.Width, 0)
	table := b.Floats(positions(grid, width), 1, grid[0], grid[1], grid[2], width)
	here := b.op("Slice", table, b.Ints(0, 0, 0), b.shape(all, 2, 5), b.Ints(1, 2, 3))
	pos := b.op("Reshape", here, b.Ints(1, -1, width))
	b.seen["pos"] = pos
	return memory, b.op("Add", memory, pos)
}

// mlp is Linear, GELU, Linear, GELU.
func (b *builder) mlp(x, prefix string, out, hidden, in int) string {
	x = b.gelu(b.linear(x, prefix+".0", hidden, in))
	return b.gelu(b.linear(x, prefix+".2", out, hidden))
}

// positions is the sinusoidal encoding of a grid of tokens, the last axis
// fastest: each axis has ceil(width/6)*2 channels, sine and cosine in turn, one
// axis behind the other, cut at width (PositionalEncoding3D of the Python
// package positional_encodings, in float32 as there).
func positions(grid [3]int, width int) []float32 {
	channels := (width + 5) / 6 * 2
	var axes [3][][]float32
	for a, n := range grid {
		for p := range n {
			row := make([]float32, channels)
			for i := 0; i < channels; i += 2 {
				freq := float32(1 / math.Pow(10000, float64(float32(i)/float32(channels))))
				angle := float64(float32(p) * freq)
				row[i], row[i+1] = float32(math.Sin(angle)), float32(math.Cos(angle))
			}
			axes[a] = append(axes[a], row)
		}
	}
	out := make([]float32, 0, grid[0]*grid[1]*grid[2]*width)
	row := make([]float32, 0, 3*channels)
	for h := range grid[0] {
		for w := range grid[1] {
			for d := range grid[2] {
				row = append(append(append(row[:0], axes[0][h]...), axes[1][w]...), axes[2][d]...)
				out = append(out, row[:width]...)
			}
		}
	}
	return out
}

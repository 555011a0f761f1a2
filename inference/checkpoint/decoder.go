package checkpoint

import (
	"fmt"

	"satgraph/inference/checkpoint/onnxfile"
)

// decoder builds features (1,F,H,W,D), memory and key (1,T,C) and queries
// (1,N,C) -> logits (1,N,H,W,D). Queries do not see each other, so they may be
// given in groups of any size.
func decoder(s *source, v *VisionSizes, half bool) *builder {
	b := newBuilder("decoder", s, half)
	c := max(v.Width, 0)
	t := "queries"
	for i := range v.Layers {
		p := decoderLayer(i)
		in := p + ".multihead_attn.in_proj_"
		var projected [3]string
		for j, x := range []string{b.layerNorm(t, p+".norm2", v.Width), "key", "memory"} {
			part := [...]string{"q", "k", "v"}[j]
			w := b.rows(in+"weight", in+"weight."+part+".T", j*c, (j+1)*c, 3*c, v.Width)
			projected[j] = b.op("Add", b.op("MatMul", x, w), b.part(in+"bias", in+"bias."+part, j*c, (j+1)*c, 3*c))
		}
		seen, weights := b.attend(projected[0], projected[1], projected[2], v.Heads, c, "")
		if i == 0 {
			b.seen["attn_weights_layer0"] = weights
		}
		t = b.op("Add", t, b.linear(seen, p+".multihead_attn.out_proj", v.Width, v.Width))
		h := b.op("Relu", b.linear(b.layerNorm(t, p+".norm3", v.Width), p+".linear1", v.FeedForward, v.Width))
		t = b.op("Add", t, b.linear(h, p+".linear2", v.Width, v.FeedForward))
		b.seen[fmt.Sprintf("layer_%d", i)] = t
	}
	t = b.layerNorm(t, "transformer_decoder.norm", v.Width)
	b.seen["decoder"] = t
	embed := b.mlp(t, "mask_embed_proj", v.Features[0], v.MaskHidden, v.Width)
	b.seen["mask_embed"] = embed

	pixels := b.op("Reshape", "features", b.Ints(0, v.Features[0], -1))
	logits := b.op("MatMul", embed, pixels)
	b.Rename(b.op("Reshape", logits, b.concat(0, b.Ints(1, -1), b.shape("features", 2, 5))), "logits")
	b.Input("features", onnxfile.Float, 1, v.Features[0], "H", "W", "D")
	b.Input("memory", onnxfile.Float, 1, "T", v.Width)
	b.Input("key", onnxfile.Float, 1, "T", v.Width)
	b.Input("queries", onnxfile.Float, 1, "N", v.Width)
	b.Output("logits", onnxfile.Float, 1, "N", "H", "W", "D")
	return b
}

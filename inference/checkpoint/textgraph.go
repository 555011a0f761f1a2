package checkpoint

import (
	"fmt"
	"math"

	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/text"
)

const (
	tower = "text_tower.biolord."
	// maxDistance is the distance from which on relative positions share one
	// bucket; it is MPNet's own constant.
	maxDistance = 128
	padToken    = 1 // the id that MPNet does not count as a position
)

// TextSizes are the sizes of a text encoder.
type TextSizes struct {
	Vocabulary int `json:"vocabulary"`
	Hidden     int `json:"hidden"`
	Layers     int `json:"layers"`
	Heads      int `json:"heads"`
	Inner      int `json:"intermediate"`
	Positions  int `json:"positions"`
	Buckets    int `json:"relative_buckets"`
	Projection int `json:"projection_hidden"`
	Modalities int `json:"modalities"`
	Width      int `json:"query_width"`
}

// String says the sizes in a line.
func (x *TextSizes) String() string {
	return fmt.Sprintf("%d layers of width %d and %d heads, %d word pieces", x.Layers, x.Hidden, x.Heads, x.Vocabulary)
}

func textLayer(i int) string { return fmt.Sprintf("%sencoder.layer.%d", tower, i) }

// readText reads the sizes of a text encoder from its tensors. The heads are
// columns of the relative attention bias; heads, where not 0, must agree.
func readText(s *source, heads int) (*TextSizes, error) {
	layers := s.count(`text_tower\.biolord\.encoder\.layer\.(\d+)\.`)
	if layers == 0 {
		hint := ""
		if s.count(`backbone\.encoder\.stages\.(\d+)\.`) > 0 {
			hint = "this is a vision network: give it as the vision checkpoint"
		}
		return nil, &MismatchError{Path: s.file.Path(), Hint: hint, Problems: []string{"it has no layers of " + tower + "encoder"}}
	}
	words, places := tower+"embeddings.word_embeddings.weight", tower+"embeddings.position_embeddings.weight"
	bias := tower + "encoder.relative_attention_bias.weight"
	x := &TextSizes{
		Layers: layers, Vocabulary: s.dim(words, 0), Positions: s.dim(places, 0),
		Heads: s.dim(bias, 1), Buckets: s.dim(bias, 0), Modalities: s.dim("modality_embed.weight", 0),
	}
	hidden := []int{s.dim(words, 1), s.dim(places, 1)}
	var inner []int
	for i := range layers {
		p := textLayer(i)
		hidden = append(hidden, s.dim(p+".attention.attn.q.weight", 0), s.dim(p+".output.LayerNorm.weight", 0))
		inner = append(inner, s.dim(p+".intermediate.dense.weight", 0), s.dim(p+".intermediate.dense.bias", 0), s.dim(p+".output.dense.weight", 1))
	}
	x.Hidden, x.Inner = vote(hidden...), vote(inner...)
	x.Projection = vote(s.mlpHidden("projection_layer")...)
	x.Width = vote(s.dim("projection_layer.2.weight", 0), s.dim("projection_layer.2.bias", 0), s.dim("modality_embed.weight", 1))
	switch {
	case heads != 0 && x.Heads > 0 && heads != x.Heads:
		return nil, fmt.Errorf("%w: %d text heads are asked for, and the relative attention bias of %s has %d",
			ErrOption, heads, s.file.Path(), x.Heads)
	case x.Heads > 0 && x.Hidden > 0 && x.Hidden%x.Heads != 0:
		return nil, fmt.Errorf("%w: %d text heads do not divide the hidden width %d of %s", ErrOption, x.Heads, x.Hidden, s.file.Path())
	case x.Positions > 0 && x.Positions < text.MaxTokens+padToken+1:
		s.problem("%s has %d rows, at least %d are needed for prompts of %d tokens", places, x.Positions, text.MaxTokens+padToken+1, text.MaxTokens)
	case x.Buckets > 0 && x.Buckets%4 != 0:
		s.problem("%s has %d rows, not a multiple of 4", bias, x.Buckets)
	case x.Modalities > 0 && x.Modalities < 4:
		s.problem("modality_embed.weight has %d rows, not the 4 of ct, mri, us, pet", x.Modalities)
	}
	return x, nil
}

// textEncoder builds input_ids and attention_mask (B,L) and modality (B) ->
// embeddings (B,C), L at most text.MaxTokens.
func textEncoder(s *source, x *TextSizes, half bool) *builder {
	b := newBuilder("text", s, half)
	one := b.Int(1)
	// Positions count the ids that are not <pad>, from 2 on.
	counted := b.cast(b.op("Not", b.op("Equal", "input_ids", b.Int(padToken))), onnxfile.Int64)
	places := b.op("Add", b.op("Mul", b.op("CumSum", counted, one), counted), b.Int(padToken))
	h := b.op("Add",
		b.op("Gather", b.weight(tower+"embeddings.word_embeddings.weight", x.Vocabulary, x.Hidden), "input_ids"),
		b.op("Gather", b.weight(tower+"embeddings.position_embeddings.weight", x.Positions, x.Hidden), places))
	h = b.layerNorm(h, tower+"embeddings.LayerNorm", x.Hidden)
	b.seen["hidden_0"] = h

	relative := b.relativeBias(x)
	b.seen["position_bias"] = relative
	mask := b.cast("attention_mask", onnxfile.Float)
	hidden := b.op("Mul", b.op("Sub", b.Floats([]float32{1}), mask), b.Floats([]float32{-1e9}))
	bias := b.op("Add", relative, b.op("Unsqueeze", hidden, b.Ints(1, 2)))
	for i := range x.Layers {
		p := textLayer(i)
		var qkv [3]string
		for j, name := range []string{"q", "k", "v"} {
			qkv[j] = b.linear(h, p+".attention.attn."+name, x.Hidden, x.Hidden)
		}
		seen, _ := b.attend(qkv[0], qkv[1], qkv[2], max(x.Heads, 1), max(x.Hidden, 1), bias)
		seen = b.linear(seen, p+".attention.attn.o", x.Hidden, x.Hidden)
		h = b.layerNorm(b.op("Add", h, seen), p+".attention.LayerNorm", x.Hidden)
		inner := b.gelu(b.linear(h, p+".intermediate.dense", x.Inner, x.Hidden))
		inner = b.linear(inner, p+".output.dense", x.Hidden, x.Inner)
		h = b.layerNorm(b.op("Add", h, inner), p+".output.LayerNorm", x.Hidden)
		b.seen[fmt.Sprintf("hidden_%d", i+1)] = h
	}
	keep := b.op("Unsqueeze", mask, b.Ints(2))
	sum := func(v string) string {
		return b.Node("ReduceSum", []string{v, b.Ints(1)}, onnxfile.Attr{Name: "keepdims", Value: 0})
	}
	mean := b.op("Div", sum(b.op("Mul", h, keep)), sum(keep))
	b.seen["pooled"] = mean
	projected := b.gelu(b.linear(mean, "projection_layer.0", x.Projection, x.Hidden))
	projected = b.linear(projected, "projection_layer.2", x.Width, x.Projection)
	b.seen["projected"] = projected
	code := b.op("Gather", b.weight("modality_embed.weight", x.Modalities, x.Width), "modality")
	b.Rename(b.op("Add", projected, code), "embeddings")
	b.Input("input_ids", onnxfile.Int64, "B", "L")
	b.Input("attention_mask", onnxfile.Int64, "B", "L")
	b.Input("modality", onnxfile.Int64, "B")
	b.Output("embeddings", onnxfile.Float, "B", x.Width)
	return b
}

// relativeBias is the bias (1,heads,L,L) that every layer adds to its scores.
func (b *builder) relativeBias(x *TextSizes) string {
	length := b.op("Squeeze", b.shape("input_ids", 1, 2), b.Ints(0))
	index := b.op("Range", b.Int(0), length, b.Int(1))
	distance := b.op("Sub", b.op("Unsqueeze", index, b.Ints(1)), b.op("Unsqueeze", index, b.Ints(0)))
	var table []int // by query minus key, from the most negative on
	for n := 1 - text.MaxTokens; n < text.MaxTokens; n++ {
		table = append(table, bucket(n, max(x.Buckets, 4)))
	}
	at := b.op("Add", distance, b.Int(text.MaxTokens-1))
	values := b.op("Gather", b.weight(tower+"encoder.relative_attention_bias.weight", x.Buckets, x.Heads), b.op("Gather", b.Ints(table...), at))
	return b.op("Unsqueeze", b.permute(values, 2, 0, 1), b.Ints(0))
}

// bucket is MPNet's (and T5's) bucket of a relative position, query minus key:
// half of the buckets for each direction, in each the near half one by one and
// the far half growing with the logarithm, in float32 as in PyTorch.
func bucket(n, buckets int) int {
	half := buckets / 2
	side := 0
	if n < 0 {
		n, side = -n, half
	}
	near := half / 2
	if n < near {
		return side + n
	}
	log := float32(math.Log(float64(float32(n) / float32(near))))
	far := log / float32(math.Log(float64(maxDistance)/float64(near))) * float32(half-near)
	return side + min(near+int(far), half-1)
}

// Package contract is what the three networks of a bundle take and give,
// wherever they are run: the names and shapes of their tensors, the codes of
// modalities, and the prompts whose embeddings are known already.
//
// It runs nothing. Package onnx documents the networks. Start from [Ports] and
// [Prompts].
package contract

import (
	"fmt"
	"slices"
	"sync"

	"satgraph/inference"
)

// Tensor names.
const (
	Image      = "image"
	Features   = "features"
	Memory     = "memory"
	Key        = "key"
	Queries    = "queries"
	Logits     = "logits"
	IDs        = "input_ids"
	Mask       = "attention_mask"
	Modality   = "modality"
	Embeddings = "embeddings"
)

// Part is one of the networks.
type Part string

// The networks.
const (
	Backbone Part = "backbone"
	Decoder  Part = "decoder"
	Text     Part = "text"
)

// Port is an input or output that a network must have.
type Port struct {
	Part     Part
	Output   bool
	Name     string
	Integers bool    // int64, else float32
	Shape    []int64 // -1 is any
}

// Ports are what a manifest's networks must have, for images of some channels.
// The backbone may give Key too, which the decoder then takes.
func Ports(man *inference.Manifest, channels int64) []Port {
	h, w, d := int64(man.Patch[0]), int64(man.Patch[1]), int64(man.Patch[2])
	width := int64(man.EmbeddingWidth)
	return []Port{
		{Backbone, false, Image, false, []int64{1, channels, h, w, d}},
		{Backbone, true, Features, false, []int64{1, -1, h, w, d}},
		{Backbone, true, Memory, false, []int64{1, -1, width}},
		{Decoder, false, Features, false, []int64{1, -1, h, w, d}},
		{Decoder, false, Memory, false, []int64{1, -1, width}},
		{Decoder, false, Queries, false, []int64{1, -1, width}},
		{Decoder, true, Logits, false, []int64{1, -1, h, w, d}},
		{Text, false, IDs, true, []int64{-1, -1}},
		{Text, false, Mask, true, []int64{-1, -1}},
		{Text, false, Modality, true, []int64{-1}},
		{Text, true, Embeddings, false, []int64{-1, width}},
	}
}

// Fits says whether a shape is one that a port may have; -1 is any on either
// side.
func Fits(have, want []int64) bool {
	return slices.EqualFunc(have, want, func(a, b int64) bool { return a < 0 || b < 0 || a == b })
}

// codes are the rows of the text encoder's modality table (ultrasound is 2).
var codes = map[inference.Modality]int64{inference.CT: 0, inference.MRI: 1, inference.PET: 3}

// Code is how the text encoder is told a modality. The error is
// inference.ErrUnknownModality.
func Code(m inference.Modality) (int64, error) {
	code, ok := codes[m]
	if !ok {
		return 0, fmt.Errorf("%w %q", inference.ErrUnknownModality, string(m))
	}
	return code, nil
}

// Prompt is what an embedding is of.
type Prompt struct {
	Text     string
	Modality inference.Modality
}

// AtOnce is how many prompts the text encoder is given at a time.
const AtOnce = 64

const maxKept = 1 << 16 // prompts

// Prompts keeps the embeddings of prompts, each of which is encoded once. It is
// safe for concurrent use.
type Prompts struct {
	// Load, if not nil, adds what former runs kept, before anything is encoded;
	// Save keeps all that is known after something was.
	Load, Save func(known map[Prompt][]float32)

	mu    sync.Mutex
	known map[Prompt][]float32
}

// Encode gives the embeddings of prompts, for which encode is called with those
// that are not known, if there are any. The slices are shared and must not be
// written to. Errors are those of Code and encode.
func (p *Prompts) Encode(prompts []string, m inference.Modality, encode func(todo []string, code int64) ([][]float32, error)) ([][]float32, error) {
	code, err := Code(m)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil {
		p.known = map[Prompt][]float32{}
		if p.Load != nil {
			p.Load(p.known)
		}
	}
	var todo []string
	for _, text := range prompts {
		if p.known[Prompt{text, m}] == nil && !slices.Contains(todo, text) {
			todo = append(todo, text)
		}
	}
	if len(p.known)+len(todo) > maxKept {
		clear(p.known)
		todo = prompts
	}
	if len(todo) > 0 {
		vectors, err := encode(todo, code)
		if err != nil {
			return nil, err
		}
		for i, text := range todo {
			p.known[Prompt{text, m}] = vectors[i]
		}
		if p.Save != nil {
			p.Save(p.known)
		}
	}
	out := make([][]float32, len(prompts))
	for i, text := range prompts {
		out[i] = p.known[Prompt{text, m}]
	}
	return out, nil
}

package checkpoint

import (
	"fmt"
	"strings"
)

// The decoder's heads are not in the checkpoint; both released models have 8.
const defaultHeads = 8

// VisionSizes are the sizes of a vision network. A size that no tensor tells
// is -1.
type VisionSizes struct {
	Channels     int   `json:"channels"` // of the input image
	Features     []int `json:"features"` // channels by stage, full resolution first
	EncoderConvs []int `json:"encoder_convs"`
	DecoderConvs []int `json:"decoder_convs"` // by stage, coarsest first
	Hidden       int   `json:"projection_hidden"`
	Width        int   `json:"query_width"`
	Layers       int   `json:"decoder_layers"`
	Heads        int   `json:"decoder_heads"`
	FeedForward  int   `json:"decoder_feed_forward"`
	MaskHidden   int   `json:"mask_hidden"`
}

func encoderBlock(stage, conv int) string {
	return fmt.Sprintf("backbone.encoder.stages.%d.0.convs.%d", stage, conv)
}

func decoderBlock(stage, conv int) string {
	return fmt.Sprintf("backbone.decoder.stages.%d.convs.%d", stage, conv)
}

func upsampler(stage int) string { return fmt.Sprintf("backbone.decoder.transpconvs.%d", stage) }

func decoderLayer(layer int) string { return fmt.Sprintf("transformer_decoder.layers.%d", layer) }

// readVision reads the sizes of a vision network from its tensors.
func readVision(s *source, heads int) (*VisionSizes, error) {
	stages := s.count(`backbone\.encoder\.stages\.(\d+)\.`)
	layers := s.count(`transformer_decoder\.layers\.(\d+)\.`)
	if stages < 2 || layers == 0 {
		hint := ""
		if s.count(`text_tower\..*\.layer\.(\d+)\.`) > 0 {
			hint = "this is a text encoder: give it as the text checkpoint"
		}
		return nil, &MismatchError{Path: s.file.Path(), Hint: hint, Problems: []string{
			fmt.Sprintf("it has %d stages of backbone.encoder and %d layers of transformer_decoder", stages, layers),
		}}
	}
	if heads == 0 {
		heads = defaultHeads
	}
	v := &VisionSizes{Layers: layers, Heads: heads, Channels: s.dim(encoderBlock(0, 0)+".conv.weight", 1)}
	for stage := range stages {
		convs := s.count(fmt.Sprintf(`backbone\.encoder\.stages\.%d\.0\.convs\.(\d+)\.`, stage))
		v.EncoderConvs = append(v.EncoderConvs, max(convs, 1))
		var said []int
		for i := range convs {
			said = append(said, s.blockSizes(encoderBlock(stage, i))...)
		}
		if stage < stages-1 {
			up := upsampler(stages - 2 - stage)
			said = append(said, s.dim(up+".weight", 1), s.dim(up+".bias", 0))
		}
		v.Features = append(v.Features, vote(said...))
	}
	for stage := range stages - 1 {
		convs := s.count(fmt.Sprintf(`backbone\.decoder\.stages\.%d\.convs\.(\d+)\.`, stage))
		v.DecoderConvs = append(v.DecoderConvs, max(convs, 1))
	}
	var width, forward []int
	for _, k := range []string{"projection_layer.2.weight", "projection_layer.2.bias", "transformer_decoder.norm.weight", "transformer_decoder.norm.bias"} {
		width = append(width, s.dim(k, 0))
	}
	for i := range layers {
		p := decoderLayer(i)
		width = append(width, s.dim(p+".norm2.weight", 0), s.dim(p+".linear2.weight", 0), s.dim(p+".linear1.weight", 1))
		forward = append(forward, s.dim(p+".linear1.weight", 0), s.dim(p+".linear1.bias", 0), s.dim(p+".linear2.weight", 1))
	}
	v.Width, v.FeedForward = vote(width...), vote(forward...)
	v.Hidden = vote(s.mlpHidden("projection_layer")...)
	v.MaskHidden = vote(s.mlpHidden("mask_embed_proj")...)
	if v.Width > 0 && (heads < 1 || v.Width%heads != 0) {
		return nil, fmt.Errorf("%w: %d heads do not divide the query width %d of %s", ErrOption, heads, v.Width, s.file.Path())
	}
	return v, nil
}

// blockSizes is what a block's tensors say of its channels.
func (s *source) blockSizes(block string) []int {
	return []int{
		s.dim(block+".conv.weight", 0), s.dim(block+".conv.bias", 0),
		s.dim(block+".norm.weight", 0), s.dim(block+".norm.bias", 0),
	}
}

func (s *source) mlpHidden(prefix string) []int {
	return []int{s.dim(prefix+".0.weight", 0), s.dim(prefix+".0.bias", 0), s.dim(prefix+".2.weight", 1)}
}

// stride is how much the deepest stage is smaller than the image.
func (v *VisionSizes) stride() int { return 1 << (len(v.Features) - 1) }

// The released models.
const (
	Nano = "SAT-Nano"
	Pro  = "SAT-Pro"
)

// String says the sizes in a line.
func (v *VisionSizes) String() string {
	return fmt.Sprintf("features %v, convolutions %v and %v, %d decoder layers of %d heads",
		v.Features, v.EncoderConvs, v.DecoderConvs, v.Layers, v.Heads)
}

// variant names a released model by its sizes, or is empty.
func (v *VisionSizes) variant() string {
	switch strings.Trim(fmt.Sprint(v.Features, v.EncoderConvs, v.DecoderConvs, v.Layers), "[]") {
	case "64 64 128 256 512 768] [2 2 2 2 2 2] [2 2 2 2 2] 6":
		return Nano
	case "128 128 256 512 1024 1536] [3 3 3 3 3 3] [3 3 3 3 3] 6":
		return Pro
	}
	return ""
}

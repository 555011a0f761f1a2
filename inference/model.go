package inference

import "context"

// Model is a SAT-shaped model: an image is looked at once per window, and any
// number of prompts is then decoded from what was seen. All tensors are float32
// in C order; a window is (H,W,D) with D fastest, which are the axes (i,j,k) of
// a RAS-oriented volume.
//
// A Model may be used by one goroutine at a time.
type Model interface {
	// Manifest describes the model. It must not be changed.
	Manifest() *Manifest
	// Encode turns prompts into query vectors of Manifest().EmbeddingWidth
	// numbers each, in the prompts' order.
	Encode(ctx context.Context, prompts []string, m Modality) ([][]float32, error)
	// Features looks at one window of H*W*D normalised intensities, of the
	// manifest's patch size. The caller closes what it gets.
	Features(ctx context.Context, patch []float32) (Features, error)
	// Decode gives N*H*W*D logits for N query vectors, the query slowest. The
	// result is valid until Decode is called a second time after it, so that it
	// can be worked on during the next call.
	Decode(ctx context.Context, f Features, queries [][]float32) ([]float32, error)
	// Close frees the model. It is an error to use it afterwards.
	Close() error
}

// logitBuffers is how many results of Decode are valid at a time.
const logitBuffers = 2

// Batcher is a Model that can look at several windows in one call.
type Batcher interface {
	// FeaturesOf does for each patch what Features does, in the patches' order.
	FeaturesOf(ctx context.Context, patches [][]float32) ([]Features, error)
}

// Features is what a model saw in one window. Only the model that made it can
// read it.
type Features interface {
	Close() error
}

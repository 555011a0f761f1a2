package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"satgraph/inference"
	"satgraph/inference/contract"
	"satgraph/inference/text"
)

// Options of a remote model. The zero value is usable.
type Options struct {
	// Prefix of the models' names on the server; empty: Prefix of the manifest.
	Prefix string
	// Timeout of one call of one server; 0 means 2 minutes.
	Timeout time.Duration
	// Rounds are how often all servers are tried before a call fails; 0 means 3.
	Rounds int
	// Pause before the second round; it doubles for each further one. 0 means
	// 200 ms.
	Pause time.Duration
	// MaxReplyBytes bounds what a server may answer; 0 means 2 GiB, which is
	// also the most that gRPC carries.
	MaxReplyBytes int64
}

func (o Options) withDefaults(man *inference.Manifest) Options {
	if o.Prefix == "" {
		o.Prefix = Prefix(man)
	}
	if o.Timeout <= 0 {
		o.Timeout = 2 * time.Minute
	}
	if o.Rounds <= 0 {
		o.Rounds = 3
	}
	if o.Pause <= 0 {
		o.Pause = 200 * time.Millisecond
	}
	if o.MaxReplyBytes <= 0 || o.MaxReplyBytes > math.MaxInt32-maxJSON {
		o.MaxReplyBytes = math.MaxInt32 - maxJSON
	}
	return o
}

// Prefix is how a bundle's models are called on a server: its name in lower
// case, with "_" for whatever is no letter or digit.
func Prefix(man *inference.Manifest) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(man.Name))
}

// model is a bundle whose networks are run elsewhere.
type model struct {
	man      *inference.Manifest
	vocab    *text.Vocabulary
	pool     *pool
	o        Options
	channels int64
	outputs  []string     // of the backbone, which are inputs of the decoder
	logits   [2][]float32 // of the last two calls of Decode

	prompts contract.Prompts

	mu     sync.Mutex // guards what follows
	closed bool
}

// Open joins a bundle (its manifest.json and vocab.txt are read) with servers
// that have its networks: http://HOST:PORT, https://, grpc:// or grpcs://. At
// least one must answer and describe models that fit the manifest.
//
// Errors: inference.ErrBadManifest, text.ErrVocabulary, ErrEndpoint,
// ErrUnavailable, inference.ErrModelOutput when a server's models are not the
// bundle's, and the context's.
//
// The model's calls give ErrUnavailable when no server answers any more,
// inference.ErrModelOutput when one answers with what it should not, and the
// context's error. A reply of a server that dies is never used in part.
func Open(ctx context.Context, bundle fs.FS, servers []string, o Options) (inference.Model, error) {
	m := &model{}
	raw, err := fs.ReadFile(bundle, inference.ManifestFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBadManifest, err)
	}
	if m.man, err = inference.ParseManifest(raw); err != nil {
		return nil, err
	}
	m.o = o.withDefaults(m.man)
	words, err := bundle.Open("vocab.txt")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBundleFile, err)
	}
	m.vocab, err = text.ReadVocabulary(words)
	if err = errors.Join(err, words.Close()); err != nil {
		return nil, fmt.Errorf("%w: vocab.txt: %w", inference.ErrBundleFile, err)
	}
	if m.pool, err = newPool(servers, m.o); err != nil {
		return nil, err
	}
	if err := m.meet(ctx); err != nil {
		return nil, errors.Join(err, m.pool.close())
	}
	return m, nil
}

func (m *model) called(part string) string { return m.o.Prefix + "_" + part }

// meet asks a server for its models and holds them to the manifest.
func (m *model) meet(ctx context.Context) error {
	found := map[string]metadata{}
	for _, part := range []string{"backbone", "decoder", "text"} {
		name := m.called(part)
		err := m.pool.try(ctx, name, func(ctx context.Context, t transport) error {
			if err := t.ready(ctx, name); err != nil {
				return &transient{err} // another server may have it
			}
			d, err := t.describe(ctx, name)
			found[part] = d
			return err
		})
		if err != nil {
			return err
		}
	}
	m.channels = 3
	if p, ok := findPort(found["backbone"].inputs, contract.Image); ok && len(p.shape) == 5 && p.shape[1] == 1 {
		m.channels = 1
	}
	m.outputs = []string{contract.Features, contract.Memory}
	if _, ok := findPort(found["backbone"].outputs, contract.Key); ok {
		m.outputs = append(m.outputs, contract.Key)
	}
	for _, want := range contract.Ports(m.man, m.channels) {
		ports, kind := found[string(want.Part)].inputs, fp32
		if want.Output {
			ports = found[string(want.Part)].outputs
		}
		if want.Integers {
			kind = int64s
		}
		if p, ok := findPort(ports, want.Name); !ok || p.kind != kind || !contract.Fits(p.shape, want.Shape) {
			return wrong("%s of the server has %q as %s %v, the bundle asks for %s %v (-1 is any): it is another model",
				m.called(string(want.Part)), want.Name, p.kind, p.shape, kind, want.Shape)
		}
	}
	return nil
}

func findPort(list []port, name string) (port, bool) {
	i := slices.IndexFunc(list, func(p port) bool { return p.name == name })
	if i < 0 {
		return port{}, false
	}
	return list[i], true
}

// Manifest describes the model.
func (m *model) Manifest() *inference.Manifest { return m.man }

// Close ends the connections.
func (m *model) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil
	}
	m.closed = true
	return m.pool.close()
}

func (m *model) usable(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return wrong("the model is closed")
	}
	return ctx.Err()
}

// Encode gives the embeddings of prompts. Each is asked for once in the model's
// life. The slices are shared and must not be written to.
func (m *model) Encode(ctx context.Context, prompts []string, mod inference.Modality) ([][]float32, error) {
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	return m.prompts.Encode(prompts, mod, func(todo []string, code int64) (all [][]float32, err error) {
		for batch := range slices.Chunk(todo, contract.AtOnce) {
			vectors, err := m.encode(ctx, batch, code)
			if err != nil {
				return nil, err
			}
			all = append(all, vectors...)
		}
		return all, nil
	})
}

func (m *model) encode(ctx context.Context, prompts []string, code int64) ([][]float32, error) {
	ids, mask, length := m.vocab.Batch(prompts)
	n, width := int64(len(prompts)), m.man.EmbeddingWidth
	modality := slices.Repeat([]int64{code}, len(prompts))
	reply, err := m.pool.infer(ctx, m.called("text"), []tensor{
		integers(contract.IDs, ids, n, int64(length)), integers(contract.Mask, mask, n, int64(length)), integers(contract.Modality, modality, n),
	}, []string{contract.Embeddings}, m.o.MaxReplyBytes)
	if err != nil {
		return nil, err
	}
	if err := reply[0].check(n, int64(width)); err != nil {
		return nil, err
	}
	all := reply[0].values(nil)
	if slices.ContainsFunc(all, func(v float32) bool { return math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) }) {
		return nil, wrong("an embedding that is not finite")
	}
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = all[i*width : (i+1)*width]
	}
	return vectors, nil
}

// features are the backbone's outputs for one window, as they came and as they
// are sent to the decoder.
type features struct {
	of     *model
	values []tensor
}

// Close frees the features.
func (f *features) Close() error {
	f.values = nil
	return nil
}

// Features has the backbone look at one window.
func (m *model) Features(ctx context.Context, patch []float32) (inference.Features, error) {
	h, w, d := int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	if int64(len(patch)) != h*w*d {
		return nil, wrong("a patch of %d voxels, not %v", len(patch), m.man.Patch)
	}
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	image := floats(contract.Image, patch, 1, m.channels, h, w, d)
	if m.channels == 3 {
		image.data = slices.Repeat(image.data, 3)
	}
	reply, err := m.pool.infer(ctx, m.called("backbone"), []tensor{image}, m.outputs, m.o.MaxReplyBytes)
	if err != nil {
		return nil, err
	}
	width := int64(m.man.EmbeddingWidth)
	err = reply[0].check(1, -1, h, w, d)
	for i := 1; i < len(reply) && err == nil; i++ {
		err = reply[i].check(1, -1, width)
	}
	if err != nil {
		return nil, err
	}
	return &features{m, reply}, nil
}

// Decode has the decoder answer for what Features saw.
func (m *model) Decode(ctx context.Context, f inference.Features, queries [][]float32) ([]float32, error) {
	seen, ok := f.(*features)
	if !ok || seen.values == nil || seen.of != m {
		return nil, wrong("these features are closed or another model's")
	}
	n, width := int64(len(queries)), int64(m.man.EmbeddingWidth)
	if n == 0 {
		return nil, wrong("no query")
	}
	flat := make([]float32, 0, n*width)
	for _, q := range queries {
		if int64(len(q)) != width {
			return nil, wrong("a query of %d numbers, not %d", len(q), width)
		}
		flat = append(flat, q...)
	}
	if err := m.usable(ctx); err != nil {
		return nil, err
	}
	in := append([]tensor{floats(contract.Queries, flat, 1, n, width)}, seen.values...)
	h, w, d := int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	size := 4 * n * h * w * d
	if size > m.o.MaxReplyBytes {
		return nil, wrong("%d queries at once come to %d bytes, at most %d are taken", n, size, m.o.MaxReplyBytes)
	}
	reply, err := m.pool.infer(ctx, m.called("decoder"), in, []string{contract.Logits}, size)
	if err != nil {
		return nil, err
	}
	if err := reply[0].check(1, n, h, w, d); err != nil {
		return nil, err
	}
	m.logits[0], m.logits[1] = reply[0].values(m.logits[1]), m.logits[0]
	return m.logits[0], nil
}

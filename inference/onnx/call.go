package onnx

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference"
	"satgraph/inference/contract"
)

// Manifest describes the model.
func (m *model) Manifest() *inference.Manifest { return m.man }

// Close frees the model.
func (m *model) Close() error {
	var errs []error
	for _, s := range []**ort.DynamicAdvancedSession{&m.backbone, &m.decoder} {
		if *s != nil {
			errs = append(errs, (*s).Destroy())
			*s = nil
		}
	}
	m.logits, m.image = [2][]float32{}, nil
	return errors.Join(errs...)
}

// Encode gives the embeddings of prompts. Each is computed once in the model's
// life. The slices are shared and must not be written to.
func (m *model) Encode(ctx context.Context, prompts []string, mod inference.Modality) ([][]float32, error) {
	return m.prompts.Encode(prompts, mod, func(todo []string, code int64) (all [][]float32, err error) {
		err = m.withText(func() error {
			for batch := range slices.Chunk(todo, contract.AtOnce) {
				vectors, err := m.encode(ctx, batch, code)
				if err != nil {
					return err
				}
				all = append(all, vectors...)
			}
			return nil
		})
		return all, err
	})
}

func (m *model) encode(ctx context.Context, prompts []string, code int64) ([][]float32, error) {
	ids, mask, width := m.vocab.Batch(prompts)
	n := int64(len(prompts))
	modality := make([]int64, n)
	for i := range modality {
		modality[i] = code
	}
	var in tensors
	defer in.free()
	if err := errors.Join(
		add(&in, ids, n, int64(width)), add(&in, mask, n, int64(width)), add(&in, modality, n),
	); err != nil {
		return nil, err
	}
	out := []ort.Value{nil}
	if err := run(ctx, m.text, in, out); err != nil {
		tensors(out).free()
		return nil, fmt.Errorf("%s: %w", TextFile, err)
	}
	defer out[0].Destroy() //nolint:errcheck // freeing only
	t, ok := out[0].(*ort.Tensor[float32])
	want := ort.NewShape(n, int64(m.man.EmbeddingWidth))
	if !ok || !t.GetShape().Equals(want) {
		return nil, fmt.Errorf("%w: %s gives embeddings of shape %v, not %v", inference.ErrModelOutput, TextFile, out[0].GetShape(), want)
	}
	vectors := make([][]float32, n)
	all := slices.Clone(t.GetData()) // which is freed with the tensor
	for i := range vectors {
		vectors[i] = all[i*m.man.EmbeddingWidth : (i+1)*m.man.EmbeddingWidth]
	}
	return vectors, nil
}

// Footprint says what the model takes at work (inference.Sizer).
func (m *model) Footprint() inference.Footprint { return m.footprint }

// features are the backbone's outputs for one window. Their memory is the
// model's: what ONNX Runtime allocates itself is copied by the bindings, which
// for gigabytes a window is too much.
type features struct {
	values tensors
	from   *outputs
}

// outputs is the memory of what one call of the backbone gave. It goes back to
// the system with the last features in it: the next window's need it only at
// their end, when the backbone's own work takes less.
type outputs struct {
	data [][]float32
	free []func()
	open int // features that are in it
}

// Close frees the features.
func (f *features) Close() error {
	f.values.free()
	if f.values != nil {
		f.from.close()
	}
	f.values, f.from = nil, nil
	return nil
}

func (o *outputs) close() {
	if o.open--; o.open > 0 {
		return
	}
	for _, free := range o.free {
		free()
	}
	o.data, o.free = nil, nil
}

// newOutputs makes room for what the backbone gives of n windows: none where
// its size is not known before.
func (m *model) newOutputs(n int) (*outputs, error) {
	o := &outputs{open: n}
	for _, shape := range m.seen {
		data, free, err := newFloats(int64(n) * elements(shape))
		if err != nil {
			o.open = 1
			o.close()
			return nil, fmt.Errorf("%w: features of %d windows: %w", inference.ErrOutOfMemory, n, err)
		}
		o.data, o.free = append(o.data, data), append(o.free, free)
	}
	return o, nil
}

// Features runs the backbone over one window.
func (m *model) Features(ctx context.Context, patch []float32) (inference.Features, error) {
	f, err := m.look(ctx, [][]float32{patch})
	if err != nil {
		return nil, err
	}
	return f[0], nil
}

// FeaturesOf runs the backbone over several windows, in one call where its file
// leaves their number open (inference.Batcher).
func (m *model) FeaturesOf(ctx context.Context, patches [][]float32) ([]inference.Features, error) {
	at := len(patches)
	if !m.batches {
		at = 1
	}
	var out []inference.Features
	for from := 0; from < len(patches); from += at {
		some, err := m.look(ctx, patches[from:from+at])
		if err != nil {
			for _, f := range out {
				err = errors.Join(err, f.Close())
			}
			return nil, err
		}
		for _, f := range some {
			out = append(out, f)
		}
	}
	return out, nil
}

func (m *model) look(ctx context.Context, patches [][]float32) ([]*features, error) {
	n, h, w, d := int64(len(patches)), int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	for _, patch := range patches {
		if int64(len(patch)) != h*w*d {
			return nil, fmt.Errorf("%w: a patch of %d voxels, not %v", inference.ErrModelOutput, len(patch), m.man.Patch)
		}
	}
	image := patches[0]
	if m.channels > 1 || n > 1 {
		m.image = m.image[:0]
		for _, patch := range patches {
			for range m.channels {
				m.image = append(m.image, patch...)
			}
		}
		image = m.image
	}
	var in, out tensors
	defer in.free()
	if err := add(&in, image, n, m.channels, h, w, d); err != nil {
		return nil, err
	}
	o, err := m.newOutputs(len(patches))
	if err != nil {
		return nil, err
	}
	fail := func(err error) ([]*features, error) {
		out.free()
		o.open = 1
		o.close()
		return nil, err
	}
	for i, shape := range m.seen {
		if len(o.data[i]) == 0 { // the bindings copy it
			out = append(out, nil)
		} else if err := add(&out, o.data[i], append([]int64{n}, shape[1:]...)...); err != nil {
			return fail(err)
		}
	}
	if err := run(ctx, m.backbone, in, out); err != nil {
		return fail(fmt.Errorf("%s: %w", BackboneFile, err))
	}
	if n == 1 {
		return []*features{{out, o}}, nil
	}
	seen := make([]*features, n)
	for k := range seen {
		seen[k] = &features{from: o}
		for i, shape := range m.seen {
			size := len(o.data[i]) / len(patches)
			if err := add(&seen[k].values, o.data[i][k*size:(k+1)*size], shape...); err != nil {
				return fail(err)
			}
		}
	}
	out.free()
	return seen, nil
}

// Decode runs the decoder over what Features saw.
func (m *model) Decode(ctx context.Context, f inference.Features, queries [][]float32) ([]float32, error) {
	seen, ok := f.(*features)
	if !ok || seen.values == nil {
		return nil, fmt.Errorf("%w: these features are closed or another model's", inference.ErrModelOutput)
	}
	n, width := int64(len(queries)), int64(m.man.EmbeddingWidth)
	if n == 0 {
		return nil, fmt.Errorf("%w: no query", inference.ErrModelOutput)
	}
	flat := make([]float32, 0, n*width)
	for _, q := range queries {
		if int64(len(q)) != width {
			return nil, fmt.Errorf("%w: a query of %d numbers, not %d", inference.ErrModelOutput, len(q), width)
		}
		flat = append(flat, q...)
	}
	var in tensors
	defer in.free()
	if err := add(&in, flat, 1, n, width); err != nil {
		return nil, err
	}
	shape := ort.NewShape(1, n, int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2]))
	m.logits[0], m.logits[1] = sized(m.logits[1], shape.FlattenedSize()), m.logits[0]
	var out tensors
	defer out.free()
	if err := add(&out, m.logits[0], shape...); err != nil {
		return nil, err
	}
	if err := run(ctx, m.decoder, append(in[:1:1], seen.values...), out); err != nil {
		return nil, fmt.Errorf("%s: %w", DecoderFile, err)
	}
	return m.logits[0], nil
}

// sized gives a slice of n values, in the memory of old where that is enough.
func sized(old []float32, n int64) []float32 {
	if int64(cap(old)) < n {
		return make([]float32, n)
	}
	return old[:n]
}

// tensors are values that are freed together.
type tensors []ort.Value

func (t tensors) free() {
	for _, v := range t {
		if v != nil {
			v.Destroy() //nolint:errcheck // it only frees and never fails
		}
	}
}

// add appends a tensor that uses data in place.
func add[T ort.TensorData](to *tensors, data []T, shape ...int64) error {
	t, err := ort.NewTensor(ort.NewShape(shape...), data)
	if err != nil {
		return fmt.Errorf("%w: %s", inference.ErrModelOutput, oneLine(err))
	}
	*to = append(*to, t)
	return nil
}

// run runs a session, and stops it when the context ends.
func run(ctx context.Context, s *ort.DynamicAdvancedSession, in, out []ort.Value) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("%w: the model is closed", inference.ErrModelOutput)
	}
	o, err := ort.NewRunOptions()
	if err != nil {
		return fmt.Errorf("run options: %w", err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		_ = o.Terminate() // at worst the run goes on to its end
	})
	err = s.RunWithOptions(in, out, o)
	if !stop() {
		<-stopped // the options must outlive the call
	}
	_ = o.Destroy() // freeing only
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %s", kind(err), oneLine(err))
	}
	return nil
}

// kind tells errors of memory from others, by what ONNX Runtime and the
// allocators of its devices say.
func kind(err error) error {
	text := strings.ToLower(err.Error())
	for _, sign := range []string{"bad_alloc", "bad allocation", "failed to allocate", "out of memory", "bfcarena"} {
		if strings.Contains(text, sign) {
			return inference.ErrOutOfMemory
		}
	}
	return inference.ErrModelOutput
}

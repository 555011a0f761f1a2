package onnx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference"
	"satgraph/inference/text"
)

// Tensor names of a bundle.
const (
	imageTensor      = "image"
	featuresTensor   = "features"
	memoryTensor     = "memory"
	keyTensor        = "key"
	queriesTensor    = "queries"
	logitsTensor     = "logits"
	idsTensor        = "input_ids"
	maskTensor       = "attention_mask"
	modalityTensor   = "modality"
	embeddingsTensor = "embeddings"
)

// codes are the rows of the text encoder's modality table (ultrasound is 2).
var codes = map[inference.Modality]int64{inference.CT: 0, inference.MRI: 1, inference.PET: 3}

// Limits of what is kept or run at a time.
const (
	maxCached     = 1 << 16 // prompt embeddings
	promptsAtOnce = 64
)

// Options of a model.
type Options struct {
	// Threads that one call of the model may use; 0 means all processors.
	Threads int
	// Arena lets ONNX Runtime keep freed memory for the next call. It is a
	// little faster and holds more memory between calls.
	Arena bool
}

// model is an open bundle.
type model struct {
	man      *inference.Manifest
	vocab    *text.Vocabulary
	channels int64
	outputs  []string // of the backbone, which are inputs of the decoder
	backbone *ort.DynamicAdvancedSession
	decoder  *ort.DynamicAdvancedSession
	text     *ort.DynamicAdvancedSession
	logits   []float32 // of the last Decode

	mu    sync.Mutex // guards cache
	cache map[prompt][]float32
}

type prompt struct {
	text string
	m    inference.Modality
}

// Open opens the bundle in a folder. See OpenFS.
func Open(dir string, o Options) (inference.Model, error) {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("model %s: %w: there is no such folder", dir, inference.ErrBundleFile)
	case err != nil:
		return nil, fmt.Errorf("model %s: %w: %w", dir, inference.ErrBundleFile, err)
	case !info.IsDir():
		return nil, fmt.Errorf("model %s: %w: it is not a folder", dir, inference.ErrBundleFile)
	}
	m, err := OpenFS(os.DirFS(dir), o)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", dir, err)
	}
	return m, nil
}

// OpenFS opens a bundle: its manifest is read, every file checked against its
// sum, and the parts checked to belong together, before anything is run.
//
// Errors: inference.ErrBadManifest, inference.ErrBundleFile (naming the file),
// ErrNoLibrary, ErrLibraryTooOld, text.ErrVocabulary.
func OpenFS(bundle fs.FS, o Options) (inference.Model, error) {
	man, err := ReadManifest(bundle)
	if err != nil {
		return nil, err
	}
	m := &model{man: man, cache: map[prompt][]float32{}}
	files := map[string][]byte{}
	for _, name := range sortedFiles(man) {
		switch name {
		case BackboneFile, DecoderFile, TextFile, VocabularyFile:
		default:
			continue // something for people, such as a model card
		}
		if files[name], err = readBundleFile(bundle, man, name); err != nil {
			return nil, err
		}
	}
	for _, name := range []string{BackboneFile, DecoderFile, TextFile, VocabularyFile} {
		if files[name] == nil {
			return nil, fmt.Errorf("%w: its manifest does not list %s; rebuild the bundle", inference.ErrBundleFile, name)
		}
	}
	if m.vocab, err = text.ReadVocabulary(bytes.NewReader(files[VocabularyFile])); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", inference.ErrBundleFile, VocabularyFile, err)
	}
	if err := m.match(files); err != nil {
		return nil, err
	}
	if _, err := Start(); err != nil {
		return nil, err
	}
	if err := m.load(files, o); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// match checks that the three networks fit each other and the manifest.
func (m *model) match(files map[string][]byte) error {
	sig := map[string]*signature{}
	for _, name := range []string{BackboneFile, DecoderFile, TextFile} {
		var err error
		if sig[name], err = readSignature(name, files[name]); err != nil {
			return err
		}
	}
	for name, s := range sig {
		if s.pair != sig[BackboneFile].pair || m.man.Pair != "" && s.pair != m.man.Pair {
			return fmt.Errorf("%w: %s belongs to another model (pair %q, the manifest says %q); rebuild the bundle",
				inference.ErrBundleFile, name, s.pair, m.man.Pair)
		}
	}
	h, w, d := int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	width := int64(m.man.EmbeddingWidth)
	m.channels = 3
	if p, ok := sig[BackboneFile].input(imageTensor); ok && len(p.shape) == 5 && p.shape[1] == 1 {
		m.channels = 1
	}
	m.outputs = []string{featuresTensor, memoryTensor}
	if _, ok := sig[BackboneFile].output(keyTensor); ok {
		m.outputs = append(m.outputs, keyTensor)
	}
	for _, want := range []struct {
		file  string
		out   bool
		name  string
		shape []int64
	}{
		{BackboneFile, false, imageTensor, []int64{1, m.channels, h, w, d}},
		{BackboneFile, true, featuresTensor, []int64{1, -1, h, w, d}},
		{BackboneFile, true, memoryTensor, []int64{1, -1, width}},
		{DecoderFile, false, featuresTensor, []int64{1, -1, h, w, d}},
		{DecoderFile, false, memoryTensor, []int64{1, -1, width}},
		{DecoderFile, false, queriesTensor, []int64{1, -1, width}},
		{DecoderFile, true, logitsTensor, []int64{1, -1, h, w, d}},
		{TextFile, false, idsTensor, []int64{-1, -1}},
		{TextFile, false, maskTensor, []int64{-1, -1}},
		{TextFile, false, modalityTensor, []int64{-1}},
		{TextFile, true, embeddingsTensor, []int64{-1, width}},
	} {
		what, ports := "input", sig[want.file].inputs
		if want.out {
			what, ports = "output", sig[want.file].outputs
		}
		if err := wants(want.file, what, ports, want.name, want.shape...); err != nil {
			return err
		}
	}
	if _, ok := sig[DecoderFile].input(keyTensor); ok != (len(m.outputs) == 3) {
		return fmt.Errorf("%w: only one of %s and %s has %q; rebuild the bundle",
			inference.ErrBundleFile, BackboneFile, DecoderFile, keyTensor)
	}
	return nil
}

// load makes the sessions.
func (m *model) load(files map[string][]byte, o Options) error {
	options, err := sessionOptions(o)
	if err != nil {
		return err
	}
	defer options.Destroy() //nolint:errcheck // freeing only
	for _, s := range []struct {
		file    string
		in, out []string
		session **ort.DynamicAdvancedSession
	}{
		{BackboneFile, []string{imageTensor}, m.outputs, &m.backbone},
		{DecoderFile, append([]string{queriesTensor}, m.outputs...), []string{logitsTensor}, &m.decoder},
		{TextFile, []string{idsTensor, maskTensor, modalityTensor}, []string{embeddingsTensor}, &m.text},
	} {
		if *s.session, err = ort.NewDynamicAdvancedSessionWithONNXData(files[s.file], s.in, s.out, options); err != nil {
			return fmt.Errorf("%w: %s cannot be loaded: %s", inference.ErrBundleFile, s.file, oneLine(err))
		}
	}
	return nil
}

func sessionOptions(o Options) (*ort.SessionOptions, error) {
	s, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("session options: %w", err)
	}
	threads := o.Threads
	if threads <= 0 {
		threads = runtime.NumCPU()
	}
	err = errors.Join(
		s.SetIntraOpNumThreads(threads),
		s.SetInterOpNumThreads(1),
		s.SetCpuMemArena(o.Arena),
		s.SetMemPattern(o.Arena),
		// Idle threads sleep rather than spin: the machine has other work.
		s.AddSessionConfigEntry("session.intra_op.allow_spinning", "0"),
	)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("session options: %w", err), s.Destroy())
	}
	return s, nil
}

// Manifest describes the model.
func (m *model) Manifest() *inference.Manifest { return m.man }

// Close frees the model.
func (m *model) Close() error {
	var errs []error
	for _, s := range []**ort.DynamicAdvancedSession{&m.backbone, &m.decoder, &m.text} {
		if *s != nil {
			errs = append(errs, (*s).Destroy())
			*s = nil
		}
	}
	m.logits = nil
	return errors.Join(errs...)
}

// Encode gives the embeddings of prompts. Each is computed once in the model's
// life. The slices are shared and must not be written to.
func (m *model) Encode(ctx context.Context, prompts []string, mod inference.Modality) ([][]float32, error) {
	code, ok := codes[mod]
	if !ok {
		return nil, fmt.Errorf("%w %q", inference.ErrUnknownModality, string(mod))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var todo []string
	for _, p := range prompts {
		if m.cache[prompt{p, mod}] == nil {
			todo = append(todo, p)
		}
	}
	if len(m.cache)+len(todo) > maxCached {
		clear(m.cache)
		todo = prompts
	}
	for first := 0; first < len(todo); first += promptsAtOnce {
		batch := todo[first:min(first+promptsAtOnce, len(todo))]
		vectors, err := m.encode(ctx, batch, code)
		if err != nil {
			return nil, err
		}
		for i, p := range batch {
			m.cache[prompt{p, mod}] = vectors[i]
		}
	}
	out := make([][]float32, len(prompts))
	for i, p := range prompts {
		out[i] = m.cache[prompt{p, mod}]
	}
	return out, nil
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

// features are the backbone's outputs for one window.
type features struct{ values tensors }

// Close frees the features.
func (f *features) Close() error {
	f.values.free()
	f.values = nil
	return nil
}

// Features runs the backbone over one window.
func (m *model) Features(ctx context.Context, patch []float32) (inference.Features, error) {
	h, w, d := int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	if int64(len(patch)) != h*w*d {
		return nil, fmt.Errorf("%w: a patch of %d voxels, not %v", inference.ErrModelOutput, len(patch), m.man.Patch)
	}
	image := patch
	if m.channels == 3 {
		image = make([]float32, 0, 3*len(patch))
		for range 3 {
			image = append(image, patch...)
		}
	}
	var in tensors
	defer in.free()
	if err := add(&in, image, 1, m.channels, h, w, d); err != nil {
		return nil, err
	}
	out := make([]ort.Value, len(m.outputs))
	if err := run(ctx, m.backbone, in, out); err != nil {
		return nil, fmt.Errorf("%s: %w", BackboneFile, err)
	}
	return &features{out}, nil
}

// Decode runs the decoder over what Features saw.
func (m *model) Decode(ctx context.Context, f inference.Features, queries [][]float32) ([]float32, error) {
	seen, ok := f.(*features)
	if !ok || seen.values == nil {
		return nil, fmt.Errorf("%w: these features are closed or another model's", inference.ErrModelOutput)
	}
	n, width := int64(len(queries)), int64(m.man.EmbeddingWidth)
	flat := make([]float32, 0, n*width)
	for _, q := range queries {
		flat = append(flat, q...)
	}
	var in tensors
	defer in.free()
	if err := add(&in, flat, 1, n, width); err != nil {
		return nil, err
	}
	shape := ort.NewShape(1, n, int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2]))
	if size := int(shape.FlattenedSize()); cap(m.logits) < size {
		m.logits = make([]float32, size)
	} else {
		m.logits = m.logits[:size]
	}
	var out tensors
	defer out.free()
	if err := add(&out, m.logits, shape...); err != nil {
		return nil, err
	}
	if err := run(ctx, m.decoder, append(in[:1:1], seen.values...), out); err != nil {
		return nil, fmt.Errorf("%s: %w", DecoderFile, err)
	}
	return m.logits, nil
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
		tensors(out).free()
		return ctx.Err()
	}
	if err != nil {
		return fmt.Errorf("%w: %s", inference.ErrModelOutput, oneLine(err))
	}
	return nil
}

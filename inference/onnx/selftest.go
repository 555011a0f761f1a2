package onnx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference"
	"satgraph/inference/contract"
	"satgraph/inference/text"
)

// maxTestVoxels bounds the image of a self-test.
const maxTestVoxels = 1 << 23

// SelfTest runs the networks of a bundle on a self-test's prompts and image
// and fills in what they give. One network is in memory at a time. dir is the
// folder that bundle shows, or empty where it is none on disk; nothing is
// checked against the manifest. The errors are inference.ErrBundleFile (also of
// a test that cannot be run), inference.ErrModelOutput, text.ErrVocabulary,
// ErrNoLibrary, ErrLibraryTooOld and the context's.
func SelfTest(ctx context.Context, bundle fs.FS, dir string, t *inference.SelfTest) error {
	voxels := 1
	for _, n := range t.Patch {
		if n <= 0 || n > maxTestVoxels/voxels {
			return fmt.Errorf("%w: its self-test has an image of %v voxels", inference.ErrBundleFile, t.Patch)
		}
		voxels *= n
	}
	library, err := Start()
	if err != nil {
		return err
	}
	r := &tester{ctx: ctx, bundle: bundle, dir: dir, library: library, t: t}
	queries, err := r.encode()
	if err != nil || len(t.Probes) == 0 {
		return err
	}
	seen, names, err := r.look()
	if err != nil {
		return err
	}
	defer seen.free()
	return r.decode(queries, seen, names)
}

type tester struct {
	library Library
	ctx     context.Context //nolint:containedctx // lives for one call
	bundle  fs.FS
	dir     string
	t       *inference.SelfTest
}

// run opens a network, runs it once and closes it. inputs and outputs are
// chosen once its signature is known.
func (r *tester) run(file string, inputs map[string]ort.Value, outputs func(*signature) []string) (_ tensors, err error) {
	c, err := r.content(file)
	if err != nil {
		return nil, err
	}
	defer c.close()
	sig, err := readSignature(file, c.data)
	if err != nil {
		return nil, err
	}
	options, err := sessionOptions(r.library, Options{Device: "cpu"})
	if err != nil {
		return nil, err
	}
	defer options.Destroy() //nolint:errcheck // freeing only
	var names []string
	var in tensors
	for _, p := range sig.inputs {
		v := inputs[p.name]
		if v == nil {
			return nil, fmt.Errorf("%w: %s has an input %q, which a self-test does not know", inference.ErrBundleFile, file, p.name)
		}
		names, in = append(names, p.name), append(in, v)
	}
	wanted := outputs(sig)
	var session *ort.DynamicAdvancedSession
	if r.dir != "" { // ONNX Runtime reads it itself, and finds what lies beside it
		c.close()
		session, err = ort.NewDynamicAdvancedSession(filepath.Join(r.dir, file), names, wanted, options)
	} else {
		session, err = ort.NewDynamicAdvancedSessionWithONNXData(c.data, names, wanted, options)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded: %s", inference.ErrBundleFile, file, oneLine(err))
	}
	defer func() { err = errors.Join(err, session.Destroy()) }()
	out := make([]ort.Value, len(wanted))
	if err := run(r.ctx, session, in, out); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return out, nil
}

// content is a file of the bundle, unchecked.
func (r *tester) content(file string) (*content, error) {
	c := &content{}
	if r.dir != "" {
		c.data, c.unmap = mapFile(filepath.Join(r.dir, file), maxFileBytes)
	}
	if c.data == nil {
		var err error
		if c.data, err = readFile(r.bundle, file, maxFileBytes); err != nil {
			return nil, fmt.Errorf("%w: %w", inference.ErrBundleFile, err)
		}
	}
	return c, nil
}

// encode fills in the embeddings and returns those of the probes' prompts.
func (r *tester) encode() (map[string][]float32, error) {
	file, err := r.bundle.Open(VocabularyFile)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", inference.ErrBundleFile, err)
	}
	defer file.Close() //nolint:errcheck // only read
	vocab, err := text.ReadVocabulary(file)
	if err != nil {
		return nil, err
	}
	var prompts []string
	var modalities []int64
	add := func(name string, m inference.Modality) error {
		if m == "" {
			m = r.t.Modality
		}
		code, err := contract.Code(m)
		if err != nil {
			return err
		}
		prompts, modalities = append(prompts, name), append(modalities, code)
		return nil
	}
	list := []*inference.TestEmbedding{}
	if r.t.Embedding != nil {
		list = append(list, r.t.Embedding)
	}
	for i := range r.t.Embeddings {
		list = append(list, &r.t.Embeddings[i])
	}
	for _, e := range list {
		err = errors.Join(err, add(e.Prompt, e.Modality))
	}
	for _, p := range r.t.Probes {
		err = errors.Join(err, add(p.Prompt, r.t.Modality))
	}
	if err != nil || len(prompts) == 0 {
		return nil, err
	}
	all, err := r.embed(vocab, prompts, modalities)
	if err != nil {
		return nil, err
	}
	width := len(all) / len(prompts)
	for i, e := range list {
		n := min(len(e.First), width)
		e.First = make([]float64, n)
		for j := range n {
			e.First[j] = float64(all[i*width+j])
		}
	}
	queries := map[string][]float32{}
	for i, p := range r.t.Probes {
		at := (len(list) + i) * width
		queries[p.Prompt] = all[at : at+width]
	}
	return queries, nil
}

func (r *tester) embed(vocab *text.Vocabulary, prompts []string, modalities []int64) ([]float32, error) {
	ids, mask, length := vocab.Batch(prompts)
	n := int64(len(prompts))
	var in tensors
	defer func() { in.free() }()
	if err := errors.Join(add(&in, ids, n, int64(length)), add(&in, mask, n, int64(length)), add(&in, modalities, n)); err != nil {
		return nil, err
	}
	out, err := r.run(TextFile, map[string]ort.Value{contract.IDs: in[0], contract.Mask: in[1], contract.Modality: in[2]},
		func(*signature) []string { return []string{contract.Embeddings} })
	if err != nil {
		return nil, err
	}
	defer out.free()
	return floats(TextFile, out[0], n, -1)
}

// floats copies a result of the wanted shape, in which -1 is anything.
func floats(file string, v ort.Value, want ...int64) ([]float32, error) {
	t, ok := v.(*ort.Tensor[float32])
	shape := v.GetShape()
	ok = ok && len(shape) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = want[i] < 0 || want[i] == shape[i]
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s gives a result of shape %v, not %v", inference.ErrModelOutput, file, shape, want)
	}
	return append([]float32(nil), t.GetData()...), nil
}

// look runs the backbone over the image.
func (r *tester) look() (tensors, []string, error) {
	p := r.t.Patch
	plane := make([]float32, 0, p[0]*p[1]*p[2])
	for h := range p[0] {
		for w := range p[1] {
			for d := range p[2] {
				plane = append(plane, inference.SelfTestImage(h, w, d))
			}
		}
	}
	channels, err := r.channels()
	if err != nil {
		return nil, nil, err
	}
	var image []float32
	for range channels {
		image = append(image, plane...)
	}
	var in tensors
	defer func() { in.free() }()
	if err := add(&in, image, 1, channels, int64(p[0]), int64(p[1]), int64(p[2])); err != nil {
		return nil, nil, err
	}
	names := []string{contract.Features, contract.Memory}
	out, err := r.run(BackboneFile, map[string]ort.Value{contract.Image: in[0]}, func(s *signature) []string {
		if _, ok := s.output(contract.Key); ok {
			names = append(names, contract.Key)
		}
		return names
	})
	return out, names, err
}

// channels is how many the backbone's image has.
func (r *tester) channels() (int64, error) {
	c, err := r.content(BackboneFile)
	if err != nil {
		return 0, err
	}
	defer c.close()
	sig, err := readSignature(BackboneFile, c.data)
	if err != nil {
		return 0, err
	}
	if p, ok := sig.input(contract.Image); ok && len(p.shape) == 5 && p.shape[1] == 1 {
		return 1, nil
	}
	return 3, nil
}

// decode fills in the probes' logits.
func (r *tester) decode(queries map[string][]float32, seen tensors, names []string) error {
	var order []string
	var flat []float32
	row := map[string]int{}
	for _, p := range r.t.Probes {
		if _, ok := row[p.Prompt]; !ok {
			row[p.Prompt] = len(order)
			order = append(order, p.Prompt)
			flat = append(flat, queries[p.Prompt]...)
		}
		for a, at := range p.Voxel {
			if at < 0 || at >= r.t.Patch[a] {
				return fmt.Errorf("%w: its self-test looks at voxel %v of %v", inference.ErrBundleFile, p.Voxel, r.t.Patch)
			}
		}
	}
	n := int64(len(order))
	var in tensors
	defer func() { in.free() }()
	if err := add(&in, flat, 1, n, int64(len(flat))/n); err != nil {
		return err
	}
	inputs := map[string]ort.Value{contract.Queries: in[0]}
	for i, name := range names {
		inputs[name] = seen[i]
	}
	out, err := r.run(DecoderFile, inputs, func(*signature) []string { return []string{contract.Logits} })
	if err != nil {
		return err
	}
	defer out.free()
	p := r.t.Patch
	logits, err := floats(DecoderFile, out[0], 1, n, int64(p[0]), int64(p[1]), int64(p[2]))
	if err != nil {
		return err
	}
	for i := range r.t.Probes {
		probe := &r.t.Probes[i]
		at := ((row[probe.Prompt]*p[0]+probe.Voxel[0])*p[1]+probe.Voxel[1])*p[2] + probe.Voxel[2]
		probe.Logit = float64(logits[at])
	}
	return nil
}

package onnx

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference"
	"satgraph/inference/contract"
	"satgraph/inference/text"
)

// Options of a model.
type Options struct {
	// Device is where the model runs: "cpu", "cuda", or "auto" (also ""), which
	// is CUDA where ONNX Runtime's library for it is at hand and starts, else the
	// processor.
	Device string
	// Threads that one call of the model may use; 0 means all processors.
	Threads int
	// Together is how many windows the backbone should look at in one call, where
	// memory allows; 0 is what suits the device.
	Together int
	// Arena lets ONNX Runtime keep freed memory for the next call. It is a
	// little faster and holds more memory between calls.
	Arena bool
	// Cache is a folder for the embeddings of prompts of those bundles that are
	// in no folder that can be written to. Empty: they are computed each time.
	Cache string
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
	seen     [][]int64    // shapes of outputs
	logits   [2][]float32 // of the last two calls of Decode
	image    []float32    // scratch

	batches bool // the backbone takes any number of windows

	bundle    fs.FS
	dir       string // empty where the bundle is in none
	library   Library
	o         Options
	footprint inference.Footprint

	prompts contract.Prompts
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
	m, err := open(os.DirFS(dir), dir, o)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", dir, err)
	}
	return m, nil
}

// OpenFS opens a bundle: its manifest is read, every file checked against its
// sum, and the parts checked to belong together, before anything is run. The
// text encoder is loaded when a prompt is first encoded, not here.
//
// Errors: inference.ErrBadManifest, inference.ErrBundleFile (naming the file),
// ErrNoLibrary, ErrLibraryTooOld, ErrDevice, text.ErrVocabulary.
func OpenFS(bundle fs.FS, o Options) (inference.Model, error) {
	return open(bundle, "", o)
}

// Check does what Open does before anything is run: it reads the manifest of
// the bundle in the folder dir (or in none, where dir is empty), checks every
// file against its sum, and that the parts belong together. Errors are those of
// Open, but for those of the library.
func Check(bundle fs.FS, dir string) (*inference.Manifest, error) {
	m, files, err := inspect(bundle, dir)
	if err != nil {
		return nil, err
	}
	closeAll(files)
	return m.man, nil
}

// open opens a bundle that is in a folder, or in none.
func open(bundle fs.FS, dir string, o Options) (inference.Model, error) {
	m, files, err := inspect(bundle, dir)
	if err != nil {
		return nil, err
	}
	defer closeAll(files)
	m.o, m.footprint.Together = o, o.together(m.batches)
	store := newEmbeddings(m.man, dir, o.Cache)
	m.prompts.Load, m.prompts.Save = store.read, store.write
	if m.library, err = Start(); err != nil {
		return nil, err
	}
	m.backbone, err = m.load(BackboneFile, files[BackboneFile], []string{contract.Image}, m.outputs)
	if err == nil {
		m.decoder, err = m.load(DecoderFile, files[DecoderFile], append([]string{contract.Queries}, m.outputs...), []string{contract.Logits})
	}
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

func closeAll(files map[string]*content) {
	for _, c := range files {
		c.close()
	}
}

// inspect reads a bundle, of which nothing is run. The files are the caller's
// to close.
func inspect(bundle fs.FS, dir string) (_ *model, files map[string]*content, err error) {
	man, err := ReadManifest(bundle)
	if err != nil {
		return nil, nil, err
	}
	m := &model{man: man, bundle: bundle, dir: dir}
	files = map[string]*content{}
	defer func() {
		if err != nil {
			closeAll(files)
		}
	}()
	for _, name := range sortedFiles(man) {
		switch name {
		case BackboneFile, DecoderFile, TextFile, VocabularyFile:
			files[name], err = readBundleFile(bundle, dir, man, name)
		default: // weights beside a network, or something for people
			err = checkBundleFile(bundle, man, name)
		}
		if err != nil {
			return nil, nil, err
		}
	}
	for _, name := range []string{BackboneFile, DecoderFile, TextFile, VocabularyFile} {
		if files[name] == nil {
			return nil, nil, fmt.Errorf("%w: its manifest does not list %s; rebuild the bundle", inference.ErrBundleFile, name)
		}
	}
	if m.vocab, err = text.ReadVocabulary(bytes.NewReader(files[VocabularyFile].data)); err != nil {
		return nil, nil, fmt.Errorf("%w: %s: %w", inference.ErrBundleFile, VocabularyFile, err)
	}
	if err := m.match(files); err != nil {
		return nil, nil, err
	}
	if err := m.size(files, dir); err != nil {
		return nil, nil, err
	}
	return m, files, nil
}

// size works out what the networks take, and checks that weights kept beside
// them are files of the bundle.
func (m *model) size(files map[string]*content, dir string) error {
	nets := map[string]*network{}
	for _, name := range []string{BackboneFile, DecoderFile, TextFile} {
		net, err := readNetwork(files[name].data)
		if err != nil {
			return fmt.Errorf("%w: %s: %w", inference.ErrBundleFile, name, err)
		}
		for _, beside := range net.external {
			if m.man.Files[beside] == "" || dir == "" {
				return fmt.Errorf("%w: the weights of %s lie in %q, which is not a file of the bundle that its manifest lists",
					inference.ErrBundleFile, name, beside)
			}
		}
		nets[name] = net
	}
	h, w, d := int64(m.man.Patch[0]), int64(m.man.Patch[1]), int64(m.man.Patch[2])
	backbone, decoder := nets[BackboneFile], nets[DecoderFile]
	seen := backbone.shapes(map[string][]int64{contract.Image: {1, m.channels, h, w, d}})
	for _, name := range m.outputs {
		m.seen = append(m.seen, seen[name])
	}
	decode := func(queries int64) int64 {
		shapes := map[string][]int64{contract.Queries: {1, queries, int64(m.man.EmbeddingWidth)}}
		for _, name := range m.outputs {
			shapes[name] = seen[name]
		}
		return decoder.peak(decoder.shapes(shapes))
	}
	for _, shape := range m.seen {
		m.batches = m.batches && elements(shape) > 0
	}
	one, two := decode(1), decode(2)
	m.footprint = inference.Footprint{
		Features: backbone.peak(seen), Held: backbone.results(seen),
		Query: two - one, Decode: max(0, 2*one-two), // the last of it is the result
	}
	return nil
}

// fileOf are the files of the networks.
var fileOf = map[contract.Part]string{contract.Backbone: BackboneFile, contract.Decoder: DecoderFile, contract.Text: TextFile}

// match checks that the three networks fit each other and the manifest.
func (m *model) match(files map[string]*content) error {
	sig := map[string]*signature{}
	for _, name := range []string{BackboneFile, DecoderFile, TextFile} {
		var err error
		if sig[name], err = readSignature(name, files[name].data); err != nil {
			return err
		}
	}
	for name, s := range sig {
		if s.pair != sig[BackboneFile].pair || m.man.Pair != "" && s.pair != m.man.Pair {
			return fmt.Errorf("%w: %s belongs to another model (pair %q, the manifest says %q); rebuild the bundle",
				inference.ErrBundleFile, name, s.pair, m.man.Pair)
		}
	}
	m.channels = 3
	if p, ok := sig[BackboneFile].input(contract.Image); ok && len(p.shape) == 5 {
		if p.shape[1] == 1 {
			m.channels = 1
		}
		m.batches = p.shape[0] < 0
	}
	m.outputs = []string{contract.Features, contract.Memory}
	if _, ok := sig[BackboneFile].output(contract.Key); ok {
		m.outputs = append(m.outputs, contract.Key)
	}
	for _, want := range contract.Ports(m.man, m.channels) {
		file := fileOf[want.Part]
		what, ports := "input", sig[file].inputs
		if want.Output {
			what, ports = "output", sig[file].outputs
		}
		if err := wants(file, what, ports, want.Name, want.Shape...); err != nil {
			return err
		}
	}
	if _, ok := sig[DecoderFile].input(contract.Key); ok != (len(m.outputs) == 3) {
		return fmt.Errorf("%w: only one of %s and %s has %q; rebuild the bundle",
			inference.ErrBundleFile, BackboneFile, DecoderFile, contract.Key)
	}
	return nil
}

// load makes a session of a network.
func (m *model) load(file string, c *content, in, out []string) (*ort.DynamicAdvancedSession, error) {
	options, err := sessionOptions(m.library, m.o)
	if err != nil {
		return nil, err
	}
	defer options.Destroy() //nolint:errcheck // freeing only
	var session *ort.DynamicAdvancedSession
	if m.dir != "" { // ONNX Runtime reads it itself, and finds what lies beside it
		session, err = ort.NewDynamicAdvancedSession(filepath.Join(m.dir, file), in, out, options)
	} else {
		session, err = ort.NewDynamicAdvancedSessionWithONNXData(c.data, in, out, options)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded: %s", inference.ErrBundleFile, file, oneLine(err))
	}
	return session, nil
}

// withText does what needs the text encoder, which is in memory no longer than
// that: it is as large as a small vision network, and a run that has its
// embeddings needs it no more.
func (m *model) withText(do func() error) error {
	if m.backbone == nil {
		return fmt.Errorf("%w: the model is closed", inference.ErrModelOutput)
	}
	c, err := readBundleFile(m.bundle, m.dir, m.man, TextFile)
	if err != nil {
		return err
	}
	defer c.close()
	m.text, err = m.load(TextFile, c, []string{contract.IDs, contract.Mask, contract.Modality}, []string{contract.Embeddings})
	if err != nil {
		return err
	}
	err = do()
	return errors.Join(err, m.text.Destroy())
}

// togetherCUDA is how many windows suit a GPU, which a small one may leave idle;
// it was measured on none. A processor is busy with one: of bench/pipeline's
// network, on two threads, a window took 2.3 s of processor whether it came
// alone or with one or three others, and 70, 138 and 273 MB were held.
const togetherCUDA = 4

func (o Options) together(open bool) int {
	switch {
	case !open:
		return 1
	case o.Together > 0:
		return o.Together
	case o.Device == CUDA:
		return togetherCUDA
	default:
		return 1
	}
}

func sessionOptions(library Library, o Options) (*ort.SessionOptions, error) {
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
	if err := addDevice(s, library, o.Device); err != nil {
		return nil, errors.Join(err, s.Destroy())
	}
	return s, nil
}

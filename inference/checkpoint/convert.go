package checkpoint

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"satgraph/inference"
	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/checkpoint/torchfile"
	"satgraph/inference/text"
)

// Files of a bundle, beside its manifest.
const (
	backboneFile   = "backbone.onnx"
	decoderFile    = "decoder.onnx"
	textFile       = "text.onnx"
	vocabularyFile = "vocab.txt"
	dataSuffix     = ".data" // weights beside a model, where they are too many
)

// Options of a conversion.
type Options struct {
	Vision, Text string // paths of the checkpoints
	// Vocabulary is the path of the tokenizer's vocab.txt or tokenizer.json.
	Vocabulary string

	// Name and Version stand in the manifest; Name defaults to the released
	// model whose sizes these are.
	Name, Version string
	Patch         [3]int     // largest window, voxels along R, A, S
	Spacing       [3]float64 // mm
	Modalities    []inference.Modality
	Prompts       []inference.Prompt
	// Heads are those of the query decoder, which no tensor tells; 0 is 8.
	Heads int
	// TextHeads, where not 0, must be what the text encoder's tensors say.
	TextHeads int
	// Half stores the weights as float16. All arithmetic is float32: ONNX
	// Runtime widens them when it opens the model.
	Half bool
	// Unpaired converts parts whose training steps say that they were not
	// trained together.
	Unpaired bool
	// MaxInline is as many bytes of weights as a model's own file holds; more
	// go to a file beside it. 0 is onnxfile.MaxInline.
	MaxInline int64
	// SelfTest, where not nil, runs the networks of a bundle's folder that has
	// no manifest yet, and fills in what they give; an emptied test is left out.
	SelfTest func(ctx context.Context, dir string, t *inference.SelfTest) error
	// Progress, where not nil, is told the bytes of weights written and the
	// bytes in all.
	Progress func(done, all int64)
}

// Convert writes a bundle to the folder out, whole or not at all, and returns
// its manifest. Nothing is written before both checkpoints fit their networks
// and each other.
//
// The errors are those of this package and of torchfile, text.ErrVocabulary,
// inference.ErrBadManifest (of the options), and those of files.
func Convert(ctx context.Context, out string, o Options) (*Manifest, error) {
	c, err := open(o)
	if err != nil {
		return nil, err
	}
	defer c.close()
	if err := vacant(out); err != nil {
		return nil, err
	}
	parent := filepath.Dir(filepath.Clean(out))
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(out)+".*.tmp")
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w; make the folder first", parent, os.ErrNotExist)
	}
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)                      //nolint:errcheck // gone already where all went well
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // MkdirTemp makes it private; a bundle is for all to read
		return nil, err
	}
	if err := c.write(ctx, dir); err != nil {
		return nil, err
	}
	if err := errors.Join(syncDir(dir), os.Rename(dir, out), syncDir(parent)); err != nil {
		return nil, err
	}
	return c.man, nil
}

// syncDir makes a folder's entries durable. Systems that cannot flush a folder
// keep them all the same, so that is no error.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // a folder may be writable and not readable
	}
	_ = d.Sync()
	return d.Close()
}

// vacant refuses a folder that holds something.
func vacant(out string) error {
	list, err := os.ReadDir(out)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case len(list) > 0:
		return fmt.Errorf("%s: %w; name another, or remove it first", out, ErrExists)
	}
	return nil
}

// conversion is what is known before anything is written.
type conversion struct {
	o            Options
	vision, text *source
	vocabulary   []string
	graphs       []*builder // backbone, decoder, text encoder
	man          *Manifest
	files        map[string]string // written, and their sums
	done, all    int64
}

// open reads the checkpoints' structure and builds the graphs.
func open(o Options) (_ *conversion, err error) {
	c := &conversion{o: o, files: map[string]string{}}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	c.man = newManifest(o)
	if err := c.man.check(); err != nil {
		return nil, err
	}
	vf, err := torchfile.Open(o.Vision)
	if err != nil {
		return nil, err
	}
	c.vision = newSource(vf)
	tf, err := torchfile.Open(o.Text)
	if err != nil {
		return nil, err
	}
	c.text = newSource(tf)
	v, err := readVision(c.vision, o.Heads)
	if err != nil {
		return nil, err
	}
	x, err := readText(c.text, o.TextHeads)
	if err != nil {
		return nil, err
	}
	for _, n := range o.Patch {
		if n%v.stride() != 0 {
			return nil, fmt.Errorf("%w: patch %v, whose sides must be multiples of %d", ErrOption, o.Patch, v.stride())
		}
	}
	c.graphs = []*builder{backbone(c.vision, v, o.Patch, o.Half), decoder(c.vision, v, o.Half), textEncoder(c.text, x, o.Half)}
	if err := errors.Join(c.vision.finish(unusedVision, ""), c.text.finish(unusedText, "")); err != nil {
		return nil, err
	}
	if err := c.pair(v, x); err != nil {
		return nil, err
	}
	if c.vocabulary, err = readVocabulary(o.Vocabulary, x.Vocabulary); err != nil {
		return nil, err
	}
	c.man.describe(v, x, vf, tf)
	for _, g := range c.graphs {
		c.all += g.Bytes()
	}
	return c, nil
}

func (c *conversion) close() {
	for _, s := range []*source{c.vision, c.text} {
		if s != nil {
			_ = s.file.Close() // only read
		}
	}
}

// pair refuses parts that cannot belong together. What a checkpoint tells of
// its partner is little: the query width, the training step that was saved
// with both, and the pair that some trainings note. A text encoder that still
// has parts of the injection of knowledge counted its steps there.
func (c *conversion) pair(v *VisionSizes, x *TextSizes) error {
	vf, tf := c.vision.file, c.text.file
	if v.Width != x.Width {
		return fmt.Errorf("%w: %s takes queries of %d numbers, %s gives %d", ErrPair, vf.Path(), v.Width, tf.Path(), x.Width)
	}
	if vf.Pair != "" && tf.Pair != "" && vf.Pair != tf.Pair {
		return fmt.Errorf("%w: %s is of the pair %q, %s of %q", ErrPair, vf.Path(), vf.Pair, tf.Path(), tf.Pair)
	}
	if slices.ContainsFunc(tf.Names, pretraining) {
		return nil
	}
	if vf.Step > 0 && tf.Step > 0 && vf.Step != tf.Step && !c.o.Unpaired {
		return fmt.Errorf("%w: %s was saved at training step %d, %s at %d; give the two files of one release, or say that they fit (--unpaired)",
			ErrPair, vf.Path(), vf.Step, tf.Path(), tf.Step)
	}
	return nil
}

// write fills the bundle's folder, the manifest last.
func (c *conversion) write(ctx context.Context, dir string) error {
	sums := make([]string, 0, 2)
	for _, s := range []struct {
		path string
		to   *Source
	}{{c.o.Vision, &c.man.Source.Vision}, {c.o.Text, &c.man.Source.Text}} {
		sum, err := hashFile(ctx, s.path)
		if err != nil {
			return err
		}
		s.to.SHA256 = sum
		sums = append(sums, sum)
	}
	pair := sha256.Sum256([]byte(sums[0] + sums[1]))
	c.man.Pair = hex.EncodeToString(pair[:16])
	for i, name := range []string{backboneFile, decoderFile, textFile} {
		if err := c.writeGraph(ctx, dir, name, c.graphs[i]); err != nil {
			return err
		}
	}
	if err := c.writeFile(dir, vocabularyFile, func(w io.Writer) error {
		return text.WriteVocabulary(w, c.vocabulary)
	}); err != nil {
		return err
	}
	if c.o.SelfTest != nil {
		t := c.man.newSelfTest()
		if err := c.o.SelfTest(ctx, dir, t); err != nil {
			return fmt.Errorf("self-test of the new bundle: %w", err)
		}
		if t.Vectors() > 0 {
			c.man.SelfTest = t
		}
	}
	c.man.Files = c.files
	doc, err := c.man.encode()
	if err != nil {
		return err
	}
	if err := c.writeFile(dir, inference.ManifestFile, func(w io.Writer) error {
		_, err := w.Write(doc)
		return err
	}); err != nil {
		return err
	}
	delete(c.files, inference.ManifestFile) // it does not list itself
	return nil
}

func (c *conversion) writeGraph(ctx context.Context, dir, name string, g *builder) error {
	g.Properties = [][2]string{{"pair", c.man.Pair}}
	limit := c.o.MaxInline
	if limit == 0 {
		limit = onnxfile.MaxInline
	}
	write := func(data io.Writer) error {
		return c.writeFile(dir, name, func(w io.Writer) error {
			if data != nil {
				data = c.counted(data)
			}
			return g.Write(ctx, c.counted(w), data, name+dataSuffix)
		})
	}
	var err error
	if g.Bytes() <= limit {
		err = write(nil)
	} else {
		err = c.writeFile(dir, name+dataSuffix, write)
	}
	path := g.from.file.Path()
	switch {
	case errors.Is(err, onnxfile.ErrNotFinite):
		return fmt.Errorf("%s: %w: %w", path, ErrNotFinite, err)
	case errors.Is(err, torchfile.ErrCorrupt), errors.Is(err, onnxfile.ErrHalfRange):
		return fmt.Errorf("%s: %w", path, err)
	}
	return err
}

// writeFile writes a file, flushes it to disk and notes its sum.
func (c *conversion) writeFile(dir, name string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // a bundle is for all to read
	if err != nil {
		return err
	}
	sum := sha256.New()
	err = fill(io.MultiWriter(f, sum))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	c.files[name] = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// counted reports progress.
func (c *conversion) counted(w io.Writer) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		n, err := w.Write(b)
		c.done += int64(n)
		if c.o.Progress != nil {
			c.o.Progress(min(c.done, c.all), c.all)
		}
		return n, err
	})
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	sum := sha256.New()
	buf := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := f.Read(buf)
		sum.Write(buf[:n])
		if errors.Is(err, io.EOF) {
			return hex.EncodeToString(sum.Sum(nil)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

package onnx

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	ort "github.com/yalue/onnxruntime_go"

	"satgraph/inference"
	"satgraph/inference/text"
)

// sentenceInputs are the inputs of a sentence encoder in the form that BERT's
// kin are published in.
var sentenceInputs = []string{"input_ids", "attention_mask"}

// sentencesAtOnce is how many texts are encoded together.
const sentencesAtOnce = 64

// Sentences is an encoder of texts: vectors that lie near one another where the
// texts mean alike. It is not safe for concurrent use.
type Sentences struct {
	vocab   *text.Vocabulary
	session *ort.DynamicAdvancedSession
}

// OpenSentences opens a folder with vocab.txt and one .onnx file that turns
// input_ids and attention_mask [batch, tokens] into one vector a text [batch,
// width], such as all-MiniLM-L6-v2 with its pooling.
//
// Errors: inference.ErrBundleFile (naming the file), ErrNoLibrary,
// ErrLibraryTooOld, text.ErrVocabulary.
func OpenSentences(dir string) (*Sentences, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.onnx"))
	if err != nil || len(files) != 1 {
		return nil, fmt.Errorf("sentence encoder %s: %w: want one .onnx file, found %d", dir, inference.ErrBundleFile, len(files))
	}
	f, err := os.Open(filepath.Join(dir, "vocab.txt"))
	if err != nil {
		return nil, fmt.Errorf("sentence encoder %s: %w: %w", dir, inference.ErrBundleFile, err)
	}
	defer f.Close() //nolint:errcheck // read only
	s := &Sentences{}
	if s.vocab, err = text.ReadVocabulary(f); err != nil {
		return nil, fmt.Errorf("sentence encoder %s: %w", dir, err)
	}
	if s.session, err = sentenceSession(files[0]); err != nil {
		return nil, fmt.Errorf("sentence encoder %s: %w", dir, err)
	}
	return s, nil
}

func sentenceSession(path string) (*ort.DynamicAdvancedSession, error) {
	library, err := Start()
	if err != nil {
		return nil, err
	}
	ins, outs, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded: %s", inference.ErrBundleFile, filepath.Base(path), oneLine(err))
	}
	for _, in := range ins {
		if !slices.Contains(sentenceInputs, in.Name) {
			return nil, fmt.Errorf("%w: %s wants %q beside token ids and mask", inference.ErrBundleFile, filepath.Base(path), in.Name)
		}
	}
	at := slices.IndexFunc(outs, func(o ort.InputOutputInfo) bool { return len(o.Dimensions) == 2 })
	if len(ins) != len(sentenceInputs) || at < 0 {
		return nil, fmt.Errorf("%w: %s gives no vector for a text", inference.ErrBundleFile, filepath.Base(path))
	}
	options, err := sessionOptions(library, Options{Device: CPU})
	if err != nil {
		return nil, err
	}
	defer options.Destroy() //nolint:errcheck // freeing only
	session, err := ort.NewDynamicAdvancedSession(path, sentenceInputs, []string{outs[at].Name}, options)
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded: %s", inference.ErrBundleFile, filepath.Base(path), oneLine(err))
	}
	return session, nil
}

// Close frees the encoder.
func (s *Sentences) Close() error { return s.session.Destroy() }

// Embed gives one vector a text, in the order of the texts. Errors:
// inference.ErrModelOutput and the context's.
func (s *Sentences) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	out := make([][]float32, 0, len(texts))
	for batch := range slices.Chunk(texts, sentencesAtOnce) {
		vectors, err := s.embed(ctx, batch)
		if err != nil {
			return nil, err
		}
		out = append(out, vectors...)
	}
	return out, nil
}

func (s *Sentences) embed(ctx context.Context, texts []string) ([][]float32, error) {
	ids, mask, width := s.vocab.Batch(texts)
	n := int64(len(texts))
	var in tensors
	defer in.free()
	if err := errors.Join(add(&in, ids, n, int64(width)), add(&in, mask, n, int64(width))); err != nil {
		return nil, err
	}
	out := []ort.Value{nil}
	if err := run(ctx, s.session, in, out); err != nil {
		tensors(out).free()
		return nil, err
	}
	defer out[0].Destroy() //nolint:errcheck // freeing only
	t, ok := out[0].(*ort.Tensor[float32])
	if !ok || len(t.GetShape()) != 2 || t.GetShape()[0] != n {
		return nil, fmt.Errorf("%w: a sentence encoder gives %v for %d texts", inference.ErrModelOutput, out[0].GetShape(), n)
	}
	all, each := slices.Clone(t.GetData()), int(t.GetShape()[1])
	vectors := make([][]float32, n)
	for i := range vectors {
		vectors[i] = all[i*each : (i+1)*each]
	}
	return vectors, nil
}

// IsSentences says whether a folder looks like a sentence encoder and not like a
// bundle.
func IsSentences(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, inference.ManifestFile))
	return errors.Is(err, fs.ErrNotExist)
}

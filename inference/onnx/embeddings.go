package onnx

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/inference"
	"satgraph/inference/contract"
	"satgraph/volume"
)

// EmbeddingsFile is where a bundle's folder keeps the embeddings of prompts
// that were asked before. It is no part of the bundle and may be deleted.
const EmbeddingsFile = "embeddings.cache"

const (
	embeddingsMagic = "satgraph embeddings 1\n"
	maxEmbeddings   = 1 << 30 // bytes of a file
)

// embeddings is the file of prompts' embeddings, bound to one text encoder.
type embeddings struct {
	key   [sha256.Size]byte
	width int
	paths []string // where it may be, the first that takes it
}

// newEmbeddings looks in the bundle's own folder and then in the cache; either
// may be empty.
func newEmbeddings(man *inference.Manifest, dir, cache string) *embeddings {
	e := &embeddings{width: man.EmbeddingWidth}
	e.key = sha256.Sum256([]byte(embeddingsMagic + man.Files[TextFile] + man.Files[VocabularyFile]))
	if dir != "" {
		e.paths = append(e.paths, filepath.Join(dir, EmbeddingsFile))
	}
	if cache != "" {
		e.paths = append(e.paths, filepath.Join(cache, hex.EncodeToString(e.key[:8])+".embeddings"))
	}
	return e
}

// read adds what was kept to a cache. A file that is another encoder's, cut or
// spoilt is passed by.
func (e *embeddings) read(to map[contract.Prompt][]float32) {
	for _, path := range e.paths {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > maxEmbeddings {
			continue
		}
		data, err := os.ReadFile(path)
		if err == nil && e.parse(data, to) {
			return
		}
	}
}

func (e *embeddings) parse(data []byte, to map[contract.Prompt][]float32) bool {
	start, end := len(embeddingsMagic)+len(e.key), len(data)-sha256.Size
	if end < start || string(data[:len(embeddingsMagic)]) != embeddingsMagic ||
		!bytes.Equal(data[len(embeddingsMagic):start], e.key[:]) ||
		sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return false
	}
	for rest := data[start:end]; len(rest) > 0; {
		n, used := binary.Uvarint(rest)
		if used <= 0 || n > uint64(len(rest)) {
			return false
		}
		size := used + int(n) + 4*e.width //nolint:gosec // not more than there is
		if size > len(rest) {
			return false
		}
		mod, text, ok := strings.Cut(string(rest[used:used+int(n)]), "\n") //nolint:gosec // as above
		if !ok {
			return false
		}
		vector := make([]float32, e.width)
		for i := range vector {
			vector[i] = math.Float32frombits(binary.LittleEndian.Uint32(rest[size-4*e.width+4*i:]))
		}
		to[contract.Prompt{Text: text, Modality: inference.Modality(mod)}] = vector
		rest = rest[size:]
	}
	return true
}

// write keeps a cache in the first place that takes it. That none does is no
// fault: it is only slower the next time.
func (e *embeddings) write(from map[contract.Prompt][]float32) {
	list := make([]contract.Prompt, 0, len(from))
	for p := range from {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b contract.Prompt) int {
		return strings.Compare(string(a.Modality)+"\n"+a.Text, string(b.Modality)+"\n"+b.Text)
	})
	data := append([]byte(embeddingsMagic), e.key[:]...)
	for _, p := range list {
		name := string(p.Modality) + "\n" + p.Text
		data = append(binary.AppendUvarint(data, uint64(len(name))), name...)
		for _, v := range from[p] {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
		}
	}
	sum := sha256.Sum256(data)
	data = append(data, sum[:]...)
	for _, path := range e.paths {
		if os.MkdirAll(filepath.Dir(path), 0o750) != nil {
			continue
		}
		err := volume.WriteAtomic(path, func(w io.Writer) error {
			_, err := w.Write(data)
			return err
		})
		if err == nil {
			return
		}
	}
}

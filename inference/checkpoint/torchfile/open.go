package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
)

// maxEntries bounds the files in the container; SAT-Pro with its optimizer has
// under 1,000.
const maxEntries = 1 << 16

// File is an open checkpoint.
type File struct {
	// Step is the training step that the checkpoint notes, or -1.
	Step int64
	// Pair is the text under the key "pair", or empty: what a training run
	// that keeps vision network and text encoder together may note in both.
	Pair string
	// Names lists the state dict's keys in the file's order, without the
	// "module." that DistributedDataParallel adds.
	Names []string
	// Tensors are the state dict's tensors.
	Tensors map[string]*Tensor

	path    string
	closer  io.Closer
	order   binary.ByteOrder
	prefix  string
	entries map[string]*zip.File
	stores  map[string]*storage
}

// Open reads a checkpoint's structure: the tensors' names, types and shapes.
// Close it when the tensors are no longer needed. All errors of this package
// can come of it, and those of opening a file.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: it is no regular file", ErrNotCheckpoint)
	}
	var out *File
	if err == nil {
		out, err = Read(f, info.Size())
	}
	if err != nil {
		_ = f.Close() // the first error counts
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	out.path, out.closer = path, f
	return out, nil
}

// Close closes the file; the tensors can no longer be read.
func (f *File) Close() error {
	if f.closer == nil {
		return nil
	}
	return f.closer.Close()
}

// Path is the path that Open was given.
func (f *File) Path() string { return f.path }

// Read is Open for a file that is open already; r must stay readable.
func Read(r io.ReaderAt, size int64) (*File, error) {
	if err := sniff(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; it may be cut short: download it again", ErrCorrupt, err)
	}
	f := &File{Step: -1, order: binary.LittleEndian, entries: map[string]*zip.File{}, stores: map[string]*storage{}}
	if err := f.index(z, size); err != nil {
		return nil, err
	}
	if b, err := f.small("byteorder", 16); err != nil {
		return nil, err
	} else if strings.TrimSpace(string(b)) == "big" {
		f.order = binary.BigEndian
	}
	data, err := f.small("data.pkl", maxPickleBytes)
	if err != nil {
		return nil, err
	}
	root, err := unpickle(data, f.resolve)
	if err != nil {
		return nil, err
	}
	return f, f.take(root)
}

// index checks the container's entries and finds the folder that holds
// data.pkl.
func (f *File) index(z *zip.Reader, size int64) error {
	if len(z.File) > maxEntries {
		return fmt.Errorf("%w: %d files in it, at most %d are taken", ErrTooLarge, len(z.File), maxEntries)
	}
	found := false
	for _, e := range z.File {
		if e.Method != zip.Store || e.CompressedSize64 != e.UncompressedSize64 {
			return fmt.Errorf("%w: %q in it is compressed, which torch.save never does", ErrNotCheckpoint, e.Name)
		}
		if e.UncompressedSize64 > uint64(size) { //nolint:gosec // sizes are not negative
			return fmt.Errorf("%w: %q in it claims %d bytes, more than the file has; it may be cut short: download it again",
				ErrCorrupt, e.Name, e.UncompressedSize64)
		}
		if f.entries[e.Name] != nil {
			return fmt.Errorf("%w: %q is in it twice", ErrCorrupt, e.Name)
		}
		f.entries[e.Name] = e
		if stem, ok := strings.CutSuffix(e.Name, "/data.pkl"); ok && !strings.Contains(stem, "/") {
			if found {
				return fmt.Errorf("%w: it holds two pickles", ErrCorrupt)
			}
			f.prefix, found = stem+"/", true
		}
	}
	switch {
	case !found:
		return fmt.Errorf("%w: a zip file without data.pkl", ErrNotCheckpoint)
	case f.entries[f.prefix+"constants.pkl"] != nil:
		return fmt.Errorf("%w: a TorchScript module; save its state_dict with torch.save instead", ErrNotCheckpoint)
	}
	return nil
}

// small reads a whole entry; nil where it is absent.
func (f *File) small(name string, limit uint64) ([]byte, error) {
	e := f.entries[f.prefix+name]
	if e == nil {
		return nil, nil
	}
	if e.UncompressedSize64 > limit {
		return nil, fmt.Errorf("%w: %s has %d bytes, at most %d are taken", ErrTooLarge, name, e.UncompressedSize64, limit)
	}
	r, err := e.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	defer r.Close() //nolint:errcheck // only read
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrCorrupt, name, err)
	}
	return b, nil
}

var reKey = regexp.MustCompile(`^[0-9A-Za-z_.-]{1,64}$`)

// resolve reads a persistent id: ("storage", type, key, location, elements).
func (f *File) resolve(id tuple) (*storage, error) {
	if len(id) == 5 && id[0] == "storage" {
		t, ok1 := id[1].(global)
		key, ok2 := id[2].(string)
		count, ok3 := id[4].(int64)
		dtype, ok4 := storages[t]
		if ok1 && ok2 && ok3 && ok4 && reKey.MatchString(key) && count >= 0 && count <= maxElements {
			if s := f.stores[key]; s != nil {
				if s.dtype != dtype || s.count != int(count) {
					return nil, fmt.Errorf("%w: storage %s is described in two ways", ErrCorrupt, key)
				}
				return s, nil
			}
			s := &storage{dtype: dtype, key: key, count: int(count), file: f}
			f.stores[key] = s
			return s, nil
		}
	}
	return nil, fmt.Errorf("%w: a storage id of %d parts that is not torch's", ErrCorrupt, len(id))
}

// data is the entry that holds a storage.
func (f *File) data(key string) (*zip.File, error) {
	e := f.entries[f.prefix+"data/"+key]
	if e == nil {
		return nil, errors.New("it is missing")
	}
	return e, nil
}

// stateKeys are where training scripts keep the state dict.
var stateKeys = []string{"model_state_dict", "state_dict", "model"}

// take finds the state dict in what the pickle holds.
func (f *File) take(root any) error {
	top, ok := root.(*dict)
	if !ok {
		return fmt.Errorf("%w: it holds %s, not a state dict", ErrNotCheckpoint, kind(root))
	}
	state := top
	for _, key := range stateKeys {
		if v, ok := top.get(key); ok {
			if state, ok = v.(*dict); !ok {
				return fmt.Errorf("%w: its %s is %s", ErrNotCheckpoint, key, kind(v))
			}
			break
		}
	}
	if v, ok := top.get("step"); ok {
		if n, ok := v.(int64); ok && n >= 0 {
			f.Step = n
		}
	}
	if v, ok := top.get("pair"); ok {
		f.Pair, _ = v.(string)
	}
	f.Tensors = make(map[string]*Tensor, len(state.keys))
	for i, k := range state.keys {
		name, ok := k.(string)
		t, isTensor := state.values[i].(*Tensor)
		if !ok || !isTensor {
			if state == top {
				continue // a bare state dict with notes beside it
			}
			return fmt.Errorf("%w: the state dict's %.100v is %s", ErrUnsupported, k, kind(state.values[i]))
		}
		name = strings.TrimPrefix(name, "module.")
		if f.Tensors[name] != nil {
			return fmt.Errorf("%w: the state dict has %q twice", ErrCorrupt, name)
		}
		f.Tensors[name] = t
		f.Names = append(f.Names, name)
	}
	if len(f.Tensors) == 0 {
		return fmt.Errorf("%w: it holds no tensors under %s", ErrNotCheckpoint, strings.Join(stateKeys, ", "))
	}
	return nil
}

// sniff names what a file is that is no zip.
func sniff(r io.ReaderAt, size int64) error {
	head := make([]byte, min(size, 512))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch {
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil
	case len(head) == 0:
		return fmt.Errorf("%w: the file is empty", ErrNotCheckpoint)
	case head[0] == opProto && bytes.Contains(head, []byte("\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19")):
		return fmt.Errorf("%w: it is of torch's format before 1.6, which is not read; "+
			"write it anew with PyTorch: torch.save(torch.load(FILE, map_location='cpu'), NEW)", ErrNotCheckpoint)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return fmt.Errorf("%w: a tar file; unpack it first, or, if torch wrote it, "+
			"write it anew with PyTorch: torch.save(torch.load(FILE, map_location='cpu'), NEW)", ErrNotCheckpoint)
	case bytes.HasPrefix(head, []byte("version https://git-lfs")):
		return fmt.Errorf("%w: a Git LFS pointer, not the file itself; run 'git lfs pull'", ErrNotCheckpoint)
	case len(head) > 9 && head[8] == '{':
		return fmt.Errorf("%w: it looks like a safetensors file; give the .pth file", ErrNotCheckpoint)
	case head[0] == '<' || head[0] == '{':
		return fmt.Errorf("%w: a text file, perhaps the page of a failed download", ErrNotCheckpoint)
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return fmt.Errorf("%w: a gzip file; unpack it first", ErrNotCheckpoint)
	case head[0] == opProto:
		return fmt.Errorf("%w: a bare pickle, which torch.save does not write", ErrNotCheckpoint)
	}
	return fmt.Errorf("%w: it does not begin like a zip file", ErrNotCheckpoint)
}

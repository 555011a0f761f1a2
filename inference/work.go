package inference

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"unsafe"

	"satgraph/volume"
)

// work is what a run keeps on disk so that another process can go on with it:
// the masks of the passes that are done, and the sums and masks of the pass at
// hand as they were after some window. All of it is bound by its name and
// content to one scan, model, plan and set of options. A nil work keeps nothing.
type work struct {
	dir  string
	key  [sha256.Size]byte
	pass int // at hand
}

const (
	workMagic = "satgraph run 2\n"
	// workSuffix ends the names of the files.
	workSuffix = ".satgraph-work"
	maxHead    = 16 << 20
)

// head describes a saved state.
type head struct {
	Pass    int         `json:"pass"`
	Windows int         `json:"windows"` // that are in
	Fields  []fieldHead `json:"fields"`
}

type fieldHead struct {
	Call    int     `json:"call"`
	Dropped bool    `json:"dropped"`
	NaN     bool    `json:"nan"`
	Seconds float64 `json:"seconds"`
	Bricks  int     `json:"bricks"`
	Runs    int     `json:"runs"`
}

// openWork finds what a former process left, and takes over its finished
// passes.
func (r *run) openWork() error {
	if r.o.Work == "" {
		return nil
	}
	key, err := r.key()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.o.Work, 0o750); err != nil {
		r.warnWork(err)
		return nil
	}
	r.work = &work{dir: r.o.Work, key: key}
	return nil
}

func (r *run) warnWork(err error) {
	r.warn("the run's state could not be kept, so it cannot be resumed: %v", err)
}

// key is the identity of a run.
func (r *run) key() (key [sha256.Size]byte, err error) {
	h := sha256.New()
	model, err := json.Marshal(r.man)
	if err != nil {
		return key, err
	}
	asked, err := json.Marshal(r.calls)
	if err != nil {
		return key, err
	}
	_, _ = fmt.Fprintf(h, "%s%s\n%s\n%v\n%v %v %v %v\n", workMagic, model, asked, r.report.Modality,
		r.image.Grid, r.o.SATExact, r.o.Nearest, r.o.Fast)
	hashFloats(h, r.image.Data)
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func hashFloats(h hash.Hash, data []float32) {
	if len(data) > 0 {
		//nolint:gosec // the bytes of the floats, read only; the key is for this machine alone
		h.Write(unsafe.Slice((*byte)(unsafe.Pointer(&data[0])), 4*len(data)))
	}
}

func (w *work) path(what string) string {
	return filepath.Join(w.dir, fmt.Sprintf("%x-%s%s", w.key[:8], what, workSuffix))
}

func (w *work) passPath(n int) string { return w.path(fmt.Sprintf("pass%d", n)) }

// remove deletes what belongs to the run.
func (w *work) remove() {
	if w == nil {
		return
	}
	_ = os.Remove(w.path("state"))
	for n := range w.pass + 1 {
		_ = os.Remove(w.passPath(n))
	}
	_ = os.Remove(w.dir) // where nothing else is in it
}

// save keeps a pass after some windows.
func (w *work) save(fields []*field, windows int) error {
	return w.write(w.path("state"), fields, windows)
}

// savePass keeps a finished pass.
func (w *work) savePass(fields []*field) error {
	if w == nil {
		return nil
	}
	again := false
	for _, f := range fields {
		again = again || f.dropped.Load() && !f.nan
	}
	defer func() { w.pass++ }()
	if !again {
		return nil // what is left takes no time worth keeping
	}
	if err := w.write(w.passPath(w.pass), fields, -1); err != nil {
		return err
	}
	_ = os.Remove(w.path("state"))
	return nil
}

func (w *work) write(path string, fields []*field, windows int) error {
	h := head{Pass: w.pass, Windows: windows}
	for _, f := range fields {
		h.Fields = append(h.Fields, f.head())
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	return volume.WriteAtomic(path, func(to io.Writer) error {
		sum := sha256.New()
		out := bufio.NewWriterSize(io.MultiWriter(to, sum), 1<<20)
		_, _ = out.WriteString(workMagic)
		_, _ = out.Write(w.key[:])
		_ = binary.Write(out, binary.LittleEndian, uint32(len(text))) //nolint:gosec // some bytes for each field
		_, _ = out.Write(text)
		for _, f := range fields {
			f.write(out)
		}
		if err := out.Flush(); err != nil {
			return err
		}
		_, err := to.Write(sum.Sum(nil))
		return err
	})
}

func (f *field) head() fieldHead {
	h := fieldHead{Call: f.call, Dropped: f.dropped.Load(), NaN: f.nan, Seconds: f.seconds}
	for _, layer := range f.layers {
		for _, b := range layer {
			if b != nil {
				h.Bricks++
			}
		}
	}
	if f.bits != nil {
		f.bits.Runs(func(volume.Run) bool { h.Runs++; return true })
	}
	return h
}

// write puts bricks and runs; errors stay in the writer.
func (f *field) write(out *bufio.Writer) {
	var buf [4 * brickVoxels]byte
	for l, layer := range f.layers {
		for n, b := range layer {
			if b == nil {
				continue
			}
			at := binary.AppendUvarint(buf[:0], uint64(l))
			at = binary.AppendUvarint(at, uint64(n))
			_, _ = out.Write(at)
			for i, v := range b {
				binary.LittleEndian.PutUint32(buf[4*i:], math.Float32bits(v))
			}
			_, _ = out.Write(buf[:])
		}
	}
	if f.bits == nil {
		return
	}
	f.bits.Runs(func(r volume.Run) bool {
		at := buf[:0]
		for _, v := range [4]int{r.From, r.To, r.J, r.K} {
			at = binary.AppendUvarint(at, uint64(v)) //nolint:gosec // not negative
		}
		_, _ = out.Write(at)
		return true
	})
}

// errWork says that a saved state cannot be used; it is then as if there were
// none.
var errWork = errors.New("the saved state cannot be used")

// resume fills the fields of a pass with what was saved of it, and says how
// many windows are in.
func (w *work) resume(s *stitcher, fields []*field) (windows int, err error) {
	if w == nil {
		return 0, nil
	}
	for _, path := range []string{w.passPath(w.pass), w.path("state")} {
		n, err := w.read(path, s, fields)
		switch {
		case err == nil && n < 0: // a finished pass
			return len(s.places), nil
		case err == nil:
			return n, nil
		case !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errWork):
			return 0, err
		}
	}
	return 0, nil
}

// read checks a file to its end before it takes anything from it, since one of
// them may have been cut or spoilt.
func (w *work) read(path string, s *stitcher, fields []*field) (windows int, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	body := len(data) - sha256.Size
	start := len(workMagic) + sha256.Size + 4
	if body < start || string(data[:len(workMagic)]) != workMagic || !bytes.Equal(data[len(workMagic):start-4], w.key[:]) {
		return 0, errWork
	}
	if sha256.Sum256(data[:body]) != [sha256.Size]byte(data[body:]) {
		return 0, errWork
	}
	size := int(binary.LittleEndian.Uint32(data[start-4:]))
	if size > maxHead || size > body-start {
		return 0, errWork
	}
	var h head
	if err := json.Unmarshal(data[start:start+size], &h); err != nil {
		return 0, errWork
	}
	if h.Pass != w.pass || len(h.Fields) != len(fields) || h.Windows > len(s.places) {
		return 0, errWork
	}
	in := &reader{data: data[start+size : body]}
	for i, f := range fields {
		if !in.field(s, f, h.Fields[i]) {
			for _, f := range fields {
				f.drop(s.pool)
			}
			for i, f := range fields {
				fields[i] = s.newField(f.call)
			}
			return 0, errWork
		}
	}
	return h.Windows, nil
}

// reader takes a state apart.
type reader struct{ data []byte }

func (r *reader) number(limit int) (int, bool) {
	v, n := binary.Uvarint(r.data)
	if n <= 0 || v >= uint64(limit) { //nolint:gosec // not negative
		return 0, false
	}
	r.data = r.data[n:]
	return int(v), true //nolint:gosec // below the limit
}

func (r *reader) field(s *stitcher, f *field, h fieldHead) bool {
	if h.Call != f.call {
		return false
	}
	f.nan, f.seconds = h.NaN, h.Seconds
	if h.Dropped {
		f.drop(s.pool)
	}
	for range h.Bricks {
		l, ok := r.number(len(f.layers))
		n, ok2 := r.number(s.across[s.others[0]] * s.across[s.others[1]])
		if !ok || !ok2 || len(r.data) < brickBytes || h.Dropped {
			return false
		}
		var at [3]int
		at[s.axis], at[s.others[0]], at[s.others[1]] = l, n/s.across[s.others[1]], n%s.across[s.others[1]]
		b := s.make(f, at)
		if b == nil { // there is less memory than before: it has to wait
			f.drop(s.pool)
			return false
		}
		for i := range b {
			b[i] = math.Float32frombits(binary.LittleEndian.Uint32(r.data[4*i:]))
		}
		r.data = r.data[brickBytes:]
	}
	for range h.Runs {
		var v [4]int
		for i, limit := range [4]int{s.to.source.Shape[0], s.to.source.Shape[0] + 1, s.to.source.Shape[1], s.to.source.Shape[2]} {
			var ok bool
			if v[i], ok = r.number(limit); !ok {
				return false
			}
		}
		if f.bits == nil || v[0] >= v[1] {
			return false
		}
		f.bits.SetRun(v[0], v[1], v[2], v[3])
	}
	return true
}

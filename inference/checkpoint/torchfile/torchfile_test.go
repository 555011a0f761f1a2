package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"satgraph/internal/sharedtest"
)

func TestTensors(t *testing.T) {
	pkl := state(func(p *pickler) {
		p.str("module.whole").tensor("FloatStorage", "0", "cpu", 12, 0, []int{3, 4}, []int{4, 1})
		p.str("module.alias").tensor("FloatStorage", "0", "cuda:0", 12, 0, []int{3, 4}, []int{4, 1})
		p.str("module.transposed").tensor("FloatStorage", "0", "cpu", 12, 0, []int{4, 3}, []int{1, 4})
		p.str("module.part").tensor("FloatStorage", "0", "cpu", 12, 5, []int{2, 2}, []int{4, 1})
		p.str("module.scalar").tensor("FloatStorage", "0", "cpu", 12, 11, nil, nil)
		p.str("module.none").tensor("FloatStorage", "0", "cpu", 12, 0, []int{0, 4}, []int{4, 1})
		p.str("module.half").tensor("HalfStorage", "1", "cpu", 3, 0, []int{3}, []int{1})
		p.str("module.brain").tensor("BFloat16Storage", "2", "cpu", 1, 0, []int{1}, []int{1})
		p.str("module.double").tensor("DoubleStorage", "3", "cpu", 1, 0, []int{1}, []int{1})
		p.str("module.ids").tensor("LongStorage", "3", "cpu", 1, 0, []int{1}, []int{1})
	})
	pkl = bytes.Replace(pkl, []byte("LongStorage\nX\x01\x00\x00\x003"), []byte("LongStorage\nX\x01\x00\x00\x004"), 1)
	f, err := read(container(t, zip.Store,
		file{"any/data.pkl", pkl},
		file{"any/data/0", floats(binary.LittleEndian, counting(12)...)},
		file{"any/data/1", []byte{0x00, 0x3c, 0x01, 0x00, 0xff, 0xfb}},
		file{"any/data/2", []byte{0xc0, 0x3f}},
		file{"any/data/3", []byte{0, 0, 0, 0, 0, 0, 4, 0x40}},
		file{"any/data/4", make([]byte, 8)},
	))
	if err != nil {
		t.Fatal(err)
	}
	if f.Step != 7 || len(f.Tensors) != 10 || f.Names[0] != "whole" {
		t.Errorf("step %d, names %v", f.Step, f.Names)
	}
	for name, want := range map[string][]float32{
		"whole":      counting(12),
		"transposed": {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11},
		"part":       {5, 6, 9, 10},
		"scalar":     {11},
		"none":       nil,
		"half":       {1, 1.0 / (1 << 24), -65504},
		"brain":      {1.5},
		"double":     {2.5},
	} {
		got, err := f.Tensors[name].Float32()
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", name, got, err, want)
		}
	}
	if !f.Tensors["alias"].SameAs(f.Tensors["whole"]) || f.Tensors["part"].SameAs(f.Tensors["whole"]) {
		t.Error("aliases are not told from other views")
	}
	if _, err := f.Tensors["ids"].Float32(); !errors.Is(err, ErrUnsupported) {
		t.Errorf("whole numbers: %v", err)
	}
}

func TestBigEndian(t *testing.T) {
	f, err := read(container(t, zip.Store,
		file{"m/data.pkl", state(func(p *pickler) { p.str("w").tensor("FloatStorage", "0", "cpu", 2, 0, []int{2}, []int{1}) })},
		file{"m/byteorder", []byte("big")},
		file{"m/data/0", floats(binary.BigEndian, 1, 2)},
	))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := f.Tensors["w"].Float32(); err != nil || !slices.Equal(got, []float32{1, 2}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestBareStateDict(t *testing.T) {
	p := &pickler{}
	p.op(opProto, 2, opEmptyDict, opMark).str("w").tensor("FloatStorage", "0", "cpu", 1, 0, []int{1}, []int{1}).str("note").int(1)
	f, err := read(container(t, zip.Store, file{"m/data.pkl", append(p.Bytes(), opSetItems, opStop)}, file{"m/data/0", make([]byte, 4)}))
	if err != nil || f.Tensors["w"] == nil || f.Step != -1 {
		t.Errorf("%v, %v", f, err)
	}
}

// stack is a pickle of protocol 4, whose globals come from the stack.
func TestProtocol4(t *testing.T) {
	p := &pickler{}
	p.op(opProto, 4, opFrame, 0, 0, 0, 0, 0, 0, 0, 0, opEmptyDict, opMemoize, opMark)
	p.op(opShortBinUnicode, 5).WriteString("state")
	p.op(opShortBinUnicode, 11).WriteString("collections")
	p.op(opShortBinUnicode, 11).WriteString("OrderedDict")
	p.op(opStackGlobal, opEmptyTuple, opReduce, opSetItems, opStop)
	root, err := unpickle(p.Bytes(), nil)
	if d, ok := root.(*dict); err != nil || !ok || len(d.keys) != 1 {
		t.Errorf("got %v, %v", root, err)
	}
}

func TestRefused(t *testing.T) {
	good := state(func(p *pickler) { p.str("w").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1}) })
	data := file{"m/data/0", make([]byte, 16)}
	pickled := func(fill func(p *pickler)) []byte {
		return container(t, zip.Store, file{"m/data.pkl", state(fill)}, data)
	}
	tensor := func(count, offset int, shape, strides []int) []byte {
		return pickled(func(p *pickler) { p.str("w").tensor("FloatStorage", "0", "cpu", count, offset, shape, strides) })
	}
	raw := func(build func(p *pickler)) []byte {
		p := &pickler{}
		p.op(opProto, 2)
		build(p)
		return container(t, zip.Store, file{"m/data.pkl", append(p.Bytes(), opStop)})
	}
	whole := container(t, zip.Store, file{"m/data.pkl", good}, data)
	for name, c := range map[string]struct {
		file []byte
		want error
		word string
	}{
		"empty":       {nil, ErrNotCheckpoint, "empty"},
		"html":        {[]byte("<!DOCTYPE html>"), ErrNotCheckpoint, "download"},
		"lfs":         {[]byte("version https://git-lfs.github.com/spec/v1\n"), ErrNotCheckpoint, "git lfs pull"},
		"legacy":      {[]byte("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."), ErrNotCheckpoint, "torch.save(torch.load"},
		"safetensors": {[]byte("\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{}}"), ErrNotCheckpoint, "safetensors"},
		"noise":       {[]byte("noise"), ErrNotCheckpoint, "zip"},
		"cut":         {whole[:len(whole)-30], ErrCorrupt, "cut short"},
		"compressed":  {container(t, zip.Deflate, file{"m/data.pkl", good}, data), ErrNotCheckpoint, "compressed"},
		"no pickle":   {container(t, zip.Store, data), ErrNotCheckpoint, "data.pkl"},
		"two pickles": {container(t, zip.Store, file{"m/data.pkl", good}, file{"n/data.pkl", good}), ErrCorrupt, "two pickles"},
		"torchscript": {container(t, zip.Store, file{"m/data.pkl", good}, file{"m/constants.pkl", good}), ErrNotCheckpoint, "TorchScript"},

		"os.system": {raw(func(p *pickler) { p.global("os", "system").str("true").op(opTuple1, opReduce) }), ErrUnsafe, "os.system"},
		"builtins.eval of protocol 4": {raw(func(p *pickler) {
			p.str("builtins").str("eval").op(opStackGlobal).str("1").op(opTuple1, opReduce)
		}), ErrUnsafe, "builtins.eval"},
		"hidden in the optimizer": {pickled(func(p *pickler) {
			p.str("w").global("torch", "load").str("x").op(opTuple1, opReduce)
		}), ErrUnsafe, "torch.load"},
		"newobj":          {raw(func(p *pickler) { p.global("collections", "OrderedDict").op(opEmptyTuple, 0x81) }), ErrUnsafe, "OrderedDict"},
		"extension":       {raw(func(p *pickler) { p.op(0x82, 1) }), ErrUnsafe, "extension"},
		"state of a list": {raw(func(p *pickler) { p.op(opEmptyList, opEmptyDict, opBuild) }), ErrUnsafe, "a list"},
		"call of a text":  {raw(func(p *pickler) { p.str("os").op(opEmptyTuple, opReduce) }), ErrUnsafe, "calls"},
		"protocol 0":      {raw(func(p *pickler) { p.op('I').WriteString("1\n") }), ErrUnsupported, "0x49"},

		"huge shape":     {tensor(4, 0, []int{1 << 30, 1 << 30}, []int{1, 1}), ErrTooLarge, "shape"},
		"beyond":         {tensor(4, 1, []int{4}, []int{1}), ErrCorrupt, "beyond"},
		"wide stride":    {tensor(4, 0, []int{2}, []int{4}), ErrCorrupt, "beyond"},
		"repeated":       {tensor(4, 0, []int{1 << 20}, []int{0}), ErrCorrupt, "beyond"},
		"negative":       {tensor(4, -1, []int{1}, []int{1}), ErrCorrupt, "offset"},
		"negative shape": {tensor(4, 0, []int{-1}, []int{1}), ErrCorrupt, "axis"},
		"more strides":   {tensor(4, 0, []int{1}, []int{1, 1}), ErrCorrupt, "strides"},
		"nine axes":      {tensor(4, 0, make([]int, 9), make([]int, 9)), ErrTooLarge, "axes"},
		"path as a key": {pickled(func(p *pickler) {
			p.str("w").tensor("FloatStorage", "../../x", "cpu", 4, 0, []int{4}, []int{1})
		}), ErrCorrupt, "storage id"},
		"one storage, two types": {pickled(func(p *pickler) {
			p.str("a").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1})
			p.str("b").tensor("HalfStorage", "0", "cpu", 8, 0, []int{4}, []int{1})
		}), ErrCorrupt, "two ways"},
		"no tensors": {pickled(func(p *pickler) {}), ErrNotCheckpoint, "no tensors"},
		"not a dict": {raw(func(p *pickler) { p.op(opEmptyList) }), ErrNotCheckpoint, "a list"},
		"one name twice": {pickled(func(p *pickler) {
			p.str("w").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1})
			p.str("module.w").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1})
		}), ErrCorrupt, "twice"},
		"ends early":      {raw(func(p *pickler) { p.op(opBinUnicode, 200, 0, 0, 0) }), ErrCorrupt, "early"},
		"long text":       {raw(func(p *pickler) { p.op(opBinUnicode, 0, 0, 0, 0x7f) }), ErrTooLarge, "text"},
		"empty stack":     {raw(func(p *pickler) { p.op(opTuple2) }), ErrCorrupt, "values"},
		"pop over a mark": {raw(func(p *pickler) { p.int(1).op(opMark, opTuple1) }), ErrCorrupt, "values"},
		"unremembered":    {raw(func(p *pickler) { p.op(opBinGet, 9) }), ErrCorrupt, "remembered"},
	} {
		_, err := read(c.file)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.word) {
			t.Errorf("%s: got %v, want %v with %q", name, err, c.want, c.word)
		}
	}
}

func TestDamagedData(t *testing.T) {
	pkl := file{"m/data.pkl", state(func(p *pickler) { p.str("w").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1}) })}
	flipped := container(t, zip.Store, pkl, file{"m/data/0", floats(binary.LittleEndian, 1, 2, 3, 4)})
	at := bytes.Index(flipped, floats(binary.LittleEndian, 3))
	flipped[at] ^= 1
	for name, b := range map[string][]byte{
		"missing": container(t, zip.Store, pkl),
		"short":   container(t, zip.Store, pkl, file{"m/data/0", make([]byte, 12)}),
		"long":    container(t, zip.Store, pkl, file{"m/data/0", make([]byte, 20)}),
		"flipped": flipped,
	} {
		f, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Tensors["w"].Float32(); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A pickle cannot make more values than its bytes, whatever it remembers.
func TestNoBomb(t *testing.T) {
	p := &pickler{}
	p.op(opProto, 2, opEmptyList, opBinPut, 0)
	for range maxPickleBytes / 3 {
		p.op(opBinGet, 0, opAppend)
	}
	if _, err := unpickle(p.Bytes()[:maxPickleBytes], nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

func TestOfficialFiles(t *testing.T) {
	dir := sharedtest.Path(t, "fixtures/sat-tiny")
	for name, want := range map[string]int{
		"nano/vision.pth": 292, "pro/vision.pth": 380, "text_encoder.pth": 61, "text_encoder_with_extras.pth": 61,
	} {
		f, err := Open(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Tensors) < want || f.Step <= 0 {
			t.Errorf("%s: %d tensors, step %d", name, len(f.Tensors), f.Step)
		}
		for key, x := range f.Tensors {
			if _, err := x.Float32(); err != nil && x.DType.Floating() {
				t.Errorf("%s: %s: %v", name, key, err)
			}
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	pkl := state(func(p *pickler) {
		p.str("w").tensor("FloatStorage", "0", "cpu", 12, 1, []int{2, 3}, []int{1, 2})
	})
	f.Add(container(f, zip.Store, file{"m/data.pkl", pkl}, file{"m/data/0", make([]byte, 48)}))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := read(b)
		if err != nil {
			return
		}
		for _, x := range c.Tensors {
			v, err := x.Float32()
			if err == nil && len(v) != x.Elements() {
				t.Errorf("%d numbers of %v", len(v), x.Shape)
			}
		}
	})
}

func FuzzPickle(f *testing.F) {
	f.Add(state(func(p *pickler) { p.str("w").tensor("FloatStorage", "0", "cpu", 4, 0, []int{4}, []int{1}) }))
	f.Fuzz(func(t *testing.T, b []byte) {
		store := &storage{count: 4, key: "0"}
		root, err := unpickle(b, func(tuple) (*storage, error) { return store, nil })
		if err != nil {
			for _, want := range []error{ErrUnsafe, ErrCorrupt, ErrTooLarge, ErrUnsupported} {
				if errors.Is(err, want) {
					return
				}
			}
			t.Errorf("an error of no name: %v (root %v)", err, root)
		}
	})
}

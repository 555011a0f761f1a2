package torchfile

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"testing"
)

// pickler writes pickles by hand, as torch.save and as an attacker would.
type pickler struct{ bytes.Buffer }

func (p *pickler) op(b ...byte) *pickler { p.Write(b); return p }

func (p *pickler) str(s string) *pickler {
	p.WriteByte(opBinUnicode)
	_ = binary.Write(p, binary.LittleEndian, uint32(len(s)))
	p.WriteString(s)
	return p
}

func (p *pickler) int(n int) *pickler {
	p.WriteByte(opBinInt)
	_ = binary.Write(p, binary.LittleEndian, int32(n))
	return p
}

func (p *pickler) global(module, name string) *pickler {
	p.WriteByte(opGlobal)
	p.WriteString(module + "\n" + name + "\n")
	return p
}

func (p *pickler) ints(list ...int) *pickler {
	p.op(opMark)
	for _, n := range list {
		p.int(n)
	}
	return p.op(opTuple)
}

// tensor is torch's call that rebuilds a tensor.
func (p *pickler) tensor(storage, key, location string, count, offset int, shape, strides []int) *pickler {
	p.global("torch._utils", "_rebuild_tensor_v2").op(opMark)
	p.op(opMark).str("storage").global("torch", storage).str(key).str(location).int(count).op(opTuple, opBinPersID)
	p.int(offset).ints(shape...).ints(strides...).op(opNewFalse)
	p.global("collections", "OrderedDict").op(opEmptyTuple, opReduce)
	return p.op(opTuple, opReduce)
}

// state is a checkpoint {"model_state_dict": {name: tensor}} with the metadata
// that torch attaches to its OrderedDict.
func state(fill func(p *pickler)) []byte {
	p := &pickler{}
	p.op(opProto, 2, opEmptyDict, opMark).str("step").int(7).str("model_state_dict")
	p.global("collections", "OrderedDict").op(opEmptyTuple, opReduce, opMark)
	fill(p)
	p.op(opSetItems)
	p.op(opEmptyDict).str("_metadata").op(opEmptyDict, opSetItem, opBuild)
	return append(p.Bytes(), opSetItems, opStop)
}

// file is an entry of a container.
type file struct {
	name string
	data []byte
}

func container(t testing.TB, method uint16, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.name, Method: method})
		if err == nil {
			_, err = w.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func floats(order binary.ByteOrder, values ...float32) []byte {
	b := make([]byte, 4*len(values))
	for i, v := range values {
		order.PutUint32(b[4*i:], math.Float32bits(v))
	}
	return b
}

func counting(n int) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(i)
	}
	return out
}

func read(b []byte) (*File, error) {
	f, err := Read(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	return f, nil
}

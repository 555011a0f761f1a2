package onnxfile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"testing"
)

// widen is float16's definition, sign aside.
func widen(h uint16) float64 {
	exp, frac := int(h>>10), float64(h&0x3ff)
	if exp == 0 {
		return math.Ldexp(frac, -24)
	}
	return math.Ldexp(1024+frac, exp-25)
}

// Every float16 is itself; what lies between two goes to the nearer, and in the
// middle to the even one.
func TestNarrow(t *testing.T) {
	for h := range uint16(0x7c00) {
		low, high := widen(h), widen(h+1)
		if h == 0x7bff {
			high = 65536 // where the next number would be
		}
		middle := (low + high) / 2
		even := h + h&1
		for v, want := range map[float64]uint16{
			low: h, middle: even,
			float64(math.Nextafter32(float32(middle), 0)):               h,
			float64(math.Nextafter32(float32(middle), math.MaxFloat32)): h + 1,
		} {
			if got := narrow(float32(v)); got != want {
				t.Fatalf("narrow(%g) = %#04x, want %#04x", v, got, want)
			}
			if got := narrow(float32(-v)); got != want|0x8000 {
				t.Fatalf("narrow(%g) = %#04x, want %#04x", -v, got, want|0x8000)
			}
		}
	}
	if narrow(math.MaxFloat32) != 0x7c00 || narrow(math.SmallestNonzeroFloat32) != 0 {
		t.Error("the ends of float32 are not infinity and 0")
	}
}

func TestWrite(t *testing.T) {
	g := &Graph{Name: "g"}
	large := make([]float32, alignment)
	for i := range large {
		large[i] = float32(i)
	}
	for _, name := range []string{"a", "b"} {
		g.Weight(Weight{Name: name, Dims: []int{len(large)}, Data: func() ([]float32, error) { return large, nil }})
		g.Weight(Weight{Name: name + " small", Dims: []int{1}, Data: func() ([]float32, error) { return []float32{2.5}, nil }})
	}
	var model, data bytes.Buffer
	if err := g.Write(context.Background(), &model, &data, "beside"); err != nil {
		t.Fatal(err)
	}
	if got := data.Len(); got != 8*alignment || !bytes.Equal(data.Bytes()[:4*alignment], data.Bytes()[4*alignment:]) {
		t.Errorf("%d bytes beside the model", got)
	}
	if n := bytes.Count(model.Bytes(), []byte("beside")); n != 2 {
		t.Errorf("the model names its data %d times", n)
	}
	small := binary.LittleEndian.AppendUint32(nil, math.Float32bits(2.5))
	if n := bytes.Count(model.Bytes(), small); n != 2 {
		t.Errorf("the model holds its small weights %d times", n)
	}
	for v, c := range map[float32]struct {
		half bool
		want error
	}{
		float32(math.NaN()):   {false, ErrNotFinite},
		float32(math.Inf(-1)): {true, ErrNotFinite},
		65520:                 {true, ErrHalfRange},
	} {
		g := &Graph{Name: "g"}
		g.Weight(Weight{Name: "w", Dims: []int{1}, Half: c.half, Data: func() ([]float32, error) { return []float32{v}, nil }})
		if err := g.Write(context.Background(), &model, nil, ""); !errors.Is(err, c.want) {
			t.Errorf("%g: got %v, want %v", v, err, c.want)
		}
	}
}

package volume

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"testing/synctest"
)

func TestReadAheadGivesTheSameBytes(t *testing.T) {
	want := make([]byte, 3*aheadBytes*aheadBlocks+17)
	for i := range want {
		want[i] = byte(i * 31 >> 3)
	}
	for name, r := range map[string]io.Reader{
		"whole blocks":       bytes.NewReader(want),
		"half reads":         iotest.HalfReader(bytes.NewReader(want)),
		"error with data":    iotest.DataErrReader(bytes.NewReader(want)),
		"small reads inside": io.MultiReader(bytes.NewReader(want[:5]), bytes.NewReader(want[5:])),
	} {
		a := readAhead(r)
		got, err := io.ReadAll(iotest.HalfReader(a))
		a.close()
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(want), err)
		}
	}
}

func TestReadAheadKeepsTheError(t *testing.T) {
	broken := errors.New("broken disk")
	a := readAhead(io.MultiReader(bytes.NewReader([]byte("abc")), iotest.ErrReader(broken)))
	defer a.close()
	got, err := io.ReadAll(a)
	if string(got) != "abc" || !errors.Is(err, broken) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := a.Read(make([]byte, 1)); !errors.Is(err, broken) {
		t.Errorf("read again: %v", err)
	}
}

// The goroutine ends after close, though nobody takes what it read.
func TestReadAheadEndsWithoutBeingRead(t *testing.T) {
	synctest.Test(t, func(*testing.T) { // fails where a goroutine is left
		readAhead(zeros{}).close()
	})
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

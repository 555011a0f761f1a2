package gunzip

import (
	"bytes"
	"compress/gzip"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"
)

func TestQuick(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for size := 0; size < 3_000_000; size = size*3 + 1 {
		for level := -2; level <= 9; level++ {
			b := make([]byte, size)
			for i := range b {
				b[i] = byte(r.NormFloat64() * 9)
			}
			var buf bytes.Buffer
			w, _ := gzip.NewWriterLevel(&buf, level)
			w.Write(b)
			w.Close()
			got, err := io.ReadAll(NewReader(iotest.HalfReader(&buf)))
			if err != nil || !bytes.Equal(got, b) {
				t.Fatal(size, level, err, len(got))
			}
		}
	}
}

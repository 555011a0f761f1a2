package rawdata

import (
	"bytes"
	"errors"
	"testing"

	"satgraph/volume"
)

func FuzzMATLAB(f *testing.F) {
	head := append(make([]byte, 124), 0, 1, 'I', 'M')
	f.Add(head)
	f.Add(append(head, 14, 0, 0, 0, 16, 0, 0, 0, 6, 0, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0))
	f.Add(append(head, 15, 0, 0, 0, 4, 0, 0, 0, 0x78, 0x9c, 3, 0))
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := readMAT(bytes.NewReader(data), "Mask", 1<<20)
		if err == nil {
			a.at(a.dims[0]*a.dims[1]*a.dims[2] - 1)
			return
		}
		if !errors.Is(err, ErrFormat) && !errors.Is(err, volume.ErrCorrupt) && !errors.Is(err, volume.ErrTooLarge) {
			t.Errorf("got %v", err)
		}
	})
}

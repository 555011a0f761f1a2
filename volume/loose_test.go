package volume_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"satgraph/volume"
)

// A file is written over whatever was there; where that fails, none is left.
func TestWriteLoose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	fill := func(text string, err error) func(io.Writer) error {
		return func(w io.Writer) error {
			_, e := io.WriteString(w, text)
			return errors.Join(e, err)
		}
	}
	for _, text := range []string{"longer", "short"} {
		if err := volume.WriteLoose(path, fill(text, nil)); err != nil {
			t.Fatal(err)
		}
		if b, err := os.ReadFile(path); err != nil || string(b) != text {
			t.Errorf("%q, %v", b, err)
		}
	}
	err := volume.WriteLoose(path, fill("half", io.ErrShortWrite))
	if _, named := errors.AsType[*volume.FileError](err); !named || !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file is left: %v", err)
	}
}

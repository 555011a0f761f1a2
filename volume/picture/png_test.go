package picture

import (
	"errors"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestWritePNG(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "picture.png")
	for _, size := range []int{3, 5} { // the second time over the first
		if err := WritePNG(path, image.NewRGBA(image.Rect(0, 0, size, 2))); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := png.DecodeConfig(f)
		_ = f.Close()
		if err != nil || got.Width != size || got.Height != 2 {
			t.Errorf("read back %dx%d (%v), want %dx2", got.Width, got.Height, err, size)
		}
	}

	if err := WritePNG(filepath.Join(dir, "absent", "picture.png"), image.NewRGBA(image.Rect(0, 0, 1, 1))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("into no folder: %v", err)
	}
	// An image without pixels can't be a PNG: the old file stays, nothing else.
	if err := WritePNG(path, image.NewRGBA(image.Rect(0, 0, 0, 0))); err == nil {
		t.Error("an empty picture was written")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "picture.png" {
		t.Errorf("left in the folder: %v", entries)
	}
}

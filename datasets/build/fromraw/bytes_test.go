package fromraw_test

import (
	"testing"

	"satgraph/datasets/build"
	"satgraph/datasets/build/fromraw"
	"satgraph/datasets/catalog"
	"satgraph/datasets/rawdata/rawtest"
)

// A scan tells what it takes by its header, more at a finer spacing.
func TestBytes(t *testing.T) {
	c, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	d, _ := c.Dataset("MSD_Spleen")
	root := t.TempDir()
	if _, err := rawtest.Write(root, d, d.Layouts[0].Names[0], rawtest.Options{}); err != nil {
		t.Fatal(err)
	}
	took := func(spacing float64) (bytes int64) {
		s := &fromraw.Source{Root: root, Datasets: []*catalog.Dataset{d}, Spacing: [3]float64{spacing, spacing, spacing}}
		for scan, err := range s.Scans(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			bytes += scan.(build.Sized).Bytes(t.Context())
		}
		return bytes
	}
	coarse, fine := took(1), took(0.1)
	if coarse <= 0 || fine < 100*coarse {
		t.Errorf("%d bytes at 1 mm, %d at 0.1 mm", coarse, fine)
	}
}

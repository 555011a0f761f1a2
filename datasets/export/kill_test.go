package export_test

import (
	"context"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"satgraph/datasets/export"
	"satgraph/datasets/export/labelmaps"
	"satgraph/datasets/export/nnunet"
	"satgraph/datasets/export/sat"
	"satgraph/volume"
)

// boxes are forty scans of noise with three boxes each, which overlap.
type boxes struct{}

var boxGrid = volume.Grid{Shape: [3]int{48, 40, 32}, Affine: volume.Affine{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 3, 0}, {3: 1}}}

func (boxes) Samples(context.Context) iter.Seq2[*export.Sample, error] {
	return func(yield func(*export.Sample, error) bool) {
		for i := range 40 {
			s := &export.Sample{ID: fmt.Sprint(i), Dataset: "boxes", Modality: "ct", Permission: export.Allowed}
			for _, class := range []string{"a", "b", "c"} {
				s.Classes = append(s.Classes, export.Class{Name: class})
			}
			if !yield(s, nil) {
				return
			}
		}
	}
}

type boxScan struct{ id string }

func (boxes) Open(_ context.Context, s *export.Sample) (export.Scan, error) {
	return boxScan{s.ID}, nil
}

func (b boxScan) rand(n uint64) *rand.Rand {
	seed := n
	for _, c := range []byte(b.id) {
		seed = seed*31 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, 1))
}

func (b boxScan) Image(context.Context) (*volume.Image, error) {
	im := &volume.Image{Grid: boxGrid, Data: make([]float32, boxGrid.Voxels())}
	rng := b.rand(99)
	for i := range im.Data {
		im.Data[i] = float32(rng.IntN(2000) - 1000)
	}
	return im, nil
}

func (b boxScan) Mask(_ context.Context, class int) (*volume.Bits, error) {
	m, rng := volume.NewBits(boxGrid), b.rand(uint64(class))
	x, y, z := rng.IntN(20), rng.IntN(20), rng.IntN(20)
	for k := z; k < z+12; k++ {
		for j := y; j < y+20; j++ {
			m.SetRun(x, x+28, j, k)
		}
	}
	return m, nil
}

// exports are by formats whose files depend on the scans before, and on none.
var exports = map[string]func() export.Format{
	"nnunet": func() export.Format {
		return nnunet.New(nnunet.Options{Settings: labelmaps.Settings{Overlap: export.Regions}})
	},
	"sat": func() export.Format { return sat.New(sat.Options{AsIs: true}) },
}

func exportBoxes(format, dir string) error {
	_, err := export.Run(context.Background(), exports[format](), boxes{}, export.Options{Dir: dir, Format: format, Workers: 3})
	return err
}

// childDir tells the test's own binary, started once more, what to export and where
// to: FORMAT:DIR.
const childDir = "SATGRAPH_TEST_EXPORT_DIR"

// An export that is killed at ten moments and started again has the bytes of one
// that never was.
func TestKilledIsTheSame(t *testing.T) {
	if format, dir, child := strings.Cut(os.Getenv(childDir), ":"); child {
		if err := exportBoxes(format, dir); err != nil {
			t.Fatal(err)
		}
		return
	}
	for format := range exports {
		t.Run(format, func(t *testing.T) { killed(t, format) })
	}
}

func killed(t *testing.T, format string) {
	t.Helper()
	whole, killed := filepath.Join(t.TempDir(), "out"), filepath.Join(t.TempDir(), "out")
	start := time.Now()
	if err := exportBoxes(format, whole); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	rng := rand.New(rand.NewPCG(7, 7))
	kills := 0
	for range 10 {
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run", "^TestKilledIsTheSame$")
		child.Env = append(os.Environ(), childDir+"="+format+":"+killed)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(took/3) + int64(50*time.Millisecond))))
		if child.Process.Kill() == nil {
			kills++
		}
		_ = child.Wait() // it was killed
	}
	if err := exportBoxes(format, killed); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(tree(t, killed), tree(t, whole)) {
		t.Error("the files differ")
	}
	t.Logf("killed %d times; an export takes %v", kills, took)
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(killed), ".*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

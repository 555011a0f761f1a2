// Package exporttest gives the tests of the formats a corpus to export: torso
// phantoms with their true masks, small, in several orientations, and ways to
// break them.
package exporttest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"satgraph/datasets/export"
	"satgraph/datasets/phantom"
	"satgraph/internal/tooltest"
	"satgraph/volume"
)

// Corpus is a source in memory. Its fields may be changed between exports.
type Corpus struct {
	List   []*export.Sample
	Images map[string]*volume.Image           // by Sample.Name
	Masks  map[string]map[string]*volume.Bits // by Sample.Name and class
	// Broken gives the errors of scans that cannot be opened.
	Broken map[string]error
	// Unread gives those of scans whose classes cannot be read.
	Unread map[string]error
	// Opened is called as each scan is opened, by one goroutine at a time; it may be
	// nil.
	Opened func(name string)
	mu     sync.Mutex
}

// Disjoint are classes of the phantoms that share no voxel; Nested some that do.
var (
	Disjoint = []string{"aorta", "left kidney", "liver", "spleen"}
	Nested   = []string{"heart", "left heart ventricle", "left lung", "left lung upper lobe", "myocardium"}
)

// New draws n phantoms of 8 mm with masks of the classes: the first half in the
// dataset "Torso_A", the others in "Torso B/2", whose name no format takes as it
// is. The last of each is for testing.
func New(t testing.TB, n int, classes []string) *Corpus {
	t.Helper()
	c := &Corpus{Images: map[string]*volume.Image{}, Masks: map[string]map[string]*volume.Bits{}, Broken: map[string]error{}}
	for i := range n {
		p := drawn(t, i)
		s := &export.Sample{
			ID: fmt.Sprintf("case %02d", i), Dataset: "Torso_A", Patient: fmt.Sprintf("p%d", i), Split: export.Train, Modality: "ct",
			Licence: "CC-BY-4.0", Permission: export.Allowed, Homepage: "https://example.org/torso",
			Provenance: map[string]string{"seed": fmt.Sprint(i + 1)}, Digest: fmt.Sprint("seed ", i+1),
		}
		if i >= (n+1)/2 {
			s.Dataset = "Torso B/2"
		}
		if i == n-1 || i == (n+1)/2-1 && n > 2 {
			s.Split = export.Test
		}
		masks := map[string]*volume.Bits{}
		for _, class := range classes {
			m, ok := p.Mask(class)
			if !ok {
				t.Fatalf("the phantoms have no class %q", class)
			}
			s.Classes = append(s.Classes, export.Class{Name: class})
			masks[class] = volume.BitsOf(m)
		}
		c.List = append(c.List, s)
		im := *p.Image
		im.Data = slices.Clone(im.Data)
		c.Images[s.Name()], c.Masks[s.Name()] = &im, masks
	}
	return c
}

var phantoms sync.Map // by number

// drawn draws a phantom, once.
func drawn(t testing.TB, i int) *phantom.Phantom {
	t.Helper()
	if p, ok := phantoms.Load(i); ok {
		return p.(*phantom.Phantom)
	}
	p, err := phantom.Generate(phantom.Options{Seed: uint64(i + 1), Version: 1, Spacing: 8, FullFOV: i%2 == 0}) //nolint:gosec // a few
	if err != nil {
		t.Fatal(err)
	}
	phantoms.Store(i, p)
	return p
}

// Samples lists the scans.
func (c *Corpus) Samples(context.Context) iter.Seq2[*export.Sample, error] {
	return func(yield func(*export.Sample, error) bool) {
		for _, s := range c.List {
			if !yield(s, c.Unread[s.Name()]) {
				return
			}
		}
	}
}

// Open gives a scan.
func (c *Corpus) Open(_ context.Context, s *export.Sample) (export.Scan, error) {
	c.mu.Lock()
	if c.Opened != nil {
		c.Opened(s.Name())
	}
	c.mu.Unlock()
	if err := c.Broken[s.Name()]; err != nil {
		return nil, err
	}
	return &scan{c, s}, nil
}

type scan struct {
	c *Corpus
	s *export.Sample
}

func (s *scan) Image(context.Context) (*volume.Image, error) {
	im := *s.c.Images[s.s.Name()]
	im.Data = slices.Clone(im.Data)
	return &im, nil
}

func (s *scan) Mask(_ context.Context, class int) (*volume.Bits, error) {
	m := s.c.Masks[s.s.Name()][s.s.Classes[class].Name]
	if m == nil {
		return nil, errors.New("no such mask")
	}
	return m.Clone(), nil
}

// Mask is the true mask of a class of a scan.
func (c *Corpus) Mask(s *export.Sample, class string) *volume.Bits { return c.Masks[s.Name()][class] }

// Export runs an export into a new folder, which it returns.
func Export(t testing.TB, f export.Format, src export.Source, o export.Options) (string, *export.Report) {
	t.Helper()
	if o.Dir == "" {
		o.Dir = filepath.Join(t.TempDir(), "out")
	}
	o.Program = "satgraph test"
	r, err := export.Run(t.Context(), f, src, o)
	if err != nil {
		t.Fatal(err)
	}
	return o.Dir, r
}

// script is the path of one of the module's scripts.
func script(name string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "scripts", name)
}

// program runs a Python program, which is a file beside the test, and returns
// what it printed.
func program(t testing.TB, python string, args []string) string {
	t.Helper()
	run := exec.CommandContext(t.Context(), python, args...) //nolint:gosec // what a script of the project printed
	var report strings.Builder
	run.Stderr = &report
	out, err := run.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(args, " "), err, out, report.String())
	}
	return string(out)
}

// Python runs a program with the packages of scripts/export-tools.txt.
func Python(t testing.TB, args ...string) string {
	t.Helper()
	return program(t, tooltest.Get(t.Context(), t, script("python-tools.sh"), "export-tools"), args)
}

// DICOM runs a program with those of scripts/dicom-tools.txt.
func DICOM(t testing.TB, args ...string) string {
	t.Helper()
	return program(t, tooltest.Get(t.Context(), t, script("dicom-tools.sh")), args)
}

// Torch runs a program with PyTorch, MONAI and nnU-Net (scripts/torch-tools.sh);
// with SATGRAPH_TEST_TRAINING=1 they must be there, with 0 they are not looked for.
func Torch(t testing.TB, args ...string) string {
	t.Helper()
	if os.Getenv("SATGRAPH_TEST_TRAINING") == "0" {
		t.Skip("PyTorch is not to be used here (SATGRAPH_TEST_TRAINING=0)")
	}
	python, err := tooltest.Find(t.Context(), script("torch-tools.sh"))
	switch {
	case err == nil:
	case os.Getenv("SATGRAPH_TEST_TRAINING") == "1":
		t.Fatal(err)
	default:
		t.Skip(err)
	}
	return program(t, python, args)
}

// Voxels lists the offsets of a mask's voxels, the first axis fastest.
func Voxels(m *volume.Bits) []int {
	out := []int{}
	m.Runs(func(r volume.Run) bool {
		for i := range r.To - r.From {
			out = append(out, m.Index(r.From, r.J, r.K)+i)
		}
		return true
	})
	return out
}

// Summary is what Python says of an image: its sum, least and greatest voxel.
func Summary(im *volume.Image) [3]float64 {
	out := [3]float64{0, float64(im.Data[0]), float64(im.Data[0])}
	for _, v := range im.Data {
		out[0] += float64(v)
		out[1], out[2] = min(out[1], float64(v)), max(out[2], float64(v))
	}
	return out
}

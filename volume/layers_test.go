package volume

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// box is a mask of a box of voxels.
func box(g Grid, b Box) *Bits {
	m := NewBits(g)
	for k := b.Min[2]; k < b.Max[2]; k++ {
		for j := b.Min[1]; j < b.Max[1]; j++ {
			m.SetRun(b.Min[0], b.Max[0], j, k)
		}
	}
	return m
}

func TestOneLabelMap(t *testing.T) {
	g := Grid{Shape: [3]int{8, 7, 6}, Affine: Identity()}
	l := NewLayers(g, true)
	heart := box(g, Box{[3]int{1, 1, 1}, [3]int{5, 5, 5}})
	chamber := box(g, Box{[3]int{4, 4, 4}, [3]int{8, 6, 6}})
	if err := l.Add(Label{Name: "heart", Term: "UBERON:0000948"}, heart); err != nil {
		t.Fatal(err)
	}
	err := l.Add(Label{Name: "left ventricle"}, chamber)
	if pair, ok := errors.AsType[*OverlapError](err); !ok || *pair != (OverlapError{"heart", "left ventricle"}) || !errors.Is(err, ErrOverlap) {
		t.Fatal(err)
	}
	if err := l.Add(Label{Name: "absent one"}, NewBits(g)); err != nil {
		t.Fatal(err)
	}
	if err := l.Add(Label{Name: `a "lung"`}, box(g, Box{[3]int{6, 0, 0}, [3]int{8, 2, 1}})); err != nil {
		t.Fatal(err)
	}
	base := filepath.Join(t.TempDir(), "labels")
	paths, err := l.Write(base, nil)
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	m, err := ReadLabelMap(paths[0], ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Header.DType != Uint8 || m.Mask(1).Count() != heart.Count() || m.Mask(2).Count() != 0 || m.Mask(3).Count() != 4 || m.Grid != g {
		t.Errorf("%s %d %d %d", m.Header.DType, m.Mask(1).Count(), m.Mask(2).Count(), m.Mask(3).Count())
	}
	table, err := ReadLabelTable(paths[0])
	if err != nil || len(table) != 3 || table[0].Term != "UBERON:0000948" || table[2].Value != 3 || table[2].Name != `a "lung"` {
		t.Errorf("%+v %v", table, err)
	}
	snap, err := os.ReadFile(base + ".labels.txt")
	if err != nil || !strings.Contains(string(snap), `  1  1  1  "a 'lung'"`) && !strings.Contains(string(snap), `"a 'lung'"`) {
		t.Errorf("%s %v", snap, err)
	}
	slicer, err := os.ReadFile(base + ".labels.ctbl")
	if err != nil || !strings.Contains(string(slicer), "\n1 heart 240 80 80 255\n") {
		t.Errorf("%s %v", slicer, err)
	}
	if table, err := ReadLabelTable(filepath.Join(t.TempDir(), "none.nii")); table != nil || err != nil {
		t.Error(table, err)
	}
}

// Structures go to the first layer that has room, and come back whole.
func TestLayers(t *testing.T) {
	g := Grid{Shape: [3]int{40, 10, 10}, Affine: Identity()}
	l := NewLayers(g, false)
	masks := map[string]*Bits{}
	for n, b := range [][2]int{{0, 40}, {0, 20}, {20, 40}, {0, 10}, {10, 20}, {30, 40}} {
		name := fmt.Sprintf("part %d", n)
		masks[name] = box(g, Box{[3]int{b[0], 0, 0}, [3]int{b[1], 10, 10}})
		if err := l.Add(Label{Name: name}, masks[name]); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := l.Write(filepath.Join(t.TempDir(), "labels"), nil)
	if err != nil || len(paths) != 3 || !strings.HasSuffix(paths[2], "labels-3.nii.gz") {
		t.Fatal(paths, err)
	}
	seen := 0
	for _, path := range paths {
		m, err := ReadLabelMap(path, ReadOptions{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := ReadLabelTable(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, label := range table {
			seen++
			if got := BitsOf(m.Mask(label.Value)); got.Count() != masks[label.Name].Count() || !got.Overlaps(masks[label.Name]) {
				t.Errorf("%s is not whole", label.Name)
			}
		}
	}
	if seen != 6 {
		t.Errorf("%d structures", seen)
	}
}

// Labels beyond 255 need two bytes.
func TestManyLabels(t *testing.T) {
	g := Grid{Shape: [3]int{300, 1, 1}, Affine: Identity()}
	l := NewLayers(g, true)
	for i := range 300 {
		if err := l.Add(Label{Name: fmt.Sprint(i)}, box(g, Box{[3]int{i, 0, 0}, [3]int{i + 1, 1, 1}})); err != nil {
			t.Fatal(err)
		}
	}
	paths, err := l.Write(filepath.Join(t.TempDir(), "labels"), nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadLabelMap(paths[0], ReadOptions{})
	if err != nil || m.Header.DType != Uint16 || m.Data[299] != 300 {
		t.Error(m, err)
	}
}

func TestLayersLeaveNothingHalfWritten(t *testing.T) {
	dir := t.TempDir()
	g := Grid{Shape: [3]int{2, 2, 2}, Affine: Identity()}
	l := NewLayers(g, false)
	whole := box(g, Box{[3]int{}, g.Shape})
	for range 2 {
		if err := l.Add(Label{Name: "x"}, whole); err != nil {
			t.Fatal(err)
		}
	}
	// The second label map cannot be written: a folder has its name.
	if err := os.MkdirAll(filepath.Join(dir, "a-2.nii.gz", "x"), 0o750); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Write(filepath.Join(dir, "a"), nil); err == nil {
		t.Fatal("no error")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

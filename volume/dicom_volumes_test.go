package volume

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"satgraph/volume/internal/dcm"
)

// stack crafts three slices at 0, 2 and 4 mm, each with elements of its own; n
// makes their UIDs and numbers differ from those of other stacks.
func stack(t *testing.T, n int, elements ...dcm.Element) [][]byte {
	t.Helper()
	var out [][]byte
	for i, z := range []float64{0, 2, 4} {
		own := append([]dcm.Element{
			dcm.Text(dcm.SOPInstanceUID, fmt.Sprintf("1.2.%d.%d", n, i)), dcm.Uint(dcm.InstanceNumber, 10*n+i),
			dcm.Decimal(dcm.RescaleSlope, 1), dcm.Decimal(dcm.RescaleIntercept, float64(1000*n)),
			// Times and positions of the table differ from slice to slice.
			dcm.Text(dcm.ContentTime, fmt.Sprintf("1200%02d", 10*n+i)),
		}, elements...)
		out = append(out, slice(t, z, set(own...)))
	}
	return out
}

// shuffled puts what belongs together apart.
func shuffled(stacks ...[][]byte) [][]byte {
	var out [][]byte
	for i := range stacks[0] {
		for _, s := range slices.Backward(stacks) {
			if i < len(s) {
				out = append(out, s[i])
			}
		}
	}
	return out
}

// double is an attribute of VR FD.
func double(t dcm.Tag, v float64) dcm.Element {
	return dcm.Element{Tag: t, VR: "FD", Value: binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))}
}

func volumeNames(t *testing.T, dir string) []string {
	t.Helper()
	_, err := ReadImage(dir, ReadOptions{})
	e, ok := errors.AsType[*VolumesError](err)
	if !ok || !errors.Is(err, ErrSeries) || !strings.Contains(err.Error(), "--volume") {
		t.Fatalf("got %v", err)
	}
	names := make([]string, len(e.Volumes))
	for i, v := range e.Volumes {
		names[i] = fmt.Sprintf("%s: %d", v.Name, v.Images)
	}
	return names
}

func TestVolumesOfOneSeries(t *testing.T) {
	echo := func(v float64) dcm.Element { return dcm.Decimal(dcm.EchoTime, v) }
	for name, c := range map[string]struct {
		stacks [][][]byte
		want   []string
	}{
		"echoes, in the order of numbers": {
			[][][]byte{stack(t, 1, echo(30)), stack(t, 2, echo(5.5)), stack(t, 3, echo(100))},
			[]string{"EchoTime 5.5: 3", "EchoTime 30: 3", "EchoTime 100: 3"},
		},
		"phases": {
			[][][]byte{stack(t, 1, dcm.Uint(dcm.TemporalPosition, 1)), stack(t, 2, dcm.Uint(dcm.TemporalPosition, 2))},
			[]string{"TemporalPositionIdentifier 1: 3", "TemporalPositionIdentifier 2: 3"},
		},
		"b-values of unlike repetitions": {
			[][][]byte{
				stack(t, 1, double(dcm.BValue, 0)), stack(t, 2, double(dcm.BValue, 800), dcm.Uint(dcm.AcquisitionNumber, 2)),
				stack(t, 3, double(dcm.BValue, 800), dcm.Uint(dcm.AcquisitionNumber, 3)),
			},
			[]string{"DiffusionBValue 0: 3", "DiffusionBValue 800, AcquisitionNumber 2: 3", "DiffusionBValue 800, AcquisitionNumber 3: 3"},
		},
		"water and fat": {
			[][][]byte{stack(t, 1, dcm.Text(dcm.ImageType, "ORIGINAL", "PRIMARY", "W")), stack(t, 2, dcm.Text(dcm.ImageType, "ORIGINAL", "PRIMARY", "F"))},
			[]string{`ImageType ORIGINAL\PRIMARY\F: 3`, `ImageType ORIGINAL\PRIMARY\W: 3`},
		},
		"nothing but the order": {
			[][][]byte{stack(t, 1), stack(t, 2)},
			[]string{"repetition 1 by InstanceNumber: 3", "repetition 2 by InstanceNumber: 3"},
		},
		"one echo lacks a slice": {
			[][][]byte{stack(t, 1, echo(10)), stack(t, 2, echo(20))[:2]},
			[]string{"EchoTime 10: 3", "EchoTime 20: 2"},
		},
	} {
		dir := folder(t, shuffled(c.stacks...)...)
		if got := volumeNames(t, dir); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
			continue
		}
		for i, want := range c.want {
			called, _, _ := strings.Cut(want, ": ")
			for _, asked := range []string{strconv.Itoa(i + 1), called, strings.ToLower(called)} {
				im, err := ReadImage(dir, ReadOptions{Volume: asked})
				if err != nil {
					t.Errorf("%s: volume %s: %v", name, asked, err)
					continue
				}
				n := im.Data[0] // the intercept tells whose it is
				if im.Shape[2] != len(im.Series.Slices) || slices.ContainsFunc(im.Data, func(v float32) bool { return v-n < 0 || v-n > 900 }) {
					t.Errorf("%s: volume %s mixes stacks: %v", name, asked, im.Data)
				}
				if !slices.ContainsFunc(im.Warnings, func(w string) bool { return strings.Contains(w, called) }) {
					t.Errorf("%s: volume %s warns of %q", name, asked, im.Warnings)
				}
			}
		}
		for _, asked := range []string{"0", "9", "-1", "EchoTime 7", "x"} {
			_, err := ReadInfoWith(dir, ReadOptions{Volume: asked})
			if e, ok := errors.AsType[*VolumesError](err); !ok || e.Asked != asked {
				t.Errorf("%s: volume %q: %v", name, asked, err)
			}
		}
	}
}

func TestOneVolumeNeedsNoChoice(t *testing.T) {
	one := stack(t, 1)
	dir := folder(t, append(one, one[1])...) // a file is there twice
	for _, asked := range []string{"", "1"} {
		im, err := ReadImage(dir, ReadOptions{Volume: asked})
		if err != nil || im.Shape[2] != 3 || !slices.ContainsFunc(im.Warnings, func(w string) bool { return strings.Contains(w, "there twice") }) {
			t.Errorf("volume %q: %v", asked, err)
		}
	}
	if _, err := ReadImage(dir, ReadOptions{Volume: "2"}); !errors.Is(err, ErrSeries) || !strings.Contains(err.Error(), "no volume 2") {
		t.Errorf("a second volume: %v", err)
	}
}

// Several volumes do not hide what is wrong with one of them.
func TestVolumeWithAGap(t *testing.T) {
	echo := func(v float64) dcm.Element { return dcm.Decimal(dcm.EchoTime, v) }
	files := shuffled(stack(t, 1, echo(10)), stack(t, 2, echo(20)))
	for i, z := range []float64{8, 10} {
		files = append(files, slice(t, z, set(echo(20), dcm.Text(dcm.SOPInstanceUID, fmt.Sprintf("1.2.9.%d", i)))))
	}
	dir := folder(t, files...)
	if _, err := ReadImage(dir, ReadOptions{Volume: "2"}); !errors.Is(err, ErrSeries) || !strings.Contains(err.Error(), "1 missing") {
		t.Errorf("the second echo: %v", err)
	}
	if _, err := ReadImage(dir, ReadOptions{Volume: "1"}); err != nil {
		t.Errorf("the first echo: %v", err)
	}
}

// Frames of an enhanced multi-frame file say in their functional groups what
// tells them apart.
func TestVolumesOfAMultiFrameFile(t *testing.T) {
	group := func(z, echo float64, index int) *dcm.Dataset {
		return dcm.New(
			dcm.Sequence(dcm.MREchoSequence, dcm.New(double(dcm.EffectiveEchoTime, echo))),
			dcm.Sequence(dcm.FrameContentSequence, dcm.New(dcm.Uint(dcm.DimensionIndexValues, 1, index, int(echo)))),
			dcm.Sequence(dcm.PlanePositionSequence, dcm.New(dcm.Decimal(dcm.ImagePositionPatient, 10, 20, z))),
		)
	}
	var groups []*dcm.Dataset
	for i, z := range []float64{0, 2, 4} {
		groups = append(groups, group(z, 80, i+1), group(z, 12, i+1))
	}
	dir := folder(t, slice(t, 0, func(d *dcm.Dataset) {
		d.Elements = slices.DeleteFunc(d.Elements, func(e dcm.Element) bool { return e.Tag == dcm.ImagePositionPatient })
		set(
			dcm.Text(dcm.NumberOfFrames, "6"), dcm.Sequence(dcm.PerFrameFunctionalGroups, groups...),
			dcm.Element{Tag: dcm.PixelData, VR: "OW", Value: make([]byte, 6*12)},
		)(d)
	}))
	if got, want := volumeNames(t, dir), []string{"EffectiveEchoTime 12: 3", "EffectiveEchoTime 80: 3"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	im, err := ReadImage(dir, ReadOptions{Volume: "EffectiveEchoTime 80"})
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range im.Series.Slices {
		if s.Frame != 2*i+1 {
			t.Errorf("slice %d is frame %d", i, s.Frame)
		}
	}
}

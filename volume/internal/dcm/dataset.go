// Package dcm reads and writes the data sets of DICOM files (PS3.5, PS3.10).
//
// It parses headers only: pixel data are left in the file, and the data set says
// where they lie ([Dataset.Pixels]). It knows the value representations of the
// attributes that the program uses, and no others; it judges no image. Start from
// [Parse]; [Encode] writes.
//
// Every file is hostile: nesting, number of elements and bytes kept are capped,
// a length is believed only as far as the file reaches, and private groups and
// long values are passed over.
package dcm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

var (
	// ErrNotDICOM says: the file is no DICOM file.
	ErrNotDICOM = errors.New("not a DICOM file")
	// ErrCorrupt says: the data set is damaged.
	ErrCorrupt = errors.New("damaged DICOM file")
	// ErrTruncated says: the file ends too early.
	ErrTruncated = errors.New("DICOM file is truncated")
	// ErrTooLarge says: the header is larger than any header should be.
	ErrTooLarge = errors.New("DICOM header is too large")
	// ErrValue says: an attribute has a value that it may not have.
	ErrValue = errors.New("invalid DICOM attribute")
)

// Tag is an attribute's group and element number.
type Tag uint32

// String is the standard's way to write a tag: "(0028,0010)".
func (t Tag) String() string {
	if name, ok := names[t]; ok {
		return fmt.Sprintf("%s (%04x,%04x)", name, uint32(t)>>16, uint32(t)&0xffff)
	}
	return fmt.Sprintf("(%04x,%04x)", uint32(t)>>16, uint32(t)&0xffff)
}

// Element is one attribute.
type Element struct {
	Tag Tag
	// VR is the value representation; "UN" where the file doesn't say and it is
	// not known.
	VR string
	// Value holds the bytes as in the file; nil for sequences, pixel data and
	// values that were too long to keep.
	Value []byte
	// Items are those of a sequence.
	Items []*Dataset
}

// Dataset is a list of attributes, sorted by tag.
type Dataset struct {
	Elements []Element
	order    binary.ByteOrder
}

// Get finds an attribute.
func (d *Dataset) Get(t Tag) (*Element, bool) {
	low, high := 0, len(d.Elements)
	for low < high {
		m := (low + high) / 2
		if d.Elements[m].Tag < t {
			low = m + 1
		} else {
			high = m
		}
	}
	if low < len(d.Elements) && d.Elements[low].Tag == t {
		return &d.Elements[low], true
	}
	return nil, false
}

// Has reports whether an attribute is there with a value.
func (d *Dataset) Has(t Tag) bool {
	e, ok := d.Get(t)
	return ok && (len(e.Items) > 0 || strings.Trim(string(e.Value), " \x00") != "")
}

// Strings are the values of a text attribute, without padding; nil where it is
// absent or empty.
func (d *Dataset) Strings(t Tag) []string {
	e, ok := d.Get(t)
	if !ok {
		return nil
	}
	s := strings.Trim(string(e.Value), " \x00")
	if s == "" {
		return nil
	}
	parts := strings.Split(s, `\`)
	for i, p := range parts {
		parts[i] = strings.Trim(p, " \x00")
	}
	return parts
}

// String is the first value of a text attribute.
func (d *Dataset) String(t Tag) string {
	if s := d.Strings(t); len(s) > 0 {
		return s[0]
	}
	return ""
}

// Items are those of a sequence.
func (d *Dataset) Items(t Tag) []*Dataset {
	if e, ok := d.Get(t); ok {
		return e.Items
	}
	return nil
}

// First is the first item of a sequence; an empty data set where it has none.
func (d *Dataset) First(t Tag) *Dataset {
	if items := d.Items(t); len(items) > 0 {
		return items[0]
	}
	return &Dataset{}
}

// Floats are the values of a DS, FD, FL, IS or integer attribute; nil where it
// is absent or empty. ErrValue where one is no finite number.
func (d *Dataset) Floats(t Tag) ([]float64, error) {
	e, ok := d.Get(t)
	if !ok || len(e.Value) == 0 {
		return nil, nil
	}
	var out []float64
	switch e.VR {
	case "FD":
		for b := e.Value; len(b) >= 8; b = b[8:] {
			out = append(out, math.Float64frombits(d.order.Uint64(b)))
		}
	case "FL":
		for b := e.Value; len(b) >= 4; b = b[4:] {
			out = append(out, float64(math.Float32frombits(d.order.Uint32(b))))
		}
	case "US", "SS", "UL", "SL":
		size := map[string]int{"US": 2, "SS": 2, "UL": 4, "SL": 4}[e.VR]
		for b := e.Value; len(b) >= size; b = b[size:] {
			out = append(out, d.binary(e.VR, b))
		}
	default:
		for _, s := range d.Strings(t) {
			v, err := strconv.ParseFloat(s, 64)
			if err != nil {
				return nil, fmt.Errorf("%w: %s is %q, not a number", ErrValue, t, s)
			}
			out = append(out, v)
		}
	}
	for _, v := range out {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%w: %s is not finite", ErrValue, t)
		}
	}
	return out, nil
}

func (d *Dataset) binary(vr string, b []byte) float64 {
	switch vr {
	case "US":
		return float64(d.order.Uint16(b))
	case "SS":
		return float64(int16(d.order.Uint16(b))) //nolint:gosec // a signed field
	case "UL":
		return float64(d.order.Uint32(b))
	}
	return float64(int32(d.order.Uint32(b))) //nolint:gosec // a signed field
}

// Float is the first value of a number attribute, or def where it is absent.
func (d *Dataset) Float(t Tag, def float64) (float64, error) {
	v, err := d.Floats(t)
	if err != nil || len(v) == 0 {
		return def, err
	}
	return v[0], nil
}

// Int is the first value of an integer attribute, or def where it is absent.
func (d *Dataset) Int(t Tag, def int) (int, error) {
	v, err := d.Float(t, float64(def))
	if err != nil {
		return 0, err
	}
	if v != math.Trunc(v) || math.Abs(v) > math.MaxInt32*2 {
		return 0, fmt.Errorf("%w: %s is %g, not a whole number", ErrValue, t, v)
	}
	return int(v), nil
}

// Set puts an attribute in its place, replacing one of the same tag.
func (d *Dataset) Set(e Element) {
	low := 0
	for low < len(d.Elements) && d.Elements[low].Tag < e.Tag {
		low++
	}
	if low < len(d.Elements) && d.Elements[low].Tag == e.Tag {
		d.Elements[low] = e
		return
	}
	d.Elements = append(d.Elements, Element{})
	copy(d.Elements[low+1:], d.Elements[low:])
	d.Elements[low] = e
}

package dcm

import (
	"encoding/binary"
	"math"
	"strconv"
	"strings"
)

// New makes a data set of elements, in any order, for writing.
func New(elements ...Element) *Dataset {
	d := &Dataset{order: binary.LittleEndian}
	for _, e := range elements {
		d.Set(e)
	}
	return d
}

// Text makes a text attribute of one or more values.
func Text(t Tag, values ...string) Element {
	return Element{Tag: t, VR: representations[t], Value: []byte(strings.Join(values, `\`))}
}

// Uint makes an attribute of VR US or UL, or a text of VR IS.
func Uint(t Tag, values ...int) Element {
	e := Element{Tag: t, VR: representations[t]}
	var words []string
	for _, v := range values {
		switch e.VR {
		case "US":
			e.Value = binary.LittleEndian.AppendUint16(e.Value, uint16(v)) //nolint:gosec // the caller's numbers are small
		case "UL":
			e.Value = binary.LittleEndian.AppendUint32(e.Value, uint32(v)) //nolint:gosec // as above
		default:
			words = append(words, strconv.Itoa(v))
		}
	}
	if words != nil {
		e.Value = []byte(strings.Join(words, `\`))
	}
	return e
}

// Tags makes an attribute of VR AT.
func Tags(t Tag, values ...Tag) Element {
	e := Element{Tag: t, VR: representations[t]}
	for _, v := range values {
		e.Value = binary.LittleEndian.AppendUint16(e.Value, uint16(v>>16))
		e.Value = binary.LittleEndian.AppendUint16(e.Value, uint16(v&0xffff))
	}
	return e
}

// Decimal makes an attribute of VR DS: each value in at most 16 characters, as
// close as these allow (PS3.5 6.2).
func Decimal(t Tag, values ...float64) Element {
	words := make([]string, len(values))
	for i, v := range values {
		words[i] = decimal(v)
	}
	return Text(t, words...)
}

func decimal(v float64) string {
	if v == 0 || math.Abs(v) < 1e-99 {
		return "0"
	}
	s := strconv.FormatFloat(v, 'g', -1, 64)
	for p := 16; len(s) > 16; p-- {
		s = strconv.FormatFloat(v, 'g', p, 64)
	}
	return s
}

// Sequence makes a sequence.
func Sequence(t Tag, items ...*Dataset) Element {
	return Element{Tag: t, VR: "SQ", Items: items}
}

// Append appends the data set in explicit VR little endian. A data set that was
// parsed from a big-endian file may hold texts only.
func (d *Dataset) Append(b []byte) []byte {
	for _, e := range d.Elements {
		b = e.append(b)
	}
	return b
}

func (e Element) append(b []byte) []byte {
	if e.VR != "SQ" {
		pad := byte(' ')
		if e.VR == "UI" || e.VR == "OB" || e.VR == "UN" {
			pad = 0
		}
		b = AppendHead(b, e.Tag, e.VR, uint32(len(e.Value)+len(e.Value)&1)) //nolint:gosec // a header's values are short
		b = append(b, e.Value...)
		if len(e.Value)&1 == 1 {
			b = append(b, pad)
		}
		return b
	}
	b = AppendHead(b, e.Tag, "SQ", 0)
	start := len(b)
	for _, item := range e.Items {
		b = append(b, 0xfe, 0xff, 0x00, 0xe0, 0, 0, 0, 0)
		at := len(b)
		b = item.Append(b)
		binary.LittleEndian.PutUint32(b[at-4:], uint32(len(b)-at)) //nolint:gosec // far below 4 GiB
	}
	binary.LittleEndian.PutUint32(b[start-4:], uint32(len(b)-start)) //nolint:gosec // as above
	return b
}

// AppendHead appends tag, VR and length.
func AppendHead(b []byte, t Tag, vr string, length uint32) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(t>>16))
	b = binary.LittleEndian.AppendUint16(b, uint16(t&0xffff))
	b = append(b, vr...)
	if strings.Contains(longVRs, vr) {
		return binary.LittleEndian.AppendUint32(append(b, 0, 0), length)
	}
	return binary.LittleEndian.AppendUint16(b, uint16(length)) //nolint:gosec // such values are short
}

// AppendMeta appends preamble, magic and file meta information (PS3.10 7.1).
func AppendMeta(b []byte, class, instance, syntax, implementation string) []byte {
	b = append(b, make([]byte, 128)...)
	b = append(b, "DICM"...)
	rest := New(
		Element{Tag: 0x00020001, VR: "OB", Value: []byte{0, 1}},
		Text(MediaStorageSOPClassUID, class),
		Text(MediaStorageSOPInstanceUID, instance),
		Text(TransferSyntaxUID, syntax),
		Element{Tag: 0x00020012, VR: "UI", Value: []byte(implementation)},
	).Append(nil)
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(rest))) //nolint:gosec // a few hundred bytes
	b = Element{Tag: 0x00020000, VR: "UL", Value: length}.append(b)
	return append(b, rest...)
}

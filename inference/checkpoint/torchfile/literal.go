package torchfile

import (
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf8"
)

// literal reads the operations that push a value of their own.
func (m *machine) literal(op byte) (v any, ok bool, err error) {
	var b []byte
	switch op {
	case opNone:
		return nil, true, nil
	case opNewTrue:
		return true, true, nil
	case opNewFalse:
		return false, true, nil
	case opEmptyTuple:
		return tuple{}, true, nil
	case opEmptyList:
		return &list{}, true, nil
	case opEmptyDict:
		return &dict{}, true, nil
	case opBinInt:
		if b, err = m.take(4); err == nil {
			v = int64(int32(binary.LittleEndian.Uint32(b))) //nolint:gosec // the format's two's complement
		}
	case opBinInt1:
		if b, err = m.take(1); err == nil {
			v = int64(b[0])
		}
	case opBinInt2:
		if b, err = m.take(2); err == nil {
			v = int64(binary.LittleEndian.Uint16(b))
		}
	case opBinFloat:
		if b, err = m.take(8); err == nil {
			v = math.Float64frombits(binary.BigEndian.Uint64(b))
		}
	case opLong1:
		v, err = m.long()
	case opBinUnicode, opShortBinUnicode, opBinUnicode8, opShortBinString:
		v, err = m.text(op)
	default:
		return nil, false, nil
	}
	return v, true, err
}

// long reads a little-endian two's complement of at most eight bytes.
func (m *machine) long() (int64, error) {
	n, err := m.byte()
	if err != nil {
		return 0, err
	}
	if n > 8 {
		return 0, fmt.Errorf("%w: an integer of %d bytes", ErrUnsupported, n)
	}
	b, err := m.take(uint64(n))
	if err != nil {
		return 0, err
	}
	var v uint64
	for i, x := range b {
		v |= uint64(x) << (8 * i)
	}
	if n > 0 && n < 8 && b[n-1]&0x80 != 0 {
		v |= ^uint64(0) << (8 * n)
	}
	return int64(v), nil
}

func (m *machine) text(op byte) (string, error) {
	width := map[byte]uint64{opShortBinUnicode: 1, opShortBinString: 1, opBinUnicode: 4, opBinUnicode8: 8}[op]
	b, err := m.take(width)
	if err != nil {
		return "", err
	}
	var n uint64
	for i, x := range b {
		n |= uint64(x) << (8 * i)
	}
	if n > maxTextBytes {
		return "", fmt.Errorf("%w: a text of %d bytes", ErrTooLarge, n)
	}
	if b, err = m.take(n); err != nil {
		return "", err
	}
	if !utf8.Valid(b) {
		return "", fmt.Errorf("%w: a text that is no UTF-8", ErrCorrupt)
	}
	return string(b), nil
}

func (m *machine) byte() (byte, error) {
	b, err := m.take(1)
	if err != nil {
		return 0, err
	}
	return b[0], nil
}

func (m *machine) take(n uint64) ([]byte, error) {
	rest := m.data[m.at:]
	if n > uint64(len(rest)) {
		return nil, fmt.Errorf("%w: the pickle ends early", ErrCorrupt)
	}
	m.at += len(rest[:n])
	return rest[:n], nil
}

func (m *machine) line() (string, error) {
	for i := m.at; i < len(m.data); i++ {
		if m.data[i] == '\n' {
			b := m.data[m.at:i]
			m.at = i + 1
			if !utf8.Valid(b) {
				return "", fmt.Errorf("%w: a name that is no UTF-8", ErrCorrupt)
			}
			return string(b), nil
		}
	}
	return "", fmt.Errorf("%w: the pickle ends early", ErrCorrupt)
}

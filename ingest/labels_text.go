package ingest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// labelText gives the lines of a label file as UTF-8, whatever it came in:
// UTF-8, UTF-16 with or without a byte order mark, or lines of Windows-1252,
// which holds Latin-1, among others.
type labelText struct {
	source   *bufio.Reader // UTF-8, or what passes for it
	limits   Limits
	encoding string
	n        int
	pending  []string     // lines to give again
	repaired map[int]bool // lines that were not UTF-8
}

const headBytes = 64 << 10

func newLabelText(r io.Reader, limits Limits) (*labelText, error) {
	plain, err := decompressed(r, limits)
	if err != nil {
		return nil, err
	}
	source := bufio.NewReaderSize(&capped{r: plain, left: limits.Bytes}, headBytes)
	t := &labelText{source: source, limits: limits, encoding: "UTF-8", repaired: map[int]bool{}}
	start, err := source.Peek(1 << 10)
	if len(start) == 0 && err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = source.Discard(3) // they were peeked at
	case bytes.HasPrefix(start, []byte("\xff\xfe")):
		order = binary.LittleEndian
		_, _ = source.Discard(2)
	case bytes.HasPrefix(start, []byte("\xfe\xff")):
		order = binary.BigEndian
		_, _ = source.Discard(2)
	default:
		order = utf16Order(start)
	}
	if order != nil {
		t.encoding = "UTF-16LE"
		if order == binary.BigEndian {
			t.encoding = "UTF-16BE"
		}
		t.source = bufio.NewReaderSize(&utf16Reader{r: source, order: order}, headBytes)
	}
	if start, _ := t.source.Peek(headBytes); bytes.IndexByte(start, '\r') >= 0 && bytes.IndexByte(start, '\n') < 0 {
		t.source = bufio.NewReaderSize(&returnReader{t.source}, headBytes)
	}
	// Excel's first line may name the delimiter: "sep=;".
	if start, _ := t.source.Peek(8); len(start) > 4 && strings.EqualFold(string(start[:4]), "sep=") {
		if rest := start[5:]; bytes.HasPrefix(rest, []byte("\n")) || bytes.HasPrefix(rest, []byte("\r\n")) {
			_, _ = t.source.Discard(5 + bytes.IndexByte(rest, '\n') + 1)
			t.n = 1
		}
	}
	return t, nil
}

// utf16Order tells UTF-16 without a mark by its zero bytes: nearly all on one
// side. Nil for other texts.
func utf16Order(start []byte) binary.ByteOrder {
	var zeros [2]int
	for i, b := range start {
		if b == 0 {
			zeros[i%2]++
		}
	}
	half := len(start) / 4
	switch {
	case half == 0:
	case zeros[0] == 0 && zeros[1] > half:
		return binary.LittleEndian
	case zeros[1] == 0 && zeros[0] > half:
		return binary.BigEndian
	}
	return nil
}

// head is the beginning of the text.
func (t *labelText) head() string {
	start, _ := t.source.Peek(headBytes) // a fault shows when the lines are read
	text := decodeLine(start)
	return strings.TrimPrefix(text, "\ufeff")
}

// unread has next give lines again that it gave last.
func (t *labelText) unread(lines []string) {
	t.pending = append(lines, t.pending...)
	t.n -= len(lines)
}

// next returns a line without its end, and false after the last.
func (t *labelText) next() (string, bool, error) {
	if len(t.pending) > 0 {
		line := t.pending[0]
		t.pending = t.pending[1:]
		t.n++
		return line, true, nil
	}
	var line []byte
	for {
		part, err := t.source.ReadSlice('\n')
		if len(line)+len(part) > t.limits.LineBytes {
			return "", false, fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, t.limits.LineBytes)
		}
		line = append(line, part...)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return "", false, readError(err)
		case err != nil && len(line) == 0:
			return "", false, nil
		}
		break
	}
	t.n++
	line = bytes.TrimRight(line, "\r\n")
	if bytes.IndexByte(line, 0) >= 0 {
		return "", false, fmt.Errorf("%w: it holds NUL bytes, as binary files do", ErrEncoding)
	}
	if !utf8.Valid(line) {
		t.repaired[t.n] = true
	}
	return decodeLine(line), true, nil
}

// decodeLine keeps UTF-8 and takes anything else for Windows-1252.
func decodeLine(line []byte) string {
	if utf8.Valid(line) {
		return string(line)
	}
	var b strings.Builder
	b.Grow(len(line) + 16)
	for _, c := range line {
		switch {
		case c >= 0x80 && c < 0xa0:
			b.WriteRune(windows1252[c-0x80])
		default:
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}

// windows1252 is where Windows-1252 differs from Latin-1: 0x80 to 0x9f.
var windows1252 = [32]rune{
	'€', utf8.RuneError, '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', utf8.RuneError, 'Ž', utf8.RuneError,
	utf8.RuneError, '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', utf8.RuneError, 'ž', 'Ÿ',
}

// utf16Reader turns UTF-16 into UTF-8.
type utf16Reader struct {
	r     io.Reader
	order binary.ByteOrder
	rest  []byte // UTF-8 not yet given
	high  rune   // the first half of a pair
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	var unit [2]byte
	for len(u.rest) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		n, err := io.ReadFull(u.r, unit[:])
		if n == 1 {
			err = fmt.Errorf("%w: the UTF-16 text ends within a character", ErrEncoding)
		}
		if u.err = err; err != nil {
			continue
		}
		r := rune(u.order.Uint16(unit[:]))
		switch {
		case u.high != 0:
			r = utf16.DecodeRune(u.high, r) // the replacement character where they are no pair
			u.high = 0
		case utf16.IsSurrogate(r) && r < 0xdc00:
			u.high = r
			continue
		}
		u.rest = utf8.AppendRune(u.rest[:0], r)
	}
	n := copy(p, u.rest)
	u.rest = u.rest[n:]
	return n, nil
}

// returnReader turns the carriage returns that end lines of old files into
// newlines.
type returnReader struct{ r io.Reader }

func (r *returnReader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	for i, c := range p[:n] {
		if c == '\r' {
			p[i] = '\n'
		}
	}
	return n, err
}

package ingest

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// lines gives the lines of a UTF-8 text, gzip-compressed or not, within limits.
type lines struct {
	scanner *bufio.Scanner
	limits  Limits
	n       int // of the line given last
	err     error
}

func newLines(r io.Reader, limits Limits) (*lines, error) {
	plain, err := unpack(r, limits)
	if err != nil {
		return nil, err
	}
	l := &lines{scanner: bufio.NewScanner(plain), limits: limits}
	l.scanner.Buffer(make([]byte, 0, min(64<<10, limits.LineBytes)), limits.LineBytes)
	return l, nil
}

// next returns a line without its end; false at the end of the text and where
// reading failed.
func (l *lines) next() (string, bool) {
	if l.err != nil || !l.scanner.Scan() {
		return "", false
	}
	l.n++
	raw := l.scanner.Bytes()
	if l.err = checkText(raw); l.err != nil {
		return "", false
	}
	return strings.TrimSuffix(string(raw), "\r"), true
}

// failure returns why next gave no further line, and the line that it is about;
// nil at the end of the text.
func (l *lines) failure() (int, error) {
	err := l.scanner.Err()
	switch {
	case l.err != nil:
		return l.n, l.err
	case errors.Is(err, bufio.ErrTooLong):
		return l.n + 1, fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, l.limits.LineBytes)
	case err != nil:
		return l.n, readError(err)
	case l.n == 0:
		return 0, fmt.Errorf("%w: the file is empty", ErrFormat)
	}
	return l.n, nil
}

// fail returns the error of a line, unless reading failed behind it and the
// line was only cut short there.
func (l *lines) fail(err error) (int, error) {
	line := l.n
	if at, failed := l.failure(); failed != nil {
		return at, failed
	}
	return line, err
}

func checkText(raw []byte) error {
	if utf8.Valid(raw) && bytes.IndexByte(raw, 0) < 0 {
		return nil
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		return fmt.Errorf("%w: it holds NUL bytes, as UTF-16 and binary files do; convert it to UTF-8", ErrEncoding)
	}
	return fmt.Errorf("%w: invalid bytes, as in Latin-1 files; convert it to UTF-8", ErrEncoding)
}

// unpack caps r, decompresses it where it is gzip, and skips a byte order mark.
// UTF-16 is refused.
func unpack(r io.Reader, limits Limits) (io.Reader, error) {
	plain, err := decompressed(r, limits)
	if err != nil {
		return nil, err
	}
	buffered := bufio.NewReader(&capped{r: plain, left: limits.Bytes})
	start, err := buffered.Peek(3)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		_, _ = buffered.Discard(3) // they were peeked at
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		return nil, fmt.Errorf("%w: it is UTF-16; convert it to UTF-8", ErrEncoding)
	}
	return buffered, nil
}

// decompressed looks for the gzip magic and unpacks where it stands.
func decompressed(r io.Reader, limits Limits) (io.Reader, error) {
	outer := &capped{r: r, left: max(limits.CompressedBytes, limits.Bytes)}
	buffered := bufio.NewReader(outer)
	magic, err := buffered.Peek(2)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	if !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return buffered, nil
	}
	outer.left -= max(limits.CompressedBytes, limits.Bytes) - limits.CompressedBytes
	z, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, readError(err)
	}
	return z, nil
}

// readError names damage to the compressed stream as ErrFormat.
func readError(err error) error {
	var damaged flate.CorruptInputError
	if errors.Is(err, gzip.ErrHeader) || errors.Is(err, gzip.ErrChecksum) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &damaged) {
		return fmt.Errorf("%w: damaged gzip: %w", ErrFormat, err)
	}
	return err
}

// capped gives ErrTooLarge instead of the byte beyond the cap. A reader of
// records may set left anew at each record, to cap every one of them.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	if c.left < 0 {
		return 0, ErrTooLarge
	}
	if int64(len(p)) > c.left+1 {
		p = p[:c.left+1]
	}
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return n - 1, ErrTooLarge
	}
	return n, err
}

// cancelled ends reading with the context.
type cancelled struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelled) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

package ingest

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// jsonReader reads a large JSON document a value at a time: no value may be
// longer than Limits.LineBytes, so memory stays bounded whatever the file is.
type jsonReader struct {
	dec    *json.Decoder
	value  *capped
	limits Limits
	ends   *lineEnds
}

func newJSONReader(r io.Reader, limits Limits) *jsonReader {
	j := &jsonReader{limits: limits, ends: &lineEnds{r: r, keep: 4 * int64(limits.LineBytes)}}
	j.value = &capped{r: j.ends}
	j.dec = json.NewDecoder(j.value)
	j.dec.UseNumber()
	j.fresh()
	return j
}

// fresh gives the next value its allowance.
func (j *jsonReader) fresh() { j.value.left = int64(j.limits.LineBytes) }

// open takes the delimiter that begins an object or list.
func (j *jsonReader) open(want json.Delim) error {
	t, err := j.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%w: it does not begin with %s", ErrFormat, want)
	}
	return nil
}

func (j *jsonReader) more() bool {
	j.fresh()
	return j.dec.More()
}

func (j *jsonReader) key() (string, error) {
	j.fresh()
	t, err := j.dec.Token()
	if err != nil {
		return "", err
	}
	key, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%w: %v is no name", ErrFormat, t)
	}
	return key, checkText([]byte(key))
}

func (j *jsonReader) decode(v any) error {
	j.fresh()
	return j.dec.Decode(v)
}

// close takes the delimiter that ends the document, which nothing may follow.
func (j *jsonReader) close(want json.Delim) error {
	t, err := j.dec.Token()
	if err != nil {
		return err
	}
	if t != want {
		return fmt.Errorf("%w: it does not end with %s", ErrFormat, want)
	}
	if _, err := j.dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more text after the document", ErrFormat)
	}
	return nil
}

// line is where the decoder stands.
func (j *jsonReader) line() int { return j.ends.line(j.dec.InputOffset()) }

// fail names an error of the decoder and the line of the value it is in.
func (j *jsonReader) fail(err error) (int, error) {
	line := j.line()
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.Is(err, ErrTooLarge):
		return line, fmt.Errorf("%w: a value of more than %d bytes, or the file of more than %d", ErrTooLarge, j.limits.LineBytes, j.limits.Bytes)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return line, fmt.Errorf("%w: the JSON text is cut short", ErrFormat)
	case errors.As(err, &syntax):
		return line, fmt.Errorf("%w: %w", ErrFormat, err)
	case errors.As(err, &kind):
		return line, fmt.Errorf("%w: %s where %s is expected", ErrFormat, kind.Value, kind.Type)
	}
	return line, readError(err)
}

// lineEnds remembers where lines end in the last stretch of what was read.
type lineEnds struct {
	r      io.Reader
	keep   int64 // how far back an offset may lie
	offset int64
	before int     // lines that end before the first of ends
	ends   []int64 // offsets of newlines
}

func (l *lineEnds) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, c := range p[:n] {
		if c == '\n' {
			l.ends = append(l.ends, l.offset+int64(i))
		}
	}
	l.offset += int64(n)
	const many = 1 << 16
	if len(l.ends) > many && l.ends[len(l.ends)/2] < l.offset-l.keep {
		half := len(l.ends) / 2
		l.before += half
		l.ends = append(l.ends[:0], l.ends[half:]...)
	}
	return n, err
}

// line is the number of the line that holds the offset.
func (l *lineEnds) line(offset int64) int {
	n, _ := slices.BinarySearch(l.ends, offset)
	return l.before + n + 1
}

// token reads the next token, with an allowance of its own.
func (j *jsonReader) token() (json.Token, error) {
	j.fresh()
	return j.dec.Token()
}

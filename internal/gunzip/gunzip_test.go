package gunzip

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// compress is b as a gzip member of the standard library's making.
func compress(t testing.TB, b []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// contents are bytes of every kind that takes another path through the decoder.
func contents() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	fill := func(n int, f func(i int) byte) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = f(i)
		}
		return b
	}
	short := []byte("a short text")
	m := map[string][]byte{
		"nothing":  nil,
		"one byte": {7},
		"short":    short,
		"zeros":    make([]byte, 3*outSize),
		"random":   fill(outSize+1, func(int) byte { return byte(r.Uint32()) }),
		"noise":    fill(2*outSize+12345, func(int) byte { return byte(r.NormFloat64() * 9) }),
		"ct": fill(600_000, func(i int) byte { // 16-bit values around 0: the upper byte is 0 or 255
			if i%2 == 1 {
				return byte(-(i / 2 % 2))
			}
			return byte(r.NormFloat64() * 20)
		}),
		// Codes of up to 15 bits: byte n turns up about 2^-n as often as byte 0.
		"skewed": fill(400_000, func(int) byte {
			n := byte(0)
			for r.Uint32()&1 == 0 {
				n++
			}
			return n
		}),
	}
	for _, period := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 258, 1000, window - 1, window} {
		unit := fill(period, func(int) byte { return byte(r.Uint32()) })
		m["period "+string(rune('0'+period%10))+strings.Repeat("'", period%7)] = bytes.Repeat(unit, 1+300_000/period)
	}
	return m
}

func TestReaderAgreesWithWhatWasCompressed(t *testing.T) {
	for name, want := range contents() {
		t.Run(name, func(t *testing.T) {
			for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 1, 6, 9} {
				z := compress(t, want, level)
				got, err := io.ReadAll(NewReader(bytes.NewReader(z)))
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("level %d: %d bytes of %d, %v", level, len(got), len(want), err)
				}
			}
		})
	}
}

// However the source hands out its bytes, and however the reader asks for them.
func TestReaderOverOddSources(t *testing.T) {
	want := contents()["ct"][:50_000]
	z := compress(t, want, 6)
	for name, src := range map[string]io.Reader{
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(z)),
		"halves":         iotest.HalfReader(bytes.NewReader(z)),
		"data with EOF":  iotest.DataErrReader(bytes.NewReader(z)),
		"now and then 0": &pauses{r: iotest.OneByteReader(bytes.NewReader(z))},
	} {
		if err := iotest.TestReader(NewReader(src), want); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	broken := errors.New("broken")
	src := io.MultiReader(bytes.NewReader(z[:len(z)/2]), iotest.ErrReader(broken))
	if _, err := io.ReadAll(NewReader(src)); !errors.Is(err, broken) {
		t.Errorf("the source's error became %v", err)
	}
}

// pauses returns nothing every other time.
type pauses struct {
	r     io.Reader
	pause bool
}

func (p *pauses) Read(b []byte) (int, error) {
	if p.pause = !p.pause; p.pause {
		return 0, nil
	}
	return p.r.Read(b)
}

// Every place at which a stream can be cut: an error, and no byte that was not
// in it.
func TestReaderOfCutStreams(t *testing.T) {
	want := contents()["ct"][:300]
	for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, 6} {
		z := compress(t, want, level)
		for n := range z {
			got, err := io.ReadAll(NewReader(bytes.NewReader(z[:n])))
			if !errors.Is(err, io.ErrUnexpectedEOF) || !bytes.HasPrefix(want, got) {
				t.Fatalf("level %d cut at %d: %v, %d bytes", level, n, err, len(got))
			}
		}
	}
}

// Flipped bits are always found out, by the code or by the checksum.
func TestReaderOfDamagedStreams(t *testing.T) {
	want := contents()["ct"][:200]
	z := compress(t, want, 6)
	for bit := range 8 * len(z) {
		b := bytes.Clone(z)
		b[bit/8] ^= 1 << (bit % 8)
		got, err := io.ReadAll(NewReader(bytes.NewReader(b)))
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("bit %d changes the data unnoticed", bit)
		}
		// Nothing covers the flag for text, time, extra flags and system, nor the
		// bits that fill up a byte before the empty stored block at the end.
		if at := bit / 8; err == nil && (at < 3 || at > 9) && at != len(z)-13 {
			t.Fatalf("bit %d goes unnoticed", bit)
		}
	}
}

func TestReaderOfHeadersAndMembers(t *testing.T) {
	member := compress(t, []byte("one"), 6)
	var full bytes.Buffer
	w := gzip.NewWriter(&full)
	w.Extra, w.Name, w.Comment = make([]byte, 1000), "name", "comment"
	_, _ = w.Write([]byte("two"))
	_ = w.Close()
	checked := bytes.Clone(member[:10])
	checked[3] |= 1 << 1
	checked = binary.LittleEndian.AppendUint16(checked, uint16(crc32.ChecksumIEEE(checked)))
	checked = append(checked, member[10:]...)
	wrong := bytes.Clone(checked)
	wrong[10] ^= 1
	endless := append(append(bytes.Clone(member[:3]), 1<<3, 0, 0, 0, 0, 0, 0), bytes.Repeat([]byte{'x'}, 2*maxText)...)

	tests := []struct {
		name string
		z    []byte
		want string
		err  error
	}{
		{"all fields", full.Bytes(), "two", nil},
		{"three members", append(append(bytes.Clone(member), full.Bytes()...), checked...), "onetwoone", nil},
		{"header checksum", checked, "one", nil},
		{"wrong header checksum", wrong, "", ErrHeader},
		{"name without end", endless, "", ErrHeader},
		{"trailing zeros", append(bytes.Clone(member), 0, 0, 0), "one", ErrTrailing},
		{"trailing text", append(bytes.Clone(member), "more"...), "one", ErrTrailing},
		{"nothing", nil, "", io.ErrUnexpectedEOF},
		{"text", []byte("text"), "", ErrHeader},
		{"other method", append([]byte{0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0}, member[10:]...), "", ErrHeader},
		{"reserved flag", append([]byte{0x1f, 0x8b, 8, 0x20, 0, 0, 0, 0, 0, 0}, member[10:]...), "", ErrHeader},
	}
	for _, tt := range tests {
		got, err := io.ReadAll(NewReader(bytes.NewReader(tt.z)))
		if !errors.Is(err, tt.err) || string(got) != tt.want {
			t.Errorf("%s: %q, %v", tt.name, got, err)
		}
	}
}

// Blocks that no compressor writes, by hand; bits go from the lowest up.
func TestReaderOfInvalidBlocks(t *testing.T) {
	tests := map[string][]byte{
		"block of type 3":           {0b111},
		"stored length":             {0b001, 5, 0, 0, 0},
		"match before the start":    {0b0000_0011, 0b0000_0010, 0, 0}, // fixed code, length 3, distance 1
		"too many literal codes":    {0b11111_101, 0, 0, 0},
		"code length code of zeros": {0b00000_101, 0, 0, 0, 0, 0, 0, 0},
	}
	for name, block := range tests {
		z := append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, append(block, make([]byte, 64)...)...)
		if _, err := io.ReadAll(NewReader(bytes.NewReader(z))); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The codes that build takes and refuses, by the lengths of their words.
func TestBuild(t *testing.T) {
	all15 := bytes.Repeat([]byte{15}, 4)
	tests := []struct {
		name    string
		lengths []byte
		ok      bool
	}{
		{"no words", []byte{0, 0}, true},
		{"one word of one bit", []byte{0, 1}, true},
		{"one word of two bits", []byte{2}, false},
		{"complete", []byte{1, 2, 2}, true},
		{"incomplete", []byte{1, 2}, false},
		{"over-subscribed", []byte{1, 1, 1}, false},
		{"as long as can be", append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}, all15...), true},
		{"long and over-subscribed", append([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15}, all15...), false},
	}
	for _, tt := range tests {
		var table litTable
		if got := build(table[:], tt.lengths, litEntries[:], litBits); got != tt.ok {
			t.Errorf("%s: got %t", tt.name, got)
		}
	}
}

// FuzzReader holds the reader against the standard library's: the same bytes,
// and an error where that has one.
func FuzzReader(f *testing.F) {
	for _, b := range contents() {
		b = b[:min(len(b), 2000)]
		f.Add(compress(f, b, 1), false)
		f.Add(compress(f, b, 9), true)
		f.Add(compress(f, b, flate.HuffmanOnly), false)
	}
	f.Fuzz(func(t *testing.T, z []byte, raw bool) {
		if raw { // fuzz what is behind the header, too
			z = append([]byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0}, z...)
		}
		const limit = 1 << 22
		got, err := io.ReadAll(io.LimitReader(NewReader(bytes.NewReader(z)), limit))
		var want []byte
		std, stdErr := gzip.NewReader(bytes.NewReader(z))
		if stdErr == nil {
			want, stdErr = io.ReadAll(io.LimitReader(std, limit))
		}
		if (err == nil) != (stdErr == nil) {
			// Only this reader tells trailing bytes from a bad header; the standard
			// library's takes a header text of up to 512 bytes.
			t.Fatalf("got %v, the standard library %v", err, stdErr)
		}
		if err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%d bytes, the standard library has %d", len(got), len(want))
		}
		if n := min(len(got), len(want)); !bytes.Equal(got[:n], want[:n]) {
			t.Fatal("the bytes before the error differ")
		}
	})
}

package onnxfile

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
)

// Fields of protocol buffers: a varint, and a length-delimited one.

func number(b []byte, field uint64, v int64) []byte {
	b = binary.AppendUvarint(b, field<<3)
	return binary.AppendUvarint(b, uint64(v)) //nolint:gosec // the format's two's complement
}

func message(b []byte, field uint64, m []byte) []byte {
	b = header(b, field, int64(len(m)))
	return append(b, m...)
}

func text(b []byte, field uint64, s string) []byte { return message(b, field, []byte(s)) }

// header begins a length-delimited field of n bytes.
func header(b []byte, field uint64, n int64) []byte {
	b = binary.AppendUvarint(b, field<<3|2)
	return binary.AppendUvarint(b, uint64(n)) //nolint:gosec // lengths are not negative
}

// digest names a constant by what it is.
func digest(t Type, raw []byte, dims []int) string {
	h := sha256.New()
	_, _ = fmt.Fprint(h, t, dims, " ") // a hash takes anything
	h.Write(raw)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

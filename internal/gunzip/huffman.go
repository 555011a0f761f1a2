package gunzip

import "math/bits"

// Decoding tables hold one 32-bit entry for each value of the next few bits of
// the stream; codes longer than that go through a second table. An entry is one
// of
//
//	one or two literals   bits 0-5 bits taken, 6-7 how many, 8-15 and 16-23 the bytes
//	length or distance    bits 0-5 bits taken, extra ones included, 6-7 zero,
//	                      8-23 base value, 24-27 bits of the code alone, 28-30 kind value
//	link to second table  bits 8-23 where it starts, 24-27 its index bits, 28-30 kind link
//	end of block          bits 0-5 bits taken, 28-30 kind end
//	no such code          28-30 kind bad
const (
	litBits  = 11 // index bits of the first literal/length table
	distBits = 8  // the same for distances

	// Room for both levels. At most 2342 and 402 entries are needed for any
	// complete code of words of up to 15 bits (zlib's examples/enough.c, for 288
	// symbols with 11 bits and for 32 with 8); powers of two spare range checks.
	litSize  = 4096
	distSize = 512

	maxCode = 15 // longest code word, RFC 1951 section 3.2.7

	kindValue = 1 << 28
	kindLink  = 2 << 28
	kindEnd   = 3 << 28
	kindBad   = 4 << 28
	kindMask  = 7 << 28
)

type (
	litTable  [litSize]uint32
	distTable [distSize]uint32
)

// lengthBase and lengthExtra are RFC 1951 section 3.2.5's table of lengths, for
// symbols 257 and up; distBase and distExtra that of distances.
var (
	lengthBase = [29]uint32{
		3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31,
		35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
	}
	lengthExtra = [29]uint32{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}
	distBase    = [30]uint32{
		1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769,
		1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577,
	}
	distExtra = [30]uint32{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13}
)

// litEntries and distEntries are the entries of each symbol, without the bits
// of its code, which build adds.
var litEntries, distEntries = entries()

func entries() (lit [288]uint32, dist [32]uint32) {
	for s := range lit {
		switch {
		case s < 256:
			lit[s] = 1<<6 | uint32(s)<<8
		case s == 256:
			lit[s] = kindEnd
		case s-257 < len(lengthBase):
			lit[s] = kindValue | lengthBase[s-257]<<8 | lengthExtra[s-257]
		default:
			lit[s] = kindBad
		}
	}
	for s := range dist {
		dist[s] = kindBad
		if s < len(distBase) {
			dist[s] = kindValue | distBase[s]<<8 | distExtra[s]
		}
	}
	return lit, dist
}

// withCode adds the bits of the symbol's code word to an entry.
func withCode(e, n uint32) uint32 {
	if e&kindMask == kindValue {
		return e + n + n<<24
	}
	return e + n
}

// build fills table for the code whose word lengths are given by symbol (RFC
// 1951 section 3.2.2). first is the number of index bits of the first table.
// It reports false for a code that is over-subscribed, or incomplete without
// being the single one-bit word that the format allows; a code without any
// word is taken, since a block of literals alone needs no distances.
func build(table []uint32, lengths []uint8, symbols []uint32, first uint32) bool {
	var count, next [maxCode + 1]uint32
	for _, n := range lengths {
		count[n]++
	}
	count[0] = 0
	longest := uint32(maxCode)
	for longest > 0 && count[longest] == 0 {
		longest--
	}
	if longest == 0 {
		for i := range table[:1<<first] {
			table[i] = kindBad
		}
		return true
	}
	code, free := uint32(0), int32(1)
	for n := 1; n <= maxCode; n++ {
		code = (code + count[n-1]) << 1
		next[n] = code
		if free = free<<1 - int32(count[n]); free < 0 { //nolint:gosec // at most 288
			return false
		}
	}
	if free > 0 {
		if longest != 1 {
			return false
		}
		for i := range table[:1<<first] {
			table[i] = kindBad
		}
	}
	// Words of up to first bits go straight into the first table, at every
	// index that ends in the word (the stream holds words from their top bit,
	// indices start at the bottom: hence the reversal).
	for s, n8 := range lengths {
		n := uint32(n8)
		if n == 0 || n > first {
			continue
		}
		e := withCode(symbols[s], n)
		w := uint32(bits.Reverse16(uint16(next[n]))) >> (16 - n) //nolint:gosec // at most 15 bits
		next[n]++
		for i := w; i < 1<<first; i += 1 << n {
			table[i] = e
		}
	}
	if longest > first {
		buildLong(table, lengths, symbols, first, longest, &next, &count)
	}
	return true
}

// buildLong lays out the second tables for words longer than first bits. Words
// of one length are consecutive, so those sharing their first bits are found by
// going through lengths in order.
func buildLong(table []uint32, lengths []uint8, symbols []uint32, first, longest uint32, next, count *[maxCode + 1]uint32) {
	// Width of each second table: the longest word under its link. Words are
	// numbered in order of length, so the last one under a link is the longest.
	end := uint32(1) << first // where the next second table goes
	var width [1 << litBits]uint8
	for n := first + 1; n <= longest; n++ {
		for w := next[n]; w < next[n]+count[n]; w++ {
			width[w>>(n-first)] = uint8(n - first) //nolint:gosec // at most 15
		}
	}
	for w, bitsOf := range width[:1<<first] {
		if bitsOf == 0 {
			continue
		}
		i := bits.Reverse16(uint16(w)) >> (16 - first)
		table[i] = kindLink | uint32(bitsOf)<<24 | end<<8
		end += 1 << bitsOf
	}
	for s, n8 := range lengths {
		n := uint32(n8)
		if n <= first {
			continue
		}
		e := withCode(symbols[s], n)
		w := uint32(bits.Reverse16(uint16(next[n]))) >> (16 - n) //nolint:gosec // at most 15 bits
		next[n]++
		link := table[w&(1<<first-1)]
		start, size := link>>8&0xffff, uint32(1)<<(link>>24&15)
		for i := w >> first; i < size; i += 1 << (n - first) {
			table[start+i] = e
		}
	}
}

// pairLiterals makes the first table yield two literals at once where both
// words fit into its index. It goes downwards: what follows a word stands at a
// smaller index, or, for index 0, at that index itself.
func pairLiterals(table *litTable) {
	for i := 1<<litBits - 1; i >= 0; i-- {
		e := table[i]
		if e>>6&3 != 1 || e&kindMask != 0 {
			continue
		}
		n := e & 63
		f := table[uint32(i)>>n]
		if f&kindMask != 0 || f>>6&3 != 1 || n+f&63 > litBits {
			continue
		}
		table[i] = (n + f&63) | 2<<6 | e&0xff00 | f&0xff00<<8
	}
}

package gunzip

import "encoding/binary"

type result uint8

const (
	paused result = iota
	endOfBlock
	badCode
	tooFar
)

// decode decodes symbols from in to out until the block ends, less than inSlack
// bytes of input are left, or out is full; with once set it takes one step,
// whatever is left. A step is up to four pairs of literals and one match.
//
// This loop is where all the time goes. What keeps it fast: the state is in
// local variables, the bit buffer is refilled without a branch, literals come
// in pairs, and tables are arrays whose index the compiler sees to be in range.
//
//nolint:gosec // conversions keep the few bits that are meant
func (z *Reader) decode(once bool) result {
	var (
		lit, dist  = &z.lit, &z.dist
		in, out    = z.in[:], z.out[:]
		pos, wr    = z.pos, z.wr
		bits, n    = z.bits, z.nbits // n bits are valid
		limit      = z.end - inSlack
		outcome    = paused
		start      = z.start
		codeLength uint
	)
	if once {
		limit = len(in)
	}
	for pos <= limit && wr < outSize {
		bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
		pos += int(63-n) >> 3
		n |= 56

		e := lit[bits&(1<<litBits-1)]
		if e&litMask != 0 {
			// Four table accesses take at most 44 of the 56 bits.
			binary.LittleEndian.PutUint16(out[wr:], uint16(e>>8))
			wr += int(e >> 6 & 3)
			bits >>= e & 63
			n -= uint(e & 63)
			if e = lit[bits&(1<<litBits-1)]; e&litMask != 0 {
				binary.LittleEndian.PutUint16(out[wr:], uint16(e>>8))
				wr += int(e >> 6 & 3)
				bits >>= e & 63
				n -= uint(e & 63)
				if e = lit[bits&(1<<litBits-1)]; e&litMask != 0 {
					binary.LittleEndian.PutUint16(out[wr:], uint16(e>>8))
					wr += int(e >> 6 & 3)
					bits >>= e & 63
					n -= uint(e & 63)
					if e = lit[bits&(1<<litBits-1)]; e&litMask != 0 {
						binary.LittleEndian.PutUint16(out[wr:], uint16(e>>8))
						wr += int(e >> 6 & 3)
						bits >>= e & 63
						n -= uint(e & 63)
						if once {
							break
						}
						continue
					}
				}
			}
			// The rest of a match takes up to 48 bits; e stays as it is.
			bits |= binary.LittleEndian.Uint64(in[pos:]) << (n & 63)
			pos += int(63-n) >> 3
			n |= 56
		}
		if e&kindMask == kindLink {
			e = lit[(e>>8&0xffff+uint32(bits>>litBits)&(1<<(e>>24&15)-1))%litSize]
			if e&litMask != 0 {
				out[wr] = byte(e >> 8)
				wr++
				bits >>= e & 63
				n -= uint(e & 63)
				if once {
					break
				}
				continue
			}
		}
		if e&kindMask != kindValue {
			bits >>= e & 63
			n -= uint(e & 63)
			outcome = badCode
			if e&kindMask == kindEnd {
				outcome = endOfBlock
			}
			break
		}
		codeLength = uint(e >> 24 & 15)
		length := int(e>>8&0xffff) + int(bits&(1<<(e&63)-1)>>codeLength)
		bits >>= e & 63
		n -= uint(e & 63)

		e = dist[bits&(1<<distBits-1)]
		if e&kindMask == kindLink {
			e = dist[(e>>8&0xffff+uint32(bits>>distBits)&(1<<(e>>24&15)-1))%distSize]
		}
		if e&kindMask != kindValue {
			outcome = badCode
			break
		}
		codeLength = uint(e >> 24 & 15)
		distance := int(e>>8&0xffff) + int(bits&(1<<(e&63)-1)>>codeLength)
		bits >>= e & 63
		n -= uint(e & 63)
		if distance > wr-start {
			outcome = tooFar
			break
		}
		copyMatch(out, wr, distance, length)
		wr += length
		if once {
			break
		}
	}
	z.pos, z.wr, z.bits, z.nbits = pos, wr, bits, n
	return outcome
}

// litMask selects the count of literals of an entry.
const litMask = 3 << 6

// copyMatch repeats the length bytes that lie distance bytes before wr. It may
// write up to seven bytes beyond them.
func copyMatch(out []byte, wr, distance, length int) {
	from, end := wr-distance, wr+length
	if distance >= 8 {
		for wr < end {
			binary.LittleEndian.PutUint64(out[wr:], binary.LittleEndian.Uint64(out[from:]))
			from += 8
			wr += 8
		}
		return
	}
	// A short period is spread over eight bytes where it divides them.
	var v uint64
	switch distance {
	case 1:
		v = uint64(out[from]) * 0x0101010101010101
	case 2:
		v = uint64(binary.LittleEndian.Uint16(out[from:])) * 0x0001000100010001
	case 4:
		v = uint64(binary.LittleEndian.Uint32(out[from:])) * 0x0000000100000001
	default:
		for ; wr < end; wr, from = wr+1, from+1 {
			out[wr] = out[from]
		}
		return
	}
	for ; wr < end; wr += 8 {
		binary.LittleEndian.PutUint64(out[wr:], v)
	}
}

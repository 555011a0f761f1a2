// Package masks keeps hundreds of overlapping binary masks of one scan in one
// small file, from which any one is read without the others. It knows no
// dataset and no class; names are whatever the writer gives. Start from [Write]
// and [Open].
//
// # Format, version 1
//
// All numbers are little-endian. A file is, from front to back:
//
//	header    12 bytes: the magic "sgmasks\n", then the version, uint32
//	payloads  one for each class that has a voxel, each a Zstandard frame
//	directory a Zstandard frame of JSON (RFC 8259)
//	trailer   32 bytes: offset of the directory in the file, uint64; its length as
//	          stored, uint32; its length as JSON, uint32; CRC-32C of it as stored,
//	          uint32; the version, uint32; the magic again
//
// The directory comes last so that a file is written class by class, no class
// being held once it is written. It is one object:
//
//	shape    voxels along each axis, [i, j, k]
//	affine   4×4 numbers, row by row: voxel to world, millimetres, RAS+
//	digest   SHA-256 in hexadecimal of the content (below)
//	classes  an array in the order of writing, each with
//	  name    unique in the file
//	  voxels  how many voxels the class has; 0 needs nothing but the name
//	  box     [[i, j, k], [i, j, k]]: first voxel, and one past the last
//	  offset, length  the payload's place in the file, bytes
//	  raw     its length when decompressed
//	  crc     CRC-32C of it as stored
//
// A payload describes the rows of the class's box along the first axis, the
// second axis advancing before the third. It begins with the number of runs of
// voxels in each row, as unsigned LEB128 numbers (encoding/binary's uvarint).
// Then follow, row by row and run by run, the first voxel and one past the
// last, counted from the box's edge, in increasing order and runs never
// touching: each as a zigzag LEB128 number (varint), the difference to the
// number of the same place in the last row that had any; where that row had no
// such place, to the number before it in the same row, or 0.
//
// The digest is over shape and affine, then over each class in order of its
// name: name, box, voxels, and the SHA-256 of the decompressed payload (see
// digest in write.go); it depends neither on the order of writing nor on the
// compressor.
package masks

import (
	"errors"
	"hash/crc32"

	"satgraph/volume"
)

// What can be wrong. Errors of files are *volume.FileError around one of these
// or the system's own.
var (
	// ErrNotMasks says: the file is none of this format.
	ErrNotMasks = errors.New("not a file of masks")
	// ErrVersion says: the file is of a version that this program does not read.
	ErrVersion = errors.New("file of masks of an unknown version")
	// ErrDamaged says: the file contradicts itself or its checksums.
	ErrDamaged = errors.New("file of masks is damaged")
	// ErrTooLarge says: the file asks for more memory than allowed.
	ErrTooLarge = errors.New("masks are too large")
	// ErrNoClass says: the file has no class of that name.
	ErrNoClass = errors.New("no such class")
	// ErrDuplicate says: a class was added twice.
	ErrDuplicate = errors.New("the class is in the file already")
)

const (
	magic       = "sgmasks\n"
	version     = 1
	headerSize  = len(magic) + 4
	trailerSize = 32

	maxDirectory = 64 << 20  // of JSON, bytes
	maxPayload   = 512 << 20 // decompressed, bytes
	maxClasses   = 1 << 16
	maxName      = 1 << 10 // bytes
	maxAxis      = 1 << 20
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Class is a mask in a file.
type Class struct {
	Name   string
	Voxels int
	// Box is the smallest around its voxels; zero for a class without any.
	Box volume.Box
}

// directory and entry are the JSON of a file.
type directory struct {
	Shape   [3]int        `json:"shape"`
	Affine  volume.Affine `json:"affine"`
	Digest  string        `json:"digest"`
	Classes []entry       `json:"classes"`
}

type entry struct {
	Name   string    `json:"name"`
	Voxels int       `json:"voxels"`
	Box    [2][3]int `json:"box,omitzero"`
	Offset int64     `json:"offset,omitempty"`
	Length int64     `json:"length,omitempty"`
	Raw    int64     `json:"raw,omitempty"`
	CRC    uint32    `json:"crc,omitempty"`
}

func (e *entry) box() volume.Box { return volume.Box{Min: e.Box[0], Max: e.Box[1]} }

// rows is how many rows along the first axis the entry's box has.
func (e *entry) rows() int64 {
	s := e.box().Shape()
	return int64(s[1]) * int64(s[2])
}

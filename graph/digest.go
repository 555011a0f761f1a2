package graph

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/bits"
)

// Digest is a checksum of a set of terms and relations that follows changes:
// the sum, modulo 2²⁵⁶, of the SHA-256 of every term and relation. So the order
// does not count, and a change costs its own size and not the tree's. It finds
// damage and hand edits; it is no seal against an attacker, who can solve for
// a sum. The zero Digest is that of the empty set.
type Digest [4]uint64 // least significant word first

// Add counts a term in.
func (d *Digest) Add(t *Term) { d.sum(hashTerm(t), 0) }

// Remove takes a term out.
func (d *Digest) Remove(t *Term) { d.sum(hashTerm(t), ^uint64(0)) }

// AddRelation counts a relation in.
func (d *Digest) AddRelation(r Relation) { d.sum(hashRelation(r), 0) }

// RemoveRelation takes a relation out.
func (d *Digest) RemoveRelation(r Relation) { d.sum(hashRelation(r), ^uint64(0)) }

// Change follows a change that was found to fit.
func (d *Digest) Change(c *Change) {
	switch c.Op {
	case AddRelation:
		d.AddRelation(c.Relation)
	case RemoveRelation:
		d.RemoveRelation(c.Relation)
	case AddTerm, RemoveTerm, UpdateTerm:
		if c.Old != nil {
			d.Remove(c.Old)
		}
		if c.New != nil {
			d.Add(c.New)
		}
	}
}

// sum adds h, or with flip set subtracts it: -h is ^h + 1.
func (d *Digest) sum(h [sha256.Size]byte, flip uint64) {
	carry := flip & 1
	for i := range d {
		d[i], carry = bits.Add64(d[i], binary.LittleEndian.Uint64(h[8*i:])^flip, carry)
	}
}

// String writes the digest in 64 hexadecimal digits.
func (d Digest) String() string {
	var b []byte
	for _, word := range d {
		b = binary.LittleEndian.AppendUint64(b, word)
	}
	return hex.EncodeToString(b)
}

// Revision is the name of the content: 16 hexadecimal digits.
func (d Digest) Revision() string { return d.String()[:16] }

// ParseDigest reads what String wrote. The error wraps ErrCorrupt.
func ParseDigest(s string) (Digest, error) {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != sha256.Size {
		return Digest{}, fmt.Errorf("%w: %.80q is no checksum", ErrCorrupt, s)
	}
	var d Digest
	for i := range d {
		d[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return d, nil
}

// Digest returns the checksum of the snapshot's content. A relation given
// twice must be given once before.
func (s *Snapshot) Digest() Digest {
	var d Digest
	for i := range s.Terms {
		d.Add(&s.Terms[i])
	}
	for _, r := range s.Relations {
		d.AddRelation(r)
	}
	return d
}

func hashTerm(t *Term) [sha256.Size]byte {
	b := make([]byte, 0, 512)
	b = append(b, 'T')
	for _, s := range [...]string{t.ID, t.Name, string(t.Kind), string(t.Laterality), t.Definition} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(t.Synonyms)))
	for _, s := range t.Synonyms {
		b = appendText(appendText(b, string(s.Scope)), s.Text)
	}
	for _, x := range t.Xrefs {
		b = appendText(b, x)
	}
	return sha256.Sum256(b)
}

func hashRelation(r Relation) [sha256.Size]byte {
	b := make([]byte, 0, 128)
	return sha256.Sum256(appendText(appendText(appendText(append(b, 'R'), r.Child), string(r.Type)), r.Parent))
}

// appendText writes the length first, so that no two lists of texts look alike.
func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
)

// Exemplar is a picture of a term: one slice of a scan in which a mask shows
// the structure. It points to files of an imported dataset and holds no voxels.
type Exemplar struct {
	ID       string `json:"id"` // of the content; a store gives it
	TermID   string `json:"term"`
	Dataset  string `json:"dataset"`
	Modality string `json:"modality"` // as corpus classes write it: ct, mri, pet
	Scan     string `json:"scan"`     // the scan's file, relative to the dataset
	Mask     string `json:"mask"`     // the mask's file, relative to the dataset
	Axis     int    `json:"axis"`     // the voxel axis that the slice stands on: 0, 1 or 2
	Slice    int    `json:"slice"`    // voxel index along that axis, from 0
}

// ErrInvalidExemplar means that an exemplar lacks something or holds what no store keeps.
var ErrInvalidExemplar = errors.New("invalid exemplar")

// Check refuses, with ErrInvalidExemplar, an exemplar without term, dataset,
// scan or mask, one whose slice lies on no axis, and texts as CheckTerm does.
func (e *Exemplar) Check() error {
	for _, f := range []struct{ what, text string }{
		{"term", e.TermID}, {"dataset", e.Dataset}, {"modality", e.Modality}, {"scan", e.Scan}, {"mask", e.Mask},
	} {
		if f.text == "" {
			return fmt.Errorf("%w: no %s given (%s of %s)", ErrInvalidExemplar, f.what, e.Scan, e.TermID)
		}
		if reason := badText(f.text, maxName); reason != "" {
			return fmt.Errorf("%w: the %s %.80q %s", ErrInvalidExemplar, f.what, f.text, reason)
		}
	}
	if e.Axis < 0 || e.Axis > 2 || e.Slice < 0 {
		return fmt.Errorf("%w: slice %d on axis %d of %s", ErrInvalidExemplar, e.Slice, e.Axis, e.Scan)
	}
	return nil
}

// ContentID names the exemplar by all else that it holds, so that the same one
// added twice is one.
func (e *Exemplar) ContentID() string {
	var b []byte
	for _, s := range [...]string{e.TermID, e.Dataset, e.Modality, e.Scan, e.Mask, strconv.Itoa(e.Axis), strconv.Itoa(e.Slice)} {
		b = appendText(b, s)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// ExemplarQuery chooses exemplars; empty fields choose all. They come by id.
type ExemplarQuery struct {
	Terms    []string // of any of these terms
	Dataset  string
	Modality string
	After    string // only ids after this one: the last of the page before
	Limit    int    // at most so many; 0 means 100
}

// Package checkpoint turns checkpoints of SAT as they were released (a vision
// network and a text encoder, saved by PyTorch) into a model bundle that
// inference/onnx runs: three ONNX files, a vocabulary and a manifest.
//
// Every size is read from the tensors, and every tensor must be accounted for:
// what is missing, left over or of the wrong shape is named. The graphs compute
// what the official code computes up to the logits; a few steps are rewritten
// into equal ones that ONNX Runtime does faster and in less memory (see
// backbone.go). It runs no model, needs no PyTorch, and holds one tensor at a
// time. Start from [Convert].
package checkpoint

import (
	"errors"
	"fmt"
	"strings"
)

// Errors a caller can tell apart with errors.Is, beside those of
// inference/checkpoint/torchfile and text.ErrVocabulary.
var (
	// ErrMismatch: a checkpoint's tensors are not those of the network. The
	// error is a *MismatchError.
	ErrMismatch = errors.New("the checkpoint does not fit the network")
	// ErrPair: the vision network and the text encoder, or the text encoder
	// and the vocabulary, do not belong together.
	ErrPair = errors.New("the parts do not belong together")
	// ErrOption: an option that no network could have.
	ErrOption = errors.New("bad option of the conversion")
	// ErrExists: the bundle's folder is there already and not empty.
	ErrExists = errors.New("the folder exists and is not empty")
	// ErrNotFinite: a weight is NaN or infinite.
	ErrNotFinite = errors.New("a weight is NaN or infinite")
)

// MismatchError lists everything that is wrong with a checkpoint's tensors.
type MismatchError struct {
	Path     string
	Problems []string
	Hint     string // what to do, may be empty
}

func (e *MismatchError) Error() string {
	const show = 12
	list, more := e.Problems, ""
	if len(list) > show {
		more = fmt.Sprintf("; and %d more", len(list)-show)
		list = list[:show]
	}
	hint := ""
	if e.Hint != "" {
		hint = " (" + e.Hint + ")"
	}
	return fmt.Sprintf("%s: %v%s: %s%s", e.Path, ErrMismatch, hint, strings.Join(list, "; "), more)
}

// Unwrap makes errors.Is(err, ErrMismatch) true.
func (e *MismatchError) Unwrap() error { return ErrMismatch }

// Package torchfile reads the tensors of a PyTorch checkpoint (.pth, .pt)
// without PyTorch: the zip container of torch.save and the pickle inside it.
//
// A pickle is a program. This package runs only the part of it that describes
// plain tensors, numbers, strings and containers; whatever else it asks for is
// refused by name ([ErrUnsafe]) and never called. Sizes, counts and offsets are
// checked before memory is taken, and a tensor's numbers are read only when it
// is asked for. It writes nothing and knows no model. Start from [Open].
package torchfile

import "errors"

// Errors a caller can tell apart with errors.Is. All carry the file's path.
var (
	// ErrNotCheckpoint: the file is no torch zip checkpoint; the text says
	// what it seems to be and what to do.
	ErrNotCheckpoint = errors.New("not a PyTorch checkpoint")
	// ErrUnsafe: the pickle asks for something other than plain tensor data.
	ErrUnsafe = errors.New("the checkpoint asks to run code, which is refused")
	// ErrCorrupt: the container, the pickle or a tensor's bytes are damaged.
	ErrCorrupt = errors.New("damaged checkpoint")
	// ErrTooLarge: a size or count is beyond what is taken.
	ErrTooLarge = errors.New("the checkpoint is too large")
	// ErrUnsupported: plain data of a kind that is not read.
	ErrUnsupported = errors.New("unsupported in a checkpoint")
)

package inference

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"satgraph/volume/prepare"
)

// Errors a caller can tell apart with errors.Is.
var (
	// ErrBadQuery: the query's text cannot be read as a question.
	ErrBadQuery = errors.New("the query cannot be read")
	// ErrPrompt: a class prompt that no model can have been trained with.
	ErrPrompt = errors.New("the prompt cannot be read")
	// ErrUnknownTerm: no term of the tree has that name, synonym or id. The
	// error is an *UnknownTermError.
	ErrUnknownTerm = errors.New("unknown term")
	// ErrUnknownModality: not ct, mri or pet.
	ErrUnknownModality = errors.New("unknown modality")
	// ErrNothingSegmentable: every asked term is known and none can be
	// segmented: a refusal, whose plan says the reason of each. The error is a
	// *RefusalError.
	ErrNothingSegmentable = errors.New("nothing that was asked can be segmented")
	// ErrEmptyImage: every voxel of the scan is 0.
	ErrEmptyImage = prepare.ErrEmpty
	// ErrConstantImage: every voxel that the model would see has one value.
	ErrConstantImage = prepare.ErrConstant
	// ErrNotFinite: the image has no finite voxel (all NaN or infinite).
	ErrNotFinite = prepare.ErrNotFinite
	// ErrBadManifest: manifest.json is missing, unreadable or says something
	// that cannot be run.
	ErrBadManifest = errors.New("bad model manifest")
	// ErrBundleFile: a file of the bundle is missing, altered or too large.
	ErrBundleFile = errors.New("bad model bundle")
	// ErrModelOutput: the model answered with a shape or with values that it
	// should not have.
	ErrModelOutput = errors.New("unexpected model output")
	// ErrOutOfMemory: the model could not get the memory that a call needs.
	ErrOutOfMemory = errors.New("the model ran out of memory")
	// ErrMemory: the run would not fit the memory there is.
	ErrMemory = errors.New("not enough memory")
	// ErrGridTooLarge: the scan at the model's spacing would not fit the
	// limits of Options.
	ErrGridTooLarge = prepare.ErrTooLarge
)

// UnknownTermError says which text no term answers to, and what is close.
type UnknownTermError struct {
	Text        string
	Suggestions []Candidate // best first, may be empty
}

func (e *UnknownTermError) Error() string {
	if len(e.Suggestions) == 0 {
		return fmt.Sprintf("%v %q: names are looked up in English and Latin; try `satgraph tree search`", ErrUnknownTerm, abbreviate(e.Text))
	}
	names := make([]string, len(e.Suggestions))
	for i, s := range e.Suggestions {
		names[i] = s.Name
	}
	return fmt.Sprintf("%v %q: did you mean %s?", ErrUnknownTerm, abbreviate(e.Text), strings.Join(names, ", "))
}

// Unwrap makes errors.Is(err, ErrUnknownTerm) true.
func (e *UnknownTermError) Unwrap() error { return ErrUnknownTerm }

// RefusalError is the error beside a plan without any call.
type RefusalError struct {
	Query   string
	Reasons []string // one per term, "name: reason"
}

func (e *RefusalError) Error() string {
	const show = 3
	reasons := slices.Clone(e.Reasons)
	more := ""
	if len(reasons) > show {
		more = fmt.Sprintf("; and %d more", len(reasons)-show)
		reasons = reasons[:show]
	}
	for i := range reasons {
		reasons[i] = abridgeText(reasons[i], 4*shortText)
	}
	return fmt.Sprintf("%v (%q): %s%s", ErrNothingSegmentable, abbreviate(e.Query), strings.Join(reasons, "; "), more)
}

// Unwrap makes errors.Is(err, ErrNothingSegmentable) true.
func (e *RefusalError) Unwrap() error { return ErrNothingSegmentable }

package main

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"satgraph/api/auth"
	"satgraph/cmd/satgraph/internal/config"
	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/export/phantoms"
	"satgraph/datasets/gates"
	"satgraph/datasets/metrics"
	"satgraph/datasets/rawdata"
	"satgraph/datasets/standard"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/inference/checkpoint"
	"satgraph/inference/checkpoint/onnxfile"
	"satgraph/inference/checkpoint/torchfile"
	"satgraph/inference/onnx"
	"satgraph/inference/remote"
	"satgraph/inference/text"
	"satgraph/ingest"
	"satgraph/labelmap"
	"satgraph/labelmap/sssom"
	"satgraph/store/backup"
	"satgraph/store/neo4j"
	"satgraph/volume"
	"satgraph/volume/objects"
)

// Exit codes, which scripts rely on.
const (
	exitDone    = 0
	exitFailed  = 1
	exitUsage   = 2 // wrong usage or bad input
	exitRefused = 3 // asked for something that cannot be done, and said why
	exitPartial = 4 // done in part, the rest listed
)

// usageError is a mistake in how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// refusal is the answer to a question that cannot be met. Where the reason was
// printed already, its text is empty.
type refusal struct{ error }

func (e refusal) Unwrap() error { return e.error }

// errPartial ends a command whose report says what is missing.
var errPartial = errors.New("")

// badInput lists the errors that are the input's fault.
var badInput = []error{
	volume.ErrNotNIfTI, volume.ErrTruncated, volume.ErrCorrupt, volume.ErrTooLarge,
	volume.ErrUnsupported, volume.ErrBadHeader, volume.ErrBadAffine, volume.ErrNotVolume,
	volume.ErrNotLabels, volume.ErrFileName, volume.ErrNotImage, volume.ErrSeries, volume.ErrSyntax,
	volume.ErrShape, volume.ErrEmptyMask, objects.ErrURL, objects.ErrTooMany, metrics.ErrGrid, fs.ErrNotExist,
	inference.ErrBadQuery, inference.ErrPrompt, inference.ErrUnknownModality, inference.ErrEmptyImage,
	inference.ErrConstantImage, inference.ErrNotFinite, inference.ErrGridTooLarge,
	standard.ErrOtherGrid, standard.ErrNothing, standard.ErrSettings, standard.ErrBadScan,
	neo4j.ErrURI, auth.ErrBadToken, gates.ErrWaivers, gates.ErrUnknown,
	inference.ErrBadManifest, inference.ErrBundleFile, remote.ErrEndpoint, fs.ErrExist,
	checkpoint.ErrMismatch, checkpoint.ErrOption, checkpoint.ErrExists, checkpoint.ErrNotFinite,
	torchfile.ErrNotCheckpoint, torchfile.ErrUnsafe, torchfile.ErrCorrupt, torchfile.ErrTooLarge, torchfile.ErrUnsupported,
	onnxfile.ErrHalfRange, text.ErrVocabulary,
	ingest.ErrFormat, ingest.ErrTooLarge, ingest.ErrDuplicate, ingest.ErrCycle, ingest.ErrDangling,
	labelmap.ErrInvalidEvent, labelmap.ErrRecipe, sssom.ErrFormat,
	build.ErrManifest, catalog.ErrRecord, corpus.ErrList, corpus.ErrListTruncated, corpus.ErrListTooLarge, corpus.ErrMissingKey,
	corpus.ErrUnknownDataset, corpus.ErrUnknownClass, corpus.ErrBadValue, rawdata.ErrLayout, rawdata.ErrRecipe, rawdata.ErrUnclear,
	export.ErrOption, export.ErrSplit, export.ErrSamples, export.ErrEmpty, export.ErrExists, phantoms.ErrNone,
	config.ErrConfig, backup.ErrArchive, backup.ErrNewer, graph.ErrInvalidTerm, graph.ErrInvalidRelation, graph.ErrInvalidChange,
}

// exitCode is the one table from errors to exit codes.
func exitCode(err error) int {
	var usage usageError
	var refused refusal
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errPartial), isType[*export.IncompleteError](err):
		return exitPartial
	case errors.Is(err, context.Canceled):
		return exitFailed
	case errors.As(err, &usage):
		return exitUsage
	case errors.As(err, &refused),
		errors.Is(err, graph.ErrUnknownTerm),
		errors.Is(err, graph.ErrConflict),
		errors.Is(err, graph.ErrUnknownChangeSet),
		errors.Is(err, graph.ErrApplied),
		errors.Is(err, graph.ErrUndone),
		errors.Is(err, labelmap.ErrConflict),
		errors.Is(err, labelmap.ErrNotAllowed),
		errors.Is(err, labelmap.ErrUnknownSubject),
		errors.Is(err, labelmap.ErrUnknownBatch),
		errors.Is(err, errNoLabel),
		errors.Is(err, errNoDataset),
		errors.Is(err, errNoClass),
		errors.Is(err, auth.ErrNotFound),
		errors.Is(err, inference.ErrUnknownTerm),
		errors.Is(err, inference.ErrNothingSegmentable),
		errors.Is(err, checkpoint.ErrPair),
		errors.Is(err, export.ErrOverlap),
		errors.Is(err, export.ErrNames),
		errors.Is(err, export.ErrPartial),
		errors.Is(err, export.ErrMixed),
		errors.Is(err, export.ErrLicence),
		errors.Is(err, export.ErrGeometry),
		errors.Is(err, inference.ErrMemory):
		return exitRefused
	}
	if _, ok := errors.AsType[*onnx.LibraryError](err); ok {
		return exitFailed
	}
	for _, bad := range badInput {
		if errors.Is(err, bad) {
			return exitUsage
		}
	}
	return exitFailed
}

// hints say what to do about the errors that do not say so themselves, the most
// particular first.
var hints = []struct {
	is   error
	hint string
}{
	{inference.ErrBadQuery, "ask as in 'heart', 'children of heart' or 'both kidneys without the cysts'"},
	{inference.ErrUnknownModality, "say it with --modality ct, mri or pet"},
	{inference.ErrPrompt, "'satgraph model info' lists a model's prompts"},
	{inference.ErrNothingSegmentable, "'satgraph resolve' says what can be, 'satgraph model info' what a model knows"},
	{inference.ErrUnknownTerm, "'satgraph tree search' looks further"},
	{inference.ErrEmptyImage, "check that the scan holds intensities"},
	{inference.ErrConstantImage, "check that the scan holds intensities"},
	{inference.ErrNotFinite, "replace NaN and infinite voxels, or export the scan again"},
	{inference.ErrGridTooLarge, "crop the scan to the region that matters"},
	{standard.ErrOtherGrid, "give a label map of this very scan"},
	{standard.ErrNothing, "leave --sat-exact out: then nothing is cropped"},
	{inference.ErrBadManifest, "copy the bundle again, or make it anew with 'satgraph model convert'"},
	{inference.ErrBundleFile, "copy the bundle again, or make it anew with 'satgraph model convert'"},
	{inference.ErrModelOutput, "check the model with 'satgraph model verify', or make it anew"},
	{remote.ErrUnavailable, "check the server and its log"},
	{checkpoint.ErrPair, "give the two checkpoints that were released together"},
	{checkpoint.ErrMismatch, "give the vision network with --vision and its text encoder with --text"},
	{checkpoint.ErrNotFinite, "download the checkpoint again, or take another"},
	{torchfile.ErrNotCheckpoint, "give the .pth file as it was released"},
	{torchfile.ErrUnsafe, "take the released file from its source, and trust this one with nothing"},
	{torchfile.ErrCorrupt, "download the checkpoint again"},
	{build.ErrBusy, "wait for it, or choose another folder"},
	{build.ErrManifest, "restore it from a copy, or build into another folder"},
	{objects.ErrCredentials, "log in with the store's own tool, set its environment variables, or add '?anonymous=true' for public data"},
	{objects.ErrChanged, "run it again once nobody writes to it"},
	{objects.ErrCut, "run it again"},
	{objects.ErrCache, "give another folder with --cache, or --cache-size 0"},
	{syscall.ENOSPC, "free some space or choose another folder"},
	{syscall.EDQUOT, "free some space or choose another folder"},
	{syscall.EFBIG, "raise the limit on file sizes (ulimit -f) or choose another folder"},
}

func isType[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// message is what the user reads of an error.
func message(err error) string {
	if errors.Is(err, context.Canceled) {
		return "cancelled; the same command goes on from where it was, if it ran long enough to be saved"
	}
	said := err.Error()
	if strings.Contains(said, "; ") { // it has its own hint
		return said
	}
	for _, h := range hints {
		if errors.Is(err, h.is) {
			return said + "; " + h.hint
		}
	}
	return said
}

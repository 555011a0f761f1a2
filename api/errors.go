package api

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"net/http"
	"syscall"

	"satgraph/api/auth"
	"satgraph/api/guard"
	"satgraph/datasets/build"
	"satgraph/datasets/export"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/ingest"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/kinds"
	"satgraph/labelmap"
	"satgraph/volume"
)

// Code is the stable name of a kind of error, as clients see it in
// extensions.code.
type Code string

// The codes.
const (
	CodeBadRequest         Code = "BAD_REQUEST"          // the HTTP request is not one for this address
	CodeSyntax             Code = "GRAPHQL_PARSE_FAILED" // the document is not GraphQL
	CodeValidation         Code = "GRAPHQL_VALIDATION_FAILED"
	CodeBadInput           Code = "BAD_USER_INPUT" // an argument or variable has no usable value
	CodeLimit              Code = "LIMIT_EXCEEDED" // the request asks for too much at once
	CodeMethod             Code = "METHOD_NOT_ALLOWED"
	CodeMediaType          Code = "UNSUPPORTED_MEDIA_TYPE"
	CodeNotAcceptable      Code = "NOT_ACCEPTABLE"
	CodeForbidden          Code = "FORBIDDEN"       // not for this caller, for another host, or from another site's page
	CodeUnauthenticated    Code = "UNAUTHENTICATED" // the caller has not said who they are, or not so that it counts
	CodeRateLimited        Code = "RATE_LIMITED"
	CodeConflict           Code = "CONFLICT" // somebody, or another request, was first
	CodeChecksum           Code = "CHECKSUM_MISMATCH"
	CodePrecondition       Code = "PRECONDITION_FAILED"
	CodeLocked             Code = "LOCKED"
	CodePersistedNotFound  Code = "PERSISTED_QUERY_NOT_FOUND"
	CodeNotFound           Code = "NOT_FOUND"
	CodeUnknownTerm        Code = "UNKNOWN_TERM"
	CodeAmbiguousTerm      Code = "AMBIGUOUS_TERM"
	CodeUnknownModality    Code = "UNKNOWN_MODALITY"
	CodeNotSegmentable     Code = "NOT_SEGMENTABLE"
	CodeTooLarge           Code = "TOO_LARGE"
	CodeNotNIfTI           Code = "NOT_NIFTI"
	CodeTruncated          Code = "TRUNCATED_FILE"
	CodeUnsupportedImage   Code = "UNSUPPORTED_IMAGE"
	CodeBadArchive         Code = "BAD_ARCHIVE"    // a zip that is damaged, or holds what is not taken
	CodeUnusableImage      Code = "UNUSABLE_IMAGE" // a readable scan with nothing to look at
	CodeBadModel           Code = "BAD_MODEL"
	CodeUnusableCorpus     Code = "UNUSABLE_CORPUS" // a corpus that cannot be exported so
	CodeQueueFull          Code = "QUEUE_FULL"
	CodeJobEnded           Code = "JOB_ENDED"
	CodeKeyConflict        Code = "KEY_CONFLICT"
	CodeInterrupted        Code = "INTERRUPTED"
	CodeTimeout            Code = "TIMEOUT"
	CodeStorageFull        Code = "STORAGE_FULL"
	CodeServiceUnavailable Code = "SERVICE_UNAVAILABLE"
	CodeBusy               Code = "BUSY" // too many requests wait already
	CodeInternal           Code = "INTERNAL"
)

// An Error is an error as a client is told it. Message and Hint are shown;
// Err is for the log.
type Error struct {
	Code    Code
	Message string
	Hint    string         // what to do about it; may be empty
	Details map[string]any // more fields of extensions, such as candidates
	Err     error
}

func (e *Error) Error() string { return e.Message }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Extensions is how the GraphQL library asks for code and hint.
func (e *Error) Extensions() map[string]any {
	x := map[string]any{"code": string(e.Code)}
	if e.Hint != "" {
		x["hint"] = e.Hint
	}
	maps.Copy(x, e.Details)
	return x
}

// signIn says how to say who one is.
const signIn = "send the header Authorization: Bearer TOKEN; `satgraph token create` makes a token"

// errorTable maps the errors of the packages below to codes. The first row that
// matches (errors.Is) counts. A row with its own message hides the error's,
// which may name files of this machine.
var errorTable = []struct {
	is      error
	code    Code
	message string // empty: the error's own
	hint    string
}{
	{is: inference.ErrUnknownTerm, code: CodeUnknownTerm, hint: "look for the term with search(text:)"},
	{is: inference.ErrBadQuery, code: CodeBadInput, hint: `ask as in "heart", "children of heart" or "all descendants of heart"`},
	{is: inference.ErrUnknownModality, code: CodeUnknownModality, hint: "use CT, MRI or PET"},
	{is: inference.ErrNothingSegmentable, code: CodeNotSegmentable, hint: "resolve(query:) says of each structure why not"},
	{is: inference.ErrEmptyImage, code: CodeUnusableImage, hint: "check that the scan holds intensities"},
	{is: inference.ErrConstantImage, code: CodeUnusableImage, hint: "check that the scan holds intensities"},
	{is: inference.ErrNotFinite, code: CodeUnusableImage, hint: "replace NaN and infinite voxels"},
	{is: inference.ErrGridTooLarge, code: CodeTooLarge, hint: "crop the scan to the region that matters"},
	{is: inference.ErrBadManifest, code: CodeBadModel, message: "the model's bundle cannot be used", hint: "ask the operator to run `satgraph model verify`"},
	{is: inference.ErrBundleFile, code: CodeBadModel, message: "the model's bundle cannot be used", hint: "ask the operator to run `satgraph model verify`"},
	{is: inference.ErrModelOutput, code: CodeBadModel, message: "the model gave an answer that cannot be used", hint: "ask the operator to run `satgraph model verify`"},
	{is: labelmap.ErrRecipe, code: CodeBadInput, hint: `write it as in "{1, 2} + {5}"`},
	{is: auth.ErrForbidden, code: CodeForbidden, hint: "ask an administrator for a role or token that may"},
	{is: auth.ErrUnauthenticated, code: CodeUnauthenticated, hint: signIn},
	{is: auth.ErrInvalid, code: CodeUnauthenticated, message: auth.ErrInvalid.Error(), hint: signIn},
	{is: auth.ErrExpired, code: CodeUnauthenticated, message: auth.ErrExpired.Error(), hint: "get a new token"},
	{is: auth.ErrRevoked, code: CodeUnauthenticated, message: auth.ErrRevoked.Error(), hint: "ask an administrator for another"},
	{is: auth.ErrUnavailable, code: CodeServiceUnavailable, message: "credentials cannot be checked now", hint: "try again later"},
	{is: errBusy, code: CodeBusy, message: "too many requests wait already", hint: "try again in a second"},
	{is: errAudit, code: CodeServiceUnavailable, message: "nothing can be changed now: the audit log cannot be written", hint: "ask the operator"},
	{is: ErrUnknownModel, code: CodeNotFound, hint: "models { name } lists the models"},
	{is: errNoImage, code: CodeNotFound, message: "no image has this id", hint: "upload it with POST /images and use the id in the answer"},
	{is: jobs.ErrNotFound, code: CodeNotFound, message: "there is no such job or mask", hint: "use the id that segment returned"},
	{is: jobs.ErrQueueFull, code: CodeQueueFull, message: "too many jobs wait already", hint: "try again when some have ended"},
	{is: jobs.ErrKeyConflict, code: CodeKeyConflict, message: "the key was used for another request", hint: "send the same request, or choose another key"},
	{is: jobs.ErrBadRequest, code: CodeBadInput},
	{is: jobs.ErrTooLarge, code: CodeLimit, message: "the job asks for too many structures at once", hint: "ask for fewer"},
	{is: bus.ErrFull, code: CodeStorageFull, message: "the service has no room for more jobs", hint: "ask the operator; jobs that were taken are kept"},
	{is: jobs.ErrUnavailable, code: CodeServiceUnavailable, message: "the server that keeps the jobs does not answer now", hint: "try again later, with a key so that the job is not made twice"},
	{is: jobs.ErrNotRetried, code: CodeConflict, hint: "only jobs that failed, are dead or were cancelled are tried again"},
	{is: kinds.ErrGone, code: CodeNotFound, message: "the job has no such file", hint: "job(id:) { files { nodes { name url } } } lists them"},
	{is: kinds.ErrNothing, code: CodeNotFound, message: "none of the datasets lies in the folder of raw data", hint: "ask the operator what it holds"},
	{is: kinds.ErrIncomplete, code: CodeUnusableCorpus, hint: "build the corpus again, or leave the scans out (without)"},
	{is: export.ErrExists, code: CodeConflict, message: "another export has this name", hint: "choose another name, or ask the operator to remove it"},
	{is: export.ErrBusy, code: CodeConflict, message: "another job writes this export", hint: "it is tried again"},
	{is: export.ErrSplit, code: CodeBadInput, hint: "list every scan that is exported, or leave scans out with without"},
	{is: export.ErrOption, code: CodeBadInput, hint: "see the arguments of exportCorpus"},
	{is: export.ErrEmpty, code: CodeBadInput, hint: "choose what the corpus has: corpus { build(name:) { datasets { name count } } }"},
	{is: export.ErrLicence, code: CodeUnusableCorpus, hint: "leave strictLicence out, or the datasets"},
	{is: export.ErrOverlap, code: CodeUnusableCorpus, hint: "say with overlap how both are kept, or take another format"},
	{is: export.ErrNames, code: CodeUnusableCorpus, hint: "take another format"},
	{is: export.ErrPartial, code: CodeUnusableCorpus, hint: "leaveOutPartial leaves such classes out"},
	{is: export.ErrMixed, code: CodeUnusableCorpus, hint: "choose one kind of scan, or leave merge out"},
	{is: export.ErrGeometry, code: CodeUnusableCorpus, hint: "take another format"},
	{is: export.ErrSamples, code: CodeUnusableCorpus, hint: "build the corpus again"},
	{is: build.ErrBusy, code: CodeConflict, message: "another job builds this corpus", hint: "it is tried again"},
	{is: build.ErrManifest, code: CodeUnusableCorpus, message: "the corpus's manifest is damaged", hint: "ask the operator to restore it, or build it under another name"},
	{is: labelmap.ErrNoDataset, code: CodeBadInput, message: "the file does not name its dataset", hint: "give dataset"},
	{is: ingest.ErrFormat, code: CodeBadInput, hint: "give a table, a label volume, a folder of masks, or DICOM"},
	{is: ingest.ErrEncoding, code: CodeBadInput, hint: "give a table, a label volume, a folder of masks, or DICOM"},
	{is: ingest.ErrTooLarge, code: CodeBadInput, hint: "give a table, a label volume, a folder of masks, or DICOM"},
	{is: jobs.ErrFinished, code: CodeJobEnded, hint: "its results are still there: job(id:)"},
	{is: jobs.ErrInterrupted, code: CodeInterrupted, hint: "ask for it again"},
	{is: jobs.ErrClosed, code: CodeServiceUnavailable, message: "the service is shutting down", hint: "try again later"},
	{is: graph.ErrUnavailable, code: CodeServiceUnavailable, message: "the store does not answer now", hint: "try again later; what needs no store is answered from memory"},
	{is: graph.ErrClosed, code: CodeServiceUnavailable, message: "the service is shutting down", hint: "try again later"},
	{is: volume.ErrNotNIfTI, code: CodeNotNIfTI, message: "this is not a scan in a known format", hint: "send a NIfTI, NRRD, MHA or multi-frame DICOM file, or a zip of the DICOM slices of a series"},
	{is: volume.ErrTruncated, code: CodeTruncated, message: "the file ends before its last voxel", hint: "export or upload it again"},
	{is: volume.ErrCorrupt, code: CodeTruncated, message: "the file's compressed data is damaged", hint: "export or upload it again"},
	{is: volume.ErrTooLarge, code: CodeTooLarge, message: "the scan has too many voxels", hint: "crop it, or ask the operator for a higher limit"},
	{is: volume.ErrNotVolume, code: CodeUnsupportedImage, message: "the file does not hold exactly one 3-D volume", hint: "split a series first"},
	{is: volume.ErrNotImage, code: CodeUnsupportedImage, message: "this DICOM object is not an image", hint: "send the images that it belongs to"},
	{is: volume.ErrSeries, code: CodeUnsupportedImage, message: "the DICOM slices do not form one volume", hint: "send the slices of one series, without gaps"},
	{is: volume.ErrSyntax, code: CodeUnsupportedImage, message: "the DICOM transfer syntax is not decoded", hint: "decompress it first, for instance with gdcmconv --raw"},
	{is: volume.ErrUnsupported, code: CodeUnsupportedImage, message: "this kind of voxel is not supported", hint: "send integer or floating-point intensities"},
	{is: volume.ErrBadHeader, code: CodeUnsupportedImage, message: "the header is malformed", hint: "write the file again with the tool that made it"},
	{is: volume.ErrBadAffine, code: CodeUnsupportedImage, message: "the affine in the header is not usable", hint: "repair the sform or qform, for instance with nibabel"},
	{is: errNoSending, code: CodeNotFound, message: "no upload has this id", hint: "it may have ended or expired: begin it again"},
	{is: errHash, code: CodeChecksum, message: "what came is not what was announced", hint: "send it again"},
	{is: errQuota, code: CodeStorageFull, message: "your scans take as much room as you may have", hint: "delete some with DELETE /images/ID, or ask the operator"},
	{is: errStorageFull, code: CodeStorageFull, message: "the service has no room for more files", hint: "ask the operator"},
	{is: syscall.ENOSPC, code: CodeStorageFull, message: "the service has no room for more files", hint: "ask the operator"},
	{is: fs.ErrNotExist, code: CodeNotFound, message: "the file is not there", hint: "upload it again"},
	{is: context.DeadlineExceeded, code: CodeTimeout, message: "the request took too long", hint: "ask for less at once"},
	{is: context.Canceled, code: CodeTimeout, message: "the request was given up", hint: "ask again"},
}

// statusChecksum is what tus answers to a wrong checksum.
const statusChecksum = 460

// statuses gives the HTTP status of a code where plain HTTP answers with it;
// the others are 400.
var statuses = map[Code]int{
	CodeMethod:             http.StatusMethodNotAllowed,
	CodeMediaType:          http.StatusUnsupportedMediaType,
	CodeNotAcceptable:      http.StatusNotAcceptable,
	CodeForbidden:          http.StatusForbidden,
	CodeUnauthenticated:    http.StatusUnauthorized,
	CodeRateLimited:        http.StatusTooManyRequests,
	CodeConflict:           http.StatusConflict,
	CodeChecksum:           statusChecksum,
	CodePrecondition:       http.StatusPreconditionFailed,
	CodeLocked:             http.StatusLocked,
	CodePersistedNotFound:  http.StatusOK, // the first step of a protocol, not a fault
	CodeNotFound:           http.StatusNotFound,
	CodeTooLarge:           http.StatusRequestEntityTooLarge,
	CodeNotNIfTI:           http.StatusUnprocessableEntity,
	CodeTruncated:          http.StatusUnprocessableEntity,
	CodeUnsupportedImage:   http.StatusUnprocessableEntity,
	CodeBadArchive:         http.StatusUnprocessableEntity,
	CodeTimeout:            http.StatusRequestTimeout,
	CodeStorageFull:        http.StatusInsufficientStorage,
	CodeServiceUnavailable: http.StatusServiceUnavailable,
	CodeBusy:               http.StatusServiceUnavailable,
	CodeInternal:           http.StatusInternalServerError,
}

func (c Code) status() int {
	if s, ok := statuses[c]; ok {
		return s
	}
	return http.StatusBadRequest
}

// describe finds the error that a client is told. What it does not know is
// INTERNAL without details, which only the log learns.
func describe(err error) *Error {
	if known, ok := errors.AsType[*Error](err); ok {
		return known
	}
	if m, ok := errors.AsType[*mistaken](err); ok {
		return &Error{Code: m.Code, Message: m.Message, Hint: m.Hint, Err: err}
	}
	if limit, ok := errors.AsType[*guard.LimitError](err); ok {
		return &Error{Code: CodeLimit, Message: limit.Error(), Hint: "ask for less at once", Err: err}
	}
	if syntax, ok := errors.AsType[*guard.SyntaxError](err); ok {
		return &Error{Code: CodeSyntax, Message: syntax.Message, Err: err}
	}
	for _, row := range errorTable {
		if !errors.Is(err, row.is) {
			continue
		}
		e := &Error{Code: row.code, Message: row.message, Hint: row.hint, Err: err}
		if e.Message == "" {
			e.Message = err.Error()
		}
		if unknown, ok := errors.AsType[*inference.UnknownTermError](err); ok {
			e.Message = "no term is called " + quote(unknown.Text)
			if len(unknown.Suggestions) > 0 {
				e.Details = map[string]any{"suggestions": candidates(unknown.Suggestions)}
			}
		}
		return e
	}
	return &Error{Code: CodeInternal, Message: "something went wrong inside the service", Hint: "the service's log says what", Err: err}
}

// Classify turns the error of a job into what is kept and shown of it: give it
// to [jobs.Config].
func Classify(err error) jobs.Failure {
	e := describe(err)
	return jobs.Failure{Code: string(e.Code), Message: e.Message, Hint: e.Hint}
}

func candidates(list []inference.Candidate) []map[string]any {
	out := make([]map[string]any, len(list))
	for i, c := range list {
		out[i] = map[string]any{"id": c.ID, "name": c.Name}
	}
	return out
}

package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"satgraph/api/auth"
	"satgraph/jobs/kinds"
)

// scanTypes are the media types under which a scan may be sent. There is no
// registered one for NIfTI.
var scanTypes = map[string]bool{
	"":                                true,
	"application/octet-stream":        true,
	"application/gzip":                true,
	"application/x-gzip":              true,
	"application/nifti":               true,
	"application/x-nifti":             true,
	"application/vnd.nifti":           true,
	"application/vnd.unknown.nifti-1": true,
	"image/nifti":                     true,
	"image/x-nifti":                   true,
	"application/dicom":               true,
	"application/zip":                 true,
	"application/x-zip-compressed":    true,
}

// postImage takes a scan: as the body, or as the file of a multipart form.
func (s *Service) postImage(w http.ResponseWriter, r *http.Request) {
	leave, err := s.mayUpload(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer leave()
	if r.ContentLength > s.limits.UploadBytes {
		s.fail(w, r, s.tooLarge())
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, s.limits.UploadBytes)
	body, err := scanBody(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	im, fresh, err := s.images.add(r.Context(), &patientReader{from: body, control: http.NewResponseController(w), patience: s.limits.UploadStall})
	if err != nil {
		s.fail(w, r, s.uploadError(err))
		return
	}
	s.audit(r.Context(), "image.upload", im.ID, auditOK)
	w.Header().Set("Location", "/images/"+im.ID)
	status := http.StatusOK
	if fresh {
		status = http.StatusCreated
	}
	s.writeJSON(w, r, status, im)
}

// mayUpload takes a place among the uploads of all and of the caller. Call leave
// in the end.
func (s *Service) mayUpload(w http.ResponseWriter, r *http.Request) (leave func(), err error) {
	if err := s.accountable(r.Context()); err != nil {
		return nil, err
	}
	busy := func(whose string) error {
		w.Header().Set("Retry-After", "5")
		return &Error{Code: CodeServiceUnavailable, Message: whose + " too many uploads at once", Hint: "try again in a few seconds"}
	}
	key := "uploads " + callerKey(r.Context())
	if !s.perCaller.enter(key, s.mostFor(s.limits.UserUploads)) {
		return nil, busy("you send")
	}
	select {
	case s.uploads <- struct{}{}:
	default:
		s.perCaller.leave(key)
		return nil, busy("all together send")
	}
	return func() {
		<-s.uploads
		s.perCaller.leave(key)
	}, nil
}

func (s *Service) tooLarge() error {
	return &Error{
		Code:    CodeTooLarge,
		Message: fmt.Sprintf("the file is larger than %d MiB", s.limits.UploadBytes>>20),
		Hint:    "send .nii.gz rather than .nii, or ask the operator for a higher limit",
	}
}

// uploadError tells errors of the connection from those of the file.
func (s *Service) uploadError(err error) error {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return s.tooLarge()
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: "the upload stalled", Hint: "send it again", Err: err}
	case errors.Is(err, io.ErrUnexpectedEOF):
		return &Error{Code: CodeBadRequest, Message: "the request ended before the file did", Hint: "send it again", Err: err}
	}
	return err
}

// scanBody finds the file in a request.
func scanBody(w http.ResponseWriter, r *http.Request) (io.Reader, error) {
	given := r.Header.Get("Content-Type")
	mediaType, _, err := mime.ParseMediaType(given)
	if err != nil && given != "" {
		mediaType = given
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, &Error{Code: CodeMediaType, Message: "Content-Encoding is not taken here", Hint: "send the .nii.gz file as it is"}
	}
	switch {
	case mediaType == "multipart/form-data":
		return formFile(r)
	case scanTypes[mediaType]:
		return r.Body, nil
	}
	w.Header().Set("Accept-Post", "application/octet-stream, application/gzip, multipart/form-data")
	return nil, &Error{
		Code:    CodeMediaType,
		Message: "a scan cannot be sent as " + quote(mediaType),
		Hint:    "send it as application/octet-stream or as the file of a multipart/form-data form",
	}
}

// formFile passes over the fields before the form's first file.
func formFile(r *http.Request) (io.Reader, error) {
	bad := func(err error) error {
		return &Error{Code: CodeBadRequest, Message: "the multipart form cannot be read", Hint: "send one file, as curl -F file=@scan.nii.gz does", Err: err}
	}
	form, err := r.MultipartReader()
	if err != nil {
		return nil, bad(err)
	}
	const fields = 16
	for range fields {
		part, err := form.NextPart()
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &tooLarge):
			return nil, err
		case err != nil:
			return nil, bad(err)
		case part.FileName() != "":
			return part, nil
		}
	}
	return nil, bad(errors.New("no file among the first fields"))
}

// A patientReader gives the client a new deadline for every piece, so that a
// large upload may take its time; a stalled one may not, nor one that only
// trickles to keep its place.
type patientReader struct {
	from     io.Reader
	control  *http.ResponseController
	patience time.Duration

	start time.Time
	bytes int64
}

// After slowStart an upload must have come at slowest bytes a second.
const (
	slowStart = time.Minute
	slowest   = 16 << 10
	// checkTime is for checking and answering once the upload is there.
	checkTime = 10 * time.Minute
)

func (p *patientReader) Read(b []byte) (int, error) {
	now := time.Now()
	if p.start.IsZero() {
		p.start = now
	}
	deadline := now.Add(p.patience)
	if due := p.start.Add(slowStart + time.Duration(p.bytes/slowest)*time.Second); due.Before(deadline) {
		deadline = due
	}
	// A server's connection takes deadlines; a test's recorder does not.
	_ = p.control.SetReadDeadline(deadline)
	_ = p.control.SetWriteDeadline(now.Add(checkTime))
	n, err := p.from.Read(b)
	p.bytes += int64(n)
	return n, err
}

func (s *Service) getImage(w http.ResponseWriter, r *http.Request) {
	im, err := s.image(r.Context(), r.PathValue("id"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.writeJSON(w, r, http.StatusOK, im)
}

// oneImage answers GET and DELETE /images/{id}.
func (s *Service) oneImage(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodDelete {
		s.admit(auth.Segment, s.deleteImage)(w, r)
		return
	}
	s.getImage(w, r)
}

// deleteImage takes a scan from its owner; results of its jobs stay.
func (s *Service) deleteImage(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	_, err := s.imagePath(r.Context(), id)
	if err == nil {
		err = s.accountable(r.Context())
	}
	if err == nil {
		err = s.images.remove(r.Context(), id)
		s.audit(r.Context(), "image.delete", id, outcomeOf(nil, err))
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// getMask sends a mask, in ranges if asked. The runner knows the names of a
// job's masks; no other file can be named.
func (s *Service) getMask(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	if _, err := s.job(r.Context(), r.PathValue("id")); err != nil {
		s.fail(w, r, err)
		return
	}
	file, err := s.jobs.MaskPath(r.Context(), r.PathValue("id"), name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f, err := os.Open(file)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendFile(w, r, f, "application/gzip", strings.TrimSuffix(name, ".nii.gz"))
}

// getJobFile sends a file that a job gave, in ranges if asked. Only files in the
// folder of its result can be named.
func (s *Service) getJobFile(w http.ResponseWriter, r *http.Request) {
	f, err := s.openJobFile(r.Context(), r.PathValue("id"), r.PathValue("file"))
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.sendFile(w, r, f, "application/octet-stream", "f")
}

func (s *Service) openJobFile(ctx context.Context, id, name string) (*os.File, error) {
	j, err := s.job(ctx, id)
	if err != nil {
		return nil, err
	}
	own, err := s.jobs.ResultFolder(ctx, id)
	if err != nil {
		return nil, err
	}
	if s.config.Places == nil {
		return nil, kinds.ErrGone
	}
	return s.config.Places.Open(&j, own, name)
}

// sendFile sends an open file, in ranges if asked, and closes it.
func (s *Service) sendFile(w http.ResponseWriter, r *http.Request, f *os.File, mediaType, tag string) {
	defer func() { _ = f.Close() }()
	name := path.Base(filepath.ToSlash(f.Name()))
	info, err := f.Stat()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	// Slow clients get a minute and a second for each 64 KiB.
	deadline := time.Now().Add(time.Minute + time.Duration(info.Size()>>16)*time.Second)
	_ = http.NewResponseController(w).SetWriteDeadline(deadline)
	h := w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set("ETag", fmt.Sprintf(`"%s-%x"`, tag, info.ModTime().UnixNano()))
	http.ServeContent(w, r, name, info.ModTime(), f)
}

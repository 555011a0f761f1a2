package api

import (
	"crypto/sha1" //nolint:gosec // tus asks servers for it: it finds faults of the way, not forgeries
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"satgraph/api/auth"
)

// Resumable uploads speak tus 1.0.0 (tus.io): its core and the extensions
// creation, checksum, expiration and termination.
const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,checksum,expiration,termination"
	tusType       = "application/offset+octet-stream"
	tusHashes     = "sha256,sha1"
)

// tus sets what all answers of the protocol have, answers what it can, and
// refuses other versions of it.
func (s *Service) tus(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Tus-Resumable", tusVersion)
		if r.Method == http.MethodOptions {
			h.Set("Tus-Version", tusVersion)
			h.Set("Tus-Extension", tusExtensions)
			h.Set("Tus-Checksum-Algorithm", tusHashes)
			h.Set("Tus-Max-Size", strconv.FormatInt(s.limits.UploadBytes, 10))
			w.WriteHeader(http.StatusNoContent)
			return
		}
		if given := r.Header.Get("Tus-Resumable"); given != tusVersion && r.Method != http.MethodGet {
			h.Set("Tus-Version", tusVersion)
			s.fail(w, r, &Error{Code: CodePrecondition, Message: "this is not tus " + tusVersion, Hint: "send the header Tus-Resumable: " + tusVersion})
			return
		}
		next(w, r)
	}
}

// postUpload begins an upload.
func (s *Service) postUpload(w http.ResponseWriter, r *http.Request) {
	length, err := strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	switch {
	case err != nil || length <= 0:
		s.fail(w, r, &Error{Code: CodeBadRequest, Message: "Upload-Length is not the number of bytes that will come", Hint: "give the size of the file"})
		return
	case length > s.limits.UploadBytes:
		s.fail(w, r, s.tooLarge())
		return
	}
	sum, err := announced(r.Header.Get("Upload-Metadata"))
	if err == nil {
		err = s.accountable(r.Context())
	}
	var x *sending
	if err == nil {
		x, err = s.sendings.begin(r.Context(), length, sum)
	}
	if err != nil {
		s.audit(r.Context(), "upload.begin", "", outcomeOf(nil, err))
		s.fail(w, r, err)
		return
	}
	s.audit(r.Context(), "upload.begin", x.ID, auditOK)
	w.Header().Set("Location", "/uploads/"+x.ID)
	progress(w, x)
	w.WriteHeader(http.StatusCreated)
}

// announced reads the metadata of an upload: pairs of a key and base64, of which
// sha256, the file's hash in hex, is the one that counts. Names of files are
// nobody's business and are not kept.
func announced(header string) (sum string, err error) {
	const longest = 4 << 10
	bad := &Error{Code: CodeBadRequest, Message: "Upload-Metadata cannot be read", Hint: `give pairs as in "sha256 BASE64,filename BASE64", at most 4 KiB`}
	if len(header) > longest {
		return "", bad
	}
	for pair := range strings.SplitSeq(header, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		text, err := base64.StdEncoding.DecodeString(strings.TrimSpace(value))
		if err != nil {
			return "", bad
		}
		if key == "sha256" {
			sum = strings.ToLower(string(text))
			if raw, err := hex.DecodeString(sum); err != nil || len(raw) != sha256.Size {
				return "", &Error{Code: CodeBadRequest, Message: "the metadata sha256 is not a SHA-256 in hex"}
			}
		}
	}
	return sum, nil
}

// progress says how far an upload is.
func progress(w http.ResponseWriter, x *sending) {
	h := w.Header()
	h.Set("Upload-Offset", strconv.FormatInt(x.offset, 10))
	h.Set("Upload-Length", strconv.FormatInt(x.Length, 10))
	h.Set("Upload-Expires", x.Expires.Format(http.TimeFormat))
	if x.Image != "" {
		h.Set("Satgraph-Image", x.Image)
	}
}

// oneUpload answers for one upload of the caller.
func (s *Service) oneUpload(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if r.Method == http.MethodPatch || r.Method == http.MethodDelete {
		if !s.sendings.hold(id) {
			s.fail(w, r, &Error{Code: CodeLocked, Message: "another request works at this upload", Hint: "wait for it, then ask with HEAD how far it came"})
			return
		}
		defer s.sendings.release(id)
	}
	x, err := s.sendings.load(id)
	if err == nil && !s.owns(r.Context(), "upload", id, x.Owner) {
		err = errNoSending
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	switch r.Method {
	case http.MethodPatch:
		s.patchUpload(w, r, x)
	case http.MethodDelete:
		err := s.sendings.remove(x)
		s.audit(r.Context(), "upload.delete", id, outcomeOf(nil, err))
		if err != nil {
			s.fail(w, r, err)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	case http.MethodHead:
		progress(w, x)
		w.WriteHeader(http.StatusOK)
	default:
		progress(w, x)
		s.writeJSON(w, r, http.StatusOK, map[string]any{"id": x.ID, "offset": x.offset, "length": x.Length, "expires": x.Expires, "image": nilIfEmpty(x.Image)})
	}
}

// patchUpload takes a piece; the last one makes the upload an image.
func (s *Service) patchUpload(w http.ResponseWriter, r *http.Request, x *sending) {
	leave, err := s.mayUpload(w, r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	defer leave()
	wanted, err := s.checkPiece(r, x)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	if x.Image == "" {
		body := &patientReader{from: r.Body, control: http.NewResponseController(w), patience: s.limits.UploadStall}
		if err := s.sendings.take(x, body, wanted); err != nil {
			s.fail(w, r, s.uploadError(err))
			return
		}
		if x.offset == x.Length {
			im, err := s.sendings.finish(auth.With(r.Context(), s.ownerOf(r, x)), x)
			if err != nil {
				s.audit(r.Context(), "image.upload", x.ID, outcomeOf(nil, err))
				s.fail(w, r, err)
				return
			}
			s.audit(r.Context(), "image.upload", im.ID, auditOK)
		}
	}
	progress(w, x)
	w.WriteHeader(http.StatusNoContent)
}

// ownerOf is for whom an upload is kept, also where an administrator ends it.
func (s *Service) ownerOf(r *http.Request, x *sending) auth.Identity {
	caller := auth.Of(r.Context())
	caller.Subject = x.Owner
	return caller
}

// checkPiece holds the headers of a piece against what is there.
func (s *Service) checkPiece(r *http.Request, x *sending) (*checksum, error) {
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != tusType {
		return nil, &Error{Code: CodeMediaType, Message: "a piece of an upload is sent as " + tusType}
	}
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset < 0 {
		return nil, &Error{Code: CodeBadRequest, Message: "Upload-Offset is not where the piece belongs"}
	}
	if offset != x.offset {
		return nil, &Error{Code: CodeConflict, Message: fmt.Sprintf("the upload stands at %d, not at %d", x.offset, offset), Hint: "ask with HEAD where it stands"}
	}
	if r.ContentLength > x.Length-x.offset {
		return nil, &Error{Code: CodeTooLarge, Message: "the piece is larger than what is missing"}
	}
	return parseChecksum(r.Header.Get("Upload-Checksum"))
}

// A checksum is a hash that a piece is to have.
type checksum struct {
	hash hash.Hash
	sum  []byte
}

func parseChecksum(header string) (*checksum, error) {
	if header == "" {
		return nil, nil //nolint:nilnil // none was given
	}
	name, value, _ := strings.Cut(header, " ")
	c := &checksum{}
	switch strings.ToLower(name) {
	case "sha256":
		c.hash = sha256.New()
	case "sha1":
		c.hash = sha1.New() //nolint:gosec // see the import
	default:
		return nil, &Error{Code: CodeBadRequest, Message: "no checksum of the kind " + quote(name), Hint: "use " + tusHashes}
	}
	var err error
	if c.sum, err = base64.StdEncoding.DecodeString(value); err != nil || len(c.sum) != c.hash.Size() {
		return nil, &Error{Code: CodeBadRequest, Message: "the checksum is not one in base64"}
	}
	return c, nil
}

package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const tusVersion = "1.0.0"

// StatusError is the service's refusal of a request for a file.
type StatusError struct {
	Status              int
	Code, Message, Hint string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("the service answered %d %s: %s", e.Status, e.Code, strings.Join([]string{e.Message, e.Hint}, "; "))
}

// send makes a request of a path, with the headers of pairs.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader, pairs ...string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.at(path), body)
	if err != nil {
		return nil, err
	}
	for i := 0; i+1 < len(pairs); i += 2 {
		request.Header.Set(pairs[i], pairs[i+1])
	}
	answer, err := retrying{c}.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	var said struct {
		Errors []struct {
			Message    string
			Extensions struct{ Code, Hint string }
		}
	}
	e := &StatusError{Status: answer.StatusCode}
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&said); err == nil && len(said.Errors) > 0 {
		e.Code, e.Message, e.Hint = said.Errors[0].Extensions.Code, said.Errors[0].Message, said.Errors[0].Extensions.Hint
	}
	return nil, e
}

// Upload sends a scan in pieces and returns its id, for Segment. A piece that did
// not get through is sent again from where the service stands. progress may be
// nil.
func (c *Client) Upload(ctx context.Context, scan io.ReaderAt, size int64, progress func(sent, size int64)) (image string, err error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, io.NewSectionReader(scan, 0, size)); err != nil {
		return "", err
	}
	announced := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum.Sum(nil))))
	begun, err := c.send(ctx, http.MethodPost, "/uploads", nil,
		"Tus-Resumable", tusVersion, "Upload-Length", strconv.FormatInt(size, 10), "Upload-Metadata", "sha256 "+announced)
	if err != nil {
		return "", err
	}
	_ = begun.Body.Close()
	where := begun.Header.Get("Location")
	if !strings.HasPrefix(where, "/uploads/") {
		return "", fmt.Errorf("the service names no upload: %.100q", where)
	}
	failures := 0
	for at := int64(0); image == ""; {
		n := min(c.options.Piece, size-at)
		piece := io.NewSectionReader(scan, at, n)
		answer, err := c.piece(ctx, where, piece, at, n)
		if err != nil {
			if failures++; failures > max(0, c.options.Retries) || ctx.Err() != nil {
				return "", err
			}
			asked, askErr := c.send(ctx, http.MethodHead, where, nil, "Tus-Resumable", tusVersion)
			if askErr != nil {
				return "", err
			}
			answer = asked
		}
		_ = answer.Body.Close()
		if at, err = strconv.ParseInt(answer.Header.Get("Upload-Offset"), 10, 64); err != nil || at < 0 || at > size {
			return "", fmt.Errorf("the service does not say where the upload stands: %.50q", answer.Header.Get("Upload-Offset"))
		}
		image = answer.Header.Get("Satgraph-Image")
		if at == size && image == "" {
			return "", fmt.Errorf("the service took the upload and made no image of it")
		}
		if progress != nil {
			progress(at, size)
		}
	}
	return image, nil
}

// piece sends one piece with its hash.
func (c *Client) piece(ctx context.Context, where string, piece *io.SectionReader, at, n int64) (*http.Response, error) {
	sum := sha256.New()
	if _, err := io.Copy(sum, piece); err != nil {
		return nil, err
	}
	if _, err := piece.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPatch, c.at(where), piece)
	if err != nil {
		return nil, err
	}
	request.ContentLength = n
	for name, value := range map[string]string{
		"Tus-Resumable": tusVersion, "Content-Type": "application/offset+octet-stream", "Upload-Offset": strconv.FormatInt(at, 10),
		"Upload-Checksum": "sha256 " + base64.StdEncoding.EncodeToString(sum.Sum(nil)),
	} {
		request.Header.Set(name, value)
	}
	answer, err := retrying{c}.Do(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		_ = answer.Body.Close()
		return nil, &StatusError{Status: answer.StatusCode, Message: "a piece of the upload was refused"}
	}
	return answer, nil
}

// UploadFile sends the scan in a file. As Upload.
func (c *Client) UploadFile(ctx context.Context, path string, progress func(sent, size int64)) (image string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // read only
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	return c.Upload(ctx, f, info.Size(), progress)
}

// Download writes the file at a path of the service, such as a structure's
// MaskUrl, to w.
func (c *Client) Download(ctx context.Context, path string, w io.Writer) error {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") {
		return fmt.Errorf("%.100q is no path of the service", path)
	}
	answer, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // read only
	_, err = io.Copy(w, answer.Body)
	return err
}

// DownloadFile writes the file at a path of the service to a file, whole or not
// at all.
func (c *Client) DownloadFile(ctx context.Context, path, to string) (err error) {
	f, err := os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error counts
		}
	}()
	err = c.Download(ctx, path, f)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), to)
}

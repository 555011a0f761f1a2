// Package objectstest is an S3 server for tests: gofakes3, which speaks the
// protocol over HTTP and keeps objects in memory, behind a door that can be
// told to fail as networks do.
package objectstest

import (
	"context"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"gocloud.dev/blob"
	_ "gocloud.dev/blob/s3blob" // to write objects
)

// Server is an S3 server with one bucket, "scans".
type Server struct {
	t   testing.TB
	url string
	// Cut, if not 0, ends every body after so many bytes.
	Cut atomic.Int64
	// Refuse answers every request with 403.
	Refuse atomic.Bool
	// Gets counts the requests for objects.
	Gets atomic.Int64
	// AfterHead, once set, is called after the next HEAD request.
	AfterHead atomic.Pointer[func()]
}

// New starts a server and sets credentials for it in the environment.
func New(t testing.TB) *Server {
	t.Helper()
	for key, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere",
	} {
		t.Setenv(key, value)
	}
	fake := gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server()
	s := &Server{t: t}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.Refuse.Load() {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		if r.Method == http.MethodGet && !strings.Contains(r.URL.RawQuery, "list-type") {
			s.Gets.Add(1)
			if n := s.Cut.Load(); n > 0 {
				w = &cutter{w, n}
			}
		}
		fake.ServeHTTP(w, r)
		if r.Method == http.MethodHead {
			if after := s.AfterHead.Swap(nil); after != nil {
				(*after)()
			}
		}
	}))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

// cutter ends a body early and with it the connection.
type cutter struct {
	http.ResponseWriter
	left int64
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) <= c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	panic(http.ErrAbortHandler)
}

// URL is that of a name in the bucket, with the settings that reach the server.
func (s *Server) URL(name string) string {
	return "s3://scans/" + name + "?use_path_style=true&endpoint=" + s.url
}

func (s *Server) bucket() *blob.Bucket {
	b, err := blob.OpenBucket(context.Background(), s.URL(""))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = b.Close() })
	return b
}

// Put writes an object.
func (s *Server) Put(name string, content []byte) {
	s.t.Helper()
	if err := s.bucket().WriteAll(context.Background(), name, content, nil); err != nil {
		s.t.Fatal(err)
	}
}

// Delete removes an object.
func (s *Server) Delete(name string) {
	s.t.Helper()
	if err := s.bucket().Delete(context.Background(), name); err != nil {
		s.t.Fatal(err)
	}
}

// PutFolder writes all files of a folder, named by their paths in it below a
// prefix.
func (s *Server) PutFolder(prefix, dir string) {
	s.t.Helper()
	err := filepath.WalkDir(dir, func(at string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, at)
		if err != nil {
			return err
		}
		content, err := os.ReadFile(at) //nolint:gosec // a test's own folder
		if err == nil {
			s.Put(prefix+filepath.ToSlash(rel), content)
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
}

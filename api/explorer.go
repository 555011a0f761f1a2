package api

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"embed"
	"errors"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
)

// explorerFiles are GraphiQL's page and, where scripts/graphiql.sh was run before
// the build, GraphiQL itself.
//
//go:embed explorer
var explorerFiles embed.FS

// explorerPolicy lets the page load what the program serves and ask the program,
// and nothing else. A dialog makes a style of its own, which bears the nonce.
const explorerPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-NONCE'; img-src 'self' data:; font-src data:; connect-src 'self'; " +
	"frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// getExplorer answers GET /graphiql with an editor for queries. It needs no network
// but the service's own, and no token: what is asked there does.
func (s *Service) getExplorer(w http.ResponseWriter, r *http.Request) {
	name := "explorer/page.html"
	if _, err := fs.Stat(explorerFiles, "explorer/fetched/graphiql.js.gz"); err != nil {
		name = "explorer/missing.html"
	}
	page, err := explorerFiles.ReadFile(name)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	nonce := rand.Text()
	w.Header().Set("Content-Security-Policy", strings.Replace(explorerPolicy, "NONCE", nonce, 1))
	if r.Method != http.MethodHead {
		_, _ = w.Write(bytes.Replace(page, []byte("NONCE"), []byte(nonce), 1))
	}
}

// getExplorerFile answers GET /graphiql/{file}: what is fetched is kept packed.
func (s *Service) getExplorerFile(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	kind := mime.TypeByExtension(path.Ext(name))
	switch path.Ext(name) {
	case ".js":
		kind = "text/javascript; charset=utf-8"
	case ".css", ".txt":
	default:
		s.fail(w, r, errNoExplorerFile)
		return
	}
	h := w.Header()
	f, err := explorerFiles.Open("explorer/" + name)
	if err != nil {
		if f, err = explorerFiles.Open("explorer/fetched/" + name + ".gz"); err != nil {
			s.fail(w, r, errNoExplorerFile)
			return
		}
		h.Set("Content-Encoding", "gzip")
		h.Add("Vary", "Accept-Encoding")
	}
	defer func() { _ = f.Close() }()
	body := io.Reader(f)
	if h.Get("Content-Encoding") != "" && !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		h.Del("Content-Encoding")
		if body, err = gzip.NewReader(f); err != nil {
			s.fail(w, r, err)
			return
		}
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", "private, max-age=3600")
	if r.Method != http.MethodHead {
		_, _ = io.Copy(w, body) //nolint:gosec // the program's own files
	}
}

var errNoExplorerFile = &Error{Code: CodeNotFound, Message: "there is nothing at this address", Hint: "GET /graphiql is the page", Err: errors.New("no such file")}

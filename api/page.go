package api

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// pageStyle is the one style sheet that the page may use, by its hash.
var pageStyle = func() string {
	_, style, _ := strings.Cut(pageText, "<style>")
	style, _, _ = strings.Cut(style, "</style>")
	sum := sha256.Sum256([]byte(style))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}()

// getPage says what the service is and how to use it.
func (s *Service) getPage(w http.ResponseWriter, r *http.Request) {
	models := s.config.Models()
	terms := 0
	if tree := s.config.Tree(); tree != nil {
		terms = tree.Len()
	}
	demo := false
	for _, m := range models {
		demo = demo || m.Demo
	}
	var page strings.Builder
	err := pageTemplate.Execute(&page, map[string]any{
		"Version": s.config.Version, "Terms": terms, "Models": models, "Demo": demo, "Notice": demoNotice,
		"Origin": "http://" + r.Host,
	})
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src "+pageStyle+"; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(page.String()))
	}
}

package api

import (
	"net/http"

	"satgraph/graph/export"
)

// treeForms are the forms that the tree is written in: media type and ending of
// the file.
var treeForms = map[export.Format]struct{ media, ending string }{
	export.OBO:     {"text/plain; charset=utf-8", "obo"},
	export.TSV:     {"text/tab-separated-values; charset=utf-8", "tsv"},
	export.SKOS:    {"application/ld+json", "jsonld"},
	export.GraphML: {"application/xml", "graphml"},
}

// getTree answers GET /tree?format=obo|tsv|skos|graphml: the tree as it is now,
// written as it goes. Its ETag changes with the tree's revision and the program's
// version.
func (s *Service) getTree(w http.ResponseWriter, r *http.Request) {
	format := export.Format(r.URL.Query().Get("format"))
	if format == "" {
		format = export.OBO
	}
	form, ok := treeForms[format]
	if !ok {
		s.fail(w, r, &Error{Code: CodeBadInput, Message: "unknown format " + quote(string(format)), Hint: "use obo, tsv, skos or graphml"})
		return
	}
	tree := s.tree(r.Context())
	h, tag := w.Header(), `"`+s.config.Version+"-"+tree.Revision()+"-"+form.ending+`"`
	h.Set("ETag", tag)
	if has(r.Header.Values("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	h.Set("Content-Type", form.media)
	h.Set("Content-Disposition", `attachment; filename="tree.`+form.ending+`"`)
	if r.Method != http.MethodHead {
		_ = export.Write(w, tree, format) // the client went away: nothing to do
	}
}

package api

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"

	"satgraph/labelmap"
	"satgraph/labelmap/sssom"
)

// exportForms are the forms of an export: media type and name of a file.
var exportForms = map[string]struct{ media, file string }{
	"sssom":      {"text/tab-separated-values; charset=utf-8", "labels.sssom.tsv"},
	"sssom-json": {"application/json; charset=utf-8", "labels.sssom.json"},
	"csv":        {"text/csv; charset=utf-8", "labels.csv"},
}

// writeLabels writes the decisions on a dataset's labels.
func (s *Service) writeLabels(ctx context.Context, d *desk, w io.Writer, dataset, format string) error {
	states, err := d.states(ctx, dataset)
	if err != nil {
		return err
	}
	if format == "csv" {
		return labelmap.WriteCSV(w, states)
	}
	set := &sssom.Set{
		ID: "https://satgraph.invalid/mappings/" + sssom.SubjectID(dataset, "")[len("label:"):], Title: "Labels of " + dataset,
		Tool: "satgraph", ToolVersion: s.config.Version, ObjectSet: s.tree(ctx).Revision(), Mappings: sssom.FromStates(states),
	}
	if format == "sssom-json" {
		return sssom.WriteJSON(w, set)
	}
	return sssom.WriteTSV(w, set)
}

// getLabels answers GET /labels?dataset=NAME&format=sssom|sssom-json|csv.
func (s *Service) getLabels(w http.ResponseWriter, r *http.Request) {
	format := r.URL.Query().Get("format")
	if format == "" {
		format = "sssom"
	}
	form, ok := exportForms[format]
	if !ok {
		s.fail(w, r, &Error{Code: CodeBadInput, Message: "unknown format " + quote(format), Hint: "use sssom, sssom-json or csv"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), s.limits.RequestTime)
	defer cancel()
	var body bytes.Buffer
	d, err := s.labels()
	if err == nil {
		err = s.writeLabels(ctx, d, &body, r.URL.Query().Get("dataset"), format)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", form.media)
	w.Header().Set("Content-Disposition", `attachment; filename="`+form.file+`"`)
	w.Header().Set("Content-Length", strconv.Itoa(body.Len()))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body.Bytes()) // the client went away: nothing to do
	}
}

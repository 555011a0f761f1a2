package observe

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"satgraph/api/auth"
	"satgraph/internal/steps"
)

// RequestIDHeader names a request, to the client and in the log. A client may
// give one; what is no short plain word is replaced.
const RequestIDHeader = "X-Request-Id"

// Handler records every request to next, gives it an id, and logs it.
func (o *Observer) Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		id := auth.RequestID(r.Header.Get(RequestIDHeader))
		w.Header().Set(RequestIDHeader, id)
		ctx := o.carrier.Extract(steps.WithRequest(r.Context(), id), headerCarrier{r.Header})
		path := route(r.URL.Path)
		ctx, s := steps.Start(ctx, stepHTTP, steps.Str("route", path), steps.Str("method", method(r.Method)), steps.Str("request.id", id))
		body := &counted{ReadCloser: r.Body}
		r = r.WithContext(ctx)
		r.Body = body
		answer := &watched{ResponseWriter: w}
		defer func() {
			status := answer.status
			if status == 0 {
				status = http.StatusOK
			}
			s.Set(steps.Attr{Key: "status", Value: status}, steps.Num("received", float64(body.n)))
			s.End(nil)
			level := slog.LevelInfo
			switch {
			case status >= 500:
				level = slog.LevelError
			case path == "/healthz" || path == "/readyz":
				level = slog.LevelDebug
			}
			o.log.Log(ctx, level, "request", "id", id, "method", method(r.Method), "route", path, "status", status,
				"bytes", answer.n, "took", time.Since(begun).Round(time.Microsecond))
		}()
		next.ServeHTTP(answer, r)
	})
}

// headerCarrier passes traceparent and tracestate on alone.
type headerCarrier struct{ h http.Header }

func (c headerCarrier) Get(key string) string { return c.h.Get(key) }
func (c headerCarrier) Set(key, value string) { c.h.Set(key, value) }
func (c headerCarrier) Keys() []string        { return nil }

// route is the address without what stands for one thing, "other" for what the
// service does not have.
func route(path string) string {
	if path == "/" {
		return path
	}
	first, rest, more := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "graphql", "labels", "tree", "healthz", "readyz", "mcp", "uploads", "images", "jobs", "metrics":
		if more && rest != "" {
			return "/" + first + "/…"
		}
		return "/" + first
	}
	return "other"
}

// method is the request's method where it is one of HTTP's.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

type counted struct {
	io.ReadCloser
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	c.n += int64(n)
	return n, err
}

// watched sees the status and the size of an answer.
type watched struct {
	http.ResponseWriter
	status int
	n      int64
}

func (w *watched) WriteHeader(status int) {
	if w.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *watched) Write(p []byte) (int, error) {
	n, err := w.ResponseWriter.Write(p)
	w.n += int64(n)
	return n, err
}

// Unwrap lets the server's controls through: deadlines, hijacking, flushing.
func (w *watched) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ReadFrom keeps the fast way of sending files.
func (w *watched) ReadFrom(r io.Reader) (int64, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := io.Copy(w.ResponseWriter, r)
	w.n += n
	return n, err
}

// Logged adds the request's id to what is logged in its course.
func Logged(h slog.Handler) slog.Handler { return &withID{h} }

type withID struct{ slog.Handler }

func (h *withID) Handle(ctx context.Context, r slog.Record) error {
	if id := steps.Request(ctx); id != "" && r.Message != "request" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *withID) WithAttrs(a []slog.Attr) slog.Handler { return &withID{h.Handler.WithAttrs(a)} }
func (h *withID) WithGroup(name string) slog.Handler   { return &withID{h.Handler.WithGroup(name)} }

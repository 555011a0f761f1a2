package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"satgraph/api/auth"
	"satgraph/internal/steps"
)

// protect is what stands before every handler: secure headers, no requests for
// another host or from another site's page, and no panic that ends more than
// its own request.
//
// The error is one of Config.Origins that is no origin.
func (s *Service) protect(next http.Handler) (http.Handler, error) {
	var crossOrigin http.CrossOriginProtection
	for _, origin := range s.config.Origins {
		if err := crossOrigin.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("the origin %s: give it as in https://viewer.example.org: %w", quote(origin), err)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cache-Control", "no-store")
		r = s.withAsker(r, requestID(r))
		h.Set("X-Request-Id", steps.Request(r.Context()))
		defer func() {
			p := recover()
			if p == nil {
				return
			}
			if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(p)
			}
			s.log.Error("a request panicked", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
			s.fail(w, r, &Error{Code: CodeInternal, Message: "something went wrong inside the service", Hint: "the service's log says what"})
		}()
		// Without a name that only this machine uses, a page elsewhere could
		// point its own name at this address and read the answers.
		if !s.remote() && !isLoopbackName(r.Host) {
			s.fail(w, r, &Error{Code: CodeForbidden, Message: "this service answers for this machine only", Hint: "use http://127.0.0.1 or http://localhost"})
			return
		}
		if s.shareWith(w, r) {
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			s.fail(w, r, &Error{Code: CodeForbidden, Message: "requests from another site's page are refused", Err: err})
			return
		}
		next.ServeHTTP(w, r)
	}), nil
}

// requestID is the id under which a request stands in logs: the one that it has
// already, that of a proxy before the service, or a new one.
func requestID(r *http.Request) string {
	if id := steps.Request(r.Context()); id != "" {
		return id
	}
	return auth.RequestID(r.Header.Get("X-Request-Id"))
}

// shareWith lets pages of the allowed origins read answers (CORS). It answers
// their preflight requests itself, which carry no credentials.
func (s *Service) shareWith(w http.ResponseWriter, r *http.Request) (answered bool) {
	if len(s.config.Origins) == 0 {
		return false
	}
	h := w.Header()
	h.Add("Vary", "Origin")
	if origin := r.Header.Get("Origin"); slices.Contains(s.config.Origins, origin) {
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "ETag, Location, Retry-After, X-Request-Id, Tus-Resumable, Upload-Offset, Upload-Length, Upload-Expires")
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PATCH, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, If-None-Match, Range, "+actorHeader+", Tus-Resumable, Upload-Length, Upload-Offset, Upload-Metadata, Upload-Checksum")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return true
		}
	}
	return false
}

// isLoopbackName says whether a Host header or a listening address names this
// machine alone.
func isLoopbackName(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.Trim(host, "[]"), ".")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// fail answers a plain HTTP request with an error, in the form in which
// GraphQL gives them too.
func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := describe(err)
	if e.Code == CodeInternal && e.Err != nil {
		s.log.Error("a request failed", "method", r.Method, "path", r.URL.Path, "error", err)
	}
	if e.Code == CodeTooLarge || e.Code == CodeTimeout {
		// What is left of the body is not worth reading.
		w.Header().Set("Connection", "close")
	}
	s.writeJSON(w, r, e.Code.status(), map[string]any{
		"errors": []any{map[string]any{"message": e.Message, "extensions": e.Extensions()}},
	})
}

func (s *Service) writeJSON(w http.ResponseWriter, r *http.Request, status int, value any) {
	s.write(w, r, "application/json; charset=utf-8", status, value)
}

func (s *Service) write(w http.ResponseWriter, r *http.Request, contentType string, status int, value any) {
	body, err := encode(value)
	if err != nil {
		s.log.Error("an answer could not be encoded", "path", r.URL.Path, "error", err)
		status = http.StatusInternalServerError
		body = []byte(`{"errors":[{"message":"something went wrong inside the service","extensions":{"code":"INTERNAL"}}]}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away: nothing to do
	}
}

func encode(value any) ([]byte, error) {
	if r, ok := value.(*response); ok {
		return r.appendJSON(nil)
	}
	var body bytes.Buffer
	enc := json.NewEncoder(&body)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return body.Bytes(), err
}

func quote(s string) string {
	const longest = 100
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + "…"
	}
	return strconv.Quote(s)
}

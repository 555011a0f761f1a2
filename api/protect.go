package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
)

// protect is what stands before every handler: secure headers, no requests for
// another host or from another site's page, and no panic that ends more than
// its own request.
func (s *Service) protect(next http.Handler) http.Handler {
	var crossOrigin http.CrossOriginProtection
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
		h.Set("Cache-Control", "no-store")
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
		if !s.config.AllowRemote && !isLoopbackName(r.Host) {
			s.fail(w, r, &Error{Code: CodeForbidden, Message: "this service answers for this machine only", Hint: "use http://127.0.0.1 or http://localhost"})
			return
		}
		if err := crossOrigin.Check(r); err != nil {
			s.fail(w, r, &Error{Code: CodeForbidden, Message: "requests from another site's page are refused", Err: err})
			return
		}
		next.ServeHTTP(w, r)
	})
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

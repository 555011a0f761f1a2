package api_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"satgraph/api"
)

func sha(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func TestPersistedQueries(t *testing.T) {
	s := start(t, nil)
	const query = `{term(id: "T:1") {name}}`
	extension := func(hash string) string { return `{"persistedQuery":{"version":1,"sha256Hash":"` + hash + `"}}` }
	byHash := `{"extensions":` + extension(sha(query)) + `}`
	if a := s.post(byHash); a.Status != 200 || a.code() != "PERSISTED_QUERY_NOT_FOUND" || a.Errors[0].Message != "PersistedQueryNotFound" {
		t.Errorf("before it is known: %v", a)
	}
	if a := s.post(`{"query":` + quoted(query) + `,"extensions":` + extension(sha("x")) + `}`); a.Status != 400 || a.Errors[0].Message != "provided sha does not match query" {
		t.Errorf("under another's hash: %v", a)
	}
	if a := s.post(`{"query":` + quoted(query) + `,"extensions":` + extension(sha(query)) + `}`); a.at(t, "term", "name") != "heart" {
		t.Errorf("with its hash: %v", a)
	}
	if a := s.post(byHash); a.at(t, "term", "name") != "heart" {
		t.Errorf("by its hash: %v", a)
	}
	path := "/graphql?extensions=" + url.QueryEscape(extension(sha(query)))
	status, header, text := s.exchange(http.MethodGet, path, nil)
	if status != 200 || !strings.Contains(string(text), "heart") || header.Get("ETag") == "" {
		t.Errorf("by GET: %d %v %s", status, header, text)
	}
	if status, _, _ := s.exchange(http.MethodGet, path, nil, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
		t.Errorf("by GET again: %d", status)
	}
	// What is not valid is not kept, nor more than a thousand.
	s.post(`{"query":"{nope}","extensions":` + extension(sha("{nope}")) + `}`)
	if a := s.post(`{"extensions":` + extension(sha("{nope}")) + `}`); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("an invalid query: %v", a)
	}
	for i := range 1_000 {
		other := fmt.Sprintf("{a%d:__typename}", i)
		s.post(`{"query":` + quoted(other) + `,"extensions":` + extension(sha(other)) + `}`)
	}
	if a := s.post(byHash); a.code() != "PERSISTED_QUERY_NOT_FOUND" {
		t.Errorf("after a thousand others: %v", a)
	}
	for name, bad := range map[string]string{
		"no object":       `{"persistedQuery":7}`,
		"another version": `{"persistedQuery":{"version":2,"sha256Hash":"` + sha(query) + `"}}`,
		"no hash":         `{"persistedQuery":{"version":1,"sha256Hash":"../../etc/passwd"}}`,
	} {
		if a := s.post(`{"extensions":` + bad + `}`); a.Status != 400 || a.code() != "BAD_REQUEST" {
			t.Errorf("%s: %v", name, a)
		}
	}
}

func TestAListOfQueries(t *testing.T) {
	const query = `{term(id: "T:1") {name}}`
	for name, file := range map[string]string{
		"manifest": `{"format":"apollo-persisted-query-manifest","version":1,"operations":[{"id":"` + sha(query) + `","body":` + quoted(query) + `,"name":"T","type":"query"}]}`,
		"object":   `{"` + sha(query) + `":` + quoted(query) + `}`,
	} {
		queries, err := api.ReadQueries(strings.NewReader(file))
		if err != nil {
			t.Fatal(name, err)
		}
		s := start(t, nil, func(c *api.Config) { c.Queries = queries })
		if a := s.ask(query); a.at(t, "term", "name") != "heart" {
			t.Errorf("%s: %v", name, a)
		}
		if a := s.post(`{"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + sha(query) + `"}}}`); a.at(t, "term", "name") != "heart" {
			t.Errorf("%s, by hash: %v", name, a)
		}
		for _, other := range []string{`{__typename}`, `{__schema{types{name}}}`, query + " "} {
			if a := s.ask(other); a.code() != "FORBIDDEN" || a.Status != 403 {
				t.Errorf("%s: %s is answered: %v", name, other, a)
			}
		}
	}
	for _, bad := range []string{"", "[]", "{}", `{"x":"{a}"}`, `{"operations":[]}`, `{"operations":[{"id":"x","body":"{a}"}]}`} {
		if _, err := api.ReadQueries(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken for a list", bad)
		}
	}
}

func TestAnswersAreCompressed(t *testing.T) {
	s := start(t, nil)
	path := "/graphql?query=" + url.QueryEscape("{__schema{types{name description fields{name}}}}")
	_, _, plain := s.exchange(http.MethodGet, path, nil, "Accept-Encoding", "identity")
	tags := map[string]bool{}
	for coding, open := range map[string]func(io.Reader) (io.Reader, error){
		"gzip": func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) },
		"zstd": func(r io.Reader) (io.Reader, error) { return zstd.NewReader(r) },
	} {
		status, header, text := s.exchange(http.MethodGet, path, nil, "Accept-Encoding", coding)
		if status != 200 || header.Get("Content-Encoding") != coding || !strings.Contains(strings.Join(header.Values("Vary"), ","), "Accept-Encoding") || len(text) > len(plain)/2 {
			t.Errorf("%s: %d %v, %d of %d bytes", coding, status, header, len(text), len(plain))
		}
		r, err := open(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || len(got) != len(plain) || !bytes.HasPrefix(got, []byte(`{"data":`)) {
			t.Errorf("%s holds another answer: %v", coding, err)
		}
		tags[header.Get("ETag")] = true
		if status, _, _ := s.exchange(http.MethodGet, path, nil, "Accept-Encoding", coding, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified {
			t.Errorf("%s again: %d for %s", coding, status, header.Get("ETag"))
		}
	}
	if _, header, _ := s.exchange(http.MethodGet, path, nil, "Accept-Encoding", "identity"); tags[header.Get("ETag")] || header.Get("Content-Encoding") != "" {
		t.Errorf("plain: %v, compressed: %v", header, tags)
	}
	// What is short or compressed already stays as it is.
	if _, header, _ := s.exchange(http.MethodGet, "/graphql?query={__typename}", nil, "Accept-Encoding", "gzip"); header.Get("Content-Encoding") != "" {
		t.Errorf("a short answer: %v", header)
	}
}

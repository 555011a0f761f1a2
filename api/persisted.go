package api

import (
	lists "container/list"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// Bounds of the queries that clients have persisted: this many of at most
// keptDocumentBytes each.
const keptPersisted = 1_000

// persisted keeps queries by the SHA-256 of their text, in hex, so that clients
// send the hash alone: automatic persisted queries, as Apollo's clients speak
// them. The one that was not asked for longest goes first.
type persisted struct {
	mu    sync.Mutex
	order lists.List // of [2]string, hash and query, the latest first
	found map[string]*lists.Element
}

func (p *persisted) find(hash string) (string, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.found[hash]
	if e == nil {
		return "", false
	}
	p.order.MoveToFront(e)
	return e.Value.([2]string)[1], true
}

func (p *persisted) keep(hash, query string) {
	if len(query) > keptDocumentBytes {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if e := p.found[hash]; e != nil {
		p.order.MoveToFront(e)
		return
	}
	if p.found == nil {
		p.found = map[string]*lists.Element{}
	}
	if p.order.Len() >= keptPersisted {
		oldest := p.order.Back()
		delete(p.found, oldest.Value.([2]string)[0])
		p.order.Remove(oldest)
	}
	p.found[hash] = p.order.PushFront([2]string{hash, query})
}

func hashQuery(query string) string {
	sum := sha256.Sum256([]byte(query))
	return hex.EncodeToString(sum[:])
}

// settleQuery finds the query of a request that gives a hash, and holds one that
// gives both against it. Where the service answers known queries alone, others
// are refused.
func (s *Service) settleQuery(q *request, extensions map[string]any) error {
	hash, err := givenHash(extensions)
	if err != nil {
		return err
	}
	if len(s.config.Queries) > 0 {
		return s.settleKnown(q, hash)
	}
	switch {
	case hash == "" && q.Query == "":
		return errNoQuery()
	case hash == "":
		return nil
	case q.Query == "":
		query, ok := s.persisted.find(hash)
		if !ok {
			// Clients know it by this very message, and send the query then.
			return &Error{Code: CodePersistedNotFound, Message: "PersistedQueryNotFound", Hint: "send the query with its hash once"}
		}
		q.Query = query
		return nil
	}
	if hashQuery(q.Query) != hash {
		return &Error{Code: CodeBadRequest, Message: "provided sha does not match query", Hint: "sha256Hash is the SHA-256 of the query's text, in hex"}
	}
	q.persist = hash
	return nil
}

// settleKnown takes the queries of Config.Queries and no other.
func (s *Service) settleKnown(q *request, hash string) error {
	if hash == "" {
		hash = hashQuery(q.Query)
	}
	query, ok := s.config.Queries[hash]
	if !ok || q.Query != "" && q.Query != query {
		return &Error{Code: CodeForbidden, Message: "the service answers the queries of its list alone, and this is none of them", Hint: "ask the operator to put it in"}
	}
	q.Query = query
	return nil
}

// givenHash reads the hash of a persisted query from a request's extensions;
// nothing where none is given.
func givenHash(extensions map[string]any) (string, error) {
	given, ok := extensions["persistedQuery"]
	if !ok {
		return "", nil
	}
	fields, _ := given.(map[string]any)
	hash, _ := fields["sha256Hash"].(string)
	if version, ok := fields["version"].(float64); !ok || version != 1 || !isHash(hash) {
		return "", &Error{Code: CodeBadRequest, Message: "the extension persistedQuery cannot be read", Hint: `give it as {"version": 1, "sha256Hash": "…"}`}
	}
	return hash, nil
}

// isHash says whether a text is a SHA-256 in hex.
func isHash(text string) bool { return imageID.MatchString(text) }

// maxQueryList is the size of a list of queries, in bytes.
const maxQueryList = 16 << 20

// ReadQueries reads the queries that a service is to answer alone, for
// [Config]: a persisted-query manifest as Apollo's tools write it, or an object
// of queries by the SHA-256 of their text. A query under another's hash is an
// error.
func ReadQueries(r io.Reader) (map[string]string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxQueryList+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxQueryList {
		return nil, fmt.Errorf("the list of queries is larger than %d MiB", maxQueryList>>20)
	}
	queries := map[string]string{}
	var manifest struct {
		Format     string `json:"format"`
		Operations []struct{ ID, Body string }
	}
	switch err := json.Unmarshal(text, &manifest); {
	case err == nil && manifest.Operations != nil:
		for _, o := range manifest.Operations {
			queries[o.ID] = o.Body
		}
	default:
		if err := json.Unmarshal(text, &queries); err != nil {
			return nil, fmt.Errorf("the list of queries is no object of queries by hash, nor a manifest of persisted queries: %w", err)
		}
	}
	if len(queries) == 0 {
		return nil, errors.New("the list of queries has none")
	}
	for hash, query := range queries {
		if hashQuery(query) != hash {
			return nil, fmt.Errorf("the list of queries: %s is not the SHA-256 of its query, which is %s", quote(hash), hashQuery(query))
		}
	}
	return queries, nil
}

package api

import (
	"sync"

	"github.com/graphql-go/graphql/language/ast"
)

// Bounds of what is kept: this many documents of at most this many bytes.
const (
	keptDocuments     = 256
	keptDocumentBytes = 16 << 10
)

// documents keeps what was parsed, held within the limits and found valid, by
// the query's own text: clients send the same few queries over and over, and
// execution changes no document. When it is full it starts anew.
type documents struct {
	mu   sync.RWMutex
	kept map[string]kept
}

type kept struct {
	text     string // as scanned
	document *ast.Document
}

func (d *documents) find(query string) (kept, bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	k, ok := d.kept[query]
	return k, ok
}

func (d *documents) keep(query string, k kept) {
	if len(query) > keptDocumentBytes {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kept == nil || len(d.kept) >= keptDocuments {
		d.kept = make(map[string]kept, keptDocuments)
	}
	d.kept[query] = k
}

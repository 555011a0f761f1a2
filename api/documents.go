package api

import "github.com/graphql-go/graphql/language/ast"

// Bounds of what is kept of documents: twice this many, of at most this many bytes.
const (
	keptDocuments     = 256
	keptDocumentBytes = 16 << 10
)

// documents are those that were parsed, held within the limits and found valid, by
// the query's own text: clients send the same few queries over and over, and
// execution changes no document.
type documents = recent[string, kept]

func newDocuments() *documents {
	return newRecent(keptDocuments, func(query string, _ kept) int {
		if len(query) > keptDocumentBytes {
			return keptDocuments + 1 // not kept
		}
		return 1
	})
}

// kept is a document that can be executed.
type kept struct {
	text     string // as scanned
	document *ast.Document
}

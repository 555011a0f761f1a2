// Package guard looks at a GraphQL request before the GraphQL library does and
// refuses what would make it slow or make it crash.
//
// The library's parser is recursive and has no limits: two megabytes of "{"
// end the process, 1.6 kB of nested fields take it seconds, and a comment with
// multi-byte characters makes its lexer read the comment's text as code.
// [Scan] is an iterative lexer that counts bytes, tokens, nesting, aliases and
// directives, and hands back a text that has the same tokens at the same
// positions but no comments, so that both read the same document.
// [Check] then walks the parsed document with its fragments expanded and
// counts what validation and execution would have to do. [CheckJSON] bounds
// the nesting of a JSON body before it is decoded.
//
// The package never executes anything and never looks at a schema's data.
// Start from [Limits].
package guard

import "fmt"

// Limits bounds one GraphQL document. A limit that is zero or negative is
// replaced by its default (see [Limits.WithDefaults]); there is no "unlimited".
type Limits struct {
	// QueryBytes is the length of the document's text.
	QueryBytes int
	// Tokens is the number of lexical tokens.
	Tokens int
	// Depth is the nesting of braces, brackets and parentheses together, list
	// values and list types included, and the nesting of fields once the
	// fragments are expanded.
	Depth int
	// Aliases is the number of "alias: field" pairs.
	Aliases int
	// Directives is the number of directives used.
	Directives int
	// Operations is the number of operations, of which a request runs one.
	Operations int
	// Selections is the number of fields, spreads and inline fragments once
	// every fragment is expanded, over all definitions of the document.
	Selections int
	// FieldPairs is the number of pairs of fields with the same response path,
	// each of which validation compares: n equal fields make n(n-1)/2.
	FieldPairs int
	// Introspection is the number of values that the document's __schema and
	// __type selections may ask for, as estimated by [Sizes]. Without Sizes
	// it is not used.
	Introspection int
}

// WithDefaults returns l with every unset limit replaced by its default: far
// above what a person or a generated client writes (the standard
// introspection query has about 400 tokens and depth 15) and far below what
// hurts.
func (l Limits) WithDefaults() Limits {
	for _, d := range []struct {
		limit *int
		value int
	}{
		{&l.QueryBytes, 64 << 10},
		{&l.Tokens, 2000},
		{&l.Depth, 20},
		{&l.Aliases, 100},
		{&l.Directives, 50},
		{&l.Operations, 20},
		{&l.Selections, 2000},
		{&l.FieldPairs, 1000},
		{&l.Introspection, 1 << 20},
	} {
		if *d.limit <= 0 {
			*d.limit = d.value
		}
	}
	return l
}

// A LimitError says which limit a document passes. Line and Column count from
// one and are zero where the limit has no single place.
type LimitError struct {
	What         string // what was counted, in the plural: "tokens"
	Limit        int
	Line, Column int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("the document has too many %s: the limit is %d", e.What, e.Limit)
}

// A SyntaxError is text that is no GraphQL document, or a fragment that
// contains itself. Line and Column count from one, columns in bytes; both are
// zero where unknown.
type SyntaxError struct {
	Message      string
	Line, Column int
}

func (e *SyntaxError) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
}

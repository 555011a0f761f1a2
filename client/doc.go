// Package client talks to a satgraph service: it finds terms, uploads scans,
// has structures segmented, downloads masks and follows decisions on labels.
// Types and operations are generated from the service's schema
// (operations.graphql); `go generate ./client` makes them anew. Start from New.
//
// Calls that the service refused before doing anything (it is starting, busy, or
// not reached) are made again; an upload that broke off goes on where it was.
package client

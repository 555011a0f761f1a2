// Package api is the service: GraphQL over HTTP for questions and jobs, plain
// HTTP for the files that go in (scans) and come out (masks).
//
// It decides nothing itself: the tree answers questions about terms, the
// resolver says what can be segmented, the job runner segments. What it adds is
// the schema, a limit on everything that comes from outside (package
// api/guard), and one table from errors to codes.
//
// There is no authentication yet, so [Service.Serve] listens on a loopback
// address only unless told otherwise, and requests that come for another host
// or from another site's page are refused.
//
// Start from [New] and [Config].
package api

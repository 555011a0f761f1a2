package api

import (
	"context"
	"sync/atomic"
)

// Where the service asks nobody who they are, the programs of one machine have one
// address. They are told apart by their connections, but a new connection tells
// nothing: whoever opens one for each request would be somebody else each time. So
// those of an address are one caller until this many requests in a row were taken
// over a connection, which then counts for itself.
const acquainted = 10

// An acquaintance is how many requests in a row were taken over a connection.
type acquaintance struct{ taken atomic.Int32 }

type acquaintanceKey struct{}

func withAcquaintance(ctx context.Context) context.Context {
	return context.WithValue(ctx, acquaintanceKey{}, &acquaintance{})
}

// turnOf is who waits for a turn and gives way: the caller, or where the service asks
// nobody who they are the connection, or the address.
func (s *Service) turnOf(ctx context.Context) string {
	connection := askerOf(ctx).connection
	a, ok := ctx.Value(acquaintanceKey{}).(*acquaintance)
	if s.config.Auth != nil || connection == "" || !ok || a.taken.Load() < acquainted {
		return callerKey(ctx)
	}
	return connection
}

// wellAsked notes that a request was taken.
func wellAsked(ctx context.Context) {
	if a, ok := ctx.Value(acquaintanceKey{}).(*acquaintance); ok && a.taken.Load() < acquainted {
		a.taken.Add(1)
	}
}

// atFault puts down that a request of ctx was refused, and by its own fault.
func (s *Service) atFault(ctx context.Context) {
	if a, ok := ctx.Value(acquaintanceKey{}).(*acquaintance); ok {
		a.taken.Store(0)
	}
	s.way.refused(s.turnOf(ctx))
}

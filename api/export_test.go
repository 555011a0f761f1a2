package api

import (
	"maps"
	"slices"
)

// TopFields lists the fields at the top of each operation, and Permissions those
// that the table of permissions has.
func (s *Service) TopFields() map[string][]string {
	return map[string][]string{
		"query":        slices.Sorted(maps.Keys(s.schema.QueryType().Fields())),
		"mutation":     slices.Sorted(maps.Keys(s.schema.MutationType().Fields())),
		"subscription": slices.Sorted(maps.Keys(s.schema.SubscriptionType().Fields())),
	}
}

// Permissions lists the fields that the table of permissions has.
func Permissions() map[string][]string {
	out := map[string][]string{}
	for operation, fields := range permissions {
		out[operation] = slices.Sorted(maps.Keys(fields))
	}
	return out
}

// StandardIntrospection is what clients send to learn the schema.
const StandardIntrospection = standardIntrospection

// Sockets is the number of open WebSocket connections.
func (s *Service) Sockets() int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return len(s.sockets.open)
}

// Listeners is the number of open subscriptions to the ledger.
func (s *Service) Listeners() int {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	return len(s.feed.listeners)
}

// Refusals is how many refusals of a caller are not forgiven, and whether so many
// make others go first.
func (s *Service) Refusals(caller string) (n float64, givesWay bool) {
	s.way.mu.Lock()
	defer s.way.mu.Unlock()
	if c := s.way.callers[caller]; c != nil {
		n = c.now()
	}
	return n, n >= toleratedRefusals
}

// Used is how many bytes the store counts as used.
func (s *Service) Used() int64 { return s.images.used.Load() }

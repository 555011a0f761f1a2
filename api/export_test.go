package api

// StandardIntrospection is what clients send to learn the schema.
const StandardIntrospection = standardIntrospection

// Sockets is the number of open WebSocket connections.
func (s *Service) Sockets() int {
	s.sockets.mu.Lock()
	defer s.sockets.mu.Unlock()
	return len(s.sockets.open)
}

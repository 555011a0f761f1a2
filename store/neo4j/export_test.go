package neo4j

import "time"

// SetTimeout changes how long the server may be silent from now on.
func (s *Store) SetTimeout(d time.Duration) { s.timeout = d }

package jobs

// Cut takes a worker's connection away, as a broken network does.
func Cut(r *Runner) { r.bus.Conn.Close() }

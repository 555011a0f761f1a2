// Package observe is how an operator sees what the service does: metrics for
// Prometheus, traces for OpenTelemetry, and one line of the log a request. What
// it shows is bounded: labels are words of the program, never of a client.
// Start from New.
package observe

// Command satgraph keeps a tree of human anatomy and turns questions such as
// "children of heart" into masks of a scan, on the command line and over
// GraphQL. Each command stands in a file of its own; this one only starts them.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Command jobs kills a service and its workers at random moments, a thousand
// times, while jobs run, and then looks whether one was lost, done twice, or given
// masks that an undisturbed run does not make. It starts the program, so build it
// first. Two of the three workers share no folder with the service.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// options of a run.
type options struct {
	program string
	kills   int
	spacing time.Duration // between two kills, in the mean
	ahead   int           // jobs that are asked for and have not ended
	limit   time.Duration // for the jobs to end after the last kill
	seed    uint64
	verbose bool
}

func main() {
	o := options{}
	flag.StringVar(&o.program, "program", "bin/satgraph", "the program to kill")
	flag.IntVar(&o.kills, "kills", 1000, "how often")
	flag.DurationVar(&o.spacing, "spacing", time.Second, "time between two kills, in the mean")
	flag.IntVar(&o.ahead, "ahead", 8, "jobs that are asked for and have not ended")
	flag.DurationVar(&o.limit, "limit", 5*time.Minute, "time for the jobs to end after the last kill")
	flag.Uint64Var(&o.seed, "seed", 1, "of the moments and of who is killed")
	flag.BoolVar(&o.verbose, "v", false, "show what the processes say")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	r, err := run(ctx, o)
	if r != nil {
		fmt.Print(r)
		err = errors.Join(err, r.fault())
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "jobs:", err)
		os.Exit(1)
	}
}

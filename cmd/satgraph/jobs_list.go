package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"satgraph/client"
	"satgraph/internal/plain"
)

// jobsFlags say which service is asked.
type jobsFlags struct {
	service, token string
	asJSON         bool
}

func (a *app) jobsCommand() *cobra.Command {
	return group("jobs", "See the jobs of a running service, stop them, and try them again",
		a.jobsListCommand("list", "List jobs, the latest first", nil),
		a.jobsListCommand("dead", "List the jobs that were given up, with the reason", []client.JobStatus{client.JobStatusDead}),
		a.oneJobCommand("show", "Show a job", (*client.Client).Job),
		a.oneJobCommand("cancel", "Stop a job", (*client.Client).Cancel),
		a.oneJobCommand("retry", "Queue a job again that failed, was given up or was cancelled", (*client.Client).Retry),
	)
}

func (f *jobsFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.service, "service", "http://"+defaultAddr, "address of the service")
	cmd.Flags().StringVar(&f.token, "token-file", "", "file with an API token (default: $SATGRAPH_TOKEN)")
	cmd.Flags().BoolVar(&f.asJSON, "json", false, "print one JSON document")
}

func (f *jobsFlags) client() (*client.Client, error) {
	token := os.Getenv("SATGRAPH_TOKEN")
	if f.token != "" {
		text, err := os.ReadFile(f.token)
		if err != nil {
			return nil, err
		}
		token = string(text)
	}
	c, err := client.New(f.service, client.Options{Token: strings.TrimSpace(token), Retries: -1})
	if err != nil {
		return nil, usageError{err}
	}
	return c, nil
}

func (a *app) jobsListCommand(use, short string, states []client.JobStatus) *cobra.Command {
	var f jobsFlags
	var o client.JobFilter
	var kinds, wanted []string
	cmd := &cobra.Command{
		Use: use, Short: short, Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o.States = states
			for _, s := range wanted {
				o.States = append(o.States, client.JobStatus(strings.ToUpper(s)))
			}
			for _, k := range kinds {
				o.Kinds = append(o.Kinds, client.JobKind(strings.ToUpper(k)))
			}
			c, err := f.client()
			if err != nil {
				return err
			}
			page, err := c.Jobs(cmd.Context(), o)
			if err != nil {
				return ofService(err)
			}
			if f.asJSON {
				return a.printJSON(map[string]any{"jobs": page.Jobs, "total": page.Total, "next": page.Next})
			}
			for i := range page.Jobs {
				a.printJob(&page.Jobs[i])
			}
			a.printf("%d of %d jobs\n", len(page.Jobs), page.Total)
			if page.Next != "" {
				a.printf("more: --after %s\n", page.Next)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().IntVar(&o.First, "first", 50, "how many")
	cmd.Flags().StringVar(&o.After, "after", "", "only those behind this place, as the last page gave it")
	cmd.Flags().BoolVar(&o.Mine, "mine", false, "only one's own, for an administrator, too")
	cmd.Flags().StringSliceVar(&kinds, "kind", nil, "only of these kinds: segment, standardize, build, measure, export, import")
	if states == nil {
		cmd.Flags().StringSliceVar(&wanted, "state", nil, "only jobs that stand so: queued, running, done, partial, failed, cancelled, refused, dead")
	}
	return cmd
}

func (a *app) oneJobCommand(use, short string, ask func(c *client.Client, ctx context.Context, id string) (*client.Job, error)) *cobra.Command {
	var f jobsFlags
	cmd := &cobra.Command{
		Use: use + " ID", Short: short, Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			c, err := f.client()
			if err != nil {
				return err
			}
			j, err := ask(c, cmd.Context(), given[0])
			if err != nil {
				return ofService(err)
			}
			if f.asJSON {
				return a.printJSON(j)
			}
			a.printJob(j)
			for _, s := range j.Structures {
				a.printf("  %-24s %s %s\n", s.Status, plain.Text(s.Name), plain.Text(s.Reason))
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

// ofService tells what who asks can mend from what they cannot.
func ofService(err error) error {
	if _, ok := errors.AsType[*client.MistakeError](err); ok || errors.Is(err, client.ErrNotFound) {
		return usageError{err}
	}
	return err
}

func (a *app) printJob(j *client.Job) {
	line := fmt.Sprintf("%s  %-9s %-11s %s", j.Id, j.Status, j.Kind, j.CreatedAt.Local().Format(time.DateTime))
	switch {
	case j.Total > 0:
		line += fmt.Sprintf("  %d of %d", j.Done, j.Total)
	case j.Progress > 0:
		line += fmt.Sprintf("  %.0f%%", 100*j.Progress)
	}
	if j.Query != "" {
		line += "  " + plain.Text(j.Query)
	}
	if j.Position != nil {
		line += fmt.Sprintf("  place %d in the queue", *j.Position)
	}
	if j.Error != nil {
		line += "  " + j.Error.Code + ": " + plain.Text(j.Error.Message)
	}
	a.printf("%s\n", line)
}

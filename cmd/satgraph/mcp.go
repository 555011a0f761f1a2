package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
	"github.com/spf13/cobra"

	"satgraph/api"
	"satgraph/api/auth"
	"satgraph/api/mcp"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
)

// mcpOptions are the settings of the agents' server on this machine.
type mcpOptions struct {
	root, data, model, models string
	servers                   []string
	threads                   int
}

func (a *app) mcpCommand() *cobra.Command {
	var o mcpOptions
	table := o.settings()
	cmd := &cobra.Command{
		Use:   "mcp --root DIR",
		Short: "Serve an LLM agent on this machine, by the Model Context Protocol",
		Long: `Serve an LLM agent on this machine, by the Model Context Protocol over stdin and
stdout, as programs for agents start such servers. The agent can find terms,
segment the scans below one folder, measure and draw what was found, compare two
scans, and ground the draft of a report in masks.

No path leads out of the folder, and symbolic links are refused. Results stay in
the data folder. --models names more models that the agent may choose from than
the default one of --model. 'satgraph serve' answers agents too, at /mcp over HTTP.`,
		Example:     "  satgraph mcp --root ~/scans\n  satgraph mcp --root ~/scans --model models/ct --models models",
		Args:        args(cobra.NoArgs),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			if o.root == "" {
				return usageError{errors.New("give the folder of scans that the agent may use with --root")}
			}
			return a.mcp(cmd.Context(), cmd.InOrStdin(), o)
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) mcp(ctx context.Context, in io.Reader, o mcpOptions) (err error) {
	scans, err := mcp.OpenFolder(o.root)
	if err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, scans.Close()) }()
	if o.data == "" {
		home, err := a.dataDir()
		if err != nil {
			return err
		}
		o.data = filepath.Join(home, "mcp")
	}
	tree, err := a.openTree(ctx)
	if err != nil {
		return err
	}
	go tree.Prepare() // so that no question waits for the indexes
	resolver, err := newResolver(tree)
	if err != nil {
		return err
	}
	models, err := o.served()
	if err != nil {
		return err
	}
	dir, release, err := ownFolder(o.data)
	if err != nil {
		return err
	}
	defer release()
	runner, err := jobs.Open(jobs.Config{
		Dir: dir, Models: models, Classify: api.Classify, Log: a.log,
		Run: inference.Options{Threads: o.threads, SaveEvery: 20 * time.Second},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	server, err := mcp.New(mcp.Config{
		Tree:     func() *graph.Tree { return tree },
		Resolver: func() *inference.Resolver { return resolver },
		Models:   models.Manifests,
		Jobs:     runner, Scans: scans, Explain: api.Classify, Version: version, Log: a.log,
		MaskRef: func(job, file string) string {
			path, err := runner.MaskPath(ctx, job, file)
			if err != nil {
				return file
			}
			return path
		},
	})
	if err != nil {
		return err
	}
	const longestLine = 1 << 20
	err = server.Run(auth.With(ctx, auth.Local("")), &sdk.IOTransport{Reader: io.NopCloser(in), Writer: unclosed{a.out}, MaxLineLength: longestLine})
	if errors.Is(err, context.Canceled) || errors.Is(err, io.EOF) {
		return nil // the agent went away, or the user stopped it
	}
	return err
}

// served are the models of the agent, the default one first.
func (o *mcpOptions) served() (servedModels, error) {
	var all servedModels
	if o.model != "" || len(o.servers) > 0 || o.models == "" {
		first, err := newServedModel(o.model, o.servers, o.threads)
		if err != nil || o.models == "" {
			return servedModels{first}, err
		}
		all = servedModels{first}
	}
	others, err := newServedModels(o.models, o.threads)
	if err != nil {
		return nil, err
	}
	for _, m := range others {
		switch {
		case len(all) == 0 || m.manifest.Name != all[0].manifest.Name:
			all = append(all, m)
		case jobs.Digest(m.manifest) != jobs.Digest(all[0].manifest):
			return nil, usageError{fmt.Errorf("--models %s: another model than that of --model is called %q", o.models, m.manifest.Name)}
		}
	}
	return all, nil
}

// unclosed leaves the process's own stream open.
type unclosed struct{ io.Writer }

func (unclosed) Close() error { return nil }

// ownFolder takes the first of the folders 1, 2, … in dir that no other process
// has, so that several agents may run side by side and each finds its former
// results. release lets it go.
func ownFolder(dir string) (path string, release func(), err error) {
	const most = 64
	for n := 1; n <= most; n++ {
		path = filepath.Join(dir, strconv.Itoa(n))
		if err := os.MkdirAll(path, 0o750); err != nil {
			return "", nil, fmt.Errorf("the folder of results: %w", err)
		}
		lock, err := os.OpenFile(filepath.Join(path, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return "", nil, fmt.Errorf("the folder of results: %w", err)
		}
		if syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			return filepath.Join(path, "jobs"), func() { _ = lock.Close() }, nil
		}
		_ = lock.Close()
	}
	return "", nil, fmt.Errorf("%d agents use %s already: choose another folder with --data", most, dir)
}

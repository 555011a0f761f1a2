package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/graph/live"
	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/jobs"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// defaultAddr is reached from this machine alone.
const defaultAddr = "127.0.0.1:8642"

// pollInterval is how soon another process's change of the tree is seen.
const pollInterval = time.Second

func (a *app) serveCommand() *cobra.Command {
	var addr, model, data string
	var remote bool
	var servers []string
	var run inference.Options
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer the same questions over GraphQL",
		Long: `Answer the same questions over GraphQL, and segment scans that are sent to it.

A job that waited or ran when the service ended, however it ended, goes on at the
next start from its last saved state.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if run.SaveEvery <= 0 || run.Threads < 0 {
				return usageError{errors.New("--save-every and --threads must not be negative, nor --save-every 0")}
			}
			return a.serve(cmd.Context(), addr, model, servers, data, run, remote)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", defaultAddr, "address to listen on; port 0 takes a free one")
	cmd.Flags().StringVar(&model, "model", "", "model bundle's folder (default: the built-in demo model)")
	cmd.Flags().StringArrayVar(&servers, "remote", nil, remoteHelp)
	cmd.Flags().StringVar(&data, "data", "", "folder for uploaded scans and results (default: in the user's data folder)")
	cmd.Flags().IntVar(&run.Threads, "threads", 0, "threads a job may use (default: all)")
	cmd.Flags().DurationVar(&run.SaveEvery, "save-every", 20*time.Second, "how often the state of a running job is saved")
	cmd.Flags().BoolVar(&remote, "allow-remote", false, "listen on an address other machines reach; there is no authentication yet")
	return cmd
}

// gcPercent is by how much the heap may grow between collections, in percent.
const gcPercent = 400

func (a *app) serve(ctx context.Context, addr, modelDir string, servers []string, data string, run inference.Options, remote bool) (err error) {
	if data == "" {
		if data, err = dataDir(); err != nil {
			return err
		}
	}
	if os.Getenv("GOGC") == "" {
		// Answers are built of many small maps on a small heap: collecting less
		// often costs tens of megabytes and saves a good part of each request.
		debug.SetGCPercent(gcPercent)
	}
	store, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var resolver atomic.Pointer[inference.Resolver]
	tree, err := live.Open(ctx, store, func(tree *graph.Tree) error {
		r, err := newResolver(tree)
		if err == nil {
			resolver.Store(r)
			go tree.Prepare() // so that no question waits for the indexes
		}
		return err
	}, a.log)
	if err != nil {
		return err
	}
	watch, stop := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { tree.Run(watch, pollInterval) })
	defer func() {
		stop()
		watching.Wait()
	}()
	model, err := newServedModel(modelDir, servers, run.Threads)
	if err != nil {
		return err
	}
	runner, err := jobs.Open(jobs.Config{
		Dir:      filepath.Join(data, "jobs"),
		Models:   model,
		Classify: api.Classify,
		Run:      run,
		Log:      a.log,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	classes, err := corpusClasses()
	if err != nil {
		return err
	}
	ledger, _ := store.(labelmap.Ledger)
	service, err := api.New(api.Config{
		Tree:        tree.Tree,
		Exemplars:   store,
		Ledger:      ledger,
		Classes:     classes,
		Suggester:   func(tree *graph.Tree) (*suggest.Engine, error) { return newSuggester(tree) },
		Resolver:    resolver.Load,
		Models:      func() []*inference.Manifest { return []*inference.Manifest{model.manifest} },
		Jobs:        runner,
		Degraded:    tree.Degraded,
		DataDir:     data,
		Version:     version,
		AllowRemote: remote,
		Log:         a.log,
	})
	if err != nil {
		return err
	}
	listener, err := service.Listen(ctx, addr)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.err, "satgraph serves http://%s/ (GraphQL at /graphql); stop with Ctrl-C\n", listener.Addr())
	return service.Serve(ctx, listener)
}

// servedModel is the one model that the service runs.
type servedModel struct {
	dir      string
	servers  []string
	threads  int
	manifest *inference.Manifest
}

// newServedModel checks the bundle, so that a bad one ends the start and not
// the first job.
func newServedModel(dir string, servers []string, threads int) (*servedModel, error) {
	var folder []string
	if dir != "" {
		folder = []string{dir}
	}
	bundle, _, err := openBundle(folder)
	if err != nil {
		return nil, err
	}
	var manifest *inference.Manifest
	switch {
	case len(servers) > 0: // which have the networks
		manifest, err = onnx.ReadManifest(bundle)
	case dir != "":
		manifest, err = onnx.Check(bundle, dir)
	default: // the built-in bundle was checked when it was built in
		manifest, err = onnx.ReadManifest(bundle)
	}
	if err != nil {
		return nil, err
	}
	return &servedModel{dir, servers, threads, manifest}, nil
}

// Open loads the model for one job.
func (m *servedModel) Open(ctx context.Context, name string) (inference.Model, error) {
	if name != "" && name != m.manifest.Name {
		return nil, fmt.Errorf("%w: %q", api.ErrUnknownModel, name)
	}
	model, err := openModel(ctx, m.dir, m.servers, onnx.Options{Threads: m.threads})
	if library, ok := errors.AsType[*onnx.LibraryError](err); ok {
		return nil, &api.Error{
			Code: api.CodeServiceUnavailable, Message: "the service cannot run models", Hint: library.Error(), Err: err,
		}
	}
	return model, err
}

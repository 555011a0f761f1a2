package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"satgraph/api"
	"satgraph/cmd/satgraph/internal/observe"
	"satgraph/graph"
	"satgraph/graph/live"
	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/internal/steps"
	"satgraph/internal/sysmem"
	"satgraph/jobs"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// defaultAddr is reached from this machine alone.
const defaultAddr = "127.0.0.1:8642"

// pollInterval is how soon another process's change of the tree is seen.
const pollInterval = time.Second

// serveOptions are the settings of the service, as its table in settings.go
// describes them.
type serveOptions struct {
	addr          string
	access        accessOptions
	data          string
	model         string
	servers       []string
	run           inference.Options
	introspection bool
	corpus        corpusOptions
	logs          logOptions
	watch         watchOptions
	jobs          jobOptions
	work          workOptions
}

func (a *app) serveCommand() *cobra.Command {
	var o serveOptions
	table := a.serveSettings(&o)
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Answer the same questions over GraphQL",
		Long: `Answer the same questions over GraphQL, and segment scans that are sent to it.

A job that waited or ran when the service ended, however it ended, goes on at the
next start from its last saved state. Every setting can also come from a file
(--config) or the environment: see 'satgraph config'.`,
		Args:        args(cobra.NoArgs),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			if err := o.together(); err != nil {
				return err
			}
			a.log = o.logs.logger(a.err, a.verbose)
			return a.serve(cmd.Context(), &o)
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

// By how much the heap may grow between collections: in percent, and in bytes once it
// is larger.
const (
	gcPercent = 400
	gcGarbage = 80 << 20
)

func (a *app) serve(ctx context.Context, o *serveOptions) (err error) {
	data := o.data
	if data == "" {
		if data, err = a.dataDir(); err != nil {
			return err
		}
	}
	if os.Getenv("GOGC") == "" {
		// Answers are built of many small maps on a small heap: collecting less
		// often costs tens of megabytes and saves a good part of each request.
		defer sysmem.PaceGC(gcPercent, gcGarbage)()
	}
	observer, err := a.watch(ctx, "satgraph", &o.watch)
	if err != nil {
		return err
	}
	defer func() {
		steps.Use(nil)
		err = errors.Join(err, observer.Close())
	}()
	opened, err := a.openStore(ctx)
	if err != nil {
		return err
	}
	store := observe.Store{Of: opened}
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
	model, err := newServedModel(o.model, o.servers, o.run.Threads)
	if err != nil {
		return err
	}
	kept, err := o.jobs.config(data, o.run, a.log)
	if err != nil {
		return err
	}
	kept.Models = model
	if kept.Parallel = o.jobs.workers; kept.Parallel == 0 {
		kept.Parallel = -1
	} else if o.jobs.device != "" && len(o.servers) == 0 {
		kept.Device, _ = onnx.Detect(onnx.Auto) // without a runtime /readyz says so
	}
	ofCorpus, err := o.corpus.read(ctx)
	if err != nil {
		return err
	}
	places, err := o.work.places(data, &ofCorpus)
	if err != nil {
		return err
	}
	kept.Beside, kept.KeepFor, kept.Keep = o.work.beside, o.work.keepFor, o.work.keep
	if kept.Beside > 0 {
		kept.Kinds = kindsOf(places, o.run.Threads, func() (*graph.Tree, error) { return tree.Tree(), nil }, labelmap.NewBook(store, tool))
	}
	runner, err := jobs.Open(kept)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, runner.Close()) }()
	context.AfterFunc(ctx, func() { runner.Drain() })
	showJobs(observer, runner)
	classes, err := corpusClasses()
	if err != nil {
		return err
	}
	config := api.Config{
		Tree:            tree.Tree,
		Exemplars:       store,
		Ledger:          store,
		Changes:         store,
		Refresh:         tree.Refresh,
		Corpus:          ofCorpus,
		NoIntrospection: !o.introspection,
		Classes:         classes,
		Suggester:       func(tree *graph.Tree) (*suggest.Engine, error) { return newSuggester(tree) },
		Resolver:        resolver.Load,
		Models:          func() []*inference.Manifest { return everyModel(model.manifest, runner.Models()) },
		Jobs:            runner,
		Places:          places,
		Formats:         jobFormats,
		Checks:          a.checks(o, data, tree.Degraded, runner.Degraded),
		Wrap:            observer.Handler,
		DataDir:         data,
		Version:         version,
		Log:             a.log,
	}
	audit, err := o.access.apply(&config, store, data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, audit.Close()) }()
	service, err := api.New(config)
	if err != nil {
		return err
	}
	listener, err := service.Listen(ctx, o.addr)
	if errors.Is(err, api.ErrNotLoopback) {
		return refusal{err}
	}
	if err != nil {
		return err
	}
	if address := runner.Address(); address != "" {
		_, _ = fmt.Fprintf(a.err, "satgraph takes workers at nats://%s (satgraph worker --nats …)\n", address)
	}
	where, stopOperator, err := a.serveOperator(ctx, o, observer)
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	defer stopOperator()
	_, _ = fmt.Fprintf(a.err, "satgraph serves http://%s/ (GraphQL at /graphql%s); stop with Ctrl-C\n", listener.Addr(), where)
	a.notify(ctx, "READY=1")
	context.AfterFunc(ctx, func() { a.notify(context.WithoutCancel(ctx), "STOPPING=1") })
	return service.Serve(ctx, listener)
}

// servedModel is the one model that the service runs.
type servedModel struct {
	dir      string
	servers  []string
	threads  int
	device   string // as of onnx.Options
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
	return &servedModel{dir: dir, servers: servers, threads: threads, manifest: manifest}, nil
}

// Manifests are those of the one model.
func (m *servedModel) Manifests() []*inference.Manifest { return []*inference.Manifest{m.manifest} }

// Open loads the model for one job.
func (m *servedModel) Open(ctx context.Context, name string) (inference.Model, error) {
	if name != "" && name != m.manifest.Name {
		return nil, fmt.Errorf("%w: %q", api.ErrUnknownModel, name)
	}
	model, err := openModel(ctx, m.dir, m.servers, onnx.Options{Threads: m.threads, Device: m.device})
	if library, ok := errors.AsType[*onnx.LibraryError](err); ok {
		return nil, &api.Error{
			Code: api.CodeServiceUnavailable, Message: "the service cannot run models", Hint: library.Error(), Err: err,
		}
	}
	return model, err
}

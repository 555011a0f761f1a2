package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/inference/onnx"
	"satgraph/internal/steps"
	"satgraph/internal/sysmem"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
)

// workerFlags are those of 'worker'.
type workerFlags struct {
	jobs   jobOptions
	models string
	data   string
	name   string
	memory string
	// of one that does not reach the data folder
	scratch, cache string
	device         string
	drain          time.Duration
	run            inference.Options
	work           workOptions
	logs           logOptions
	watch          watchOptions
}

func (a *app) workerCommand() *cobra.Command {
	f := &workerFlags{}
	table := f.settings()
	cmd := &cobra.Command{
		Use:   "worker --nats URL [--data DIR]",
		Short: "Run jobs that a service takes in",
		Long: `Run jobs that a service takes in, beside it or in its place ('serve --workers 0').

A worker needs nothing but the NATS server: scans come and results go over it, and
--scratch holds what is on its way. On the service's own machine, or with its disk
shared, --data DIR names the service's data folder, and files are not copied.

A worker takes jobs that its models, device and memory suit; it finds out what it
has, and --device and --memory say otherwise. It may be stopped or killed at any
time: its jobs go on elsewhere, with --data from their last saved state. Told to
stop it begins no more jobs, gives those that run the time of --drain, and then
gives them back. With --data and --beside it also does other work, in the folders
that --raw, --corpora and --exported name as for the service; labels are read in by
the service alone. Without --data, --beside adds what needs one scan alone, in turn
with segmentations: a scan that is standardised.

The token of a service that listens with --nats-listen lies in its data folder
(nats-token); give it as SATGRAPH_NATS_TOKEN. Every setting can also come from a
file (--config) or the environment: see 'satgraph config'.`,
		Example: `  SATGRAPH_NATS_TOKEN=… satgraph worker --nats nats://service.example.org:4222 --models models
  SATGRAPH_NATS_TOKEN=$(cat /srv/satgraph/nats-token) satgraph worker --nats nats://127.0.0.1:4222 --data /srv/satgraph`,
		Args:        args(cobra.NoArgs),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			a.log = f.logs.logger(a.err, a.verbose)
			return a.work(cmd.Context(), f)
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) work(ctx context.Context, f *workerFlags) (err error) {
	switch {
	case f.jobs.nats == "":
		return usageError{errors.New("give --nats")}
	case f.data != "" && f.scratch != "":
		return usageError{errors.New("--scratch is for a worker that does not reach the data folder: leave it or --data out")}
	}
	observer, err := a.watch(ctx, "satgraph worker", &f.watch)
	if err != nil {
		return err
	}
	defer func() {
		steps.Use(nil)
		err = errors.Join(err, observer.Close())
	}()
	if f.run.MemoryBytes, err = parseBytes(f.memory); err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	c, err := a.workerConfig(f)
	if err != nil {
		return err
	}
	models, err := newServedModels(f.models, f.run.Threads)
	if err != nil {
		return err
	}
	for _, m := range models {
		m.device = f.device
	}
	if c.Device, err = onnx.Detect(f.device); err != nil {
		return err
	}
	c.Models, c.Name, c.Parallel = models, f.name, f.jobs.workers
	if c.MemoryBytes = f.run.MemoryBytes; c.MemoryBytes == 0 {
		c.MemoryBytes, _ = sysmem.Available() // 0, which is no bound, where it is not known
	}
	c.MemoryBytes /= int64(c.Parallel)
	switch c.Beside = f.work.beside; {
	case c.Beside > 0 && c.Remote:
		c.Kinds = kinds.Portable(kinds.Options{Threads: f.run.Threads, Program: "satgraph " + version})
	case c.Beside > 0:
		places, err := f.work.places(f.data, &api.Corpus{})
		if err != nil {
			return err
		}
		c.Kinds = kindsOf(places, f.run.Threads, func() (*graph.Tree, error) { return a.openTree(ctx) }, nil)
	}
	runner, err := jobs.Open(c)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.err, "satgraph works at %s (%s, %d MiB for a job, %d at once); stop with Ctrl-C\n",
		c.Dir, c.Device, c.MemoryBytes>>20, c.Parallel)
	a.notify(ctx, "READY=1")
	<-ctx.Done()
	a.notify(context.WithoutCancel(ctx), "STOPPING=1")
	select {
	case <-runner.Drain():
	case <-time.After(f.drain):
	}
	return runner.Close()
}

// workerConfig says where the worker's files are.
func (a *app) workerConfig(f *workerFlags) (jobs.Config, error) {
	c, err := f.jobs.config(f.data, f.run, a.log)
	if f.data != "" || err != nil {
		c.WorkOnly = true
		return c, err
	}
	c.Remote = true
	if c.CacheBytes, err = parseBytes(f.cache); err != nil {
		return c, usageError{fmt.Errorf("--cache: %w", err)}
	}
	if c.Dir = f.scratch; c.Dir == "" {
		home, err := a.dataDir()
		if err != nil {
			return c, err
		}
		c.Dir = filepath.Join(home, "worker")
	}
	return c, nil
}

// servedModels are the models of a worker.
type servedModels []*servedModel

// newServedModels checks the bundles in a folder.
func newServedModels(dir string, threads int) (servedModels, error) {
	dirs := []string{dir}
	if dir != "" {
		if _, err := os.Stat(filepath.Join(dir, inference.ManifestFile)); err != nil {
			if dirs, err = filepath.Glob(filepath.Join(dir, "*", inference.ManifestFile)); err != nil || len(dirs) == 0 {
				return nil, usageError{fmt.Errorf("--models %s holds no bundle", dir)}
			}
			for i := range dirs {
				dirs[i] = filepath.Dir(dirs[i])
			}
		}
	}
	var all servedModels
	for _, one := range dirs {
		m, err := newServedModel(one, nil, threads)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(other *servedModel) bool { return other.manifest.Name == m.manifest.Name }) {
			return nil, usageError{fmt.Errorf("--models %s: two models are called %q", dir, m.manifest.Name)}
		}
		all = append(all, m)
	}
	return all, nil
}

// Manifests are those of all.
func (all servedModels) Manifests() []*inference.Manifest {
	var out []*inference.Manifest
	for _, m := range all {
		out = append(out, m.manifest)
	}
	return out
}

// Open loads a model for one job.
func (all servedModels) Open(ctx context.Context, name string) (inference.Model, error) {
	for _, m := range all {
		if name == "" || m.manifest.Name == name {
			return m.Open(ctx, name)
		}
	}
	return all[0].Open(ctx, name) // which says that it is unknown
}

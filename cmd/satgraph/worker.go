package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
)

// workerFlags are those of 'worker'.
type workerFlags struct {
	jobs   jobOptions
	models string
	data   string
	name   string
	memory string
	run    inference.Options
	work   workOptions
}

func (a *app) workerCommand() *cobra.Command {
	f := &workerFlags{}
	table := f.settings()
	cmd := &cobra.Command{
		Use:   "worker --nats URL --data DIR",
		Short: "Run jobs that a service takes in",
		Long: `Run jobs that a service takes in, beside it or in its place ('serve --workers 0').

DIR is the service's data folder, on the same machine or a shared disk: scans and
results go through it. A worker takes jobs of the models that it has, and with
--beside other work, in the folders that --raw, --corpora and --exported name as
for the service; labels are read in by the service alone. It may be
stopped or killed at any time: its jobs go on elsewhere from their last saved
state. The token of a service that listens with --nats-listen lies in its data
folder (nats-token); give it as SATGRAPH_NATS_TOKEN. Every setting can also come
from a file (--config) or the environment: see 'satgraph config'.`,
		Example:     "  SATGRAPH_NATS_TOKEN=$(cat /srv/satgraph/nats-token) satgraph worker --nats nats://127.0.0.1:4222 --data /srv/satgraph --models models",
		Args:        args(cobra.NoArgs),
		Annotations: map[string]string{ownSettings: "yes"},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := a.configure(table); err != nil {
				return err
			}
			return a.work(cmd.Context(), f)
		},
	}
	table.AddFlags(cmd.Flags())
	return cmd
}

func (a *app) work(ctx context.Context, f *workerFlags) error {
	if f.jobs.nats == "" || f.data == "" {
		return usageError{errors.New("give --nats and --data")}
	}
	var err error
	if f.run.MemoryBytes, err = parseBytes(f.memory); err != nil {
		return usageError{fmt.Errorf("--memory: %w", err)}
	}
	c, err := f.jobs.config(f.data, f.run, a.log)
	if err != nil {
		return err
	}
	models, err := newServedModels(f.models, f.run.Threads)
	if err != nil {
		return err
	}
	c.WorkOnly, c.Models, c.Name, c.Parallel, c.MemoryBytes = true, models, f.name, f.jobs.workers, f.run.MemoryBytes
	places, err := f.work.places(f.data, &api.Corpus{})
	if err != nil {
		return err
	}
	if c.Beside = f.work.beside; c.Beside > 0 {
		c.Kinds = kindsOf(places, f.run.Threads, func() (*graph.Tree, error) { return a.openTree(ctx) }, nil)
	}
	runner, err := jobs.Open(c)
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintf(a.err, "satgraph works for %s; stop with Ctrl-C\n", f.data)
	<-ctx.Done()
	return runner.Close()
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

package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"satgraph/api"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/kinds"
	"satgraph/volume"
)

// jobOptions say where jobs are kept, and who works at them.
type jobOptions struct {
	nats, creds, token, listen string
	device                     string // that jobs wait for
	workers, attempts          int
	replicas                   int
}

// config is that of a process which keeps its files in a data folder.
func (o *jobOptions) config(data string, run inference.Options, log *slog.Logger) (jobs.Config, error) {
	c := jobs.Config{
		Dir:        filepath.Join(data, "jobs"),
		Images:     filepath.Join(data, "images"),
		Bus:        bus.Options{URL: o.nats, Creds: o.creds, Dir: filepath.Join(data, "nats"), Listen: o.listen, Token: o.token},
		Replicas:   o.replicas,
		NeedDevice: o.device, Classify: api.Classify, Retry: kinds.Retriable, MaxLost: o.attempts, Run: run, Log: log,
	}
	switch {
	case o.nats == "" && o.replicas > 1:
		return c, usageError{errors.New("--nats-replicas is for a NATS cluster: give it with --nats")}
	case o.nats != "" && o.listen != "":
		return c, usageError{errors.New("--nats-listen is for the server inside the process: leave it or --nats out")}
	case o.listen != "" && o.token == "":
		var err error
		if c.Bus.Token, err = natsToken(filepath.Join(data, "nats-token")); err != nil {
			return c, err
		}
	}
	return c, nil
}

// natsToken reads the token that workers must know, and makes it at the first
// start.
func natsToken(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err = os.MkdirAll(filepath.Dir(path), 0o750); err == nil {
			token := rand.Text()
			err = volume.WriteAtomic(path, func(w io.Writer) error {
				_, err := io.WriteString(w, token+"\n")
				return err
			})
			if err == nil {
				return token, os.Chmod(path, 0o600)
			}
		}
	}
	if err != nil {
		return "", fmt.Errorf("the token for workers: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// everyModel puts the models that workers have behind the service's own.
func everyModel(own *inference.Manifest, others []*inference.Manifest) []*inference.Manifest {
	all := []*inference.Manifest{own}
	for _, m := range others {
		if m.Name != own.Name {
			all = append(all, m)
		}
	}
	return all
}

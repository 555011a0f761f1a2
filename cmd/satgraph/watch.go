package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"satgraph/api"
	"satgraph/cmd/satgraph/internal/observe"
	"satgraph/inference/onnx"
	"satgraph/internal/steps"
	"satgraph/internal/sysmem"
	"satgraph/jobs"
)

// watchOptions say how an operator sees the service.
type watchOptions struct {
	addr     string // of metrics; "" for none
	endpoint string // of traces; "" for none
	sample   float64
	disk     int // MiB
	memory   int // MiB
}

// watch begins to record what a service or a worker does, under its name.
func (a *app) watch(ctx context.Context, name string, o *watchOptions) (*observe.Observer, error) {
	observer, err := observe.New(ctx, observe.Options{Version: version, Service: name, Endpoint: o.endpoint, Sample: o.sample, Log: a.log})
	if err == nil {
		steps.Use(observer)
	}
	return observer, err
}

// checks tells how the parts of the service are: its store, its disks, its memory
// and the library that runs models.
func (a *app) checks(o *serveOptions, data string, store, queue func() string) func(context.Context) []api.Check {
	folders := []string{data}
	if path, ok := strings.CutPrefix(a.store, "sqlite:"); ok {
		folders = append(folders, filepath.Dir(path))
	}
	return func(context.Context) []api.Check {
		var disk, memory, runtime string
		for _, folder := range folders {
			if free, err := freeDisk(folder); err == nil && free>>20 < uint64(o.watch.disk) { //nolint:gosec // not negative
				disk = fmt.Sprintf("a disk of the service has %d MiB left: what is sent or computed may not be kept", free>>20)
			}
		}
		if free, ok := sysmem.Available(); ok && free>>20 < int64(o.watch.memory) {
			memory = fmt.Sprintf("%d MiB of memory are left: jobs may be refused", free>>20)
		}
		if len(o.servers) == 0 {
			if _, err := onnx.FindLibrary(); err != nil {
				runtime = "ONNX Runtime's library was not found: nothing can be segmented here"
			}
		}
		checks := []api.Check{{Name: "store", Why: store()}, {Name: "disk", Why: disk}, {Name: "memory", Why: memory}, {Name: "runtime", Why: runtime}, {Name: "jobs", Why: queue()}}
		for i := range checks {
			checks[i].OK = checks[i].Why == ""
		}
		return checks
	}
}

// freeDisk is how many bytes a folder's disk has left for this user.
func freeDisk(folder string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil //nolint:gosec // a block's size, whose type differs by system
}

// serveOperator answers on the operator's address, where there is one, until the
// returned function is called.
func (a *app) serveOperator(ctx context.Context, o *serveOptions, observer *observe.Observer) (where string, stop func(), err error) {
	if o.watch.addr == "" {
		return "", func() {}, nil
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", o.watch.addr)
	if err != nil {
		return "", nil, fmt.Errorf("metrics-addr %s: %w", o.watch.addr, err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", observer.Metrics())
	mux.HandleFunc("GET /log-level", o.logs.getLevel)
	mux.HandleFunc("PUT /log-level", o.logs.putLevel)
	server := &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelWarn),
	}
	go func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			a.log.Error("the operator's address is not answered any more", "error", err)
		}
	}()
	return fmt.Sprintf("; metrics at http://%s/metrics", listener.Addr()), func() { _ = server.Close() }, nil
}

// showJobs adds how the queue of jobs stands to the metrics.
func showJobs(observer *observe.Observer, runner *jobs.Runner) {
	observer.Gauge("jobs", "Jobs that have not ended, by state.", "state", func() map[string]float64 {
		s := runner.Stats()
		return map[string]float64{"queued": float64(s.Queued), "running": float64(s.Running)}
	})
	observer.Gauge("jobs_oldest_wait_seconds", "How long the job that has waited longest has done so.", "", func() map[string]float64 {
		return map[string]float64{"": runner.Stats().Waited.Seconds()}
	})
	observer.Gauge("job_workers", "Workers that were heard of lately.", "", func() map[string]float64 {
		return map[string]float64{"": float64(runner.Stats().Workers)}
	})
}

// notify tells the service manager how the service is, where one asked to be told
// (systemd's sd_notify).
func (a *app) notify(ctx context.Context, state string) {
	path := os.Getenv("NOTIFY_SOCKET")
	if path == "" {
		return
	}
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "unixgram", path) // "@name" is an abstract one
	if err == nil {
		_, err = conn.Write([]byte(state))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		a.log.Warn("the service manager was not told", "state", state, "error", err)
	}
}

func (o *logOptions) getLevel(w http.ResponseWriter, _ *http.Request) {
	_, _ = fmt.Fprintln(w, strings.ToLower(o.now.Level().String())) // who asked went away: nothing to do
}

// putLevel takes a level as the body: debug, info, warn or error.
func (o *logOptions) putLevel(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 16))
	var level slog.Level
	if err == nil {
		err = level.UnmarshalText([]byte(strings.TrimSpace(string(body))))
	}
	if err != nil {
		http.Error(w, "send debug, info, warn or error", http.StatusBadRequest)
		return
	}
	o.now.Set(level)
	o.getLevel(w, r)
}

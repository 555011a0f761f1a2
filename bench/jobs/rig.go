package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// A process is one that is killed and started again.
type process struct {
	name  string
	args  []string
	log   *os.File
	kills int

	mu  sync.Mutex
	cmd *exec.Cmd
}

func (p *process) start(program string, env []string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd = exec.Command(program, p.args...) //nolint:noctx,gosec // it is killed by hand; what the user names
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p.log, p.log
	return p.cmd.Start()
}

// kill ends it as kill -9 does. One that ended by itself is an error.
func (p *process) kill() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process == nil {
		return nil
	}
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // that it was killed
	if code := p.cmd.ProcessState.ExitCode(); code >= 0 {
		text, _ := os.ReadFile(p.log.Name())
		err = fmt.Errorf("%s had ended by itself with exit code %d: %s", p.name, code, text[max(0, len(text)-2000):])
	}
	p.cmd = nil
	return err
}

// A rig is a service and its workers.
type rig struct {
	options
	dir, url string
	env      []string
	all      []*process // the service first
	logs     []*os.File
}

// newRig starts the processes.
func newRig(o options, dir string) (_ *rig, err error) {
	r := &rig{options: o, dir: dir}
	var ports [2]string
	for i := range ports {
		if ports[i], err = freePort(); err != nil {
			return nil, err
		}
	}
	r.url = "http://" + ports[0]
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "SATGRAPH_") || strings.HasPrefix(v, "SATGRAPH_ONNXRUNTIME=") {
			r.env = append(r.env, v)
		}
	}
	r.env = append(r.env, "SATGRAPH_NATS_TOKEN=bench", "SATGRAPH_HOME="+r.path("home"))
	often := []string{"--attempts", "1000000", "--save-every", "500ms", "--threads", "1"}
	if r.verbose {
		often = append(often, "-v")
	}
	worker := append([]string{"worker", "--nats", "nats://" + ports[1]}, often...)
	r.add("service", append([]string{
		"serve", "--addr", ports[0], "--nats-listen", ports[1], "--workers", "0", "--min-free-disk", "1",
		"--store", "sqlite:" + r.path("tree.db"), "--data", r.path("data"),
	}, often...))
	r.add("worker beside it", append(slices.Clip(worker), "--data", r.path("data")))
	r.add("worker elsewhere 1", append(slices.Clip(worker), "--scratch", r.path("one")))
	r.add("worker elsewhere 2", append(slices.Clip(worker), "--scratch", r.path("two")))
	for i, p := range r.all {
		if p.log, err = os.Create(r.path(fmt.Sprintf("%d.log", i))); err != nil {
			return nil, err
		}
		r.logs = append(r.logs, p.log)
		if err := p.start(r.program, r.env); err != nil {
			return nil, fmt.Errorf("%w; run 'make build' first", err)
		}
		if i == 0 {
			if err := r.ready(); err != nil {
				return r, err
			}
		}
	}
	return r, nil
}

func (r *rig) path(name string) string { return filepath.Join(r.dir, name) }

func (r *rig) add(name string, args []string) {
	r.all = append(r.all, &process{name: name, args: args})
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ready waits for the service.
func (r *rig) ready() error {
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(20 * time.Millisecond) {
		answer, err := http.Get(r.url + "/healthz") //nolint:noctx // bounded by the loop
		if err == nil {
			_ = answer.Body.Close()
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("the service does not start: %w", err)
		}
	}
}

// kill kills one process after another until it has done so often enough.
func (r *rig) kill(ctx context.Context) error {
	random := rand.New(rand.NewPCG(r.seed, 1)) //nolint:gosec // no secret
	for n := range r.kills {
		wait := time.Duration(random.Float64() * 2 * float64(r.spacing))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		p := r.all[random.IntN(len(r.all))]
		if err := p.kill(); err != nil {
			return err
		}
		p.kills++
		if err := p.start(r.program, r.env); err != nil {
			return err
		}
		if (n+1)%50 == 0 {
			fmt.Fprintf(os.Stderr, "%d kills\n", n+1)
		}
	}
	return nil
}

// stop kills all.
func (r *rig) stop() {
	for _, p := range r.all {
		_ = p.kill() // it may have ended
	}
	for _, f := range r.logs {
		if r.verbose {
			_, _ = f.Seek(0, io.SeekStart)
			_, _ = io.Copy(os.Stderr, f)
		}
		_ = f.Close()
	}
}

// ask sends a query again until the service answers it.
func (r *rig) ask(ctx context.Context, query string, into any) error {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return err
	}
	for {
		text, err := r.post(ctx, "/graphql", "application/json", body)
		var answer struct {
			Data   json.RawMessage
			Errors []struct {
				Message    string
				Extensions struct{ Code string }
			}
		}
		if err == nil {
			err = json.Unmarshal(text, &answer)
		}
		if err == nil && len(answer.Errors) == 0 {
			return json.Unmarshal(answer.Data, into)
		}
		if err == nil && answer.Errors[0].Extensions.Code != "SERVICE_UNAVAILABLE" {
			return fmt.Errorf("%s: %s", query, text)
		}
		select { // it was killed, or has just been started
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func (r *rig) post(ctx context.Context, path, kind string, body []byte) ([]byte, error) {
	ctx, done := context.WithTimeout(ctx, 30*time.Second)
	defer done()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", kind)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(answer.Body)
	return text, errors.Join(err, answer.Body.Close())
}

package jobs_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/bus"
	"satgraph/jobs/jobtest"

	"github.com/nats-io/nats-server/v2/server"
)

// The tests here run against NATS servers of version server.VERSION in processes
// of their own, which this program is when it is told to.
const serverEnv = "SATGRAPH_TEST_NATS"

func TestMain(m *testing.M) {
	if file := os.Getenv(serverEnv); file != "" {
		runServer(file)
		return
	}
	os.Exit(m.Run())
}

// runServer is a NATS server until it is killed.
func runServer(file string) {
	o, err := server.ProcessConfigFile(file)
	if err == nil {
		var s *server.Server
		if s, err = server.NewServer(o); err == nil {
			s.Start()
			if s.ReadyForConnections(20 * time.Second) {
				fmt.Println("ready") //nolint:forbidigo // what the test waits for
				s.WaitForShutdown()
				return
			}
			err = errors.New("not ready")
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// natsServer is a server that can be killed and started again.
type natsServer struct {
	t    *testing.T
	file string
	port int
	cmd  *exec.Cmd
}

// freePorts are all free at once.
func freePorts(t *testing.T, n int) []int {
	t.Helper()
	var out []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // at once
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		out = append(out, l.Addr().(*net.TCPAddr).Port)
	}
	return out
}

// newServer writes the configuration of a server; with a route of its own it is
// one of a cluster.
func newServer(t *testing.T, name string, client, route int, routes ...int) *natsServer {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf("server_name: %s\nlisten: 127.0.0.1:%d\njetstream { store_dir: %q, sync_interval: always }\n", name, client, dir)
	if route != 0 {
		var list []string
		for _, r := range routes {
			list = append(list, "nats://127.0.0.1:"+strconv.Itoa(r))
		}
		text += fmt.Sprintf("cluster { name: c, listen: 127.0.0.1:%d, routes: [%s] }\n", route, strings.Join(list, ", "))
	}
	s := &natsServer{t: t, file: filepath.Join(dir, "nats.conf"), port: client}
	if err := os.WriteFile(s.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.kill)
	return s
}

func (s *natsServer) start() {
	s.t.Helper()
	s.cmd = exec.Command(os.Args[0]) //nolint:noctx // this very program, killed by hand
	s.cmd.Env = append(os.Environ(), serverEnv+"="+s.file)
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		s.t.Fatalf("a NATS server does not start: %q, %v", line, err)
	}
}

func (s *natsServer) kill() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
		s.cmd = nil
	}
}

func (s *natsServer) url() string { return "nats://127.0.0.1:" + strconv.Itoa(s.port) }

// mustAgain asks with a key until the server takes the job; what it says
// meanwhile must be that it does not answer.
func mustAgain(t *testing.T, r *jobs.Runner, path, key string) jobs.Job {
	t.Helper()
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		ctx, done := context.WithTimeout(t.Context(), 3*time.Second)
		j, err := r.Submit(ctx, jobs.Request{Key: key, ImagePath: path, Plan: inference.Prompts(inference.CT, jobtest.Bright)})
		done()
		if err == nil {
			return j
		}
		if !errors.Is(err, jobs.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) || time.Now().After(end) {
			t.Fatal(err)
		}
	}
}

// Of a cluster of three, each server is killed and started again while jobs are
// asked for and run: none is lost, none done twice, and each key stands for one.
func TestClusterLosesServers(t *testing.T) {
	p := freePorts(t, 6)
	var servers []*natsServer
	var urls []string
	for i := range 3 {
		s := newServer(t, fmt.Sprint("n", i), p[i], p[3+i], p[3:]...)
		servers, urls = append(servers, s), append(urls, s.url())
		s.start()
	}
	at := bus.Options{URL: strings.Join(urls, ",")}
	service := open(t, jobs.Config{Parallel: -1, Replicas: 3, Bus: at})
	if n := service.Copies(t.Context()); n != 3 {
		t.Errorf("there are %d copies", n)
	}
	var computed atomic.Int64
	model := &jobtest.Model{Look: func(context.Context) error {
		computed.Add(1)
		time.Sleep(50 * time.Millisecond)
		return nil
	}}
	open(t, jobs.Config{Remote: true, Bus: at, Models: jobtest.Models{Model: model}})
	ids := map[string]bool{}
	var all []string
	for i := range 12 {
		if n := i / 4; i%4 == 1 {
			servers[n].kill()
		} else if i%4 == 3 {
			servers[n].start()
		}
		// Each is of a scan of its own, so that none takes over another's result.
		id := mustAgain(t, service, scanOf(t, float32(20+i)), fmt.Sprint("key ", i)).ID
		ids[id], all = true, append(all, id)
	}
	if len(ids) != 12 {
		t.Errorf("12 keys stand for %d jobs", len(ids))
	}
	for _, id := range all {
		if j := wait(t, service, id); j.State != jobs.Done || j.Starts != 1 {
			t.Errorf("got %s after %d starts: %+v", j.State, j.Starts, j.Failure)
		}
	}
	if n := computed.Load(); n != 12 {
		t.Errorf("the model looked %d times", n)
	}
}

// The server is gone for a while, in which jobs are asked for and one runs: who
// asks is told at once, what runs goes on and ends when the server is back.
func TestServerIsGoneForAWhile(t *testing.T) {
	s := newServer(t, "alone", freePorts(t, 1)[0], 0)
	s.start()
	at := bus.Options{URL: s.url()}
	model, running, release := held()
	service := open(t, jobs.Config{Parallel: -1, Bus: at, Lease: 2 * time.Second})
	open(t, jobs.Config{Remote: true, Bus: at, Lease: 2 * time.Second, Models: jobtest.Models{Model: model}})
	path := scan(t)
	first := mustAgain(t, service, path, "first")
	<-running
	s.kill()
	for end := time.Now().Add(10 * time.Second); service.Degraded() == ""; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the service does not notice")
		}
	}
	if why := service.Degraded(); !strings.Contains(why, "does not answer") {
		t.Errorf("it says %q", why)
	}
	start := time.Now()
	_, err := service.Submit(t.Context(), jobs.Request{Key: "second", ImagePath: path, Plan: inference.Prompts(inference.CT, jobtest.Dark)})
	if !errors.Is(err, jobs.ErrUnavailable) || time.Since(start) > 5*time.Second {
		t.Errorf("a job asked for meanwhile, after %v: %v", time.Since(start), err)
	}
	if _, err := service.Get(t.Context(), first.ID); err != nil {
		t.Errorf("an active job is known without the server: %v", err)
	}
	release()                   // it ends while the server is gone
	time.Sleep(3 * time.Second) // longer than a lease
	s.start()
	if j := wait(t, service, first.ID); j.State != jobs.Done || j.Starts != 1 {
		t.Errorf("got %s after %d starts: %+v", j.State, j.Starts, j.Failure)
	}
	second := mustAgain(t, service, path, "second")
	if j := wait(t, service, second.ID); j.State != jobs.Done {
		t.Errorf("the second: %s, %+v", j.State, j.Failure)
	}
	if again := mustAgain(t, service, path, "first"); again.ID != first.ID {
		t.Error("the key stands for another job")
	}
}

// The time of day jumps by days, forth and back: no lease is lost for it.
func TestClockJumps(t *testing.T) {
	jump := make(chan time.Duration, 1)
	jump <- 0
	now := func() time.Time {
		by := <-jump
		jump <- by
		return time.Now().Add(by)
	}
	model, running, release := held()
	r := open(t, jobs.Config{Now: now, Lease: time.Second, Models: jobtest.Models{Model: model}})
	path := scan(t)
	var ids []string
	for _, by := range []time.Duration{0, 48 * time.Hour, -72 * time.Hour} {
		<-jump
		jump <- by
		ids = append(ids, submit(t, r, path, jobtest.Bright).ID)
		time.Sleep(400 * time.Millisecond)
	}
	<-running
	time.Sleep(1500 * time.Millisecond) // it runs for longer than a lease, and tells nothing new
	release()
	for _, id := range ids {
		if j := wait(t, r, id); j.State != jobs.Done || j.Starts != 1 {
			t.Errorf("got %s after %d starts", j.State, j.Starts)
		}
	}
}

// What does not stop when it is told to is given back, and counts for nothing.
func TestCloseGivesBackWhatDoesNotStop(t *testing.T) {
	service := home(t)
	stuck := make(chan struct{})
	in := make(chan struct{}, 10)
	model := &jobtest.Model{Look: func(context.Context) error {
		in <- struct{}{}
		<-stuck
		return nil
	}}
	defer close(stuck)
	first := remote(t, service, jobs.Config{Grace: 200 * time.Millisecond, Models: jobtest.Models{Model: model}})
	id := submit(t, service, scan(t), jobtest.Bright).ID
	<-in
	idle := first.Drain()
	if why := first.Degraded(); !strings.Contains(why, "draining") {
		t.Errorf("it says %q", why)
	}
	second := submit(t, service, scan(t), jobtest.Dark).ID
	time.Sleep(300 * time.Millisecond)
	if j, err := service.Get(t.Context(), second); err != nil || j.State != jobs.Queued || !strings.Contains(j.Waits, "worker") {
		t.Errorf("a worker that drains: %v, %s, %q", err, j.State, j.Waits)
	}
	select {
	case <-idle:
		t.Error("it says that nothing runs")
	default:
	}
	start := time.Now()
	if err := first.Close(); err != nil || time.Since(start) > 5*time.Second {
		t.Errorf("it closes after %v: %v", time.Since(start), err)
	}
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		j, err := service.Get(t.Context(), id)
		if err == nil && j.State == jobs.Queued && j.Starts == 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the job is %s after %d starts, %v", j.State, j.Starts, err)
		}
	}
	remote(t, service, jobs.Config{Models: jobtest.Models{Model: &jobtest.Model{}}})
	for _, id := range []string{id, second} {
		if j := wait(t, service, id); j.State != jobs.Done {
			t.Errorf("got %s", j.State)
		}
	}
}

// A job that no worker suits says what is wanting, and so does the service.
func TestWhatNobodyCanDo(t *testing.T) {
	service := home(t)
	remote(t, service, jobs.Config{MemoryBytes: 1 << 30, Models: jobtest.Models{Model: &jobtest.Model{}}})
	for what, r := range map[string]jobs.Request{"device \"cuda\"": {Device: "cuda"}, "4096 MiB of memory": {MemoryBytes: 4 << 30}} {
		r.ImagePath, r.Plan = scan(t), inference.Prompts(inference.CT, jobtest.Bright)
		id := mustSubmit(t, service, r).ID
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			j, err := service.Get(t.Context(), id)
			if err == nil && strings.Contains(j.Waits, what) && strings.Contains(service.Degraded(), what) {
				break
			}
			if time.Now().After(end) {
				t.Fatalf("want %s: %v, %q, %q", what, err, j.Waits, service.Degraded())
			}
		}
		if _, err := service.Cancel(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"satgraph/inference/onnx"
)

// The tests that run the program as a user does run one plain build of it, made
// once: it is the same code that is delivered, and several times faster than
// one under the race detector, under which each package's own tests run.

var (
	testHome string   // of everything the tests keep
	buildEnv []string // from before the tests' own settings
)

// TestMain gives the tests, and the programs they start, folders of their own.
func TestMain(m *testing.M) {
	var err error
	if testHome, err = os.MkdirTemp("", "satgraph-test-"); err != nil {
		panic(err)
	}
	buildEnv = os.Environ()
	set := map[string]string{"SATGRAPH_HOME": filepath.Join(testHome, "home"), "XDG_CACHE_HOME": filepath.Join(testHome, "cache")}
	if library, err := onnx.FindLibrary(); err == nil {
		set[onnx.LibraryEnv] = library.Path
	}
	for name, value := range set {
		if err := os.Setenv(name, value); err != nil {
			panic(err)
		}
	}
	code := m.Run()
	if err := os.RemoveAll(testHome); err != nil {
		panic(err)
	}
	os.Exit(code)
}

var built = sync.OnceValues(func() (path string, err error) {
	path = filepath.Join(testHome, "satgraph")
	cmd := exec.Command("go", "build", "-race=false", "-buildvcs=false", "-o", path, ".")
	cmd.Env = buildEnv
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", errors.New(string(out) + err.Error())
	}
	return path, nil
})

// program is the command that runs the built program.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), path, args...)
}

// satgraph runs the program as a user would.
func satgraph(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	return finish(t, program(t, args...))
}

// finish runs a command to its end. One that panics or is killed fails the test,
// whatever it exits with.
func finish(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	code = cmd.ProcessState.ExitCode()
	if code < 0 || strings.Contains(errs.String(), "\ngoroutine ") {
		t.Fatalf("%v broke down: %v\n%s", cmd.Args[1:], cmd.ProcessState, errs.String())
	}
	return code, out.String(), errs.String()
}

// service is a running 'satgraph serve'.
type service struct {
	t     *testing.T
	url   string
	cmd   *exec.Cmd
	ended chan struct{} // closed once it has
	err   error         // with which it ended
	log   *watched      // what it says
	// killed is set where it was killed.
	killed bool
}

var reAddress = regexp.MustCompile(`http://[^/]+`)

// startServe starts the service on a free port and waits until it says where it
// is. At the test's end it is asked to stop, and must do so in order.
func startServe(t *testing.T, args ...string) *service {
	t.Helper()
	return startCommand(t, program(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...))
}

// startCommand does so with a command that runs it.
func startCommand(t *testing.T, cmd *exec.Cmd) *service {
	t.Helper()
	s := &service{t: t, cmd: cmd, ended: make(chan struct{})}
	// The test's context ends before its cleanups, which stop it.
	s.cmd.Cancel = func() error { return os.ErrProcessDone }
	found := make(chan string, 1)
	s.log = &watched{at: " (GraphQL at", then: func() { found <- reAddress.FindString(s.log.text.String()) }}
	s.cmd.Stderr = s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		<-s.ended
		if s.err != nil && !s.killed {
			t.Errorf("serve ended with %v", s.err)
		}
	})
	select {
	case s.url = <-found:
	case <-s.ended:
		t.Fatalf("serve said no address: %v, %s", s.err, s.log.said())
	}
	return s
}

// kill ends the service as a failing machine would, without a word to it.
func (s *service) kill() {
	s.t.Helper()
	s.killed = true
	if err := s.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	<-s.ended
}

// watched keeps what a program says, and calls then once a text comes by.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	at   string
	then func()
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(p)
	if w.then != nil && strings.Contains(w.text.String(), w.at) {
		w.then()
		w.then = nil
	}
	return len(p), nil
}

func (w *watched) said() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

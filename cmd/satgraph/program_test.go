package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
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
}

var reAddress = regexp.MustCompile(`http://[^/]+`)

// startServe starts the service on a free port and waits until it says where it
// is. At the test's end it is asked to stop, and must do so in order.
func startServe(t *testing.T, args ...string) *service {
	t.Helper()
	s := &service{t: t, cmd: program(t, append([]string{"serve", "--addr", "127.0.0.1:0"}, args...)...), ended: make(chan struct{})}
	// The test's context ends before its cleanups, which stop it.
	s.cmd.Cancel = func() error { return os.ErrProcessDone }
	read, write := io.Pipe()
	s.cmd.Stderr = write
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		_ = write.Close()
		close(s.ended)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
		<-s.ended
		if s.err != nil {
			t.Errorf("serve ended with %v", s.err)
		}
	})
	lines := bufio.NewScanner(read)
	for lines.Scan() {
		if s.url = reAddress.FindString(lines.Text()); s.url != "" {
			go func() { _, _ = io.Copy(io.Discard, read) }()
			return s
		}
		t.Log(lines.Text())
	}
	t.Fatal("serve said no address")
	return nil
}

// Package tritontest starts real Triton servers for tests, by
// scripts/triton.sh. Start from [Up].
package tritontest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Server is a Triton server with a bundle's three networks.
type Server struct {
	HTTP, GRPC string // its addresses, with their schemes
	root, dir  string
}

// Up starts a server. Root is the module's; env, if not nil, the environment of
// the script. The caller ends it with Down or Kill.
func Up(root, model, bundle string, env []string) (*Server, error) {
	s := &Server{root: root}
	var err error
	if s.dir, err = os.MkdirTemp("", "satgraph-triton-"); err != nil {
		return nil, err
	}
	ports, err := freePorts()
	if err != nil {
		return nil, err
	}
	s.HTTP, s.GRPC = "http://127.0.0.1:"+ports[0], "grpc://127.0.0.1:"+ports[1]
	args := []string{"up", s.dir, ports[0], ports[1]}
	for _, part := range []string{"backbone", "decoder", "text"} {
		args = append(args, model+"_"+part+"="+filepath.Join(bundle, part+".onnx"))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if out, err := s.script(ctx, env, args...); err != nil {
		_ = os.RemoveAll(s.dir)
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return s, nil
}

func (s *Server) script(ctx context.Context, env []string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(s.root, "scripts", "triton.sh"), args...) //nolint:gosec // a test's own
	cmd.Env = env
	return cmd.CombinedOutput()
}

// Down stops the server in order.
func (s *Server) Down() error {
	out, err := s.script(context.Background(), nil, "down", s.dir)
	if err != nil {
		return fmt.Errorf("stopping Triton: %w: %s", err, out)
	}
	return os.RemoveAll(s.dir)
}

// Kill ends the server at once, with the calls that are with it.
func (s *Server) Kill() error {
	text, err := os.ReadFile(filepath.Join(s.dir, "pid"))
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	// The script made it the head of a process group, in which Triton is too.
	if err := syscall.Kill(-pid, syscall.SIGKILL); err != nil {
		return err
	}
	return os.RemoveAll(s.dir)
}

// Missing skips a test for which no server could be started, or fails it if
// SATGRAPH_REQUIRE_TRITON is 1.
func Missing(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("SATGRAPH_REQUIRE_TRITON") == "1" {
		t.Fatalf("no Triton server: %v", err)
	}
	t.Skipf("no Triton server: %v", err)
}

func freePorts() (ports [2]string, err error) {
	for i := range ports {
		l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return ports, err
		}
		defer l.Close() //nolint:errcheck // only looked at
		if _, ports[i], err = net.SplitHostPort(l.Addr().String()); err != nil {
			return ports, err
		}
	}
	return ports, nil
}

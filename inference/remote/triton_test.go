package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"satgraph/inference"
	"satgraph/inference/modeltest"
	"satgraph/inference/onnx"
	"satgraph/inference/remote/tritontest"
	"satgraph/internal/tooltest"
)

const demo = "../../models/demo"

// server is the Triton server that the tests run against, started when the first
// of them asks for it.
var server struct {
	once sync.Once
	*tritontest.Server
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Server != nil {
		if err := server.Down(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// triton gives the addresses of a real Triton server with the demo bundle's
// networks.
func triton(t *testing.T) (overHTTP, overGRPC string) {
	t.Helper()
	server.once.Do(func() { server.Server, server.err = tritontest.Up("../..", "satgraph_demo", demo, nil) })
	if server.err != nil {
		tritontest.Missing(t, server.err)
	}
	return server.HTTP, server.GRPC
}

func openDemo(t *testing.T, o Options, servers ...string) inference.Model {
	t.Helper()
	m, err := Open(context.Background(), os.DirFS(demo), servers, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func TestConformance(t *testing.T) {
	overHTTP, overGRPC := triton(t)
	for _, address := range []string{overHTTP, overGRPC} {
		t.Run(address[:4], func(t *testing.T) {
			modeltest.Run(t, func(t *testing.T) inference.Model {
				t.Helper()
				return openDemo(t, Options{}, address)
			}, inference.CT, "liver", "right lung middle lobe", "heart")
		})
	}
}

// The same networks here and there.
func TestAgreesWithLocal(t *testing.T) {
	overHTTP, overGRPC := triton(t)
	local, err := onnx.OpenFS(os.DirFS(demo), onnx.Options{})
	if errors.Is(err, onnx.ErrNoLibrary) {
		tooltest.Missing(t, "%v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close() //nolint:errcheck // only read
	want := answer(t, local)
	for _, address := range []string{overHTTP, overGRPC} {
		got := answer(t, openDemo(t, Options{}, address))
		worst := 0.0
		for i := range want {
			worst = max(worst, math.Abs(float64(got[i]-want[i])))
		}
		if len(got) != len(want) || !(worst < 1e-3) {
			t.Errorf("%s: %d logits, want %d; they differ by up to %g", address, len(got), len(want), worst)
		}
	}
}

func answer(t *testing.T, m inference.Model) []float32 {
	t.Helper()
	ctx := context.Background()
	queries, err := m.Encode(ctx, []string{"liver", "heart"}, inference.CT)
	if err != nil {
		t.Fatal(err)
	}
	p := m.Manifest().Patch
	patch := make([]float32, p[0]*p[1]*p[2])
	for i := range patch {
		patch[i] = float32(math.Sin(float64(i) / 97))
	}
	f, err := m.Features(ctx, patch)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it only forgets
	logits, err := m.Decode(ctx, f, queries)
	if err != nil {
		t.Fatal(err)
	}
	return append([]float32(nil), logits...)
}

// gate is a server in front of the real one, which dies at will: in the middle
// of a reply too.
type gate struct {
	listener net.Listener
	mu       sync.Mutex
	open     []net.Conn
	left     int64 // bytes of replies until it dies; negative is never
}

func newGate(t *testing.T, to string) *gate {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{listener: l, left: -1}
	t.Cleanup(g.die)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			s, err := new(net.Dialer).DialContext(context.Background(), "tcp", to)
			if err != nil {
				_ = c.Close()
				continue
			}
			g.mu.Lock()
			g.open = append(g.open, c, s)
			g.mu.Unlock()
			go func() { _, _ = io.Copy(s, c) }()
			go func() { _, _ = io.Copy(g.through(c), s) }()
		}
	}()
	return g
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func (g *gate) through(c net.Conn) io.Writer {
	return writerFunc(func(b []byte) (int, error) {
		g.mu.Lock()
		dead := g.left >= 0 && int64(len(b)) > g.left
		if g.left >= 0 && !dead {
			g.left -= int64(len(b))
		}
		g.mu.Unlock()
		if dead {
			_, _ = c.Write(b[:len(b)/2])
			g.die()
			return 0, io.ErrClosedPipe
		}
		return c.Write(b)
	})
}

func (g *gate) dieAfter(bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = bytes
}

func (g *gate) die() {
	_ = g.listener.Close()
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.open {
		_ = c.Close()
	}
	g.open = nil
}

// A server that dies in the middle of a reply is taken over by another one; if
// there is none the call fails and says so.
func TestServerDiesInTheMiddle(t *testing.T) {
	overHTTP, overGRPC := triton(t)
	for _, address := range []string{overHTTP, overGRPC} {
		t.Run(address[:4], func(t *testing.T) {
			scheme, host := address[:7], address[7:]
			first := newGate(t, host)
			m := openDemo(t, Options{Pause: time.Millisecond}, scheme+first.listener.Addr().String(), address)
			want := answer(t, m)
			first.dieAfter(100_000) // the backbone's reply has more
			got := answer(t, m)
			for i := range want {
				if math.Abs(float64(got[i]-want[i])) > 1e-4 {
					t.Fatalf("logit %d is %g after the change of server, before it was %g", i, got[i], want[i])
				}
			}

			only := newGate(t, host)
			alone := openDemo(t, Options{Pause: time.Millisecond}, scheme+only.listener.Addr().String())
			if _, err := alone.Encode(context.Background(), []string{"liver"}, inference.CT); err != nil {
				t.Fatal(err)
			}
			only.dieAfter(100_000)
			p := alone.Manifest().Patch
			_, err := alone.Features(context.Background(), make([]float32, p[0]*p[1]*p[2]))
			if !errors.Is(err, ErrUnavailable) {
				t.Errorf("the only server died: %v", err)
			}
		})
	}
}

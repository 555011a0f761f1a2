//go:build unix

package neo4jtest

import (
	"context"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Relay stands between a client and a real server, which can so be made silent
// or lost for that client alone.
type Relay struct {
	URI    string
	silent atomic.Bool

	mu    sync.Mutex
	lost  bool
	conns []net.Conn
}

// NewRelay passes on to the server at a URI, until the test ends.
func NewRelay(t testing.TB, to string) *Relay {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Relay{URI: "bolt://" + listener.Addr().String()}
	t.Cleanup(func() {
		_ = listener.Close()
		r.Lose(true)
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", u.Host)
			if err != nil || !r.keep(client, server) {
				_ = client.Close()
				continue
			}
			go r.pass(client, server)
			go r.pass(server, client)
		}
	}()
	return r
}

// Silence keeps all bytes back, or lets them pass again.
func (r *Relay) Silence(on bool) { r.silent.Store(on) }

// Lose cuts all connections and takes no new ones, or takes them again.
func (r *Relay) Lose(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = on
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.conns = nil
}

func (r *Relay) keep(pair ...net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lost {
		for _, c := range pair {
			_ = c.Close()
		}
		return false
	}
	r.conns = append(r.conns, pair...)
	return true
}

func (r *Relay) pass(from, to net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			_ = to.Close()
			return
		}
		for r.silent.Load() {
			time.Sleep(time.Millisecond)
		}
		_, _ = to.Write(buffer[:n])
	}
}

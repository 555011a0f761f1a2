// Package bus connects to the NATS server that keeps the jobs: one inside this
// process with its data in a folder, or a team's own, given as a URL.
//
// The server inside the process writes each change to the disk before it says
// that it has it (JetStream's sync_interval "always"). A team's own server must
// be told the same; a server alone with the default of two minutes can lose what
// it has acknowledged when its machine loses power. Start from [Open].
package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors of Open.
var (
	// ErrInUse: another process has the folder of the server.
	ErrInUse = errors.New("the folder of the job server is in use")
	// ErrNoServer: the server given by URL cannot be used.
	ErrNoServer = errors.New("the NATS server cannot be used")
	// ErrFull: too little is free on the disk of the server inside the process.
	ErrFull = errors.New("the disk of the job server is full")
)

// Options say which server is used.
type Options struct {
	// URL of a team's server, or several with commas between; empty: the server
	// inside the process. It may hold a token or a name and a password.
	URL string
	// Creds is a file of credentials (a JWT and its key) for URL; empty: none.
	Creds string

	// Dir is where the server inside the process keeps its data.
	Dir string
	// Listen is an address, as 127.0.0.1:4222, on which the server inside the
	// process takes workers of other processes; empty: none.
	Listen string
	// Token is what they must know, asked for wherever Listen is set; with URL, what
	// its server asks for.
	Token string

	// Name of the connection, for who looks at the server.
	Name string
	// Log takes what the server says; nil discards it.
	Log *slog.Logger
}

// Bus is a connection, and the server behind it where that is inside the process.
type Bus struct {
	Conn   *nats.Conn
	Stream jetstream.JetStream
	server *embedded // nil for a team's own
}

// connectTime is how long Open waits for a team's server.
const connectTime = 10 * time.Second

const (
	// leaderTime is how long it waits for a cluster's leader.
	leaderTime = 30 * time.Second
	// askTime is how long one question waits for an answer.
	askTime = 2 * time.Second
	// askAgain is waited before the next.
	askAgain = 200 * time.Millisecond
)

// Open starts or reaches the server. Errors: ErrInUse, ErrNoServer, or the
// disk's.
func Open(ctx context.Context, o Options) (*Bus, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Bus{}
	with := []nats.Option{
		nats.Name(o.Name), nats.MaxReconnects(-1), nats.ReconnectWait(500 * time.Millisecond),
		nats.ReconnectJitter(200*time.Millisecond, 500*time.Millisecond), nats.PingInterval(10 * time.Second), nats.MaxPingsOutstanding(3),
		nats.ReconnectBufSize(-1), // a change that was given up must not be made later
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.Log.Warn("NATS", "error", err) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil {
				o.Log.Warn("the connection to NATS is lost; work goes on and is told when it is back", "error", err)
			}
		}),
		nats.ReconnectHandler(func(c *nats.Conn) { o.Log.Info("the connection to NATS is back", "server", c.ConnectedUrlRedacted()) }),
	}
	address := o.URL
	if o.URL == "" {
		server, err := startServer(o) //nolint:contextcheck // it lives until Close, not for this call
		if err != nil {
			return nil, err
		}
		b.server = server
		with = append(with, nats.InProcessServer(server.Server), nats.Token(o.Token))
	} else {
		with = append(with, nats.Timeout(connectTime))
		if o.Token != "" {
			with = append(with, nats.Token(o.Token))
		}
		if o.Creds != "" {
			with = append(with, nats.UserCredentials(o.Creds))
		}
	}
	var err error
	if b.Conn, err = nats.Connect(address, with...); err != nil {
		b.Close()
		return nil, fmt.Errorf("%w: %s: %w", ErrNoServer, redacted(address), err)
	}
	if b.Stream, err = jetstream.New(b.Conn, jetstream.WithDefaultTimeout(connectTime)); err == nil {
		err = b.answers(ctx)
	}
	if err != nil {
		b.Close()
		return nil, fmt.Errorf("%w: %s: JetStream: %w", ErrNoServer, redacted(address), err)
	}
	return b, nil
}

// answers waits for JetStream. A cluster that is starting, or has just lost a
// server, chooses a leader first and answers nothing meanwhile.
func (b *Bus) answers(ctx context.Context) error {
	ctx, done := context.WithTimeout(ctx, leaderTime)
	defer done()
	for {
		one, given := context.WithTimeout(ctx, askTime)
		_, err := b.Stream.AccountInfo(one)
		given()
		passing := errors.Is(err, context.DeadlineExceeded) || errors.Is(err, nats.ErrTimeout) || Leaderless(err)
		if err == nil || !passing || ctx.Err() != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(askAgain):
		}
	}
}

// Leaderless says whether an error is that of a cluster which has no leader, or
// too few servers, at the moment.
func Leaderless(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == clusterNoPeers || api.ErrorCode == clusterNotAvailable)
}

// Error codes of JetStream.
const (
	clusterNoPeers      = 10005
	clusterNotAvailable = 10008
)

// redacted leaves passwords and tokens out of addresses.
func redacted(list string) string {
	out := strings.Split(list, ",")
	for i, one := range out {
		u, err := url.Parse(strings.TrimSpace(one))
		switch {
		case err != nil:
			out[i] = "(not a URL)"
		case u.User != nil:
			u.User = url.User("xxxxx")
			out[i] = u.String()
		}
	}
	return strings.Join(out, ",")
}

// Room says whether the server has room for more; the error is ErrFull. Of a
// team's own server nothing is known.
func (b *Bus) Room() error {
	if b.server == nil {
		return nil
	}
	return b.server.room()
}

// Embedded says whether the server is inside the process.
func (b *Bus) Embedded() bool { return b.server != nil }

// Replicas is how many copies a cluster of this size should keep.
func (b *Bus) Replicas() int {
	if b.server == nil && len(b.Conn.Servers()) >= 3 {
		return 3
	}
	return 1
}

// Address is where the server inside the process takes workers; empty if it
// does not.
func (b *Bus) Address() string {
	if b.server == nil {
		return ""
	}
	return b.server.address
}

// Close ends the connection, then the server.
func (b *Bus) Close() {
	if b.Conn != nil {
		b.Conn.Close()
	}
	if b.server != nil {
		b.server.close()
	}
}

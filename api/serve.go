package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// ErrNotLoopback means that an address can be reached from other machines, which a
// service that asks nobody who they are refuses.
var ErrNotLoopback = errors.New("not a loopback address")

// Listen opens the address for [Service.Serve]; "127.0.0.1:0" takes a free
// port. Other machines reach only an address that Config.AllowRemote allows;
// without it the error is ErrNotLoopback.
func (s *Service) Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", quote(address), err)
	}
	if !s.remote() && !isLoopbackName(host) {
		return nil, fmt.Errorf("%w: %s: the service asks nobody who they are, so anyone who reaches it may do everything; "+
			"make a token ('satgraph token create NAME --role admin') and serve with --auth tokens, or with --auth oidc, "+
			"or listen on 127.0.0.1; behind a proxy that authenticates, --allow-remote",
			ErrNotLoopback, quote(address))
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("address %s: %w", quote(address), err)
	}
	return l, nil
}

// remote says whether other machines may reach the service.
func (s *Service) remote() bool { return s.config.AllowRemote || s.config.Auth != nil }

// Serve answers on the listener until ctx ends. Then it drains: /readyz says so,
// new requests are refused with Retry-After, WebSockets are closed with 1001, and
// the present requests finish within Limits.DrainTime, after which they are cut
// off; an upload in pieces goes on where it was at another start. It closes the
// listener and returns nil.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		// Bodies and answers have deadlines of their own; these bound the
		// rest: they are moved by the handlers that need longer.
		ReadTimeout:    30 * time.Second,
		WriteTimeout:   time.Minute,
		IdleTimeout:    2 * time.Minute,
		MaxHeaderBytes: 64 << 10,
		ConnContext:    func(ctx context.Context, _ net.Conn) context.Context { return withAcquaintance(ctx) },
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		s.stop(context.WithoutCancel(ctx), server)
	})
	err := server.Serve(l)
	if !stop() { // the context ended, and the function above runs or has run
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// stop drains the service and shuts its server.
func (s *Service) stop(ctx context.Context, server *http.Server) {
	s.sockets.close()
	var last error
	if !s.drain.begin(s.limits.DrainTime) {
		last = errors.New("requests were cut off")
	}
	// Those that were refused meanwhile are soon answered.
	const soon = time.Second
	ctx, cancel := context.WithTimeout(ctx, soon)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		last = errors.Join(err, server.Close())
		s.drain.wait(soon) // for what they have to put down
	}
	if last != nil {
		s.log.Warn("the service stopped before its requests did", "error", last)
	}
}

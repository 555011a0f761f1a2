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

// drainTime is how long requests may go on once the service is told to stop.
const drainTime = 10 * time.Second

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

// Serve answers on the listener until ctx ends; then it takes no new requests,
// lets the present ones finish for ten seconds, and returns nil. It closes the
// listener.
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
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	server.RegisterOnShutdown(s.sockets.close)
	stopped := make(chan error, 1)
	stop := context.AfterFunc(ctx, func() {
		drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
		defer cancel()
		err := server.Shutdown(drain)
		if err != nil {
			err = errors.Join(err, server.Close())
		}
		stopped <- err
	})
	err := server.Serve(l)
	if !stop() { // the context ended, and the function above runs or has run
		if drainErr := <-stopped; drainErr != nil {
			s.log.Warn("requests were cut off", "error", drainErr)
		}
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

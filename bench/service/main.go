// Command service measures the service: the heart's subtree against gqlgen on the
// same tree in memory, how even the times of 200 clients are, the memory of 10,000
// open subscriptions and of ten minutes of load, the time in which a hostile query
// of 1.6 kB is refused, and what 1,000 attacks do to the times of a good client.
// bench/service/run.sh builds what it needs. Against @neo4j/graphql the program is
// raced by bench/neo4j.
package main

import (
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"
)

func main() {
	program := flag.String("program", "bin/satgraph", "the program to measure")
	peer := flag.String("peer", "", "gqlgen's server, for the race; bench/service/run.sh builds it")
	only := flag.String("only", "", "subscriptions, attacks, race, crowd or soak (default: all but soak)")
	lasts := flag.Duration("soak", 10*time.Minute, "how long the soak lasts")
	count := flag.Int("sockets", 10_000, "subscriptions to open")
	flag.IntVar(&settle, "settle", settle, "seconds for which they stay open")
	flag.Parse()
	if err := run(*program, *peer, *only, *lasts, *count); err != nil {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

var token = regexp.MustCompile(`\bsatgraph_\w+`)

var address = regexp.MustCompile(`http://([^/]+)/`)

func run(program, peer, only string, lasts time.Duration, count int) error {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Minute+lasts)
	defer cancel()
	for _, part := range []struct {
		name string
		do   func() error
	}{
		{"race", func() error {
			if peer == "" && only == "" {
				return nil
			}
			return race(ctx, program, peer)
		}},
		{"crowd", func() error { return crowd(ctx, program) }},
		{"subscriptions", func() error {
			return served(ctx, program, nil, func(host, _ string, pid int) error { return subscriptions(ctx, host, pid, count) })
		}},
		{"attacks", func() error { return errors.Join(ofOne(ctx, program, count), ofTwo(ctx, program)) }},
		{"soak", func() error {
			if only == "" {
				return nil
			}
			return soak(ctx, program, lasts)
		}},
	} {
		if only != "" && only != part.name {
			continue
		}
		if err := part.do(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

// ofOne measures a service for one machine, which asks nobody who they are.
func ofOne(ctx context.Context, program string, count int) error {
	return served(ctx, program, nil, func(host, _ string, pid int) error {
		if err := refusals(ctx, host); err != nil {
			return err
		}
		if err := attacks(ctx, "without authentication, each over its own connections", newCaller(host, ""), newCaller(host, ""), 0, 20_000); err != nil {
			return err
		}
		time.Sleep(forgiving)
		if err := attacks(ctx, "without authentication, a new connection for each attack", newCaller(host, ""), newCaller(host, "").anew(), 0, 20_000); err != nil {
			return err
		}
		return subscriptions(ctx, host, pid, count)
	})
}

// forgiving is how long it takes until attacks that were held back are forgiven.
const forgiving = time.Minute

// ofTwo measures a service with tokens and its usual rates, so that the good client
// asks no more often than these allow.
func ofTwo(ctx context.Context, program string) error {
	return served(ctx, program, []string{"--auth", "tokens"}, func(host, dir string, _ int) error {
		var tokens [2]string
		for i, name := range []string{"good", "attacker"} {
			out, err := exec.CommandContext(ctx, program, "token", "create", name, "--store", "sqlite:"+dir+"/tree.db").Output() //nolint:gosec // what the user names
			if err != nil {
				return fmt.Errorf("token create: %w", err)
			}
			tokens[i] = token.FindString(string(out))
		}
		const pause = 25 * time.Millisecond
		if err := attacks(ctx, "with tokens, two callers", newCaller(host, tokens[0]), newCaller(host, tokens[1]), pause, 500); err != nil {
			return err
		}
		time.Sleep(forgiving)
		return attacks(ctx, "with tokens, the same caller", newCaller(host, tokens[0]), newCaller(host, tokens[0]), pause, 500)
	})
}

// served runs a service for as long as f measures it.
func served(ctx context.Context, program string, args []string, f func(host, dir string, pid int) error) (err error) {
	dir, err := os.MkdirTemp("", "satgraph-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	command := exec.CommandContext(ctx, program, append([]string{"serve", "--addr", "127.0.0.1:0", "--store", "sqlite:" + dir + "/tree.db", "--data", dir}, args...)...) //nolint:gosec // what the user names
	said, err := command.StderrPipe()
	if err != nil {
		return err
	}
	if err := command.Start(); err != nil {
		return fmt.Errorf("%w; run 'make build' first", err)
	}
	defer func() { _ = command.Process.Kill(); _ = command.Wait() }()
	host, err := listening(said)
	if err != nil {
		return err
	}
	return f(host, dir, command.Process.Pid)
}

// listening reads the address from what the program says, and lets it go on.
func listening(said io.Reader) (string, error) {
	var text strings.Builder
	buffer := make([]byte, 4096)
	for {
		n, err := said.Read(buffer)
		text.Write(buffer[:n])
		if found := address.FindStringSubmatch(text.String()); found != nil {
			go func() { _, _ = io.Copy(io.Discard, said) }()
			return found[1], nil
		}
		if err != nil {
			return "", fmt.Errorf("the program said no address: %s", text.String())
		}
	}
}

// settle is for how many seconds connections stay open: two rounds of pings.
var settle = 70

// memory is the resident memory of a process in MB, as the system counts it.
func memory(pid int) (float64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	var kib float64
	_, err = fmt.Sscan(rest, &kib)
	return kib * 1024 / 1e6, err
}

// subscriptions opens so many connections with a subscription each and tells what
// they cost.
func subscriptions(ctx context.Context, host string, pid, count int) error {
	before, err := memory(pid)
	if err != nil {
		return err
	}
	conns := make([]net.Conn, 0, count)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	start := time.Now()
	for range count {
		c, err := subscribe(ctx, host)
		if err != nil {
			return fmt.Errorf("after %d subscriptions: %w", len(conns), err)
		}
		conns = append(conns, c)
	}
	opened := time.Since(start)
	most := 0.0
	for range settle {
		now, err := memory(pid)
		if err != nil {
			return err
		}
		most = max(most, now)
		time.Sleep(time.Second)
	}
	now, err := memory(pid)
	if err != nil {
		return err
	}
	fmt.Printf("%d subscriptions: opened in %.1f s; resident memory %.0f MB before, at most %.0f MB, %.0f MB after %d s: %.0f MB for all, %.1f kB each\n",
		count, opened.Seconds(), before, most, now, settle, most-before, (most-before)*1e3/float64(count))
	return nil
}

// subscribe opens a WebSocket by hand, since a client library would need more
// memory for its side than the service for its own.
func subscribe(ctx context.Context, host string) (net.Conn, error) {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(c, "GET /graphql HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n", host)
	if err == nil {
		err = until(c, "\r\n\r\n")
	}
	if err == nil {
		err = frame(c, `{"type":"connection_init"}`)
	}
	if err == nil {
		err = until(c, "connection_ack\"}")
	}
	if err == nil {
		err = frame(c, `{"type":"subscribe","id":"1","payload":{"query":"subscription {labelChanges {event {seq}}}"}}`)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	go answer(c)
	return c, nil
}

// answer sends a pong for every ping.
func answer(c net.Conn) {
	head := make([]byte, 2)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		body := make([]byte, head[1]&0x7f) // pings are short
		if _, err := io.ReadFull(c, body); err != nil {
			return
		}
		if head[0]&0x0f == 9 {
			pong := append([]byte{0x8a, head[1] | 0x80, 0, 0, 0, 0}, body...)
			if _, err := c.Write(pong); err != nil {
				return
			}
		}
	}
}

// frame sends a text frame, masked with zeros as clients must mask.
func frame(c net.Conn, text string) error {
	if len(text) > math.MaxUint16 {
		return errors.New("the frame is too long")
	}
	head := binary.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text))) //nolint:gosec // bounded above
	_, err := c.Write(append(append(head, 0, 0, 0, 0), text...))
	return err
}

func until(c net.Conn, end string) error {
	var text strings.Builder
	one := make([]byte, 1)
	for !strings.HasSuffix(text.String(), end) {
		if _, err := io.ReadFull(c, one); err != nil {
			return fmt.Errorf("%w after %q", err, text.String())
		}
		text.Write(one)
	}
	return nil
}

// share is the value below which a share of the times lies.
func share(times []time.Duration, p float64) time.Duration {
	slices.Sort(times)
	return times[min(len(times)-1, int(p*float64(len(times))))]
}

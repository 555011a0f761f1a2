package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"satgraph/api"
	"satgraph/internal/tooltest"
	"satgraph/labelmap"
)

// wire is a client that speaks the protocol message by message.
type wire struct {
	t    testing.TB
	conn *websocket.Conn
}

func (s *service) dial(protocols ...string) *wire {
	s.t.Helper()
	conn, res, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/graphql", &websocket.DialOptions{Subprotocols: protocols})
	if err != nil {
		s.t.Fatal(err)
	}
	if res.Body != nil {
		_ = res.Body.Close()
	}
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	conn.SetReadLimit(1 << 20)
	return &wire{s.t, conn}
}

// invited is a connection that was initialised.
func (s *service) invited() *wire {
	s.t.Helper()
	w := s.dial("graphql-transport-ws")
	w.send(`{"type":"connection_init"}`)
	w.want(`{"type":"connection_ack"}`)
	return w
}

func (w *wire) send(text string) {
	w.t.Helper()
	if err := w.conn.Write(w.t.Context(), websocket.MessageText, []byte(text)); err != nil {
		w.t.Fatal(err)
	}
}

// subscribe starts an operation.
func (w *wire) subscribe(id, query string) {
	w.t.Helper()
	w.send(text(map[string]any{"type": "subscribe", "id": id, "payload": map[string]any{"query": query}}))
}

func (w *wire) read() string {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	_, got, err := w.conn.Read(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(got)
}

func (w *wire) want(message string) {
	w.t.Helper()
	if got := w.read(); got != message {
		w.t.Errorf("got  %s\nwant %s", got, message)
	}
}

// closes reads to the end and checks its code.
func (w *wire) closes(code websocket.StatusCode) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 20*time.Second)
	defer cancel()
	for {
		_, _, err := w.conn.Read(ctx)
		if err == nil {
			continue
		}
		if got := websocket.CloseStatus(err); got != code {
			w.t.Errorf("closed with %d (%v), want %d", got, err, code)
		}
		return
	}
}

func quick(c *api.Config) {
	c.Limits.FeedInterval, c.Limits.InitTime, c.Limits.SendTime = 20*time.Millisecond, 500*time.Millisecond, time.Second
}

func TestChangesReachSubscribers(t *testing.T) {
	s, book := curated(t, quick)
	w := s.invited()
	w.send(`{"type":"ping"}`)
	w.want(`{"type":"pong"}`)
	w.subscribe("all", `subscription {labelChanges(after: 5) {event {seq action by key} state {status version} label {name}}}`)
	w.subscribe("q", `{term(id: "T:1") {name}}`)
	w.want(`{"type":"next","id":"q","payload":{"data":{"term":{"name":"heart"}}}}`)
	w.want(`{"type":"complete","id":"q"}`)
	s.decide(`changeLabel(dataset: "Set", label: "2 RA", by: "ann", terms: ["T:3"])`)
	w.want(`{"type":"next","id":"all","payload":{"data":{"labelChanges":{"event":{"action":"DECIDE","by":"ann","key":"2 RA","seq":6},"label":{"name":"RA"},"state":{"status":"SETTLED","version":2}}}}}`)
	// What another process writes is seen in the ledger.
	if _, err := book.Write(t.Context(), "bob", labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: "Set"}, Action: labelmap.ActPolicy, Reviewers: 2}); err != nil {
		t.Fatal(err)
	}
	w.want(`{"type":"next","id":"all","payload":{"data":{"labelChanges":{"event":{"action":"POLICY","by":"bob","key":"","seq":7},"label":null,"state":{"status":"OPEN","version":1}}}}}`)
	// A subscriber that comes again loses nothing, and gets only what it wants.
	again := s.invited()
	again.subscribe("1", `subscription {labelChanges(after: 3, label: "4 thing") {event {seq}}}`)
	again.want(`{"type":"next","id":"1","payload":{"data":{"labelChanges":{"event":{"seq":4}}}}}`)
	again.send(`{"type":"complete","id":"1"}`)
	again.subscribe("1", `subscription {labelChanges(after: 6, dataset: "Set") {event {seq}}}`)
	again.want(`{"type":"next","id":"1","payload":{"data":{"labelChanges":{"event":{"seq":7}}}}}`)
	// A mutation over the socket acts under the name that the connection gave.
	named := s.dial("graphql-transport-ws")
	named.send(`{"type":"connection_init","payload":{"Satgraph-Actor":"carol"}}`)
	named.want(`{"type":"connection_ack"}`)
	named.subscribe("m", `mutation {commentLabel(dataset: "Set", label: "LV", comment: "hm") {... on Decision {events {by}}}}`)
	named.want(`{"type":"next","id":"m","payload":{"data":{"commentLabel":{"events":[{"by":"carol"}]}}}}`)
}

func TestSocketRefuses(t *testing.T) {
	s, _ := curated(t, quick, func(c *api.Config) { c.Limits.Operations = 2 })
	t.Run("a connection", func(t *testing.T) {
		s.t = t
		s.dial().closes(4406)
		s.dial("graphql-ws").closes(4406)
		s.dial("graphql-transport-ws").closes(4408) // it says nothing
		early := s.dial("graphql-transport-ws")
		early.subscribe("1", `{term(id: "T:1") {name}}`)
		early.closes(4401)
		twice := s.invited()
		twice.send(`{"type":"connection_init"}`)
		twice.closes(4429)
		same := s.invited()
		same.subscribe("1", `subscription {labelChanges {event {seq}}}`)
		same.subscribe("1", `subscription {labelChanges {event {seq}}}`)
		same.closes(4409)
		large := s.invited()
		// The service may close the connection before all of it is written.
		_ = large.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping","payload":"`+strings.Repeat("x", 300<<10)+`"}`))
		large.closes(websocket.StatusMessageTooBig)
		for _, message := range []string{"{", "[]", `{"type":"no such"}`, `{"type":"subscribe"}`, `{"type":"subscribe","id":"","payload":{}}`, `{"type":"ping","payload":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`} {
			w := s.invited()
			w.send(message)
			w.closes(4400)
		}
		binary := s.invited()
		if err := binary.conn.Write(t.Context(), websocket.MessageBinary, []byte(`{"type":"ping"}`)); err != nil {
			t.Fatal(err)
		}
		binary.closes(4400)
		_, res, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.URL, "http")+"/graphql", &websocket.DialOptions{ //nolint:bodyclose // the library has closed it
			Subprotocols: []string{"graphql-transport-ws"}, HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}},
		})
		if err == nil || res == nil || res.StatusCode != http.StatusForbidden {
			t.Errorf("another site's page: %v, %v", res, err)
		}
	})
	t.Run("an operation", func(t *testing.T) {
		s.t = t
		w := s.invited()
		for _, c := range []struct{ query, code string }{
			{`{`, "GRAPHQL_PARSE_FAILED"},
			{`{nothing}`, "GRAPHQL_VALIDATION_FAILED"},
			{`subscription {a: labelChanges {event {seq}} b: labelChanges {event {seq}}}`, "GRAPHQL_VALIDATION_FAILED"},
			{`subscription {...F} fragment F on Subscription {labelChanges {event {seq}}}`, "GRAPHQL_VALIDATION_FAILED"},
			{`subscription {__typename}`, "GRAPHQL_VALIDATION_FAILED"},
			{`{` + strings.Repeat(`a{`, 40) + `b` + strings.Repeat(`}`, 40) + `}`, "LIMIT_EXCEEDED"},
		} {
			w.subscribe("bad", c.query)
			if got := w.read(); !strings.HasPrefix(got, `{"type":"error","id":"bad"`) || !strings.Contains(got, c.code) {
				t.Errorf("%.60s: got %s", c.query, got)
			}
		}
		w.subscribe("1", `subscription {labelChanges {event {seq}}}`)
		w.subscribe("2", `subscription {labelChanges {event {seq}}}`)
		w.subscribe("3", `subscription {labelChanges {event {seq}}}`)
		if got := w.read(); !strings.HasPrefix(got, `{"type":"error","id":"3"`) || !strings.Contains(got, "LIMIT_EXCEEDED") {
			t.Errorf("a third operation: %s", got)
		}
		if a := s.ask(`subscription {labelChanges {event {seq}}}`); a.Status != http.StatusBadRequest || !strings.Contains(a.Errors[0].Message, "WebSocket") {
			t.Errorf("over HTTP: %d, %v", a.Status, a.Errors)
		}
	})
}

// A client that takes nothing is cut off, and the others go on.
func TestSlowSubscriber(t *testing.T) {
	s, book := curated(t, quick)
	slow, good := s.invited(), s.invited()
	slow.subscribe("1", `subscription {labelChanges(after: 5) {event {seq comment}}}`)
	good.subscribe("1", `subscription {labelChanges(after: 5) {event {seq}}}`)
	subject := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: "1 left atrium"}
	const events = 3000
	go func() {
		for n := range events {
			if _, err := book.Write(t.Context(), "bob", labelmap.Entry{Subject: subject, Version: int64(n + 1), Action: labelmap.ActComment, Comment: strings.Repeat("x", 10_000)}); err != nil {
				return
			}
		}
	}()
	for n := range events {
		good.want(fmt.Sprintf(`{"type":"next","id":"1","payload":{"data":{"labelChanges":{"event":{"seq":%d}}}}}`, n+6))
	}
	deadline := time.Now().Add(20 * time.Second)
	for s.api.Sockets() != 1 {
		if time.Now().After(deadline) {
			t.Fatalf("%d connections are open", s.api.Sockets())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Subscriptions wait without a goroutine each, and each is told every event once.
func TestManySubscriptions(t *testing.T) {
	s, _ := curated(t, quick)
	const connections, each = 10, 30
	before := runtime.NumGoroutine()
	var wires []*wire
	for range connections {
		w := s.invited()
		for i := range each {
			w.subscribe(fmt.Sprint(i), `subscription {labelChanges(after: 5) {event {seq}}}`)
		}
		wires = append(wires, w)
	}
	deadline := time.Now().Add(20 * time.Second)
	for s.api.Listeners() < connections*each {
		if time.Now().After(deadline) {
			t.Fatalf("%d subscriptions are open", s.api.Listeners())
		}
		time.Sleep(10 * time.Millisecond)
	}
	if more := runtime.NumGoroutine() - before; more > 4*connections {
		t.Errorf("%d subscriptions over %d connections wait in %d goroutines", connections*each, connections, more)
	}
	for seq := 6; seq < 9; seq++ {
		s.decide(fmt.Sprintf(`commentLabel(dataset: "Set", label: "2 RA", by: "ann", comment: "%d")`, seq))
	}
	for _, w := range wires {
		told := map[string]bool{}
		for range 3 * each {
			told[w.read()] = true
		}
		if len(told) != 3*each { // each message has its subscription's id and the event's number
			t.Errorf("%d messages were not told twice, of %d", len(told), 3*each)
		}
		w.send(`{"type":"complete","id":"0"}`)
	}
	for s.api.Listeners() != connections*(each-1) {
		if time.Now().After(deadline) {
			t.Fatalf("%d subscriptions are open", s.api.Listeners())
		}
		time.Sleep(10 * time.Millisecond)
	}
	for _, w := range wires {
		_ = w.conn.CloseNow()
	}
	for s.api.Listeners() != 0 {
		if time.Now().After(deadline) {
			t.Fatalf("%d subscriptions are open", s.api.Listeners())
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// What a client sends in one piece with its handshake is read.
func TestSocketReadsWhatCameWithTheHandshake(t *testing.T) {
	s, _ := curated(t, quick)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	text := "GET /graphql HTTP/1.1\r\nHost: " + strings.TrimPrefix(s.URL, "http://") + "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
	messages := []string{`{"type":"connection_init"}`, `{"type":"ping"}`, `{"type":"subscribe","id":"1","payload":{"query":"{ term(id: \"T:1\") { name } }` + strings.Repeat(" ", 600) + `"}}`}
	for _, m := range messages {
		text += string([]byte{0x81, 0x80 | 126, byte(len(m) >> 8), byte(len(m)), 0, 0, 0, 0}) + m
	}
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	var got strings.Builder
	piece := make([]byte, 1000)
	for !strings.Contains(got.String(), `"complete"`) {
		n, err := conn.Read(piece)
		if err != nil {
			t.Fatalf("%v after %q", err, got.String())
		}
		got.Write(piece[:n])
	}
	for _, want := range []string{"connection_ack", `{"type":"pong"}`, `{"name":"heart"}`} {
		if !strings.Contains(got.String(), want) {
			t.Errorf("no %s in %q", want, got.String())
		}
	}
}

func TestStoppingClosesSockets(t *testing.T) {
	s, _ := curated(t)
	ctx, cancel := context.WithCancel(t.Context())
	l, err := s.api.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.api.Serve(ctx, l) }()
	s.URL = "http://" + l.Addr().String()
	w := s.invited()
	w.subscribe("1", `subscription {labelChanges {event {seq}}}`)
	cancel()
	w.closes(websocket.StatusGoingAway)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// The graphql-ws library of npm as a client; where node is missing the test is
// skipped, on CI it fails.
func TestGraphQLWSClient(t *testing.T) {
	modules := tooltest.Get(t.Context(), t, "../scripts/graphql-ws.sh")
	s, _ := curated(t, quick)
	script := filepath.Join(t.TempDir(), "client.cjs")
	if err := os.WriteFile(script, []byte(`
const { createClient } = require('graphql-ws');
const client = createClient({ url: process.argv[2], webSocketImpl: require('ws'), connectionParams: { 'Satgraph-Actor': 'node' }, retryAttempts: 0 });
const run = (query) => client.iterate({ query });
(async () => {
  for await (const r of run('{ term(id: "T:1") { name } }')) console.log(JSON.stringify(r));
  const changes = run('subscription { labelChanges(after: 4) { event { seq by action } } }');
  console.log(JSON.stringify((await changes.next()).value));
  for await (const r of run('mutation { flagLabel(dataset: "Set", label: "LV", comment: "look") { __typename } }')) console.log(JSON.stringify(r));
  console.log(JSON.stringify((await changes.next()).value));
  await changes.return();
  try { for await (const r of run('{ nothing }')) console.log(JSON.stringify(r)); } catch (e) { console.log(e[0].extensions.code); }
  await client.dispose();
})().catch((e) => { console.error(e); process.exit(1); });
`), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", script, "ws"+strings.TrimPrefix(s.URL, "http")+"/graphql")
	cmd.Env = append(os.Environ(), "NODE_PATH="+modules)
	out, err := cmd.Output()
	if err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			t.Fatalf("%v: %s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	want := `{"data":{"term":{"name":"heart"}}}
{"data":{"labelChanges":{"event":{"action":"IMPORT","by":"ann","seq":5}}}}
{"data":{"flagLabel":{"__typename":"Decision"}}}
{"data":{"labelChanges":{"event":{"action":"FLAG","by":"node","seq":6}}}}
GRAPHQL_VALIDATION_FAILED
`
	if string(out) != want {
		t.Errorf("got\n%s\nwant\n%s", out, want)
	}
}

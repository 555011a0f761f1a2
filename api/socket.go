package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/graphql-go/graphql/language/ast"

	"satgraph/api/guard"
	"satgraph/internal/steps"
)

// socketProtocol is GraphQL over WebSocket as the graphql-ws library and others
// speak it.
const socketProtocol = "graphql-transport-ws"

// The protocol's close codes.
const (
	closeInvalid     websocket.StatusCode = 4400
	closeUninvited   websocket.StatusCode = 4401
	closeForbidden   websocket.StatusCode = 4403
	closeProtocol    websocket.StatusCode = 4406
	closeInitTimeout websocket.StatusCode = 4408
	closeDuplicate   websocket.StatusCode = 4409
	closeInitAgain   websocket.StatusCode = 4429
)

// maxOperationID is the longest id of an operation, in bytes.
const maxOperationID = 200

// A frame is one message of the protocol.
type frame struct {
	Type    string          `json:"type"`
	ID      string          `json:"id,omitempty"`
	Payload json.RawMessage `json:"payload,omitempty"`
}

// A socket is one connection: it reads messages one by one, and runs each
// operation beside. Whoever does not take what is sent in time is cut off.
type socket struct {
	s    *Service
	conn *websocket.Conn

	remember string // the Authorization that was given, to look again whether it still counts
	entered  string // its place among its caller's connections

	mu         sync.Mutex
	ctx        context.Context //nolint:containedctx // lives as long as the connection; the client's name is added to it
	invited    bool            // connection_init was answered
	operations map[string]context.CancelFunc
}

// isUpgrade says whether a request asks for a WebSocket.
func isUpgrade(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// serveSocket answers GET /graphql with Upgrade: websocket. A page of another
// site is refused: the library holds Origin against Host.
func (s *Service) serveSocket(w http.ResponseWriter, r *http.Request) {
	select {
	case s.socketSlots <- struct{}{}:
	default:
		w.Header().Set("Retry-After", "10")
		s.fail(w, r, &Error{Code: CodeServiceUnavailable, Message: "too many connections at once", Hint: "try again later"})
		return
	}
	conn, err := websocket.Accept(slimHijacker{w}, r, &websocket.AcceptOptions{Subprotocols: []string{socketProtocol}, CompressionMode: websocket.CompressionDisabled, OriginPatterns: s.config.Origins})
	if err != nil {
		s.log.Debug("no WebSocket", "error", err) // the library has answered
		<-s.socketSlots
		return
	}
	// The request ends here, and what it took goes with it: connections stay
	// open for hours, and there are thousands.
	k := &socket{s: s, conn: conn, remember: r.Header.Get("Authorization"), operations: map[string]context.CancelFunc{}}
	go k.serve(withActor(context.WithoutCancel(r.Context()), r.Header))
}

// Buffers of a connection, in bytes: the server's own are of 4 KiB each, which
// thousands of connections that are mostly silent need not keep.
const (
	socketReads  = 256
	socketWrites = 512
)

// slimHijacker takes a connection over with small buffers.
type slimHijacker struct{ http.ResponseWriter }

// Hijack takes the connection over; what the client has sent is still to be read.
func (w slimHijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, large, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	sent, err := large.Peek(large.Reader.Buffered())
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	in := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(sent)), conn), max(socketReads, len(sent)))
	if _, err := in.Peek(len(sent)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, bufio.NewReadWriter(in, bufio.NewWriterSize(conn, socketWrites)), nil
}

// serve reads what the client sends until the connection ends. It waits for hours,
// one of thousands, so its stack is to stay small: what a message asks for is done
// by goroutines of its own.
func (k *socket) serve(ctx context.Context) {
	s, conn := k.s, k.conn
	defer func() { <-s.socketSlots }()
	defer conn.CloseNow() //nolint:errcheck // at the latest
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("a connection panicked", "panic", p, "stack", string(debug.Stack()))
		}
	}()
	if conn.Subprotocol() != socketProtocol {
		_ = conn.Close(closeProtocol, "Subprotocol not acceptable")
		return
	}
	conn.SetReadLimit(s.limits.BodyBytes)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	k.ctx = ctx
	defer k.leave()
	if !s.sockets.add(k) {
		_ = conn.Close(websocket.StatusGoingAway, "the service is stopping")
		return
	}
	defer s.sockets.remove(k)
	invite := time.AfterFunc(s.limits.InitTime, func() { _ = conn.Close(closeInitTimeout, "Connection initialisation timeout") })
	defer invite.Stop()
	var alive *time.Timer
	alive = time.AfterFunc(s.limits.PingInterval, func() {
		ping, done := context.WithTimeout(ctx, s.limits.SendTime)
		defer done()
		if conn.Ping(ping) != nil {
			_ = conn.CloseNow()
			return
		}
		if !k.stillKnown(ctx) {
			_ = conn.Close(closeUninvited, "The credentials no longer count")
			return
		}
		alive.Reset(s.limits.PingInterval)
	})
	defer alive.Stop()
	unending := context.WithoutCancel(ctx) // nobody but this function ends ctx, and to watch it takes memory
	for {
		kind, text, err := conn.Read(unending)
		if err != nil {
			return
		}
		verdict := make(chan closing)
		go func() { verdict <- k.take(ctx, kind, text, invite) }()
		if c := <-verdict; c.code != 0 {
			_ = conn.Close(c.code, c.why)
			return
		}
	}
}

// closing is why a connection is closed; the zero value, that it is not.
type closing struct {
	code websocket.StatusCode
	why  string
}

// errMessage closes a connection whose message is none of the protocol's.
var errMessage = closing{closeInvalid, "Invalid message"}

// take acts on one message. A code other than 0 ends the connection.
func (k *socket) take(ctx context.Context, kind websocket.MessageType, text []byte, invite *time.Timer) (c closing) {
	defer func() {
		if p := recover(); p != nil {
			k.s.log.Error("a connection panicked", "panic", p, "stack", string(debug.Stack()))
			c = closing{websocket.StatusInternalError, "something went wrong inside the service"}
		}
	}()
	var f frame
	if kind != websocket.MessageText || guard.CheckJSON(text, k.s.limits.JSONDepth+1) != nil || json.Unmarshal(text, &f) != nil {
		return errMessage
	}
	switch f.Type {
	case "connection_init":
		return k.init(ctx, &f, invite)
	case "ping":
		_ = k.send(ctx, frame{Type: "pong"})
	case "pong":
	case "subscribe":
		return k.subscribe(&f) //nolint:contextcheck // operations have the connection's, with the client's name
	case "complete":
		k.mu.Lock()
		cancel := k.operations[f.ID]
		delete(k.operations, f.ID)
		k.mu.Unlock()
		if cancel != nil {
			cancel()
		}
	default:
		return errMessage
	}
	return closing{}
}

// init answers connection_init. Its payload may name who acts, as the request's
// header does.
func (k *socket) init(ctx context.Context, f *frame, invite *time.Timer) closing {
	var payload map[string]any
	if len(f.Payload) > 0 && json.Unmarshal(f.Payload, &payload) != nil {
		return errMessage
	}
	k.mu.Lock()
	again := k.invited
	k.mu.Unlock()
	if again {
		return closing{closeInitAgain, "Too many initialisation requests"}
	}
	if c := k.enter(ctx, payload); c.code != 0 {
		return c
	}
	k.mu.Lock()
	k.invited = true
	if name, ok := payload[actorHeader].(string); ok {
		k.ctx = withActorName(k.ctx, name)
	}
	k.mu.Unlock()
	invite.Stop()
	_ = k.send(ctx, frame{Type: "connection_ack"})
	return closing{}
}

// subscribe starts an operation.
func (k *socket) subscribe(f *frame) closing {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !k.invited:
		return closing{closeUninvited, "Unauthorized"}
	case f.ID == "" || len(f.ID) > maxOperationID || len(f.Payload) == 0:
		return errMessage
	case k.operations[f.ID] != nil:
		return closing{closeDuplicate, "Subscriber for " + f.ID[:min(len(f.ID), 80)] + " already exists"}
	}
	q, err := k.s.decodeRequest(f.Payload)
	if wait, ok := k.s.mayAsk(k.ctx); err == nil && !ok {
		q.short = wait
	}
	if err == nil && len(k.operations) >= k.s.limits.Operations {
		err = &Error{Code: CodeLimit, Message: fmt.Sprintf("more than %d operations at once on this connection", k.s.limits.Operations), Hint: "complete some first"}
	}
	if err != nil {
		go k.refuse(k.ctx, f.ID, refuse(err))
		return closing{}
	}
	ctx, cancel := context.WithCancel(k.ctx)
	k.operations[f.ID] = cancel
	go k.run(ctx, f.ID, q, func(r *response) {
		defer cancel()
		k.finish(ctx, f.ID, r)
	})
	return closing{}
}

// finish forgets an operation and tells the client how it ended: with a refusal,
// or well where r is nil. Where the client completed it, nothing more is sent.
func (k *socket) finish(ctx context.Context, id string, r *response) {
	k.mu.Lock()
	over := ctx.Err() != nil
	if !over {
		delete(k.operations, id)
	}
	k.mu.Unlock()
	switch {
	case over:
	case r != nil:
		k.refuse(ctx, id, r)
	default:
		_ = k.send(ctx, frame{Type: "complete", ID: id})
	}
}

// run executes an operation and sends what it gives. In the end, which for a
// subscription comes long after run has returned, it calls end once, with a
// response where the operation is refused.
func (k *socket) run(ctx context.Context, id string, q *request, end func(*response)) {
	if !k.stillKnown(ctx) {
		_ = k.conn.Close(closeUninvited, "The credentials no longer count")
		return
	}
	ctx, step := steps.Start(ctx, "graphql")
	limited, cancel := context.WithTimeout(ctx, k.s.limits.RequestTime)
	defer cancel()
	p, leave, refused := k.s.begin(limited, q)
	switch {
	case refused != nil:
		observed(step, p, refused)
		end(refused)
	case p.operation.Operation == ast.OperationTypeSubscription:
		leave()
		k.listen(ctx, id, p, step, end)
	default:
		r := func() *response {
			defer leave() // the turn does not last until the client has taken the answer
			return k.s.run(limited, p)
		}()
		observed(step, p, r)
		if !r.executed {
			end(r)
			return
		}
		_ = k.next(ctx, id, r) // a lost connection ends the reading, too
		end(nil)
	}
}

// listen opens a subscription; see run for its end.
func (k *socket) listen(ctx context.Context, id string, p *prepared, step *steps.Step, end func(*response)) {
	p.tree = nil // an old revision is not kept for as long as it lasts
	key := "subscriptions " + callerKey(ctx)
	if !k.s.perCaller.enter(key, k.s.mostFor(k.s.limits.UserSubscriptions)) {
		r := refuse(&Error{Code: CodeLimit, Message: "you have as many subscriptions open as you may", Hint: "complete some first"})
		observed(step, p, r)
		end(r)
		return
	}
	observed(step, p, &response{executed: true}) // it was taken; how long it lasts is another matter
	ctx, lasting := steps.Start(ctx, "subscription")
	k.s.follow(ctx, p, func(r *response) error { return k.next(ctx, id, r) }, func(err error) {
		k.s.perCaller.leave(key)
		lasting.End(nil)
		if err != nil && ctx.Err() == nil {
			end(refuse(err))
			return
		}
		end(nil)
	})
}

// next sends one result, unless the operation is over.
func (k *socket) next(ctx context.Context, id string, r *response) error {
	text, err := r.appendJSON(nil)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return k.send(ctx, frame{Type: "next", ID: id, Payload: text})
}

// refuse sends the errors of an operation that is not executed, or no longer.
func (k *socket) refuse(ctx context.Context, id string, r *response) {
	text, err := json.Marshal(r.errors)
	if err != nil {
		return
	}
	_ = k.send(ctx, frame{Type: "error", ID: id, Payload: text})
}

// errGone says that a client is not there, or does not take what it is sent.
var errGone = errors.New("the client takes nothing")

// send writes a message, to its end even where its operation is cancelled: a
// write that breaks off ends the connection. A client that does not take it in
// time is cut off.
func (k *socket) send(ctx context.Context, f frame) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), k.s.limits.SendTime)
	defer cancel()
	if err := k.conn.Write(ctx, websocket.MessageText, text); err != nil {
		_ = k.conn.CloseNow()
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return nil
}

// sockets are the open connections, which a service that stops closes.
type sockets struct {
	mu      sync.Mutex
	open    map[*socket]bool
	stopped bool
}

func (all *sockets) add(k *socket) bool {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.stopped {
		return false
	}
	if all.open == nil {
		all.open = map[*socket]bool{}
	}
	all.open[k] = true
	return true
}

func (all *sockets) remove(k *socket) {
	all.mu.Lock()
	defer all.mu.Unlock()
	delete(all.open, k)
}

// close tells every client that the service stops, and takes no more of them.
func (all *sockets) close() {
	all.mu.Lock()
	defer all.mu.Unlock()
	all.stopped = true
	for k := range all.open {
		go func() { _ = k.conn.Close(websocket.StatusGoingAway, "the service is stopping") }()
	}
}

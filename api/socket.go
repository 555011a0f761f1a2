package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{socketProtocol}, CompressionMode: websocket.CompressionDisabled, OriginPatterns: s.config.Origins})
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

// serve reads what the client sends until the connection ends.
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
	for {
		kind, text, err := conn.Read(ctx)
		if err != nil {
			return
		}
		code, why := closeInvalid, "Invalid message"
		if kind == websocket.MessageText {
			code, why = k.take(ctx, text, invite)
		}
		if code != 0 {
			_ = conn.Close(code, why)
			return
		}
	}
}

// take acts on one message. A code other than 0 ends the connection.
func (k *socket) take(ctx context.Context, text []byte, invite *time.Timer) (code websocket.StatusCode, why string) {
	var f frame
	if guard.CheckJSON(text, k.s.limits.JSONDepth+1) != nil || json.Unmarshal(text, &f) != nil {
		return closeInvalid, "Invalid message"
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
		return closeInvalid, "Invalid message"
	}
	return 0, ""
}

// init answers connection_init. Its payload may name who acts, as the request's
// header does.
func (k *socket) init(ctx context.Context, f *frame, invite *time.Timer) (websocket.StatusCode, string) {
	var payload map[string]any
	if len(f.Payload) > 0 && json.Unmarshal(f.Payload, &payload) != nil {
		return closeInvalid, "Invalid message"
	}
	k.mu.Lock()
	again := k.invited
	k.mu.Unlock()
	if again {
		return closeInitAgain, "Too many initialisation requests"
	}
	if code, why := k.enter(ctx, payload); code != 0 {
		return code, why
	}
	k.mu.Lock()
	k.invited = true
	if name, ok := payload[actorHeader].(string); ok {
		k.ctx = withActorName(k.ctx, name)
	}
	k.mu.Unlock()
	invite.Stop()
	_ = k.send(ctx, frame{Type: "connection_ack"})
	return 0, ""
}

// subscribe starts an operation.
func (k *socket) subscribe(f *frame) (websocket.StatusCode, string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case !k.invited:
		return closeUninvited, "Unauthorized"
	case f.ID == "" || len(f.ID) > maxOperationID || len(f.Payload) == 0:
		return closeInvalid, "Invalid message"
	case k.operations[f.ID] != nil:
		return closeDuplicate, "Subscriber for " + f.ID[:min(len(f.ID), 80)] + " already exists"
	}
	q, err := k.s.decodeRequest(f.Payload)
	if _, ok := k.s.mayAsk(k.ctx); err == nil && !ok {
		err = errTooOften()
	}
	if err == nil && len(k.operations) >= k.s.limits.Operations {
		err = &Error{Code: CodeLimit, Message: fmt.Sprintf("more than %d operations at once on this connection", k.s.limits.Operations), Hint: "complete some first"}
	}
	if err != nil {
		go k.refuse(k.ctx, f.ID, refuse(err))
		return 0, ""
	}
	ctx, cancel := context.WithCancel(k.ctx)
	k.operations[f.ID] = cancel
	go func() {
		defer cancel()
		if !k.stillKnown(ctx) {
			_ = k.conn.Close(closeUninvited, "The credentials no longer count")
			return
		}
		err := k.run(ctx, f.ID, q)
		if !k.finish(ctx, f.ID) {
			return // the client completed it
		}
		if err != nil {
			k.refuse(ctx, f.ID, err)
			return
		}
		_ = k.send(ctx, frame{Type: "complete", ID: f.ID})
	}()
	return 0, ""
}

// finish forgets an operation; false where the client did already, after which
// nothing more is sent for it.
func (k *socket) finish(ctx context.Context, id string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	delete(k.operations, id)
	return true
}

// run executes an operation and sends what it gives. A response is returned
// where it is refused.
func (k *socket) run(ctx context.Context, id string, q *request) *response {
	ctx, step := steps.Start(ctx, "graphql")
	limited, cancel := context.WithTimeout(ctx, k.s.limits.RequestTime)
	defer cancel()
	p, leave, refused := k.s.begin(limited, q)
	if refused != nil {
		observed(step, p, refused)
		return refused
	}
	if p.operation.Operation == ast.OperationTypeSubscription {
		leave()
		cancel()
		p.tree = nil // an old revision is not kept for as long as it lasts
		key := "subscriptions " + callerKey(ctx)
		if !k.s.perCaller.enter(key, k.s.mostFor(k.s.limits.UserSubscriptions)) {
			r := refuse(&Error{Code: CodeLimit, Message: "you have as many subscriptions open as you may", Hint: "complete some first"})
			observed(step, p, r)
			return r
		}
		defer k.s.perCaller.leave(key)
		observed(step, p, &response{executed: true}) // it was taken; how long it lasts is another matter
		ctx, lasting := steps.Start(ctx, "subscription")
		defer lasting.End(nil)
		err := k.s.follow(ctx, p, func(r *response) error { return k.next(ctx, id, r) })
		if err != nil && ctx.Err() == nil {
			return refuse(err)
		}
		return nil
	}
	defer leave()
	r := k.s.run(limited, p)
	observed(step, p, r)
	if !r.executed {
		return r
	}
	_ = k.next(ctx, id, r) // a lost connection ends the reading, too
	return nil
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

package api

import (
	"context"
	"errors"
	"math"
	"strings"
	"sync"

	"github.com/coder/websocket"

	"satgraph/api/auth"
)

// enter finds out who is at the other end: the first message may say so, since
// pages cannot give a WebSocket headers.
func (k *socket) enter(ctx context.Context, payload map[string]any) closing {
	if given := authorization(payload); given != "" {
		caller, err := k.s.identify(ctx, given)
		if err != nil {
			k.s.audit(ctx, "socket.open", "", string(describe(err).Code))
			if errors.Is(err, auth.ErrForbidden) {
				return closing{closeForbidden, "Forbidden"}
			}
			return closing{closeUninvited, "Unauthorized"}
		}
		ctx = auth.With(ctx, caller)
		k.mu.Lock()
		k.remember, k.ctx = given, ctx
		k.mu.Unlock()
	}
	if auth.Of(ctx).Role == auth.Nobody {
		k.s.audit(ctx, "socket.open", "", string(CodeUnauthenticated))
		return closing{closeUninvited, "Unauthorized"}
	}
	if !k.s.perCaller.enter("sockets "+callerKey(ctx), k.s.mostFor(k.s.limits.UserSockets)) {
		return closing{closeTooMany, "Too many connections"}
	}
	k.entered = "sockets " + callerKey(ctx)
	return closing{}
}

// closeTooMany tells a client to come again later.
const closeTooMany = websocket.StatusTryAgainLater

// leave gives the connection's place back.
func (k *socket) leave() {
	if k.entered != "" {
		k.s.perCaller.leave(k.entered)
	}
}

// authorization is what a first message says of its sender, as clients write
// it: a field Authorization, in any case, at its top or among headers.
func authorization(payload map[string]any) string {
	for name, value := range payload {
		switch value := value.(type) {
		case string:
			if strings.EqualFold(name, "Authorization") {
				return value
			}
		case map[string]any:
			if strings.EqualFold(name, "headers") {
				for inner, v := range value {
					if text, ok := v.(string); ok && strings.EqualFold(inner, "Authorization") {
						return text
					}
				}
			}
		}
	}
	return ""
}

// stillKnown looks again whether the caller's credentials count: a token may
// have been revoked, or have ended, while its connection is open.
func (k *socket) stillKnown(ctx context.Context) bool {
	k.mu.Lock()
	given := k.remember
	k.mu.Unlock()
	if given == "" {
		return true
	}
	_, err := k.s.identify(ctx, given)
	return err == nil || errors.Is(err, auth.ErrUnavailable)
}

// mostFor is a limit for one caller, which who runs the service alone has not.
func (s *Service) mostFor(limit int) int {
	if s.config.Auth == nil {
		return math.MaxInt
	}
	return limit
}

// A tally counts what each caller has open.
type tally struct {
	mu    sync.Mutex
	count map[string]int
}

// enter counts one more, unless there are as many as may be.
func (t *tally) enter(key string, most int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[key] >= most {
		return false
	}
	if t.count == nil {
		t.count = map[string]int{}
	}
	t.count[key]++
	return true
}

func (t *tally) leave(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.count[key]--; t.count[key] <= 0 {
		delete(t.count, key)
	}
}

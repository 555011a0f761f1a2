package client

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/Khan/genqlient/graphql"
	"github.com/coder/websocket"
)

// FollowLabels calls each with every decision on the labels of a dataset ("" for
// all) as it is made, until ctx ends, each returns an error, or the connection is
// lost; that is what it returns.
func (c *Client) FollowLabels(ctx context.Context, dataset string, each func(Event) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	socket := graphql.NewClientUsingWebSocket("ws"+strings.TrimPrefix(c.at("/graphql"), "http"), dialer{ctx, c})
	lost, err := socket.Start(ctx)
	if err != nil {
		return err
	}
	defer socket.Close() //nolint:errcheck // the connection's end ends it, too
	var of *string
	if dataset != "" {
		of = &dataset
	}
	events, id, err := labelChanges(ctx, socket, of)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err, open := <-lost:
			if err == nil || !open {
				err = errors.New("the service closed the connection")
			}
			return err
		case e, open := <-events:
			switch {
			case !open:
				return errors.New("the service ended the subscription")
			case len(e.Errors) > 0:
				return e.Errors
			case e.Data == nil || e.Data.LabelChanges == nil:
				continue
			}
			if err := each(e.Data.LabelChanges.Event); err != nil {
				return errors.Join(err, socket.Unsubscribe(id))
			}
		}
	}
}

// dialer opens the WebSocket of subscriptions.
type dialer struct {
	ctx context.Context //nolint:containedctx // of FollowLabels, within which it lives
	c   *Client
}

func (d dialer) DialContext(ctx context.Context, url string, _ http.Header) (graphql.WSConn, error) {
	header := http.Header{}
	if d.c.options.Token != "" {
		header.Set("Authorization", "Bearer "+d.c.options.Token)
	}
	conn, _, err := websocket.Dial(ctx, url, &websocket.DialOptions{ //nolint:bodyclose // the library's to close
		HTTPClient: d.c.http, HTTPHeader: header, Subprotocols: []string{"graphql-transport-ws"},
	})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(16 << 20)
	return &connection{d.ctx, conn}, nil
}

type connection struct {
	ctx  context.Context //nolint:containedctx // of FollowLabels, within which it lives
	conn *websocket.Conn
}

func (c *connection) Close() error { return c.conn.CloseNow() }

func (c *connection) WriteMessage(kind int, data []byte) error {
	return c.conn.Write(c.ctx, websocket.MessageType(kind), data)
}

func (c *connection) ReadMessage() (int, []byte, error) {
	kind, data, err := c.conn.Read(c.ctx)
	return int(kind), data, err
}

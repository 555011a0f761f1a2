package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"satgraph/api"
	"satgraph/api/auth"
)

// serving has the service listen on an address of its own, as it does for good, and
// gives clients of it with connections of their own.
func (s *service) serving() (client func() *service) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	l, err := s.api.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.api.Serve(ctx, l) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
	return func() *service {
		other := *s
		other.Server = &httptest.Server{URL: "http://" + l.Addr().String()}
		other.client = &http.Client{Transport: &http.Transport{}}
		s.t.Cleanup(other.client.CloseIdleConnections)
		return &other
	}
}

// Who opens a new connection for each attack is held back all the same, and whoever
// asked well over one of their own is not taken for them.
func TestNewConnectionsAreOneCaller(t *testing.T) {
	client := start(t, nil).serving()
	good := client()
	for range 10 {
		if a := good.ask(`{term(id: "T:1") {name}}`); a.code() != "" {
			t.Fatal(a.Errors)
		}
	}
	hostile := func(i int) string { return fmt.Sprintf("{nope%d}", i) }
	for i := range 20 {
		client().ask(hostile(i))
	}
	const everyone = "address:127.0.0.1"
	if n, givesWay := good.api.Refusals(everyone); !givesWay {
		t.Errorf("20 attacks over 20 connections count as %.1f", n)
	}
	if a := good.ask(`{term(id: "T:2") {name}}`); a.code() != "" {
		t.Error(a.Errors)
	}
	// A connection that asked well and then does not is one of them again.
	before, _ := good.api.Refusals(everyone)
	for i := range 5 {
		good.ask(hostile(100 + i))
	}
	if after, _ := good.api.Refusals(everyone); after < before+2 { // one a second is forgiven
		t.Errorf("refusals went from %.1f to %.1f", before, after)
	}
}

// Proxies that are trusted say who asks; others are not believed.
func TestCallersBehindProxies(t *testing.T) {
	const query = `{"query":"{__typename}"}`
	from := func(c *club, forwarded string) int {
		status, _, _ := c.exchange(http.MethodPost, "/graphql", strings.NewReader(query), "Content-Type", "application/json", "X-Forwarded-For", forwarded)
		return status
	}
	rates := func(c *api.Config) { c.Rates = auth.NewRates(0.01, 1) }
	trusting := func(c *api.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	c := newClub(t, anyone(), rates, trusting)
	for _, ask := range []struct {
		forwarded string
		status    int
		why       string
	}{
		{"192.0.2.1", http.StatusOK, "the first of one"},
		{"192.0.2.1", http.StatusTooManyRequests, "their second"},
		{"192.0.2.2", http.StatusOK, "another"},
		{"198.51.100.7, 192.0.2.1", http.StatusTooManyRequests, "who says to be another"},
		{"192.0.2.2, 10.0.0.9", http.StatusTooManyRequests, "through two proxies"},
		{"192.0.2.3:4711", http.StatusOK, "with a port"},
		{"2001:db8:1:2::1", http.StatusOK, "the first of a network"},
		{"2001:db8:1:2:ffff::9", http.StatusTooManyRequests, "another host of it"},
		{"2001:db8:1:3::1", http.StatusOK, "of another network"},
		{"nobody", http.StatusOK, "the proxy's own, where it says nothing of use"},
		{"192.0.2.9, nobody", http.StatusTooManyRequests, "the same"},
	} {
		if got := from(c, ask.forwarded); got != ask.status {
			t.Errorf("%s (%s): %d, want %d", ask.forwarded, ask.why, got, ask.status)
		}
	}
	c = newClub(t, anyone(), rates)
	if got := from(c, "192.0.2.1"); got != http.StatusOK {
		t.Errorf("the first: %d", got)
	}
	if got := from(c, "192.0.2.2"); got != http.StatusTooManyRequests {
		t.Errorf("an address that is not believed: %d", got)
	}
}

// Attacks under the name of a good client do not use up what is kept of its rate for
// queries that are known to take little.
func TestAttacksUnderAGoodName(t *testing.T) {
	c := newClub(t, anyone(), func(c *api.Config) { c.Rates = auth.NewRates(0.001, 16) }) // 4 are kept
	ada := c.member("ada", auth.Viewer)
	const good, costly = `{term(id: "T:1") {name}}`, `{models {name}}`
	for _, query := range []string{good, costly} {
		if a := ada.ask(query); a.code() != "" {
			t.Fatal(a.Errors)
		}
	}
	refused := 0
	for i := range 20 {
		if a := ada.ask(fmt.Sprintf("{nope%d}", i)); a.Status == http.StatusTooManyRequests {
			refused++
		}
	}
	if refused != 10 {
		t.Errorf("%d of 20 attacks were refused unread, want 10", refused)
	}
	if a := ada.ask(costly); a.code() != "RATE_LIMITED" {
		t.Errorf("what goes to a store: %d, %v", a.Status, a.Errors)
	}
	if a := ada.ask(`mutation {commentLabel(dataset: "Set", label: "LV", comment: "hm") {__typename}}`); a.code() != "RATE_LIMITED" {
		t.Errorf("a mutation: %d, %v", a.Status, a.Errors)
	}
	w := c.dial("graphql-transport-ws")
	w.send(`{"type":"connection_init","payload":{"Authorization":"Bearer ` + ada.token + `"}}`)
	w.want(`{"type":"connection_ack"}`)
	w.subscribe("1", good)
	w.want(`{"type":"next","id":"1","payload":{"data":{"term":{"name":"heart"}}}}`)
	w.want(`{"type":"complete","id":"1"}`)
	for i := range 4 {
		a := ada.ask(good)
		if last := i == 3; last != (a.code() == "RATE_LIMITED") || last != (a.Status == http.StatusTooManyRequests) {
			t.Errorf("good query %d: %d, %v", i, a.Status, a.Errors)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// The good client's question, and the hostile one of 1.6 kB.
const good = `{ term(name: "heart") { id name children { id name } } }`

func nested(n int) string {
	return `{term(id:"UBERON:0000948"){` + strings.Repeat("children{", n) + "id" + strings.Repeat("}", n) + "}}"
}

// hostile are queries of the kinds that OWASP's GraphQL sheet names.
func hostile() []string {
	repeated := func(n int, f func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(f(i))
		}
		return b.String()
	}
	return []string{
		nested(160),
		"{" + repeated(500, func(i int) string { return fmt.Sprintf(`a%d:search(text:"heart"){score}`, i) }) + "}",
		"{" + strings.Repeat("__typename ", 3_000) + "}",
		"{__typename" + strings.Repeat(" @include(if:true)", 300) + "}",
		`{term(id:"UBERON:0000948"){...F0}}` + repeated(14, func(i int) string {
			return fmt.Sprintf(" fragment F%d on Term{a:children{...F%d} b:children{...F%d}}", i, i+1, i+1)
		}) + " fragment F14 on Term{id}",
		"{__schema{types{" + strings.Repeat("fields{type{", 8) + "name" + strings.Repeat("}}", 8) + "}}}",
		"{search(text:" + strings.Repeat("[", 5_000) + strings.Repeat("]", 5_000) + "){score}}",
		"{" + strings.Repeat("nope ", 500) + "}",
		`{term(id:"UBERON:0000948"){descendants{descendants{descendants{descendants{id}}}}}}`,
		strings.Repeat("{a", 20_000),
	}
}

// A caller asks one service, over connections of its own.
type caller struct {
	host, token string
	client      *http.Client
	refused     int // good queries, as when attacks under the same name use its rate up
}

func newCaller(host, token string) *caller {
	return &caller{host: host, token: token, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}}
}

// ask sends a query and tells how long its answer took, and with which status.
func (c *caller) ask(ctx context.Context, query string) (took time.Duration, status int, err error) {
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return 0, 0, err
	}
	start := time.Now()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.host+"/graphql", bytes.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	_, err = io.Copy(io.Discard, res.Body)
	return time.Since(start), res.StatusCode, err
}

// times asks a query until done says so, pausing between.
func (c *caller) times(ctx context.Context, query string, pause time.Duration, done func(n int) bool) (times []time.Duration, err error) {
	for !done(len(times)) {
		took, status, err := c.ask(ctx, query)
		if err != nil {
			return nil, err
		}
		if query == good && status != http.StatusOK {
			c.refused++
		}
		times = append(times, took)
		time.Sleep(pause)
	}
	return times, nil
}

// anew has the caller open a new connection for each request.
func (c *caller) anew() *caller {
	c.client.Transport.(*http.Transport).DisableKeepAlives = true
	return c
}

func so(most int) func(n int) bool { return func(n int) bool { return n >= most } }

// refusals tells how fast hostile queries are refused.
func refusals(ctx context.Context, host string) error {
	c := newCaller(host, "")
	if _, err := c.times(ctx, good, 0, so(500)); err != nil { // the program has warmed up
		return err
	}
	fmt.Println("hostile queries, one after the other, on a service that nobody else uses:")
	for _, query := range hostile() {
		times, err := c.times(ctx, query, 0, so(200))
		if err != nil {
			return err
		}
		fmt.Printf("  %5d bytes: answered in %.2f ms, p99 %.2f ms: %.50s…\n", len(query), ms(share(times, 0.5)), ms(share(times, 0.99)), query)
	}
	return nil
}

// attacks tells what a thousand attacks of all kinds, four at once, do to the times
// of a good client who asks in the meantime.
func attacks(ctx context.Context, name string, client, attacker *caller, pause time.Duration, calmFor int) error {
	if _, err := client.times(ctx, good, pause, so(100)); err != nil {
		return err
	}
	calm, err := client.times(ctx, good, pause, so(calmFor))
	if err != nil {
		return err
	}
	client.refused = 0
	const total, together = 1_000, 4
	list := hostile()
	var sent, over atomic.Int64
	statuses := make([]atomic.Int64, 600)
	start := time.Now()
	for range together {
		go func() {
			defer over.Add(1)
			for i := sent.Add(1); i <= total; i = sent.Add(1) {
				if _, status, err := attacker.ask(ctx, list[int(i)%len(list)]); err == nil {
					statuses[status].Add(1)
				}
			}
		}()
	}
	attacked, err := client.times(ctx, good, pause, func(int) bool { return over.Load() == together })
	if err != nil {
		return err
	}
	took := time.Since(start)
	fmt.Printf("%s: a good client, %d requests: p50 %.2f ms, p99 %.2f ms; under %d attacks by %d at once in %.1f s (%d of them 429), %d requests: p50 %.2f ms, p99 %.2f ms: %.2f times its p99; %d of them refused\n",
		name, len(calm), ms(share(calm, 0.5)), ms(share(calm, 0.99)), total, together, took.Seconds(), statuses[http.StatusTooManyRequests].Load(), len(attacked),
		ms(share(attacked, 0.5)), ms(share(attacked, 0.99)), float64(share(attacked, 0.99))/float64(share(calm, 0.99)), client.refused)
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

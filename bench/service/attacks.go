package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
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

// attacks tells how fast a hostile query is refused, and what a thousand of all
// kinds do to a good client's times.
func attacks(ctx context.Context, host string) error {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}
	ask := func(query string) (time.Duration, error) {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			return 0, err
		}
		start := time.Now()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/graphql", bytes.NewReader(body))
		if err != nil {
			return 0, err
		}
		r.Header.Set("Content-Type", "application/json")
		res, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		defer func() { _ = res.Body.Close() }()
		_, err = io.Copy(io.Discard, res.Body)
		return time.Since(start), err
	}
	many := func(n int, query string) (times []time.Duration, err error) {
		for range n {
			t, err := ask(query)
			if err != nil {
				return nil, err
			}
			times = append(times, t)
		}
		return times, nil
	}
	if _, err := many(500, good); err != nil { // the program has warmed up
		return err
	}
	refused, err := many(1_000, nested(160))
	if err != nil {
		return err
	}
	fmt.Printf("a hostile query of %d bytes: answered in %.2f ms, p99 %.2f ms\n", len(nested(160)), ms(share(refused, 0.5)), ms(share(refused, 0.99)))

	calm, err := many(3_000, good)
	if err != nil {
		return err
	}
	const total, together = 1_000, 4
	list := hostile()
	var sent atomic.Int64
	var attackers sync.WaitGroup
	start := time.Now()
	for range together {
		attackers.Go(func() {
			for i := sent.Add(1); i <= total; i = sent.Add(1) {
				_, _ = ask(list[int(i)%len(list)])
			}
		})
	}
	var attacked []time.Duration
	for sent.Load() <= total {
		t, err := ask(good)
		if err != nil {
			return err
		}
		attacked = append(attacked, t)
	}
	attackers.Wait()
	took := time.Since(start)
	fmt.Printf("a good client, %d requests: p50 %.2f ms, p99 %.2f ms; under %d attacks by %d at once in %.1f s, %d requests: p50 %.2f ms, p99 %.2f ms: %.2f times its p99\n",
		len(calm), ms(share(calm, 0.5)), ms(share(calm, 0.99)), total, together, took.Seconds(), len(attacked),
		ms(share(attacked, 0.5)), ms(share(attacked, 0.99)), float64(share(attacked, 0.99))/float64(share(calm, 0.99)))
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

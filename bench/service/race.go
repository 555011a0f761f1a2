package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// subtree is what lies below the heart by part_of, to five levels: the question of
// the race. With a variable limit the answer is the same, and no answer is kept.
const subtree = `query($n: Int) {term(id: "UBERON:0000948") {id name kind laterality ` +
	`children(relations: [PART_OF], limit: $n) {id name kind laterality children(relations: [PART_OF], limit: $n) {id name kind laterality ` +
	`children(relations: [PART_OF], limit: $n) {id name kind laterality children(relations: [PART_OF], limit: $n) {id name kind laterality}}}}}}`

// posted is a request, written out, of a GraphQL query.
func posted(host, query string, variables map[string]any) []byte {
	body, _ := json.Marshal(map[string]any{"query": query, "variables": variables}) //nolint:errchkjson // texts and numbers
	return fmt.Appendf(nil, "POST /graphql HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", host, len(body), body)
}

// load has so many clients ask for so long, each over one connection as fast as it
// is answered. request gives the n-th request.
func load(ctx context.Context, host string, clients int, lasts time.Duration, request func(n int) []byte) (perSecond float64, times []time.Duration, body string, err error) {
	var (
		mu    sync.Mutex
		wg    sync.WaitGroup
		count int
	)
	ctx, cancel := context.WithTimeout(ctx, lasts)
	defer cancel()
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			mine, last, failed := client(ctx, host, c, request)
			mu.Lock()
			defer mu.Unlock()
			times = append(times, mine...)
			count += len(mine)
			body, err = last, errors.Join(err, failed)
		})
	}
	wg.Wait()
	return float64(count) / time.Since(start).Seconds(), times, body, err
}

func client(ctx context.Context, host string, number int, request func(n int) []byte) (times []time.Duration, body string, err error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = conn.Close() }()
	in := bufio.NewReader(conn)
	var text []byte
	for n := number << 20; ctx.Err() == nil; n++ {
		start := time.Now()
		if _, err := conn.Write(request(n)); err != nil {
			return nil, "", err
		}
		res, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, "", err
		}
		if text == nil {
			text, err = io.ReadAll(res.Body)
		} else {
			_, err = io.Copy(io.Discard, res.Body)
		}
		if err = errors.Join(err, res.Body.Close()); err != nil {
			return nil, "", err
		}
		if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNotModified {
			return nil, "", fmt.Errorf("answered with %s: %.200s", res.Status, text)
		}
		times = append(times, time.Since(start))
	}
	return times, string(text), nil
}

// race compares the service with gqlgen on the same tree in memory, each for some
// seconds in turn, and the median of three rounds counts.
func race(ctx context.Context, program, peer string) error {
	return served(ctx, program, nil, func(host, _ string, _ int) error {
		other := exec.CommandContext(ctx, peer)
		said, err := other.StdoutPipe()
		if err != nil {
			return err
		}
		if err := other.Start(); err != nil {
			return fmt.Errorf("the peer: %w; bench/service/run.sh builds it", err)
		}
		defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
		peerHost, err := listening(said)
		if err != nil {
			return err
		}
		return contest(ctx, host, peerHost)
	})
}

func contest(ctx context.Context, host, peerHost string) error {
	const clients, seconds, rounds = 16, 3, 3
	same := posted(host, subtree, map[string]any{"n": 1000})
	theirs := posted(peerHost, subtree, map[string]any{"n": 1000})
	tagged, err := taggedRequest(ctx, host)
	if err != nil {
		return err
	}
	kinds := []struct {
		name    string
		host    string
		request func(n int) []byte
	}{
		{"gqlgen, the query it has parsed before", peerHost, func(int) []byte { return theirs }},
		{"satgraph, each answer made anew", host, func(n int) []byte { return posted(host, subtree, map[string]any{"n": 1_000 + n%9_000}) }},
		{"satgraph, the same query again", host, func(int) []byte { return same }},
		{"satgraph, persisted and by ETag (304)", host, func(int) []byte { return tagged }},
	}
	rates := make([][]time.Duration, len(kinds)) // of one request
	bodies := make([]string, len(kinds))
	for round := range rounds + 1 {
		for i, k := range kinds {
			perSecond, _, body, err := load(ctx, k.host, clients, seconds*time.Second, k.request)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			bodies[i] = body
			if round > 0 { // the first one warms up
				rates[i] = append(rates[i], time.Duration(float64(time.Second)/perSecond))
			}
		}
	}
	ours, err := canonical(bodies[2])
	if err != nil {
		return err
	}
	if their, err := canonical(bodies[0]); err != nil || their != ours {
		return fmt.Errorf("the answers differ: %.300s and %.300s (%w)", ours, their, err)
	}
	fmt.Printf("the heart's parts to five levels, %d terms, %d clients:\n", strings.Count(ours, `"id"`), clients)
	first := float64(share(rates[0], 0.5))
	for i, k := range kinds {
		one := float64(share(rates[i], 0.5))
		fmt.Printf("  %-40s %8.0f requests/s, %.2f times gqlgen\n", k.name, float64(time.Second)/one, first/one)
	}
	return nil
}

func canonical(body string) (string, error) {
	var v any
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		return "", fmt.Errorf("%w in %.100q", err, body)
	}
	text, err := json.Marshal(v)
	return string(text), err
}

// taggedRequest persists the query and gives a request for it by hash, with the
// ETag of its answer.
func taggedRequest(ctx context.Context, host string) ([]byte, error) {
	sum := sha256.Sum256([]byte(subtree))
	values := url.Values{
		"variables":  {`{"n": 1000}`},
		"extensions": {`{"persistedQuery": {"version": 1, "sha256Hash": "` + hex.EncodeToString(sum[:]) + `"}}`},
	}
	get := func(query string) (tag string, err error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+"/graphql?"+query, nil)
		if err != nil {
			return "", err
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return "", err
		}
		defer func() { _ = res.Body.Close() }()
		_, err = io.Copy(io.Discard, res.Body)
		return res.Header.Get("ETag"), err
	}
	hashed := values.Encode()
	values.Set("query", subtree)
	if _, err := get(values.Encode()); err != nil {
		return nil, err
	}
	tag, err := get(hashed)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "GET /graphql?%s HTTP/1.1\r\nHost: %s\r\nAccept-Encoding: gzip\r\nIf-None-Match: %s\r\n\r\n", hashed, host, tag), nil
}

// crowd tells how even the times of 200 clients at once are.
func crowd(ctx context.Context, program string) error {
	return served(ctx, program, nil, func(host, _ string, _ int) error {
		const clients = 200
		for name, request := range map[string]func(n int) []byte{
			"each answer made anew": func(n int) []byte { return posted(host, subtree, map[string]any{"n": 1_000 + n%9_000}) },
			"small questions":       func(int) []byte { return posted(host, good, nil) },
		} {
			if _, _, _, err := load(ctx, host, clients, 3*time.Second, request); err != nil { // warms up
				return err
			}
			perSecond, times, _, err := load(ctx, host, clients, 15*time.Second, request)
			if err != nil {
				return err
			}
			p50, p99 := share(times, 0.5), share(times, 0.99)
			fmt.Printf("%d clients at once, %s: %.0f requests/s, p50 %.1f ms, p99 %.1f ms: %.2f times\n", clients, name, perSecond, ms(p50), ms(p99), float64(p99)/float64(p50))
		}
		return nil
	})
}

// soak has a day's load come in some minutes, of all kinds that reads have, and
// tells the memory on the way.
func soak(ctx context.Context, program string, lasts time.Duration) error {
	return served(ctx, program, nil, func(host, _ string, pid int) error {
		names := []string{"heart", "liver", "brain", "left kidney", "femur", "aorta", "thorax", "lung"}
		list := hostile()
		request := func(n int) []byte {
			name := names[n%len(names)]
			switch n % 8 {
			case 0:
				return posted(host, fmt.Sprintf(`{a%d: search(text: %q, limit: 5) {term {id name} score}}`, n, name), nil) // a new document each time
			case 1:
				return posted(host, subtree, map[string]any{"n": 1_000 + n%9_000})
			case 2:
				return posted(host, `query($q: String!) {resolve(query: $q, modality: CT) {terms {name status}}}`, map[string]any{"q": "children of " + name})
			case 3:
				return posted(host, list[n/8%len(list)], nil)
			case 4:
				return posted(host, `{datasets {totalCount} corpus {stats {datasets classes}}}`, nil)
			}
			return posted(host, fmt.Sprintf(`{term(name: %q) {id name parents {id name} children {id name kind}}}`, name), nil)
		}
		say := func(when string) error {
			mb, err := memory(pid)
			fmt.Printf("  %s: resident memory %.0f MB\n", when, mb)
			return err
		}
		fmt.Printf("load of all kinds for %v:\n", lasts)
		if err := say("at the start"); err != nil {
			return err
		}
		total := 0.0
		for done := time.Duration(0); done < lasts; {
			step := min(2*time.Minute, lasts-done)
			perSecond, _, _, err := load(ctx, host, 8, step, request)
			if err != nil {
				return err
			}
			total += perSecond * step.Seconds()
			done += step
			if err := say(fmt.Sprintf("after %v, %.0f requests", done, total)); err != nil {
				return err
			}
		}
		return nil
	})
}

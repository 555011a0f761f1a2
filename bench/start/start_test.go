// Package start measures how long the service takes from the start of its
// process to its first GraphQL answer about the tree. The aim is 300 ms.
package start

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	program  = "../../bin/satgraph"
	question = `{"query":"{ term(name: \"heart\") { id name children { id name } } }"}`
)

var address = regexp.MustCompile(`http://[^/]+/`)

// BenchmarkFirstAnswer starts the program on a store that holds the tree
// already, as every start but the first does.
func BenchmarkFirstAnswer(b *testing.B) {
	dir := b.TempDir()
	firstAnswer(b, dir) // fills the store
	b.ResetTimer()
	for b.Loop() {
		b.ReportMetric(firstAnswer(b, dir).Seconds()*1000, "last-ms")
	}
}

// BenchmarkFirstStart starts the program on an empty folder, so that it has to
// fill the store before it can answer.
func BenchmarkFirstStart(b *testing.B) {
	for b.Loop() {
		b.ReportMetric(firstAnswer(b, b.TempDir()).Seconds()*1000, "last-ms")
	}
}

func firstAnswer(b *testing.B, dir string) time.Duration {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	defer cancel()
	command := exec.CommandContext(ctx, program, "serve", "--addr", "127.0.0.1:0",
		"--store", "sqlite:"+dir+"/tree.db", "--data", dir)
	stderr, err := command.StderrPipe()
	if err != nil {
		b.Fatal(err)
	}
	started := time.Now()
	if err := command.Start(); err != nil {
		b.Fatal(err, "; run 'make build' first")
	}
	took, err := ask(ctx, stderr, started)
	if err != nil {
		b.Error(err)
	}
	b.StopTimer()
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		b.Error(err)
	}
	if err := command.Wait(); err != nil {
		b.Error(err)
	}
	b.StartTimer()
	return took
}

// ask waits for the line that names the address, and asks there.
func ask(ctx context.Context, stderr io.Reader, started time.Time) (time.Duration, error) {
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		url := address.FindString(lines.Text())
		if url == "" {
			continue
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"graphql", strings.NewReader(question))
		if err != nil {
			return 0, err
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return 0, err
		}
		text, err := io.ReadAll(answer.Body)
		took := time.Since(started)
		_ = answer.Body.Close()
		if err != nil {
			return 0, err
		}
		if !strings.Contains(string(text), "UBERON:0000948") {
			return 0, fmt.Errorf("unexpected answer: %s", text)
		}
		return took, nil
	}
	return 0, fmt.Errorf("no address was printed: %w", lines.Err())
}

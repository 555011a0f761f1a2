// Command testreport turns the events of "go test -json" (on its input) into
// what go test prints without -v, and adds what that hides: every skipped test
// with its reason, and a closing line "N passed, N failed, N skipped". Tests
// and subtests count alike. It exits 1 where anything failed, or where it was
// given no event at all.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

func main() {
	ok, err := report(os.Stdin, os.Stdout)
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "testreport:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// event is a line of "go test -json" (go doc test2json), including the build
// output that cmd/go adds.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
}

// report copies from in to out as events arrive, and tells whether all that it
// saw passed.
func report(in io.Reader, out io.Writer) (ok bool, err error) {
	var passed, failed, skipped, events int
	output := map[[2]string]*strings.Builder{} // of each package and test, until it ends
	brokenPackages := 0

	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			_, _ = fmt.Fprintln(out, lines.Text()) // a word of the go command itself
			continue
		}
		events++
		key := [2]string{e.Package, e.Test}
		switch e.Action {
		case "build-output":
			_, _ = io.WriteString(out, e.Output)
		case "build-fail":
			brokenPackages++
		case "output":
			if e.Test == "" {
				if e.Output != "PASS\n" {
					_, _ = io.WriteString(out, e.Output)
				}
				continue
			}
			if output[key] == nil {
				output[key] = new(strings.Builder)
			}
			output[key].WriteString(e.Output)
		case "pass", "skip", "fail":
			text := ""
			if b := output[key]; b != nil {
				text = b.String()
				delete(output, key)
			}
			switch {
			case e.Test == "":
				if e.Action == "fail" {
					brokenPackages++
				}
			case e.Action == "pass":
				passed++
			case e.Action == "skip":
				skipped++
				_, _ = io.WriteString(out, withoutChatter(text))
			default:
				failed++
				_, _ = io.WriteString(out, withoutChatter(text))
			}
		}
	}
	if err := lines.Err(); err != nil {
		return false, fmt.Errorf("reading test events: %w", err)
	}
	// A test that never ended (a crash, a time-out) has failed.
	for key, b := range output {
		failed++
		_, _ = fmt.Fprintf(out, "--- FAIL: %s (%s): did not end\n%s", key[1], key[0], withoutChatter(b.String()))
	}
	_, _ = fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if events == 0 {
		return false, fmt.Errorf("no test was run")
	}
	return failed == 0 && brokenPackages == 0, nil
}

// withoutChatter drops the lines that say when a test started, paused or went on.
func withoutChatter(text string) string {
	var kept strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "=== ") {
			kept.WriteString(line)
		}
	}
	return kept.String()
}

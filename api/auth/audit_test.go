package auth_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"satgraph/api/auth"
)

// record writes n events to the log and returns its path.
func record(t *testing.T, path string, n int) {
	t.Helper()
	log, err := auth.OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		if err := log.Record(auth.Event{Subject: "token:A", Action: "image.read", Object: fmt.Sprint(i), Outcome: "ok"}); err != nil {
			t.Fatal(err)
		}
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
}

func verify(t *testing.T, data []byte) (int, []auth.AuditFault) {
	t.Helper()
	n, faults, err := auth.VerifyAudit(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return n, faults
}

func TestAnAuditLogGoesOnWhereItEnded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	record(t, path, 3)
	record(t, path, 2)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, faults := verify(t, data); n != 5 || len(faults) != 0 {
		t.Errorf("%d events, faults %v", n, faults)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Several processes, each with the file open for itself, keep one chain.
func TestManyWritersKeepOneChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	const writers, each = 4, 25
	var done sync.WaitGroup
	for range writers {
		log, err := auth.OpenAudit(path)
		if err != nil {
			t.Fatal(err)
		}
		done.Go(func() {
			for i := range each {
				if err := log.Record(auth.Event{Subject: "token:A", Action: "token.create", Object: fmt.Sprint(i), Outcome: "ok"}); err != nil {
					t.Error(err)
				}
			}
			if err := log.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, faults := verify(t, data); n != writers*each || len(faults) != 0 {
		t.Errorf("%d events, faults %v", n, faults)
	}
}

func TestChangedLinesOfAnAuditLogAreFound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	record(t, path, 5)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	for name, c := range map[string]struct {
		text string
		line int
	}{
		"changed":  {strings.Replace(string(data), `"object":"1"`, `"object":"9"`, 1), 3},
		"removed":  {lines[0] + strings.Join(lines[2:], ""), 2},
		"swapped":  {lines[0] + lines[2] + lines[1] + strings.Join(lines[3:], ""), 2},
		"inserted": {lines[0] + lines[0] + strings.Join(lines[1:], ""), 2},
	} {
		if _, faults := verify(t, []byte(c.text)); len(faults) == 0 || faults[0].Line != c.line {
			t.Errorf("%s: faults %v, want the first in line %d", name, faults, c.line)
		}
	}
}

func TestALineCutOffByACrashIsNamedAndTheLogGoesOn(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	record(t, path, 2)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data[:len(data)-10], 0o600); err != nil {
		t.Fatal(err)
	}
	record(t, path, 2)
	if data, err = os.ReadFile(path); err != nil {
		t.Fatal(err)
	}
	n, faults := verify(t, data)
	if n != 3 || len(faults) != 1 || faults[0].Line != 2 {
		t.Errorf("%d events, faults %v", n, faults)
	}
}

func TestEventsAtOnceKeepTheChain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "audit.jsonl")
	log, err := auth.OpenAudit(path)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 5 {
				if err := log.Record(auth.Event{Subject: "s", Action: "a", Outcome: "ok"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n, faults := verify(t, data); n != 40 || len(faults) != 0 {
		t.Errorf("%d events, faults %v", n, faults)
	}
}

package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/charmbracelet/x/vt"
	"github.com/creack/pty"
)

// terminal is the program on a pseudo-terminal, and the screen that a user sees.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	file   *os.File
	screen *vt.SafeEmulator
	mu     sync.Mutex      // of raw, and of the screen's cells: SafeEmulator's String takes no lock
	raw    strings.Builder // all that the program wrote
	done   chan struct{}
}

func startTerminal(t *testing.T, width, height int, env []string, args ...string) *terminal {
	t.Helper()
	program, err := built()
	if err != nil {
		t.Fatal(err)
	}
	s := &terminal{t: t, cmd: exec.CommandContext(t.Context(), program, args...), screen: vt.NewSafeEmulator(width, height), done: make(chan struct{})}
	s.cmd.Env = append(append(os.Environ(), "TERM=xterm-256color", "COLORTERM="), env...)
	if s.file, err = pty.StartWithSize(s.cmd, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.Copy(s.file, s.screen) }() // what a terminal answers to queries
	go func() {
		defer close(s.done)
		buf := make([]byte, 4096)
		for {
			n, err := s.file.Read(buf)
			s.mu.Lock()
			s.raw.Write(buf[:n])
			_, _ = s.screen.Write(buf[:n])
			s.mu.Unlock()
			if err != nil { // the program has ended
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill() // for tests that fail half-way
		_ = s.file.Close()
		// Close of the emulator races with its Read; the end of the pipe ends both.
		if pipe, ok := s.screen.InputPipe().(io.Closer); ok {
			_ = pipe.Close()
		}
	})
	return s
}

// shown is the text on the screen.
func (s *terminal) shown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.screen.String()
}

// sees waits until the screen shows a text.
func (s *terminal) sees(text string) {
	s.t.Helper()
	for range 300 {
		if strings.Contains(s.shown(), text) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	s.t.Fatalf("the screen never shows %q:\n%s", text, s.shown())
}

// keys types, one key after the other.
func (s *terminal) keys(keys ...string) {
	s.t.Helper()
	for _, k := range keys {
		if _, err := s.file.WriteString(k); err != nil {
			s.t.Fatal(err)
		}
	}
}

func (s *terminal) resize(width, height int) {
	s.t.Helper()
	s.mu.Lock()
	s.screen.Resize(width, height)
	s.mu.Unlock()
	if err := pty.Setsize(s.file, &pty.Winsize{Cols: uint16(width), Rows: uint16(height)}); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program's end and returns its exit code and all it wrote.
func (s *terminal) ends() (code int, written string) {
	s.t.Helper()
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		s.t.Fatalf("the program does not end:\n%s", s.shown())
	}
	_ = s.cmd.Wait() // its code says it
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cmd.ProcessState.ExitCode(), s.raw.String()
}

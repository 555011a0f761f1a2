package api_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"satgraph/api"
)

// served serves a service on a port of its own; stop begins to stop it, and done
// tells when it has.
func (s *service) served() (stop context.CancelFunc, done <-chan error) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	l, err := s.api.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- s.api.Serve(ctx, l) }()
	s.URL = "http://" + l.Addr().String()
	return cancel, ended
}

// until asks until the status is the wanted one.
func (s *service) until(path string, status int) (http.Header, []byte) {
	s.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		got, header, text := s.exchange(http.MethodGet, path, nil)
		if got == status {
			return header, text
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s: %d %s", path, got, text)
		}
	}
}

// A service that is told to stop says so, takes nothing new, closes WebSockets and
// finishes what runs.
func TestDrain(t *testing.T) {
	s, _ := curated(t)
	stop, done := s.served()
	w := s.invited()
	w.subscribe("1", `subscription {labelChanges {event {seq}}}`)
	file := scan(t, "scan.nii.gz")
	body, send := io.Pipe()
	uploaded := make(chan int, 1)
	go func() {
		status, _ := s.do(http.MethodPost, "/images", body, "Content-Type", "application/octet-stream")
		uploaded <- status
	}()
	if _, err := send.Write(file[:100]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond) // for the request to come to its handler
	stop()
	w.closes(websocket.StatusGoingAway)
	if _, text := s.until("/readyz", http.StatusServiceUnavailable); !strings.Contains(string(text), `"draining"`) {
		t.Errorf("ready: %s", text)
	}
	if status, _ := s.do(http.MethodGet, "/healthz", nil); status != http.StatusOK {
		t.Errorf("health: %d", status)
	}
	for _, path := range []string{"/graphql?query={__typename}", "/", "/images/x"} {
		status, header, text := s.exchange(http.MethodGet, path, nil)
		if status != http.StatusServiceUnavailable || header.Get("Retry-After") == "" || errorCode(t, text) != "SERVICE_UNAVAILABLE" {
			t.Errorf("%s: %d %v %s", path, status, header, text)
		}
	}
	select {
	case err := <-done:
		t.Fatalf("it stopped before the upload: %v", err)
	default:
	}
	if _, err := io.Copy(send, bytes.NewReader(file[100:])); err != nil {
		t.Fatal(err)
	}
	_ = send.Close()
	if status := <-uploaded; status != http.StatusCreated {
		t.Errorf("the upload that ran: %d", status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// What takes longer than the service waits is cut off; an upload in pieces keeps
// what came, and goes on at the next start.
func TestDrainCutsUploadsOffThatGoOnLater(t *testing.T) {
	s := start(t, nil, func(c *api.Config) { c.Limits.DrainTime = 100 * time.Millisecond })
	stop, done := s.served()
	file := scan(t, "scan.nii.gz")
	path := s.begin(len(file), "")
	body, send := io.Pipe()
	go func() {
		r, err := http.NewRequestWithContext(context.Background(), http.MethodPatch, s.URL+path, body)
		if err != nil {
			return
		}
		for name, value := range map[string]string{"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"} {
			r.Header.Set(name, value)
		}
		if res, err := s.Client().Do(r); err == nil {
			_ = res.Body.Close()
		}
		_ = body.CloseWithError(io.ErrClosedPipe)
	}()
	const came = 100
	if _, err := send.Write(file[:came]); err != nil {
		t.Fatal(err)
	}
	time.Sleep(50 * time.Millisecond)
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	_ = send.Close()
	again := start(t, nil, func(c *api.Config) { c.DataDir = s.dir })
	_, header, _ := again.tus(http.MethodHead, path, nil)
	offset, err := strconv.Atoi(header.Get("Upload-Offset"))
	if err != nil || offset != came {
		t.Fatalf("the upload stands at %q", header.Get("Upload-Offset"))
	}
	if status, header, text := again.piece(path, offset, file[offset:]); status != http.StatusNoContent || header.Get("Satgraph-Image") == "" {
		t.Errorf("the rest: %d %s", status, text)
	}
}

package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"satgraph/api/auth"
	"satgraph/internal/tooltest"
)

// A browser is a real Chromium with one page, driven by its DevTools protocol.
type browser struct {
	t    testing.TB
	conn *websocket.Conn
	next int
	// asked are the addresses that the page loaded, logged what its console said.
	asked, logged []string
}

// openBrowser starts one; where none is installed the test is skipped, on CI it
// fails.
func openBrowser(t testing.TB) *browser {
	t.Helper()
	program := tooltest.Get(t.Context(), t, "sh", "-c", "command -v chromium || command -v chromium-browser || command -v google-chrome || { echo no Chromium is installed >&2; exit 1; }")
	profile := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	command := exec.CommandContext(ctx, program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
		"--user-data-dir="+profile, "--remote-debugging-port=0", "about:blank")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = command.Wait()
	})
	b := &browser{t: t}
	var port string
	b.until("the browser to start", func() bool {
		text, _ := os.ReadFile(filepath.Join(profile, "DevToolsActivePort"))
		port, _, _ = strings.Cut(string(text), "\n")
		return port != ""
	})
	var pages []struct{ Type, WebSocketDebuggerURL string }
	b.until("a page", func() bool {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+port+"/json", nil)
		if err != nil {
			return false
		}
		res, err := http.DefaultClient.Do(r)
		if err != nil {
			return false
		}
		defer func() { _ = res.Body.Close() }()
		return json.NewDecoder(res.Body).Decode(&pages) == nil && len(pages) > 0 && pages[0].Type == "page"
	})
	conn, _, err := websocket.Dial(ctx, pages[0].WebSocketDebuggerURL, nil) //nolint:bodyclose // the library closes it
	if err != nil {
		t.Fatal(err)
	}
	conn.SetReadLimit(64 << 20)
	b.conn = conn
	for _, domain := range []string{"Page", "Runtime", "Network", "Log"} {
		b.call(domain+".enable", map[string]any{}, nil)
	}
	return b
}

// call calls a method, noting the events that come before its result.
func (b *browser) call(method string, params, result any) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 30*time.Second)
	defer cancel()
	b.next++
	text, err := json.Marshal(map[string]any{"id": b.next, "method": method, "params": params})
	if err == nil {
		err = b.conn.Write(ctx, websocket.MessageText, text)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	for {
		_, text, err := b.conn.Read(ctx)
		if err != nil {
			b.t.Fatalf("%s: %v", method, err)
		}
		var m struct {
			ID     int
			Method string
			Params struct {
				Request struct{ URL string }
				Entry   struct{ Level, Text, URL string }
				Type    string
				Args    []struct{ Value any }
			}
			Result json.RawMessage
			Error  any
		}
		if err := json.Unmarshal(text, &m); err != nil {
			b.t.Fatal(err)
		}
		switch {
		case m.ID == b.next && m.Error != nil:
			b.t.Fatalf("%s: %v", method, m.Error)
		case m.ID == b.next:
			if result != nil {
				if err := json.Unmarshal(m.Result, result); err != nil {
					b.t.Fatal(err)
				}
			}
			return
		case m.Method == "Network.requestWillBeSent":
			b.asked = append(b.asked, m.Params.Request.URL)
		case m.Method == "Log.entryAdded":
			b.logged = append(b.logged, m.Params.Entry.Level+": "+m.Params.Entry.Text+" "+m.Params.Entry.URL)
		case m.Method == "Runtime.consoleAPICalled" && m.Params.Type == "error":
			b.logged = append(b.logged, fmt.Sprintf("error: %v", m.Params.Args))
		}
	}
}

// js runs an expression in the page and gives its value as text.
func (b *browser) js(expression string) string {
	b.t.Helper()
	var r struct {
		Result           struct{ Value any }
		ExceptionDetails struct{ Exception struct{ Description string } }
	}
	b.call("Runtime.evaluate", map[string]any{"expression": expression, "returnByValue": true, "awaitPromise": true, "userGesture": true}, &r)
	if why := r.ExceptionDetails.Exception.Description; why != "" {
		b.t.Fatalf("%s: %s", expression, why)
	}
	return fmt.Sprint(r.Result.Value)
}

func (b *browser) open(url string) { b.call("Page.navigate", map[string]any{"url": url}, nil) }

// until waits for something to hold.
func (b *browser) until(what string, holds func() bool) {
	b.t.Helper()
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.t.Fatalf("waited in vain for %s; it says %q", what, b.logged)
		}
	}
}

// shows waits for a text within what a selector finds.
func (b *browser) shows(selector, text string) {
	b.t.Helper()
	b.until(selector+" with "+text, func() bool {
		return strings.Contains(b.js(`document.querySelector(`+quoted(selector)+`)?.textContent ?? ""`), text)
	})
}

// GraphiQL comes from the service alone, under a policy that it keeps to; it asks
// for a token where one is wanted, and shows answers and what subscriptions send.
func TestGraphiQLInABrowser(t *testing.T) {
	tooltest.Get(t.Context(), t, "../scripts/graphiql.sh")
	c := newClub(t, auth.Identity{})
	if _, _, text := c.exchange(http.MethodGet, "/graphiql", nil); !strings.Contains(string(text), "start.js") {
		tooltest.Missing(t, "this test was built before GraphiQL was fetched: run it again")
	}
	curator := c.member("curator", auth.Admin)
	b := openBrowser(t)
	b.open(c.URL + "/graphiql?query=" + `%7Bterm(name:"heart")%7Bname%20children%7Bname%7D%7D%7D`)
	b.shows("#said", "token")
	b.js(`document.getElementById("token").value = ` + quoted(curator.token) + `; document.querySelector("#who button").click()`)
	b.until("no complaint", func() bool { return b.js(`document.getElementById("said").textContent`) == "" })
	run := func() {
		b.until("the button", func() bool { return b.js(`!!document.querySelector(".graphiql-execute-button")`) == "true" })
		b.js(`document.querySelector(".graphiql-execute-button").click()`)
	}
	run()
	b.shows(".result-window", "mitral valve")
	// The schema is there for the documentation.
	b.js(`document.querySelector('button[aria-label="Show Documentation Explorer"]').click()`)
	b.js(`document.querySelector(".graphiql-doc-explorer-type-name").click()`)
	b.shows(".graphiql-doc-explorer", "Questions. None of them changes anything.")
	// A subscription, over the WebSocket with the token.
	b.js(`document.querySelector(".graphiql-query-editor .CodeMirror").CodeMirror.setValue("subscription {labelChanges {event {seq}}}")`)
	b.until("a subscription", func() bool {
		run() // again, until GraphiQL has read the new query
		time.Sleep(200 * time.Millisecond)
		return c.api.Sockets() == 1
	})
	time.Sleep(200 * time.Millisecond)
	if r := curator.decide(`importLabels(dataset: "Browser", text: "LK\n")`); r["__typename"] != "Decision" {
		t.Errorf("a label: %v", text(r))
	}
	b.shows(".result-window", "seq")
	if shot := os.Getenv("SATGRAPH_TEST_PICTURE"); shot != "" {
		var picture struct{ Data []byte }
		b.call("Page.captureScreenshot", map[string]any{"format": "png"}, &picture)
		if err := os.WriteFile(shot, picture.Data, 0o600); err != nil {
			t.Error(err)
		}
	}
	b.js(`document.querySelector('button[aria-label="Open settings dialog"]').click()`)
	b.shows(".graphiql-dialog", "Theme")
	for _, url := range b.asked {
		if !strings.HasPrefix(url, c.URL) && !strings.HasPrefix(url, "data:") {
			t.Errorf("the page asks %s", url)
		}
	}
	for _, line := range b.logged {
		if strings.Contains(line, "Content Security Policy") {
			t.Errorf("the page breaks its policy: %s", line)
		}
	}
}

func TestExplorerPage(t *testing.T) {
	s := start(t, nil)
	status, header, text := s.exchange(http.MethodGet, "/graphiql", nil)
	if status != http.StatusOK || !strings.Contains(string(text), "GraphiQL") || !strings.Contains(header.Get("Content-Security-Policy"), "default-src 'none'; script-src 'self';") {
		t.Errorf("%d %v %s", status, header, text)
	}
	if status, header, text := s.exchange(http.MethodGet, "/graphiql/start.js", nil); status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/javascript") || !strings.Contains(string(text), "createFetcher") {
		t.Errorf("start.js: %d %v", status, header)
	}
	for _, path := range []string{"/graphiql/none.js", "/graphiql/page.html", "/graphiql/..%2fexplorer.go", "/graphiql/fetched", "/graphiql/.installed"} {
		if status, text := s.do(http.MethodGet, path, nil); status != http.StatusNotFound || errorCode(t, text) != "NOT_FOUND" {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

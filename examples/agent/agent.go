package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An agent calls tools and writes down what is said.
type agent struct {
	session  *mcp.ClientSession
	to       io.Writer
	pictures string
	jobs     map[string]string // as the transcript calls them, by their ids
	notices  []string          // that the transcript holds already
	err      error             // of the transcript
}

func connect(ctx context.Context, program, scans string, to io.Writer) (*agent, error) {
	a := &agent{to: to, jobs: map[string]string{}}
	client := mcp.NewClient(&mcp.Implementation{Name: "agent-example", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(_ context.Context, p *mcp.ProgressNotificationClientRequest) {
			fmt.Fprintf(os.Stderr, "%3.0f %% %s\n", p.Params.Progress, p.Params.Message)
		},
	})
	cmd := exec.CommandContext(ctx, program, "mcp", "--root", scans, "--data", filepath.Join(scans, ".results"))
	cmd.Stderr = os.Stderr
	var err error
	a.session, err = client.Connect(ctx, &mcp.CommandTransport{Command: cmd}, nil)
	return a, err
}

func (a *agent) close() error { return a.session.Close() }

func (a *agent) write(format string, values ...any) {
	if a.err == nil {
		_, a.err = fmt.Fprintf(a.to, format, values...)
	}
}

// ask calls a tool.
func (a *agent) ask(ctx context.Context, tool string, arguments map[string]any) (result *mcp.CallToolResult, answer map[string]any, err error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	params.SetProgressToken(tool)
	if result, err = a.session.CallTool(ctx, params); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", tool, err)
	}
	answer, _ = result.StructuredContent.(map[string]any)
	return result, answer, nil
}

// call calls a tool, writes question and answer down, and gives the answer. Of the
// answer only some fields are shown, where these are named.
func (a *agent) call(ctx context.Context, tool string, arguments map[string]any, fields ...string) (map[string]any, error) {
	result, answer, err := a.ask(ctx, tool, arguments)
	if err != nil {
		return nil, err
	}
	asked, err := compact(arguments)
	if err != nil {
		return nil, err
	}
	a.write("**Agent → `%s`** `%s`\n\n", tool, a.tidy(asked))
	if id, ok := answer["job"].(string); ok && a.jobs[id] == "" {
		a.jobs[id] = fmt.Sprintf("JOB-%d", len(a.jobs)+1)
	}
	for _, c := range result.Content {
		switch c := c.(type) {
		case *mcp.ImageContent:
			if err := a.keep(c); err != nil {
				return nil, err
			}
		case *mcp.TextContent:
			if result.IsError {
				a.write("**Tool error:**\n\n```\n%s\n```\n\n", a.tidy(c.Text))
			}
		}
	}
	if result.IsError {
		return nil, nil
	}
	text, err := compact(short(only(answer, fields)))
	if err != nil {
		return nil, err
	}
	a.write("```json\n%s\n```\n\n", a.tidy(text))
	if notice, ok := answer["notice"].(string); ok && !slices.Contains(a.notices, notice) {
		a.notices = append(a.notices, notice)
	}
	return answer, a.err
}

// keep writes a picture to its folder, if there is one.
func (a *agent) keep(c *mcp.ImageContent) error {
	a.write("*(a picture of type %s)*\n\n", c.MIMEType)
	if a.pictures == "" {
		return nil
	}
	if err := os.MkdirAll(a.pictures, 0o750); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(a.pictures, "picture.png"), c.Data, 0o600)
}

var reMask = regexp.MustCompile(`"mask":"[^"]*/([^"/]+)"`)

// tidy takes out what differs from run to run, ids of jobs and folders, and what
// is said again and again.
func (a *agent) tidy(text string) string {
	for id, name := range a.jobs {
		text = strings.ReplaceAll(text, id, name)
	}
	text = reMask.ReplaceAllString(text, `"mask":"…/$1"`)
	for _, notice := range a.notices {
		text = strings.ReplaceAll(text, notice, "(the notice above)")
	}
	return text
}

// compact writes a value as JSON on one line.
func compact(v any) (string, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(out.String()), nil
}

// short leaves of long lists the first entries, as a reader needs no more.
func short(v any) any {
	const most = 4
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			out[name] = short(value)
		}
		return out
	case []any:
		list := v
		if len(v) > most && isObject(v[0]) {
			list = v[:most]
		}
		out := make([]any, 0, len(list)+1)
		for _, value := range list {
			out = append(out, short(value))
		}
		if more := len(v) - len(list); more > 0 {
			out = append(out, fmt.Sprintf("… %d more", more))
		}
		return out
	}
	return v
}

// only keeps the named fields; none are all.
func only(answer map[string]any, fields []string) map[string]any {
	if len(fields) == 0 {
		return answer
	}
	out := map[string]any{}
	for _, name := range fields {
		out[name] = answer[name]
	}
	return out
}

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

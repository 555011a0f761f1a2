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
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An agent calls tools and writes down what is said.
type agent struct {
	session  *mcp.ClientSession
	to       io.Writer
	scans    string
	pictures string
	jobs     map[string]string // as the transcript calls them, by their ids
	err      error             // of the transcript
}

func connect(ctx context.Context, program, scans string, to io.Writer) (*agent, error) {
	a := &agent{to: to, scans: scans, jobs: map[string]string{}}
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

// call calls a tool, writes question and answer down, and gives the answer.
func (a *agent) call(ctx context.Context, tool string, arguments map[string]any) (map[string]any, error) {
	params := &mcp.CallToolParams{Name: tool, Arguments: arguments}
	params.SetProgressToken(tool)
	result, err := a.session.CallTool(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tool, err)
	}
	asked, err := compact(arguments)
	if err != nil {
		return nil, err
	}
	a.write("**Agent → `%s`** `%s`\n\n", tool, a.tidy(asked))
	answer, _ := result.StructuredContent.(map[string]any)
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
	text, err := compact(short(answer))
	if err != nil {
		return nil, err
	}
	a.write("```json\n%s\n```\n\n", a.tidy(text))
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

var reVersion = regexp.MustCompile(`"version":"[^"]*"`)

// tidy takes out what differs from run to run: ids of jobs and folders.
func (a *agent) tidy(text string) string {
	for id, name := range a.jobs {
		text = strings.ReplaceAll(text, id, name)
	}
	text = strings.ReplaceAll(text, filepath.Join(a.scans, ".results", "1", "jobs"), "RESULTS")
	return reVersion.ReplaceAllString(text, `"version":"…"`)
}

// compact writes a value as JSON with one entry of its lists a line.
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
		structures := len(v) > 0 && isObject(v[0])
		if structures && len(v) > most {
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

func isObject(v any) bool {
	_, ok := v.(map[string]any)
	return ok
}

package mcp

import (
	"bytes"
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/internal/plain"
)

// A tool is what is said of one, beside its types.
type tool struct {
	name, title, description string
	needs                    auth.Permission
	// changes: it does more than read; again: asked twice it does no more than
	// once; destroys: it ends something that ran.
	changes, again, destroys bool
	// waits: it may wait for a job, beyond ToolTime.
	waits bool
	// voxels: it reads a scan's voxels, of which few do at once.
	voxels bool
	// input sets the limits of the arguments, which the types do not hold.
	input func(properties map[string]*jsonschema.Schema)
}

// contents is an answer that is shown in another way than as JSON alone.
type contents interface{ contents() []sdk.Content }

// addTool registers a tool whose schemas come from its types. The handler's error
// becomes a tool error that tells the model what to do.
func addTool[In, Out any](s *Server, t tool, h func(ctx context.Context, call *sdk.CallToolRequest, in In) (*Out, error)) {
	schema, err := jsonschema.For[In](nil)
	if err != nil {
		panic(fmt.Sprintf("the schema of %s: %v", t.name, err)) // of the program's own types
	}
	if t.input != nil {
		t.input(schema.Properties)
	}
	no := false
	described := &sdk.Tool{
		Name: t.name, Title: t.title, Description: t.description, InputSchema: schema,
		Annotations: &sdk.ToolAnnotations{
			Title: t.title, ReadOnlyHint: !t.changes, IdempotentHint: !t.changes || t.again,
			DestructiveHint: &t.destroys, OpenWorldHint: &no,
		},
	}
	sdk.AddTool(s.sdk, described, func(ctx context.Context, call *sdk.CallToolRequest, in In) (result *sdk.CallToolResult, out *Out, err error) {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("a tool panicked", "tool", t.name, "panic", p, "stack", string(debug.Stack()))
				result, out, err = nil, nil, errInternal()
			}
		}()
		ctx, done, err := s.begin(ctx, t)
		if err == nil {
			out, err = h(ctx, call, in)
			done()
		}
		if err != nil {
			p := s.explain(err)
			if p.Code == "INTERNAL" {
				s.log.Error("a tool failed", "tool", t.name, "error", err)
			}
			return nil, nil, p
		}
		if shown, ok := any(out).(contents); ok {
			result = &sdk.CallToolResult{Content: shown.contents()}
		}
		return result, out, nil
	})
}

// begin checks what the caller may do, bounds the time, and takes a place among
// those who read voxels. done must be called where err is nil.
func (s *Server) begin(ctx context.Context, t tool) (_ context.Context, done func(), err error) {
	if s.config.Allow != nil {
		if err := s.config.Allow(ctx, t.needs); err != nil {
			return nil, nil, err
		}
	}
	limit := s.limits.ToolTime
	if t.waits {
		limit += s.limits.Wait
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	if !t.voxels {
		return ctx, cancel, nil
	}
	select {
	case s.heavy <- struct{}{}:
		return ctx, func() { <-s.heavy; cancel() }, nil
	case <-ctx.Done():
		cancel()
		return nil, nil, &problem{Code: "BUSY", Message: "other requests read scans just now", Next: "ask again in a few seconds"}
	}
}

// longestError bounds what an error tells, in bytes: the SDK's own repeat what
// was sent.
const longestError = 2000

// guarded stands around all that the SDK does with a request: a panic ends no more
// than its own request, and errors stay short.
func (s *Server) guarded(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, r sdk.Request) (result sdk.Result, err error) {
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("a request of an agent panicked", "method", method, "panic", p, "stack", string(debug.Stack()))
				result, err = nil, errInternal()
			}
		}()
		if call, ok := r.(*sdk.CallToolRequest); ok && call.Params != nil && string(bytes.TrimSpace(call.Params.Arguments)) == "null" {
			call.Params.Arguments = nil // the SDK v1.8.0 panics on it where arguments have defaults
		}
		result, err = next(ctx, method, r)
		if called, ok := result.(*sdk.CallToolResult); ok && called != nil && called.IsError {
			for _, c := range called.Content {
				if text, ok := c.(*sdk.TextContent); ok {
					text.Text = shorten(plainLines(text.Text), longestError)
				}
			}
		}
		return result, err
	}
}

// plainLines is plain.Text of each line.
func plainLines(text string) string {
	lines := strings.Split(text, "\n")
	for i := range lines {
		lines[i] = plain.Text(lines[i])
	}
	return strings.Join(lines, "\n")
}

// shorten cuts a text to at most n bytes, and says so.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}

// Limits of arguments.

func longest(s *jsonschema.Schema, n int) { s.MaxLength = &n }

func notEmpty(s *jsonschema.Schema) {
	one := 1
	s.MinLength = &one
}

func between(s *jsonschema.Schema, low, high float64) { s.Minimum, s.Maximum = &low, &high }

func items(s *jsonschema.Schema, most, each int) {
	s.MaxItems = &most
	s.Items.MaxLength = &each
}

func oneOf(s *jsonschema.Schema, values ...string) {
	for _, v := range values {
		s.Enum = append(s.Enum, v)
	}
}

func byDefault(s *jsonschema.Schema, json string) { s.Default = []byte(json) }

// Package steps names the steps of the service's work (a request, a store's
// answer, a job, a call of a model) for whoever measures or traces them. It
// measures nothing itself, and without a Recorder it costs next to nothing.
// Start from Start.
package steps

import (
	"context"
	"strings"
	"sync/atomic"
)

// Attr says something of a step. Values are a few fixed words or numbers: never
// what a user wrote.
type Attr struct {
	Key   string
	Value any // string, int, int64, float64 or bool
}

// Str makes an Attr of a word.
func Str(key, value string) Attr { return Attr{key, value} }

// Num makes an Attr of a number.
func Num(key string, value float64) Attr { return Attr{key, value} }

// Recorder is told of steps.
type Recorder interface {
	// Start begins a step. end is called once, with what was found out of it
	// and its error.
	Start(ctx context.Context, name string, attrs []Attr) (_ context.Context, end func(attrs []Attr, err error))
	// Carry writes down which step ctx is in, for another process or a later
	// time, as a traceparent of W3C Trace Context; "" where it is in none that is
	// recorded.
	Carry(ctx context.Context) string
	// Resume makes the steps of ctx parts of one that was written down.
	Resume(ctx context.Context, carried string) context.Context
}

var recorder atomic.Pointer[Recorder]

// Use sets the recorder of this process, as its main function does once; nil
// ends the recording.
func Use(r Recorder) {
	if r == nil {
		recorder.Store(nil)
		return
	}
	recorder.Store(&r)
}

// Step is a step under way. The zero value is of one that is not recorded.
type Step struct {
	end   func(attrs []Attr, err error)
	attrs []Attr
}

// Start begins a step; its parts are started with the context it returns.
func Start(ctx context.Context, name string, attrs ...Attr) (context.Context, *Step) {
	r := recorder.Load()
	if r == nil {
		return ctx, &Step{}
	}
	ctx, end := (*r).Start(ctx, name, attrs)
	return ctx, &Step{end: end}
}

// Set adds to what is known of a step.
func (s *Step) Set(attrs ...Attr) {
	if s.end != nil {
		s.attrs = append(s.attrs, attrs...)
	}
}

// End ends the step; a second End does nothing.
func (s *Step) End(err error) {
	if s.end != nil {
		s.end(s.attrs, err)
		s.end = nil
	}
}

type requestKey struct{}

// WithRequest notes the id of the request that ctx belongs to: a short plain word,
// which logs and jobs repeat.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request is the id of the request that ctx belongs to; "" for none.
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// TraceID is the id of the trace that a step which was written down belongs to; ""
// where it is none.
func TraceID(carried string) string {
	parts := strings.Split(carried, "-") // version, trace, step, flags
	if len(parts) != 4 || len(parts[1]) != 32 || strings.Trim(parts[1], "0123456789abcdef") != "" {
		return ""
	}
	return parts[1]
}

// Carry writes down which step ctx is in; see Recorder.
func Carry(ctx context.Context) string {
	if r := recorder.Load(); r != nil {
		return (*r).Carry(ctx)
	}
	return ""
}

// Resume goes on in a step that was written down; see Recorder.
func Resume(ctx context.Context, carried string) context.Context {
	if r := recorder.Load(); r != nil && carried != "" {
		return (*r).Resume(ctx, carried)
	}
	return ctx
}

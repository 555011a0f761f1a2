package observe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"satgraph/internal/steps"
)

// Options say what is recorded.
type Options struct {
	// Version of the program.
	Version string
	// Service is the name in traces.
	Service string
	// Endpoint is the URL of an OTLP/HTTP collector; "" records no traces.
	Endpoint string
	// Sample is the share of traces that is kept, from 0 to 1, where the caller
	// has not decided.
	Sample float64
	// Log takes a line for each request; nil for none.
	Log *slog.Logger
}

// Observer records the steps of a service. It is a [steps.Recorder].
type Observer struct {
	metrics *metrics
	tracer  trace.Tracer
	carrier propagation.TraceContext
	log     *slog.Logger
	close   func(context.Context) error
}

// New makes an observer. The error is that of a bad endpoint; a collector that
// does not answer is only logged.
func New(ctx context.Context, o Options) (*Observer, error) {
	ob := &Observer{
		metrics: newMetrics(o.Version), log: o.Log, tracer: noop.NewTracerProvider().Tracer(""),
		close: func(context.Context) error { return nil },
	}
	if ob.log == nil {
		ob.log = slog.New(slog.DiscardHandler)
	}
	if o.Endpoint == "" {
		return ob, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(o.Endpoint))
	if err != nil {
		return nil, fmt.Errorf("traces to %s: %w", o.Endpoint, err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter),
		sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(o.Sample))),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", cmp.Or(o.Service, "satgraph")), attribute.String("service.version", o.Version))),
	)
	ob.tracer, ob.close = provider.Tracer("satgraph"), provider.Shutdown
	return ob, nil
}

// Close sends what is left of the traces.
func (o *Observer) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := o.close(ctx); err != nil {
		o.log.Warn("traces were lost", "error", err)
	}
	return nil
}

// Start begins a step.
func (o *Observer) Start(ctx context.Context, name string, attrs []steps.Attr) (context.Context, func([]steps.Attr, error)) {
	begun := time.Now()
	o.metrics.begin(name)
	if name == stepDecode { // thousands in one job: counted, and not traced
		return ctx, func(more []steps.Attr, err error) {
			o.metrics.end(name, slices.Concat(attrs, more), time.Since(begun), err)
		}
	}
	ctx, t := o.tracer.Start(ctx, name, trace.WithAttributes(attributes(attrs)...), trace.WithSpanKind(kind(name)))
	return ctx, func(more []steps.Attr, err error) {
		all := slices.Concat(attrs, more)
		o.metrics.end(name, all, time.Since(begun), err)
		if t.IsRecording() {
			t.SetAttributes(attributes(more)...)
			if err != nil {
				t.SetStatus(codes.Error, outcome(err))
			}
		}
		t.End()
	}
}

// Carry writes the step's traceparent.
func (o *Observer) Carry(ctx context.Context) string {
	m := propagation.MapCarrier{}
	o.carrier.Inject(ctx, m)
	return m["traceparent"]
}

// Resume takes a traceparent; one that is malformed starts a trace of its own.
func (o *Observer) Resume(ctx context.Context, carried string) context.Context {
	return o.carrier.Extract(ctx, propagation.MapCarrier{"traceparent": carried})
}

// kind tells the requests of others from the work for them.
func kind(name string) trace.SpanKind {
	switch {
	case name == stepHTTP:
		return trace.SpanKindServer
	case strings.HasPrefix(name, stepStore):
		return trace.SpanKindClient
	}
	return trace.SpanKindInternal
}

func attributes(attrs []steps.Attr) []attribute.KeyValue {
	out := make([]attribute.KeyValue, 0, len(attrs))
	for _, a := range attrs {
		switch v := a.Value.(type) {
		case string:
			out = append(out, attribute.String(a.Key, v))
		case int:
			out = append(out, attribute.Int(a.Key, v))
		case int64:
			out = append(out, attribute.Int64(a.Key, v))
		case float64:
			out = append(out, attribute.Float64(a.Key, v))
		case bool:
			out = append(out, attribute.Bool(a.Key, v))
		}
	}
	return out
}

// outcome is a word for an error; its text may hold what a user wrote.
func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, context.Canceled):
		return "cancelled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	}
	return "error"
}

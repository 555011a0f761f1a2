package observe

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"satgraph/internal/steps"
)

// The steps that have metrics of their own.
const (
	stepHTTP         = "http"
	stepGraphQL      = "graphql"
	stepSubscription = "subscription"
	stepJob          = "job"
	stepModel        = "model."
	stepDecode       = "model.decode"
	stepStore        = "store."
)

// metrics counts and times steps.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.HistogramVec
	received     *prometheus.CounterVec
	inFlight     *prometheus.GaugeVec
	operations   *prometheus.HistogramVec
	refusals     *prometheus.CounterVec
	jobs         *prometheus.HistogramVec
	modelSeconds *prometheus.CounterVec
	store        *prometheus.HistogramVec
}

func newMetrics(version string) *metrics {
	quick := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15}
	slow := []float64{1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}
	histogram := func(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
		return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "satgraph_" + name, Help: help, Buckets: buckets}, labels)
	}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "satgraph_" + name, Help: help}, labels)
	}
	m := &metrics{
		registry:     prometheus.NewRegistry(),
		requests:     histogram("http_request_seconds", "HTTP requests by address and status.", quick, "route", "method", "status"),
		received:     counter("http_received_bytes_total", "Bytes of the bodies of requests, uploads among them.", "route"),
		inFlight:     prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "satgraph_in_flight", Help: "Steps under way: requests, subscriptions, jobs."}, []string{"step"}),
		operations:   histogram("graphql_operation_seconds", "GraphQL operations by kind, first field and outcome.", quick, "kind", "field", "outcome"),
		refusals:     counter("graphql_refused_total", "GraphQL requests refused before execution, by code; LIMIT_EXCEEDED are those that would cost too much.", "code"),
		jobs:         histogram("job_seconds", "Runs of jobs by outcome.", slow, "outcome"),
		modelSeconds: counter("model_seconds_total", "Seconds in which a model ran, by step.", "step"),
		store:        histogram("store_seconds", "Answers of the store by operation and outcome.", quick, "operation", "outcome"),
	}
	m.registry.MustRegister(
		m.requests, m.received, m.inFlight, m.operations, m.refusals, m.jobs, m.modelSeconds, m.store,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "satgraph_build_info", Help: "The program's version.", ConstLabels: prometheus.Labels{"version": version}})
	build.Set(1)
	m.registry.MustRegister(build)
	return m
}

func (m *metrics) begin(name string) {
	switch name {
	case stepHTTP, stepSubscription, stepJob:
		m.inFlight.WithLabelValues(name).Inc()
	}
}

// end counts a step. What it is labelled with is known to the program, so that
// no client makes new series.
func (m *metrics) end(name string, attrs []steps.Attr, took time.Duration, err error) {
	seconds := took.Seconds()
	switch name {
	case stepHTTP, stepSubscription, stepJob:
		m.inFlight.WithLabelValues(name).Dec()
	}
	switch {
	case name == stepHTTP:
		m.requests.WithLabelValues(word(attrs, "route"), word(attrs, "method"), word(attrs, "status")).Observe(seconds)
		m.received.WithLabelValues(word(attrs, "route")).Add(number(attrs, "received"))
	case name == stepGraphQL:
		code := word(attrs, "code")
		if code == "" {
			code = "ok"
		}
		if word(attrs, "executed") == "no" {
			m.refusals.WithLabelValues(code).Inc()
		}
		m.operations.WithLabelValues(word(attrs, "kind"), word(attrs, "field"), code).Observe(seconds)
	case name == stepJob:
		result := word(attrs, "state")
		if result == "" {
			result = outcome(err)
		}
		m.jobs.WithLabelValues(result).Observe(seconds)
	case strings.HasPrefix(name, stepModel):
		m.modelSeconds.WithLabelValues(strings.TrimPrefix(name, stepModel)).Add(seconds)
	case strings.HasPrefix(name, stepStore):
		m.store.WithLabelValues(strings.TrimPrefix(name, stepStore), outcome(err)).Observe(seconds)
	}
}

func word(attrs []steps.Attr, key string) string {
	for i := range attrs {
		if attrs[i].Key == key {
			switch v := attrs[i].Value.(type) {
			case string:
				return v
			case int:
				return strconv.Itoa(v)
			}
		}
	}
	return ""
}

func number(attrs []steps.Attr, key string) float64 {
	for i := range attrs {
		if attrs[i].Key == key {
			if v, ok := attrs[i].Value.(float64); ok {
				return v
			}
		}
	}
	return 0
}

// Gauge shows a number that is asked for when it is read. label and its values
// may be left empty.
func (o *Observer) Gauge(name, help, label string, read func() map[string]float64) {
	var labels []string
	if label != "" {
		labels = []string{label}
	}
	o.metrics.registry.MustRegister(&gauge{prometheus.NewDesc("satgraph_"+name, help, labels, nil), label != "", read})
}

type gauge struct {
	desc    *prometheus.Desc
	labeled bool
	read    func() map[string]float64
}

func (g *gauge) Describe(ch chan<- *prometheus.Desc) { ch <- g.desc }

func (g *gauge) Collect(ch chan<- prometheus.Metric) {
	for value, n := range g.read() {
		var labels []string
		if g.labeled {
			labels = []string{value}
		}
		ch <- prometheus.MustNewConstMetric(g.desc, prometheus.GaugeValue, n, labels...)
	}
}

// Metrics answers Prometheus.
func (o *Observer) Metrics() http.Handler {
	return promhttp.HandlerFor(o.metrics.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

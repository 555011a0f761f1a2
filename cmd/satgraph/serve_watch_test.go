package main

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"satgraph/inference/onnx/onnxtest"
	"satgraph/volume"
)

// collector is an OTLP/HTTP collector that keeps what it is sent.
type collector struct {
	mu    sync.Mutex
	spans []*trace.Span
	of    map[*trace.Span]string // the service's name
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var sent coltrace.ExportTraceServiceRequest
	if err == nil {
		err = proto.Unmarshal(body, &sent)
	}
	if err != nil || r.URL.Path != "/v1/traces" {
		http.Error(w, "no traces", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
			for _, s := range scope.Spans {
				for _, a := range resource.Resource.Attributes {
					if a.Key == "service.name" {
						if c.of == nil {
							c.of = map[*trace.Span]string{}
						}
						c.of[s] = a.Value.GetStringValue()
					}
				}
			}
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// chain lists the names from a span up to its root in one trace.
func (c *collector) chain(s *trace.Span) string {
	names := []string{s.Name}
	for len(s.ParentSpanId) > 0 {
		var parent *trace.Span
		for _, p := range c.spans {
			if string(p.SpanId) == string(s.ParentSpanId) {
				parent = p
			}
		}
		if parent == nil {
			names = append(names, "caller")
			break
		}
		s = parent
		names = append(names, s.Name)
	}
	return strings.Join(names, " < ")
}

// One segmentation is one trace, from the caller's own span to the calls of the
// model, and the same steps are in the metrics and in the log.
func TestServeIsObserved(t *testing.T) {
	onnxtest.Need(t)
	var traces collector
	receiver := httptest.NewServer(&traces)
	defer receiver.Close()
	dir := t.TempDir()
	grid := volume.Grid{Shape: [3]int{60, 50, 60}, Affine: volume.Affine{{3, 0, 0, 0}, {0, 3, 0, 0}, {0, 0, 3, 0}, {0, 0, 0, 1}}}
	im := &volume.Image{Grid: grid, Data: make([]float32, grid.Voxels())}
	for i := range im.Data {
		im.Data[i] = float32(i%1400) - 1000
	}
	scan := filepath.Join(dir, "scan.nii.gz")
	if err := volume.WriteImage(scan, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SATGRAPH_LOG_FORMAT", "json")
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"),
		"--metrics-addr", "127.0.0.1:0", "--trace-endpoint", receiver.URL+"/v1/traces", "--trace-sample", "0")
	operator := regexp.MustCompile(`metrics at (http://[^/]+)/metrics`).FindStringSubmatch(s.log.said())
	if operator == nil {
		t.Fatalf("it names no address of metrics: %s", s.log.said())
	}

	const traceID = "0af7651916cd43dd8448eb211c80319c"
	ask := func(query string) string {
		body, err := json.Marshal(map[string]string{"query": query})
		if err != nil {
			t.Fatal(err)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("X-Request-Id", "ward-7.42")
		request.Header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01") // sampled by the caller
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close() //nolint:errcheck // a test
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		if id := answer.Header.Get("X-Request-Id"); id != "ward-7.42" {
			t.Errorf("the request's id came back as %q", id)
		}
		return string(text)
	}
	started := ask(`mutation { segment(image: "` + s.upload(scan) + `", prompts: ["liver", "heart"], modality: CT) { job { id } } }`)
	id := regexp.MustCompile(`"id":"([^"]+)"`).FindStringSubmatch(started)
	if id == nil {
		t.Fatal(started)
	}
	s.waits("the job's end", func() bool { j := s.job(id[1]); return j.Status != "QUEUED" && j.Status != "RUNNING" })
	if j := s.job(id[1]); j.Status != "DONE" {
		t.Fatalf("it ended as %+v", j)
	}
	ask(`{ datasets { nodes { name } } }`)
	ask(`{ nothing }`)
	ask(strings.Repeat("{ a", 400))

	var metrics string
	s.waits("a look at the store's revision", func() bool {
		metrics = fetch(t, http.MethodGet, operator[1]+"/metrics", "")
		return strings.Contains(metrics, `{operation="revision",outcome="ok"}`)
	})
	for _, want := range []string{
		`satgraph_graphql_operation_seconds_count{field="segment",kind="mutation",outcome="ok"} 1`,
		`satgraph_graphql_refused_total{code="GRAPHQL_VALIDATION_FAILED"}`,
		`satgraph_graphql_refused_total{code="LIMIT_EXCEEDED"} 1`,
		`satgraph_http_request_seconds_count{method="POST",route="/images",status="201"} 1`,
		`satgraph_http_received_bytes_total{route="/images"} `,
		`satgraph_job_seconds_count{outcome="ok"} 1`,
		`satgraph_model_seconds_total{step="decode"} `,
		`satgraph_store_seconds_count{operation="revision",outcome="ok"} `,
		`satgraph_in_flight{step="job"} 0`, `satgraph_jobs{state="queued"} 0`, `satgraph_jobs_oldest_wait_seconds 0`, `satgraph_job_workers 2`,
		`go_goroutines `, `process_resident_memory_bytes `, `satgraph_build_info{version="` + version + `"} 1`,
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
	if ready := s.exchange(http.MethodGet, "/readyz", ""); !strings.Contains(ready, `{"name":"disk","ok":true}`) {
		t.Errorf("/readyz says %s", ready)
	}
	if level := fetch(t, http.MethodPut, operator[1]+"/log-level", "error"); level != "error\n" {
		t.Errorf("the log's level is %q", level)
	}

	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	for _, line := range []string{`"msg":"request","id":"ward-7.42","method":"POST","route":"/graphql","status":200`} {
		if !strings.Contains(s.log.said(), line) {
			t.Errorf("the log lacks %s: %s", line, s.log.said())
		}
	}
	traces.mu.Lock()
	defer traces.mu.Unlock()
	have := map[string]bool{}
	for _, span := range traces.spans {
		if hex.EncodeToString(span.TraceId) != traceID {
			t.Errorf("%s is of another trace, though nothing else is sampled", span.Name)
		}
		have[traces.chain(span)] = true
	}
	for _, want := range []string{
		"http < caller",
		"graphql < http < caller",
		"job < graphql < http < caller",
		"inference < job < graphql < http < caller",
		"prepare < inference < job < graphql < http < caller",
		"model.encode < inference < job < graphql < http < caller",
		"windows < inference < job < graphql < http < caller",
		"model.features < windows < inference < job < graphql < http < caller",
		"store.counts < graphql < http < caller",
	} {
		if !have[want] {
			t.Errorf("there is no %s; there are %v", want, have)
		}
	}
}

// A job that a worker in another process does: its lines and its steps there are
// those of the request that asked for it.
func TestWorkerIsObserved(t *testing.T) {
	onnxtest.Need(t)
	var traces collector
	receiver := httptest.NewServer(&traces)
	defer receiver.Close()
	dir := t.TempDir()
	scan := filepath.Join(dir, "phantom.nii.gz")
	phantomScan(t, scan)
	t.Setenv("SATGRAPH_LOG_FORMAT", "json")
	t.Setenv("SATGRAPH_TRACE_ENDPOINT", receiver.URL+"/v1/traces")
	t.Setenv("SATGRAPH_TRACE_SAMPLE", "0")
	t.Setenv("SATGRAPH_NATS_TOKEN", "t")
	s := startServe(t, "--store", "sqlite:"+filepath.Join(dir, "tree.db"), "--data", filepath.Join(dir, "data"), "--workers", "0", "--nats-listen", "127.0.0.1:0")
	address := regexp.MustCompile(`nats://[0-9.:]+`).FindString(s.log.said())
	worker := program(t, "worker", "--nats", address, "--scratch", filepath.Join(dir, "scratch"), "--name", "bench-2")
	worker.Cancel = func() error { return worker.Process.Signal(syscall.SIGTERM) }
	log := &watched{}
	worker.Stderr = log
	if err := worker.Start(); err != nil {
		t.Fatal(err)
	}
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	body := `{"query":"mutation { segment(image: \"` + s.upload(scan) + `\", query: \"liver\", modality: CT) { job { id } } }"}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/graphql", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	found := regexp.MustCompile(`"id":"([A-Z2-7]+)"`).FindSubmatch(text)
	if err != nil || found == nil {
		t.Fatalf("%v: %s", err, text)
	}
	id, requestID := string(found[1]), answer.Header.Get("X-Request-Id")
	s.waits("the job's end", func() bool { j := s.job(id); return j.Status != "QUEUED" && j.Status != "RUNNING" })
	if err := worker.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := worker.Wait(); err != nil {
		t.Errorf("the worker ended with %v: %s", err, log.said())
	}
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-s.ended
	named := `"job":"` + id + `","request":"` + requestID + `","trace":"` + traceID + `"`
	for _, want := range []string{`"msg":"a job begins",` + named + `,"kind":"segment","start":1,"worker":"bench-2"`, `"msg":"a job is settled",` + named + `,"state":"DONE"`} {
		if !strings.Contains(log.said(), want) {
			t.Errorf("the worker does not say %s: %s", want, log.said())
		}
	}
	// The service's line of the request has the id that the answer had.
	for _, want := range []string{`"msg":"a job is taken in",` + named, `"msg":"request","id":"` + requestID + `"`} {
		if !strings.Contains(s.log.said(), want) {
			t.Errorf("the service does not say %s: %s", want, s.log.said())
		}
	}
	traces.mu.Lock()
	defer traces.mu.Unlock()
	have := map[string]bool{}
	for _, span := range traces.spans {
		if hex.EncodeToString(span.TraceId) == traceID {
			have[traces.of[span]+": "+traces.chain(span)] = true
		}
		if span.Name == "job" && !strings.Contains(span.String(), requestID) {
			t.Errorf("the job's step does not name the request: %s", span)
		}
	}
	for _, want := range []string{
		"satgraph: graphql < http < caller", "satgraph worker: job < graphql < http < caller",
		"satgraph worker: model.features < windows < inference < job < graphql < http < caller",
	} {
		if !have[want] {
			t.Errorf("there is no %s; there are %v", want, have)
		}
	}
}

func fetch(t *testing.T, method, url, body string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: 10 * time.Second}
	answer, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close() //nolint:errcheck // a test
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

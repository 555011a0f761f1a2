package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"satgraph/inference"
)

// odd is a server that answers as no real one does.
type odd struct {
	describe func(model string) string                         // nil: as the demo is
	infer    func(w http.ResponseWriter, model string)         // nil: zeros of the right shape
	before   func(w http.ResponseWriter, r *http.Request) bool // true: the request is done with
}

var demoPorts = map[string]string{
	"backbone": `{"inputs":[{"name":"image","datatype":"FP32","shape":[1,3,64,32,64]}],"outputs":[{"name":"features","datatype":"FP32","shape":[1,16,64,32,64]},{"name":"memory","datatype":"FP32","shape":[1,4,96]},{"name":"key","datatype":"FP32","shape":[1,4,96]}]}`,
	"decoder":  `{"inputs":[{"name":"queries","datatype":"FP32","shape":[1,-1,96]},{"name":"features","datatype":"FP32","shape":[1,16,64,32,64]},{"name":"memory","datatype":"FP32","shape":[1,4,96]},{"name":"key","datatype":"FP32","shape":[1,4,96]}],"outputs":[{"name":"logits","datatype":"FP32","shape":[1,-1,64,32,64]}]}`,
	"text":     `{"inputs":[{"name":"input_ids","datatype":"INT64","shape":[-1,-1]},{"name":"attention_mask","datatype":"INT64","shape":[-1,-1]},{"name":"modality","datatype":"INT64","shape":[-1]}],"outputs":[{"name":"embeddings","datatype":"FP32","shape":[-1,96]}]}`,
}

func (o odd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if o.before != nil && o.before(w, r) {
		return
	}
	path := strings.TrimPrefix(r.URL.Path, "/v2/models/satgraph_demo_")
	part, what, _ := strings.Cut(path, "/")
	switch what {
	case "ready":
	case "":
		if o.describe != nil {
			_, _ = io.WriteString(w, o.describe(part))
			return
		}
		_, _ = io.WriteString(w, demoPorts[part])
	default:
		_, _ = io.Copy(io.Discard, r.Body)
		if o.infer != nil {
			o.infer(w, part)
			return
		}
		reply(w, "embeddings", "FP32", []int64{1, 96}, make([]byte, 4*96))
	}
}

func reply(w http.ResponseWriter, name, kind string, shape []int64, data []byte) {
	head, _ := json.Marshal(map[string]any{"outputs": []any{map[string]any{
		"name": name, "datatype": kind, "shape": shape, "parameters": map[string]any{"binary_data_size": len(data)},
	}}})
	w.Header().Set(headerLength, strconv.Itoa(len(head)))
	_, _ = w.Write(append(head, data...))
}

func raw(w http.ResponseWriter, head string, declared int, data string) {
	w.Header().Set(headerLength, strconv.Itoa(declared))
	_, _ = io.WriteString(w, head+data)
}

func TestRepliesAreNotTrusted(t *testing.T) {
	nan := make([]byte, 4*96)
	for i := range 96 {
		copy(nan[4*i:], floats("", []float32{float32(math.NaN())}).data)
	}
	for name, c := range map[string]struct {
		infer func(w http.ResponseWriter, _ string)
		want  error
		says  string
	}{
		"another shape": {func(w http.ResponseWriter, _ string) {
			reply(w, "embeddings", "FP32", []int64{1, 95}, make([]byte, 4*95))
		}, inference.ErrModelOutput, "shape [1 95]"},
		"another type": {func(w http.ResponseWriter, _ string) {
			reply(w, "embeddings", "FP64", []int64{1, 96}, make([]byte, 8*96))
		}, inference.ErrModelOutput, "FP64"},
		"another name":  {func(w http.ResponseWriter, _ string) { reply(w, "logits", "FP32", []int64{1, 96}, make([]byte, 4*96)) }, inference.ErrModelOutput, "no output"},
		"too few bytes": {func(w http.ResponseWriter, _ string) { reply(w, "embeddings", "FP32", []int64{1, 96}, make([]byte, 4)) }, inference.ErrModelOutput, "4 bytes"},
		"a shape whose product overflows": {func(w http.ResponseWriter, _ string) {
			reply(w, "embeddings", "FP32", []int64{1 << 40, 1 << 40}, make([]byte, 4))
		}, inference.ErrModelOutput, "shape"},
		"not a number":     {func(w http.ResponseWriter, _ string) { reply(w, "embeddings", "FP32", []int64{1, 96}, nan) }, inference.ErrModelOutput, "not finite"},
		"no JSON":          {func(w http.ResponseWriter, _ string) { raw(w, "what?", 5, "") }, inference.ErrModelOutput, "JSON"},
		"a header of 1 GB": {func(w http.ResponseWriter, _ string) { raw(w, "{}", 1<<30, "") }, inference.ErrModelOutput, headerLength},
		"a tensor of 1 EB": {func(w http.ResponseWriter, _ string) {
			head := `{"outputs":[{"name":"embeddings","datatype":"FP32","shape":[1,96],"parameters":{"binary_data_size":1e18}}]}`
			raw(w, head, len(head), "")
		}, inference.ErrModelOutput, "at most"},
		"values in JSON": {func(w http.ResponseWriter, _ string) { _, _ = io.WriteString(w, `{"outputs":[]}`) }, inference.ErrModelOutput, "raw tensors"},
		"it breaks off": {func(w http.ResponseWriter, _ string) {
			head := `{"outputs":[{"name":"embeddings","datatype":"FP32","shape":[1,96],"parameters":{"binary_data_size":384}}]}`
			raw(w, head, len(head), "short")
		}, ErrUnavailable, "breaks off"},
		"an error of the model": {func(w http.ResponseWriter, _ string) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(w, `{"error":"unexpected\nshape"}`)
		}, inference.ErrModelOutput, "unexpected shape"},
		"overloaded": {func(w http.ResponseWriter, _ string) { w.WriteHeader(http.StatusServiceUnavailable) }, ErrUnavailable, "503"},
		"a redirect": {func(w http.ResponseWriter, _ string) {
			w.Header().Set("Location", "http://localhost/")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, inference.ErrModelOutput, "307"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(odd{infer: c.infer})
			defer s.Close()
			m := openDemo(t, Options{Pause: time.Millisecond}, s.URL)
			_, err := m.Encode(context.Background(), []string{"liver"}, inference.CT)
			if !errors.Is(err, c.want) || !strings.Contains(fmt.Sprint(err), c.says) {
				t.Errorf("%v, want %v that says %q", err, c.want, c.says)
			}
		})
	}
}

func TestServersOfAnotherModel(t *testing.T) {
	for name, o := range map[string]odd{
		"another width": {describe: func(part string) string { return strings.ReplaceAll(demoPorts[part], "96", "768") }},
		"another patch": {describe: func(part string) string { return strings.ReplaceAll(demoPorts[part], "64,32,64", "32,32,32") }},
		"another type":  {describe: func(part string) string { return strings.ReplaceAll(demoPorts[part], "INT64", "INT32") }},
		"nothing":       {describe: func(string) string { return `{}` }},
		"no JSON":       {describe: func(string) string { return `<html>` }},
	} {
		s := httptest.NewServer(o)
		if _, err := Open(context.Background(), os.DirFS(demo), []string{s.URL}, Options{}); !errors.Is(err, inference.ErrModelOutput) {
			t.Errorf("%s: %v", name, err)
		}
		s.Close()
	}
}

// What passes is tried again, at the next server first.
func TestRetries(t *testing.T) {
	var calls atomic.Int32
	s := httptest.NewServer(odd{before: func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/infer") || calls.Add(1) > 2 {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	}})
	defer s.Close()
	m := openDemo(t, Options{Pause: time.Millisecond}, s.URL)
	if _, err := m.Encode(context.Background(), []string{"liver"}, inference.CT); err != nil || calls.Load() != 3 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
	down := httptest.NewServer(odd{})
	down.Close()
	if _, err := Open(context.Background(), os.DirFS(demo), []string{down.URL, s.URL}, Options{Pause: time.Millisecond}); err != nil {
		t.Errorf("the second of two servers answers: %v", err)
	}
	if _, err := Open(context.Background(), os.DirFS(demo), []string{down.URL}, Options{Pause: time.Millisecond}); !errors.Is(err, ErrUnavailable) {
		t.Errorf("no server answers: %v", err)
	}
}

func TestDeadlines(t *testing.T) {
	hang := make(chan struct{})
	s := httptest.NewServer(odd{infer: func(http.ResponseWriter, string) { <-hang }})
	defer s.Close()
	defer close(hang)
	m := openDemo(t, Options{Timeout: 30 * time.Millisecond, Rounds: 2, Pause: time.Millisecond}, s.URL)
	if _, err := m.Encode(context.Background(), []string{"liver"}, inference.CT); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "30ms") {
		t.Errorf("a server that hangs: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	patient := openDemo(t, Options{}, s.URL)
	if _, err := patient.Encode(ctx, []string{"liver"}, inference.CT); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled while waiting: %v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, address := range []string{"", "localhost:8000", "ftp://host", "http://", "http://user:secret@host", "grpc:/host", "http://host?x=1"} {
		_, err := Open(context.Background(), os.DirFS(demo), []string{address}, Options{})
		if !errors.Is(err, ErrEndpoint) {
			t.Errorf("%q: %v", address, err)
		}
	}
	if _, err := Open(context.Background(), os.DirFS(demo), nil, Options{}); !errors.Is(err, ErrEndpoint) {
		t.Errorf("no address: %v", err)
	}
}

func FuzzHTTPReply(f *testing.F) {
	f.Add("93", `{"outputs":[{"name":"logits","datatype":"FP32","shape":[1],"parameters":{"binary_data_size":4}}]}abcd`)
	f.Fuzz(func(t *testing.T, length, body string) {
		resp := &http.Response{Header: http.Header{headerLength: {length}}, Body: io.NopCloser(strings.NewReader(body))}
		if out, err := readReply(resp, []string{"logits"}, 1<<20); err == nil && len(out) != 1 {
			t.Errorf("%d outputs", len(out))
		}
	})
}

func FuzzGRPCReply(f *testing.F) {
	f.Add([]byte("\x2a\x0f\x0a\x06logits\x12\x04FP32\x1a\x01\x01\x32\x04abcd"))
	f.Add(bytes.Repeat([]byte{0x2a, 0}, 70))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := readInferReply(b)
		if err != nil && !errors.Is(err, inference.ErrModelOutput) {
			t.Error(err)
		}
		for i := range out {
			_ = out[i].check(-1, -1)
		}
	})
}

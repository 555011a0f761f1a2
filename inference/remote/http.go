package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// headerLength names where the JSON of a message ends and raw tensors begin
// (the protocol's binary tensor data extension).
const headerLength = "Inference-Header-Content-Length"

// maxJSON bounds what is read of a message beside its tensors.
const maxJSON = 1 << 20

// overHTTP speaks the protocol's REST form.
type overHTTP struct {
	base   string
	client *http.Client
}

func newHTTP(base string) *overHTTP {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DisableCompression = true // tensors hardly shrink
	t.MaxResponseHeaderBytes = 64 << 10
	return &overHTTP{base: strings.TrimSuffix(base, "/"), client: &http.Client{
		Transport: t,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return errors.New("it redirects, which no inference server does")
		},
	}}
}

func (h *overHTTP) close() error {
	h.client.CloseIdleConnections()
	return nil
}

func (h *overHTTP) ready(ctx context.Context, model string) error {
	resp, err := h.do(ctx, http.MethodGet, model, "/ready", nil, 0)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

func (h *overHTTP) describe(ctx context.Context, model string) (metadata, error) {
	resp, err := h.do(ctx, http.MethodGet, model, "", nil, 0)
	if err != nil {
		return metadata{}, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	var doc struct{ Inputs, Outputs []jsonTensor }
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxJSON)).Decode(&doc); err != nil {
		return metadata{}, wrong("the description of %s: %v", model, err)
	}
	ports := func(list []jsonTensor) (out []port) {
		for _, t := range list {
			out = append(out, port{t.Name, t.Datatype, t.Shape})
		}
		return out
	}
	return metadata{ports(doc.Inputs), ports(doc.Outputs)}, nil
}

// jsonTensor is a tensor in a message, without its values.
type jsonTensor struct {
	Name       string         `json:"name"`
	Datatype   string         `json:"datatype,omitempty"`
	Shape      []int64        `json:"shape,omitempty"`
	Parameters map[string]any `json:"parameters,omitempty"`
}

func (h *overHTTP) infer(ctx context.Context, model string, in []tensor, out []string, limit int64) ([]tensor, error) {
	var req struct {
		Inputs  []jsonTensor `json:"inputs"`
		Outputs []jsonTensor `json:"outputs"`
	}
	readers := []io.Reader{nil}
	size := 0
	for _, t := range in {
		req.Inputs = append(req.Inputs, jsonTensor{t.name, t.kind, t.shape, map[string]any{"binary_data_size": len(t.data)}})
		readers = append(readers, bytes.NewReader(t.data))
		size += len(t.data)
	}
	for _, name := range out {
		req.Outputs = append(req.Outputs, jsonTensor{Name: name, Parameters: map[string]any{"binary_data": true}})
	}
	head, err := json.Marshal(req)
	if err != nil {
		return nil, err
	}
	readers[0] = bytes.NewReader(head)
	resp, err := h.do(ctx, http.MethodPost, model, "/infer", &message{io.MultiReader(readers...), int64(len(head) + size)}, len(head))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	return readReply(resp, out, limit)
}

// message is a request's body.
type message struct {
	io.Reader
	size int64
}

func (h *overHTTP) do(ctx context.Context, method, model, what string, body *message, head int) (*http.Response, error) {
	var r io.Reader
	if body != nil {
		r = body.Reader
	}
	req, err := http.NewRequestWithContext(ctx, method, h.base+"/v2/models/"+url.PathEscape(model)+what, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.ContentLength = body.size
		req.Header.Set("Content-Type", "application/octet-stream")
		req.Header.Set(headerLength, strconv.Itoa(head))
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return nil, &transient{err}
	}
	if resp.StatusCode == http.StatusOK {
		return resp, nil
	}
	defer resp.Body.Close() //nolint:errcheck // only read
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 2048))
	var said struct{ Error string }
	if json.Unmarshal(text, &said) != nil || said.Error == "" {
		said.Error = strings.TrimSpace(string(text))
	}
	err = fmt.Errorf("%s: %s", resp.Status, oneLine(said.Error))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusRequestTimeout:
		return nil, &transient{err}
	}
	return nil, wrong("%w", err)
}

// readReply reads the outputs of an inference, of at most limit bytes.
func readReply(resp *http.Response, names []string, limit int64) ([]tensor, error) {
	text := resp.Header.Get(headerLength)
	if text == "" {
		return nil, wrong("the reply holds no raw tensors: the server lacks the binary tensor data extension")
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > maxJSON {
		return nil, wrong("the reply's %s is %q", headerLength, oneLine(text))
	}
	head := make([]byte, n)
	if _, err := io.ReadFull(resp.Body, head); err != nil {
		return nil, &transient{fmt.Errorf("the reply breaks off: %w", err)}
	}
	var doc struct{ Outputs []jsonTensor }
	if err := json.Unmarshal(head, &doc); err != nil {
		return nil, wrong("the reply's JSON: %v", err)
	}
	if len(doc.Outputs) > len(names)+8 {
		return nil, wrong("the reply has %d outputs", len(doc.Outputs))
	}
	var all []tensor
	for _, t := range doc.Outputs {
		size, ok := t.Parameters["binary_data_size"].(float64)
		if !ok || size < 0 || size > float64(limit) {
			return nil, wrong("output %q of the reply has %v bytes, at most %d are taken", t.Name, t.Parameters["binary_data_size"], limit)
		}
		limit -= int64(size)
		data, err := readExactly(resp.Body, int64(size))
		if err != nil {
			return nil, &transient{fmt.Errorf("the reply breaks off in output %q: %w", t.Name, err)}
		}
		all = append(all, tensor{t.Name, t.Datatype, t.Shape, data})
	}
	return pick(all, names)
}

// readExactly reads n bytes, and takes memory only as they come.
func readExactly(r io.Reader, n int64) ([]byte, error) {
	const first = 16 << 20
	var buf bytes.Buffer
	buf.Grow(int(min(n, first)))
	got, err := io.CopyN(&buf, r, n)
	if err == nil && got == n {
		return buf.Bytes(), nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return nil, err
}

func oneLine(text string) string {
	const most = 300
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

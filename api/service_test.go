package api_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/jobtest"
	"satgraph/volume"
)

// smallTree is a heart with two atria, a ventricle and a valve, and a tumour
// in it.
func smallTree(t testing.TB) *graph.Tree {
	t.Helper()
	term := func(id, name string, synonyms ...string) graph.Term {
		x := graph.Term{ID: id, Name: name, Kind: graph.KindAnatomy}
		for _, s := range synonyms {
			x.Synonyms = append(x.Synonyms, graph.Synonym{Text: s, Scope: graph.ScopeExact})
		}
		return x
	}
	left := term("T:2", "left cardiac atrium", "left atrium", "atrium")
	left.Laterality = graph.Left
	left.Xrefs = []string{"FMA:7097"}
	right := term("T:3", "right cardiac atrium", "right atrium", "atrium")
	right.Laterality = graph.Right
	tumour := term("T:7", "heart tumor")
	tumour.Kind = graph.KindFinding
	heart := term("T:1", "heart", "cor")
	heart.Definition = "The organ that pumps the blood."
	tree, err := graph.NewTree("r1",
		[]graph.Term{heart, left, right, term("T:4", "heart left ventricle"), term("T:5", "mitral valve"), term("T:6", "thorax"), tumour, term("T:8", "brain")},
		[]graph.Relation{
			{Child: "T:1", Parent: "T:6", Type: graph.PartOf},
			{Child: "T:2", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:3", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:4", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:5", Parent: "T:1", Type: graph.PartOf},
			{Child: "T:7", Parent: "T:1", Type: graph.LocatedIn},
		})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// classes are those of the test's model, and one that it was not trained on.
func classes() []inference.Class {
	return []inference.Class{
		{Name: jobtest.Bright, Modality: inference.CT, TermID: "T:2"},
		{Name: jobtest.Dark, Modality: inference.CT, TermID: "T:3"},
		{Name: jobtest.Nothing, Modality: inference.CT, TermID: "T:4"},
		{Name: "brain", Modality: inference.MRI, TermID: "T:8"},
	}
}

// A service under test: the real handler on a real port.
type service struct {
	*httptest.Server
	t   testing.TB
	api *api.Service
	dir string
	// token is sent with every request, if it is set.
	token string
	// client sends them, if it is set.
	client *http.Client
}

// Client sends requests.
func (s *service) Client() *http.Client {
	if s.client != nil {
		return s.client
	}
	return s.Server.Client()
}

// as is the service as the bearer of a token sees it.
func (s *service) as(token string) *service {
	other := *s
	other.token = token
	return &other
}

// start makes a service on the small tree with the test-only model.
func start(t testing.TB, model *jobtest.Model, change ...func(*api.Config)) *service {
	t.Helper()
	if model == nil {
		model = &jobtest.Model{}
	}
	dir := t.TempDir()
	runner, err := jobs.Open(jobs.Config{Dir: filepath.Join(dir, "jobs"), Models: jobtest.Models{Model: model}, Classify: api.Classify})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = runner.Close() })
	tree := smallTree(t)
	resolver := inference.NewResolver(tree, classes())
	c := api.Config{
		Tree:     func() *graph.Tree { return tree },
		Resolver: func() *inference.Resolver { return resolver },
		Models:   func() []*inference.Manifest { return []*inference.Manifest{model.Manifest()} },
		Jobs:     runner,
		DataDir:  dir,
		Version:  "test",
		Log:      slog.New(slog.DiscardHandler),
	}
	for _, f := range change {
		f(&c)
	}
	s, err := api.New(c)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return &service{Server: server, t: t, api: s, dir: dir}
}

// An answer of GraphQL.
type answer struct {
	Status int            `json:"-"`
	Data   map[string]any `json:"data"`
	Errors []struct {
		Message    string
		Path       []any
		Locations  []struct{ Line, Column int }
		Extensions map[string]any
	}
}

// code is that of the first error, or nothing.
func (a *answer) code() string {
	if len(a.Errors) == 0 {
		return ""
	}
	code, _ := a.Errors[0].Extensions["code"].(string)
	return code
}

// at follows names and indexes into the data.
func (a *answer) at(t testing.TB, path ...any) any {
	t.Helper()
	var v any = a.Data
	for _, step := range path {
		switch step := step.(type) {
		case string:
			m, ok := v.(map[string]any)
			if !ok {
				t.Fatalf("no object at %v of %v; errors %v", step, v, a.Errors)
			}
			v = m[step]
		case int:
			l, ok := v.([]any)
			if !ok || step >= len(l) {
				t.Fatalf("no item %d in %v; errors %v", step, v, a.Errors)
			}
			v = l[step]
		}
	}
	return v
}

// ask posts a query, with variables if given.
func (s *service) ask(query string, variables ...map[string]any) *answer {
	s.t.Helper()
	body := map[string]any{"query": query}
	if len(variables) > 0 {
		body["variables"] = variables[0]
	}
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.post(string(text))
}

func (s *service) post(body string) *answer {
	s.t.Helper()
	status, text := s.do(http.MethodPost, "/graphql", strings.NewReader(body), "Content-Type", "application/json", "Accept", "application/graphql-response+json")
	a := &answer{Status: status}
	if err := json.Unmarshal(text, a); err != nil {
		s.t.Fatalf("%d: %v in %q", status, err, text)
	}
	return a
}

// do sends a request and gives status and body. headers are name and value in
// turn.
func (s *service) do(method, path string, body io.Reader, headers ...string) (int, []byte) {
	s.t.Helper()
	status, _, text := s.exchange(method, path, body, headers...)
	return status, text
}

func (s *service) exchange(method, path string, body io.Reader, headers ...string) (int, http.Header, []byte) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
			continue
		}
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.Client().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res.StatusCode, res.Header, text
}

// scan is a CT of 24×24×24 voxels of 3 mm with a bright cube in its middle, as
// the bytes of a file of that name.
func scan(t testing.TB, name string) []byte {
	t.Helper()
	const n = 24
	im := &volume.Image{Grid: volume.Grid{Shape: [3]int{n, n, n}, Affine: volume.Affine{{-3, 0, 0, 40}, {0, 3, 0, -30}, {0, 0, 3, 7}, {0, 0, 0, 1}}}, Data: make([]float32, n*n*n)}
	for k := range n {
		for j := range n {
			for i := range n {
				if min(i, j, k) >= 8 && max(i, j, k) < 16 {
					im.Data[im.Index(i, j, k)] = 300
				} else {
					im.Data[im.Index(i, j, k)] = 10
				}
			}
		}
	}
	path := filepath.Join(t.TempDir(), name)
	if err := volume.WriteImage(path, im, volume.Int16); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// upload sends a scan and gives its id.
func (s *service) upload(data []byte) string {
	s.t.Helper()
	status, text := s.do(http.MethodPost, "/images", bytes.NewReader(data), "Content-Type", "application/octet-stream")
	if status != http.StatusCreated && status != http.StatusOK {
		s.t.Fatalf("upload: %d %s", status, text)
	}
	var im api.Image
	if err := json.Unmarshal(text, &im); err != nil {
		s.t.Fatal(err)
	}
	return im.ID
}

// errorCode reads the code of a plain HTTP error.
func errorCode(t testing.TB, text []byte) string {
	t.Helper()
	var a answer
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatalf("%v in %q", err, text)
	}
	return a.code()
}

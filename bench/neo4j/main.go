// Command neo4j races the Neo4j store against @neo4j/graphql, side by side on
// one server: importing the built-in tree, and reading the parts of the heart
// over HTTP. bench/neo4j/run.sh prepares what it needs.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"satgraph/graph"
	"satgraph/graph/builtin"
	"satgraph/store/neo4j"
)

func main() {
	r := racer{uri: os.Getenv("NEO4J_URI")}
	flag.StringVar(&r.satgraph, "satgraph", "bin/satgraph", "the program")
	flag.StringVar(&r.peer, "peer", "peer.mjs", "the peer's script, beside its node_modules")
	flag.IntVar(&r.terms, "terms", 500, "terms that both import, parents first; the peer needs half an hour for all of them; 0 leaves the import out")
	flag.Parse()
	if err := r.race(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench/neo4j:", err)
		os.Exit(1)
	}
}

type racer struct {
	satgraph, peer, uri string
	terms               int
	work                string
}

func (r *racer) race(ctx context.Context) (err error) {
	if r.work, err = os.MkdirTemp("", "bench-neo4j"); err != nil {
		return err
	}
	defer os.RemoveAll(r.work) //nolint:errcheck // a temporary folder
	whole, err := builtin.Snapshot()
	if err != nil {
		return err
	}
	if r.terms > 0 {
		if err := r.raceImport(ctx, whole); err != nil {
			return err
		}
	}
	// Both read one database: the store's graph is plain enough for the peer.
	if _, err := r.ours(ctx, whole); err != nil {
		return err
	}
	ours, ourTree, err := measure(ctx, exec.CommandContext(ctx, r.satgraph, "serve", "--addr", "127.0.0.1:0", "--store", r.uri, "--data", r.work), //nolint:gosec // the program
		`{ root: term(id: "`+heart+`") `+levels("children(relations: [PART_OF], limit: 1000)")+` }`)
	if err != nil {
		return fmt.Errorf("satgraph: %w", err)
	}
	theirs, theirTree, err := measure(ctx, exec.CommandContext(ctx, "node", r.peer, "serve"), //nolint:gosec // the bench's own
		`{ root: terms(where: { id: { eq: "`+heart+`" } }) `+levels("children: parts")+` }`)
	if err != nil {
		return fmt.Errorf("peer: %w", err)
	}
	if ourTree != theirTree {
		return fmt.Errorf("the answers differ:\n%.400s\n%.400s", ourTree, theirTree)
	}
	fmt.Printf("parts of the heart to 4 levels over HTTP, %d terms, %d clients\n", strings.Count(ourTree, `"id"`), clients)
	fmt.Printf("  satgraph                             %8.1f requests/s\n", ours)
	fmt.Printf("  @neo4j/graphql                       %8.1f requests/s\n", theirs)
	fmt.Printf("  ratio                                %8.1f\n", ours/theirs)
	return nil
}

// raceImport imports the first terms of the tree with both. Each runs more than
// once and its best time counts: the peer's with the batch that suits it.
func (r *racer) raceImport(ctx context.Context, whole *graph.Snapshot) error {
	part := firstTerms(whole, r.terms)
	file := filepath.Join(r.work, "tree.json")
	if err := writeTree(file, part); err != nil {
		return err
	}
	if _, err := r.ours(ctx, whole); err != nil { // warms the server up
		return err
	}
	all, err := r.ours(ctx, whole)
	if err != nil {
		return err
	}
	ours := time.Hour
	for range 3 {
		took, err := r.ours(ctx, part)
		if err != nil {
			return err
		}
		ours = min(ours, took)
	}
	theirs, best := time.Hour, 0
	for _, batch := range []int{1, 10, 50} {
		took, err := r.theirs(ctx, file, batch, part)
		if err != nil {
			return fmt.Errorf("the peer's import: %w", err)
		}
		if took < theirs {
			theirs, best = took, batch
		}
	}
	fmt.Printf("import of %d terms and %d relations\n", len(part.Terms), len(part.Relations))
	fmt.Printf("  satgraph, a change set with history  %8.2f s   (all %d terms: %.2f s)\n", ours.Seconds(), len(whole.Terms), all.Seconds())
	fmt.Printf("  @neo4j/graphql, %3d terms a mutation %8.2f s\n", best, theirs.Seconds())
	fmt.Printf("  ratio                                %8.1f\n", theirs.Seconds()/ours.Seconds())
	return nil
}

// firstTerms is the part of a tree that the first n terms make, parents first.
func firstTerms(s *graph.Snapshot, n int) *graph.Snapshot {
	order := parentsFirst(s)
	in := map[string]bool{}
	for _, id := range order[:min(n, len(order))] {
		in[id] = true
	}
	part := &graph.Snapshot{}
	for _, t := range s.Terms {
		if in[t.ID] {
			part.Terms = append(part.Terms, t)
		}
	}
	for _, r := range s.Relations {
		if in[r.Child] {
			part.Relations = append(part.Relations, r)
		}
	}
	return part
}

// parentsFirst returns the ids by the longest way up to a root.
func parentsFirst(s *graph.Snapshot) []string {
	depth := map[string]int{}
	for moved := true; moved; { // no relation leads back, so this ends
		moved = false
		for _, r := range s.Relations {
			if least := depth[r.Parent] + 1; depth[r.Child] < least {
				depth[r.Child], moved = least, true
			}
		}
	}
	ids := make([]string, len(s.Terms))
	for i, t := range s.Terms {
		ids[i] = t.ID
	}
	slices.SortStableFunc(ids, func(a, b string) int { return cmp.Compare(depth[a], depth[b]) })
	return ids
}

func (r *racer) node(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "node", append([]string{r.peer}, args...)...) //nolint:gosec // the bench's own
	cmd.Stderr = os.Stderr
	return cmd.Output()
}

// ours brings a tree into an empty store as a user's import does: a change set
// that is checked, written and kept in the history.
func (r *racer) ours(ctx context.Context, tree *graph.Snapshot) (time.Duration, error) {
	if _, err := r.node(ctx, "wipe"); err != nil {
		return 0, err
	}
	store, err := neo4j.Open(ctx, r.uri, neo4j.Options{})
	if err != nil {
		return 0, err
	}
	defer store.Close() //nolint:errcheck,contextcheck // the bench's end
	began := time.Now()
	cs := graph.Diff(nil, tree)
	cs.Title, cs.Author = "import", "bench"
	_, err = store.Apply(ctx, cs)
	return time.Since(began), err
}

func (r *racer) theirs(ctx context.Context, file string, batch int, tree *graph.Snapshot) (time.Duration, error) {
	if _, err := r.node(ctx, "wipe"); err != nil {
		return 0, err
	}
	out, err := r.node(ctx, "import", file, strconv.Itoa(batch))
	if err != nil {
		return 0, err
	}
	var done struct {
		Seconds          float64
		Nodes, Relations int
	}
	if err := json.Unmarshal(out, &done); err != nil {
		return 0, err
	}
	if done.Nodes != len(tree.Terms) || done.Relations != len(tree.Relations) {
		return 0, fmt.Errorf("%d terms and %d relations were stored of %d and %d", done.Nodes, done.Relations, len(tree.Terms), len(tree.Relations))
	}
	return time.Duration(done.Seconds * float64(time.Second)), nil
}

const (
	fields  = "{ id name kind definition xrefs }"
	heart   = "UBERON:0000948"
	clients = 8
	period  = 8 * time.Second
)

// levels nests a field four times, with the same fields of each term.
func levels(field string) string {
	selection := fields
	for range 3 {
		selection = strings.TrimSuffix(fields, "}") + field + " " + selection + " }"
	}
	return selection
}

// writeTree writes the terms for the peer, parents first.
func writeTree(path string, tree *graph.Snapshot) error {
	type term struct {
		ID            string   `json:"id"`
		Name          string   `json:"name"`
		Kind          string   `json:"kind"`
		Laterality    string   `json:"laterality,omitempty"`
		Definition    string   `json:"definition,omitempty"`
		Synonyms      []string `json:"synonyms,omitempty"`
		SynonymScopes []string `json:"synonymScopes,omitempty"`
		Xrefs         []string `json:"xrefs,omitempty"`
		IsA           []string `json:"isA,omitempty"`
		PartOf        []string `json:"partOf,omitempty"`
		LocatedIn     []string `json:"locatedIn,omitempty"`
	}
	terms := map[string]*term{}
	for _, t := range tree.Terms {
		x := &term{ID: t.ID, Name: t.Name, Kind: string(t.Kind), Laterality: string(t.Laterality), Definition: t.Definition, Xrefs: t.Xrefs}
		for _, s := range t.Synonyms {
			x.Synonyms, x.SynonymScopes = append(x.Synonyms, s.Text), append(x.SynonymScopes, string(s.Scope))
		}
		terms[t.ID] = x
	}
	for _, r := range tree.Relations {
		x := terms[r.Child]
		switch r.Type {
		case graph.IsA:
			x.IsA = append(x.IsA, r.Parent)
		case graph.PartOf:
			x.PartOf = append(x.PartOf, r.Parent)
		case graph.LocatedIn:
			x.LocatedIn = append(x.LocatedIn, r.Parent)
		}
	}
	var list []*term
	for _, id := range parentsFirst(tree) {
		list = append(list, terms[id])
	}
	text, err := json.Marshal(map[string]any{"terms": list})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// measure starts a server, asks it a question from several clients for a
// while, and returns requests per second and the answer in a common form.
func measure(ctx context.Context, server *exec.Cmd, query string) (float64, string, error) {
	read, write := io.Pipe()
	server.Stdout, server.Stderr = write, write
	if err := server.Start(); err != nil {
		return 0, "", err
	}
	defer func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	}()
	url := ""
	for lines := bufio.NewScanner(read); url == "" && lines.Scan(); {
		url = regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindString(lines.Text())
	}
	go func() { _, _ = io.Copy(io.Discard, read) }()
	body, err := json.Marshal(map[string]string{"query": query})
	if err != nil {
		return 0, "", err
	}
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	ask := func() ([]byte, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/graphql", bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		answer, err := client.Do(request)
		if err != nil {
			return nil, err
		}
		defer answer.Body.Close() //nolint:errcheck // read only
		text, err := io.ReadAll(answer.Body)
		if err == nil && (answer.StatusCode != http.StatusOK || bytes.Contains(text, []byte(`"errors"`))) {
			err = fmt.Errorf("%s: %.300s", answer.Status, text)
		}
		return text, err
	}
	first, err := ask()
	if err != nil {
		return 0, "", err
	}
	for range 20 { // warm
		if _, err := ask(); err != nil {
			return 0, "", err
		}
	}
	var wait sync.WaitGroup
	var mu sync.Mutex
	count := 0
	began := time.Now()
	for range clients {
		wait.Go(func() {
			for time.Since(began) < period {
				text, askErr := ask()
				mu.Lock()
				count++
				if askErr == nil && len(text) != len(first) {
					askErr = errors.New("an answer of another length")
				}
				err = cmp.Or(err, askErr)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	rate := float64(count) / time.Since(began).Seconds()
	if err != nil {
		return 0, "", err
	}
	common, err := common(first)
	return rate, common, err
}

// common brings an answer into a form that both servers share: lists sorted,
// empty ones as null, kinds in small letters.
func common(text []byte) (string, error) {
	var answer struct {
		Data struct{ Root json.RawMessage }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return "", err
	}
	var root any
	if err := json.Unmarshal(answer.Data.Root, &root); err != nil {
		return "", err
	}
	if list, ok := root.([]any); ok && len(list) == 1 {
		root = list[0]
	}
	out, err := json.Marshal(sorted(root))
	return string(out), err
}

func sorted(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			if x = sorted(x); k == "kind" {
				x = strings.ToLower(fmt.Sprint(x))
			}
			if list, ok := x.([]any); ok && len(list) == 0 {
				x = nil
			}
			out[k] = x
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = sorted(v[i])
		}
		slices.SortFunc(out, func(a, b any) int {
			x, _ := json.Marshal(a)
			y, _ := json.Marshal(b)
			return bytes.Compare(x, y)
		})
		return out
	default:
		return v
	}
}

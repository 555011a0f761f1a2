package neo4j_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/store/neo4j"
	"satgraph/store/neo4j/neo4jtest"
	"satgraph/store/storetest"
)

// fresh opens an empty store on the test's server.
func fresh(t *testing.T) (*neo4jtest.Server, *neo4j.Store) {
	t.Helper()
	server := neo4jtest.Open(t)
	server.Wipe(t)
	t.Cleanup(func() { server.Wipe(t) })
	s, err := neo4j.Open(t.Context(), server.URI, neo4j.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return server, s
}

func TestAPersonCanReadIt(t *testing.T) {
	server, s := fresh(t)
	if err := s.Replace(t.Context(), storetest.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddExemplars(t.Context(), []graph.Exemplar{{TermID: "T:6", Dataset: "d", Modality: "mri", Scan: "s", Mask: "m"}}); err != nil {
		t.Fatal(err)
	}
	changed := storetest.Snapshot()
	changed.Terms[0].Name = "trunk"
	before := storetest.Snapshot()
	cs := graph.Diff(&before, &changed)
	cs.Title = "call it trunk"
	if _, err := s.Apply(t.Context(), cs); err != nil {
		t.Fatal(err)
	}
	server.Query(t, `CALL db.awaitIndexes(60)`, nil)
	for _, test := range []struct{ name, cypher, want string }{
		{"a synonym", `CALL db.index.fulltext.queryNodes('term_text', 'Herz') YIELD node RETURN node.id`, "T:2"},
		{"folded", `CALL db.index.fulltext.queryNodes('term_text', 'grosseres OR größeres') YIELD node RETURN node.id`, "T:2"},
		{"a name", `CALL db.index.fulltext.queryNodes('term_text', 'trunk') YIELD node RETURN node.id`, "T:1"},
		{"a definition", `CALL db.index.fulltext.queryNodes('term_text', 'pump') YIELD node RETURN node.name`, "heart"},
		{"lists", `MATCH (t:Term {name: 'heart'}) RETURN t.xrefs[1] + ' ' + t.synonyms[0] + ' ' + t.synonymScopes[0]`, "FMA:7088 whole heart EXACT"},
		{"relations", `MATCH (e:Exemplar)-[:SHOWS]->(f:Term {kind: 'finding'})-[:LOCATED_IN]->(t:Term)-[:PART_OF]->(h:Term {name: 'heart'}) RETURN t.name + ' ' + t.laterality`, "left atrium left"},
		{"history", `MATCH (v:Revision)<-[:FROM]-(c:ChangeSet)-[:MADE]->(w:Revision)<-[:CURRENT]-(:SatgraphStore), (c)-[:HAS_CHANGE]->(x:Change) RETURN v.name + ' ' + c.title + ' ' + x.oldName + ' ' + x.newName`, "r1 call it trunk body trunk"},
	} {
		got := server.Query(t, test.cypher, nil)
		if len(got) != 1 || got[0][0] != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
}

// What a curator wants to see in Neo4j's browser.
func TestDecisionsCanBeReadInTheGraph(t *testing.T) {
	server, _ := fresh(t)
	classes := func() ([]neo4j.Class, error) {
		return []neo4j.Class{{"heart", "ct", "T:2", "exact"}, {"tail", "mri", "T:77", "exact"}}, nil
	}
	seed := func() (*graph.Snapshot, error) {
		s := storetest.Snapshot()
		return &s, nil
	}
	s, err := neo4j.Open(t.Context(), server.URI, neo4j.Options{Seed: seed, Classes: classes})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	book := labelmap.NewBook(s, "satgraph test")
	label := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: "1 cor"}
	recipe := labelmap.Subject{Kind: labelmap.SubjectRecipe, Dataset: "Set", Key: "heart"}
	mapped := func(id, name string) *labelmap.Verdict {
		return &labelmap.Verdict{Outcome: labelmap.Mapped, Targets: []labelmap.Target{{TermID: id, Name: name, Predicate: labelmap.Exact}}}
	}
	var undone string
	for _, step := range []struct {
		actor string
		entry labelmap.Entry
	}{
		{"ann", labelmap.Entry{Subject: label, Action: labelmap.ActImport, Label: &labelmap.RawLabel{Name: "cor", Values: []int64{1}, Modality: "ct"}}},
		{"ann", labelmap.Entry{Subject: label, Version: 1, Action: labelmap.ActDecide, Verdict: mapped("T:3", "left atrium")}},
		{"ann", labelmap.Entry{Subject: label, Version: 2, Action: labelmap.ActUndo, Ref: "the decision"}},
		{"bob", labelmap.Entry{Subject: label, Version: 3, Action: labelmap.ActReject, Verdict: mapped("T:99", "tail"), Comment: "no"}},
		{"bob", labelmap.Entry{Subject: label, Version: 4, Action: labelmap.ActDecide, Verdict: mapped("T:2", "heart")}},
		{"bob", labelmap.Entry{Subject: recipe, Action: labelmap.ActDecide, Verdict: &labelmap.Verdict{Outcome: labelmap.Mapped, Recipe: &labelmap.Recipe{
			Class: "heart", Expr: labelmap.Expr{Op: labelmap.OpUnion, Args: []labelmap.Expr{
				{Op: labelmap.OpSource, Source: &labelmap.Source{Channel: -1, Values: []labelmap.Range{labelmap.Value(1)}, Label: "1 cor"}},
				{Op: labelmap.OpSource, Source: &labelmap.Source{Channel: -1, Values: []labelmap.Range{labelmap.Value(2)}}},
			}},
		}}}},
	} {
		if step.entry.Ref != "" {
			step.entry.Ref = undone
		}
		events, err := book.Write(t.Context(), step.actor, step.entry)
		if err != nil {
			t.Fatal(err)
		}
		undone = events[0].ID
	}
	for _, test := range []struct{ name, cypher, want string }{
		{"a mapping", `MATCH (d:Dataset {name: 'Set'})-[:HAS_LABEL]->(l:RawLabel)-[m:MAPS_TO]->(t:Term) RETURN l.name + ' ' + m.predicate + ' ' + m.status + ' ' + m.by[0] + ' ' + t.name`, "cor exact settled bob heart"},
		{"a label", `MATCH (l:RawLabel) RETURN l.status + ' ' + l.outcome + ' ' + l.values[0] + ' ' + l.modality + ' ' + l.version`, "settled mapped 1 ct 5"},
		{"a rejection", `MATCH (l:RawLabel)-[r:REJECTED]->(t:MissingTerm) RETURN r.by + ' ' + r.comment + ' ' + t.name`, "bob no tail"},
		{"events in order", `MATCH p = (:LabelEvent {action: 'import'})-[:NEXT*4]->(:LabelEvent)-[:ON]->(:RawLabel) RETURN reduce(s = '', e IN nodes(p)[..-1] | s + ' ' + e.action)`, " import decide undo reject decide"},
		{"an undo", `MATCH (u:LabelEvent)-[:UNDOES]->(e:LabelEvent) RETURN u.actor + ' ' + e.termNames[0]`, "ann left atrium"},
		{"a recipe", `MATCH (:Dataset)-[:HAS_RECIPE]->(r:Recipe)-[:USES]->(l:RawLabel) RETURN r.name + ' = ' + r.recipe + ', ' + l.name`, "heart = {1} + {2}, cor"},
		{"its steps", `MATCH (:LabelEvent)-[:HAS_STEP]->(u:RecipeStep {op: 'union'})-[:HAS_ARGUMENT]->(s) RETURN count(s) + ' ' + max(s.lows[0])`, "2 2.0"},
		{"a class", `MATCH (c:CorpusClass)-[:OF]->(t:Term)<-[:MAPS_TO]-(l:RawLabel) RETURN c.name + ' ' + c.modality + ' ' + l.name`, "heart ct cor"},
		{"a class without its term", `MATCH (c:CorpusClass)-[:OF]->(t:MissingTerm) RETURN c.name + ' ' + t.id`, "tail T:77"},
	} {
		got := server.Query(t, test.cypher, nil)
		if len(got) != 1 || got[0][0] != test.want {
			t.Errorf("%s: got %v, want %s", test.name, got, test.want)
		}
	}
	// A term that is removed takes no decision with it, and comes back to them.
	without := storetest.Snapshot()
	without.Terms = append(without.Terms, graph.Term{ID: "T:77", Name: "tail", Kind: graph.KindAnatomy})
	before := storetest.Snapshot()
	record, err := s.Apply(t.Context(), graph.Diff(&before, &without))
	if err != nil {
		t.Fatal(err)
	}
	const tail = `MATCH (c:CorpusClass {name: 'tail'})-[:OF]->(t) RETURN labels(t)[0] + ' ' + t.name`
	if got := server.Query(t, tail, nil); len(got) != 1 || got[0][0] != "Term tail" {
		t.Errorf("the term that was missing: %v", got)
	}
	if _, err := s.Undo(t.Context(), record.ID, graph.ChangeSet{}); err != nil {
		t.Fatal(err)
	}
	if got := server.Query(t, tail, nil); len(got) != 1 || got[0][0] != "MissingTerm tail" {
		t.Errorf("the term that is missing again: %v", got)
	}
	if err := s.Replace(t.Context(), storetest.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if got := server.Query(t, `MATCH (:RawLabel)-[:MAPS_TO]->(t:Term)-[:IS_A|PART_OF]->(u) WITH t, count(u) AS n RETURN t.name + ' ' + n`, nil); len(got) != 1 || got[0][0] != "heart 2" {
		t.Errorf("after a new tree: %v", got)
	}
}

// An event that is gone is noticed, and not passed over.
func TestLedgerEditedByHand(t *testing.T) {
	server, s := fresh(t)
	book := labelmap.NewBook(s, "satgraph test")
	label := labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: "1 cor"}
	for i := range 3 {
		if _, err := book.Write(t.Context(), "ann", labelmap.Entry{Subject: label, Version: int64(i), Action: labelmap.ActComment, Comment: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	server.Query(t, `MATCH (e:LabelEvent {version: 1}) DETACH DELETE e`, nil)
	for name, call := range map[string]func() error{
		"Events":  func() error { _, err := s.Events(t.Context(), 0, 10); return err },
		"Subject": func() error { _, err := s.Subject(t.Context(), label); return err },
	} {
		if err := call(); !errors.Is(err, graph.ErrCorrupt) {
			t.Errorf("%s: got %v, want %v", name, err, graph.ErrCorrupt)
		}
	}
}

func TestEditedByHand(t *testing.T) {
	server, s := fresh(t)
	for _, edit := range []string{
		`MATCH (t:Term {id: 'T:2'}) SET t.name = 'brain'`,
		`MATCH (:Term {id: 'T:6'})-[r:LOCATED_IN]->(b) DELETE r`,
		`MATCH (t:Term {id: 'T:2'}) SET t.synonymScopes = ['EXACT']`,
		`MATCH (t:Term {id: 'T:2'}) REMOVE t.xrefs`,
		`CREATE (:Term {id: 'T:99', name: 'tail', kind: 'anatomy'})`,
		`MATCH (s:SatgraphStore) SET s.digest = 'none'`,
	} {
		if err := s.Replace(t.Context(), storetest.Snapshot()); err != nil {
			t.Fatal(err)
		}
		server.Query(t, edit, nil)
		if _, err := s.Load(t.Context()); !errors.Is(err, graph.ErrCorrupt) {
			t.Errorf("%s: got %v, want %v", edit, err, graph.ErrCorrupt)
		}
	}
}

// A term that another node of the database points to is not removed unseen.
func TestOtherNodesKeepTheirTerms(t *testing.T) {
	server, s := fresh(t)
	want := storetest.Snapshot()
	if err := s.Replace(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	server.Query(t, `MATCH (t:Term {id: 'X:LONG'}) CREATE (:Study {name: 'long'})-[:ABOUT]->(t)`, nil)
	without := storetest.Snapshot()
	without.Terms = without.Terms[:6]
	if _, err := s.Apply(t.Context(), graph.Diff(&want, &without)); !errors.Is(err, graph.ErrInvalidChange) {
		t.Errorf("got %v, want %v", err, graph.ErrInvalidChange)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Revision != "r1" {
		t.Errorf("after the refusal: %v, %v", got, err)
	}
}

func TestOpenRefuses(t *testing.T) {
	server, s := fresh(t)
	if err := s.Replace(t.Context(), storetest.Snapshot()); err != nil {
		t.Fatal(err)
	}
	open := func(uri string, o neo4j.Options) error {
		s, err := neo4j.Open(t.Context(), uri, o)
		if err == nil {
			_ = s.Close()
		}
		return err
	}
	server.Query(t, `MATCH (s:SatgraphStore) SET s.schema = 99`, nil)
	if err := open(server.URI, neo4j.Options{}); !errors.Is(err, graph.ErrNewer) {
		t.Errorf("a newer schema: got %v, want %v", err, graph.ErrNewer)
	}
	server.Query(t, `MATCH (s:SatgraphStore) REMOVE s:SatgraphStore SET s:Stranger`, nil)
	if err := open(server.URI, neo4j.Options{}); !errors.Is(err, graph.ErrForeign) {
		t.Errorf("another's database: got %v, want %v", err, graph.ErrForeign)
	}
	server.Query(t, `MATCH (s:Stranger) REMOVE s:Stranger SET s:SatgraphStore, s.schema = 1`, nil)
	if err := open(server.URI, neo4j.Options{Password: "wrong"}); !errors.Is(err, neo4j.ErrCredentials) || strings.Contains(err.Error(), "wrong") {
		t.Errorf("a wrong password: got %v, want %v", err, neo4j.ErrCredentials)
	}
	if err := open(server.URI+"/nosuchdatabase", neo4j.Options{}); !errors.Is(err, graph.ErrUnavailable) || !strings.Contains(err.Error(), "nosuchdatabase") {
		t.Errorf("an unknown database: got %v", err)
	}
	if err := open("neo4j"+strings.TrimPrefix(server.URI, "bolt"), neo4j.Options{}); err != nil {
		t.Errorf("a routing URI: %v", err)
	}
}

func TestURI(t *testing.T) {
	t.Setenv("NEO4J_DATABASE", "")
	good := map[string]neo4j.Address{
		"neo4j://host":                      {Server: "neo4j://host", Database: "neo4j"},
		"neo4j+s://host:7687/anatomy":       {Server: "neo4j+s://host:7687", Database: "anatomy"},
		"bolt://[::1]:7687/a?timeout=250ms": {Server: "bolt://[::1]:7687", Database: "a", Timeout: 250 * time.Millisecond},
		"neo4j://host?region=eu":            {Server: "neo4j://host?region=eu", Database: "neo4j"},
	}
	for uri, want := range good {
		if got, err := neo4j.ParseURI(uri); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", uri, got, err, want)
		}
	}
	for _, uri := range []string{
		"", "neo4j", "neo4j://", "http://host", "neo4j://me:s3cret@host", "neo4j://s3cret@host", "bolt://me:s3cret@host/%zz", "neo4j://a/b/c", "neo4j://a?timeout=soon", "neo4j://a?timeout=-1s",
	} {
		_, err := neo4j.ParseURI(uri)
		if !errors.Is(err, neo4j.ErrURI) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%q: got %v, want %v without the credentials", uri, err, neo4j.ErrURI)
		}
	}
}

func TestSilentServer(t *testing.T) {
	server, _ := fresh(t)
	r := neo4jtest.NewRelay(t, server.URI)
	const timeout = 300 * time.Millisecond
	s, err := neo4j.Open(t.Context(), r.URI, neo4j.Options{Timeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Replace(t.Context(), storetest.Snapshot()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = neo4j.Open(t.Context(), r.URI+"?timeout=10s", neo4j.Options{}); err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	s.SetTimeout(timeout)
	r.Silence(true)
	for name, call := range map[string]func() error{
		"Load":     func() error { _, err := s.Load(t.Context()); return err },
		"Revision": func() error { _, err := s.Revision(t.Context()); return err },
		"Apply":    func() error { _, err := s.Apply(t.Context(), graph.ChangeSet{}); return err },
		"Open": func() error {
			_, err := neo4j.Open(t.Context(), r.URI, neo4j.Options{Timeout: timeout})
			return err
		},
	} {
		began := time.Now()
		err := call()
		if !errors.Is(err, graph.ErrUnavailable) {
			t.Errorf("%s: got %v, want %v", name, err, graph.ErrUnavailable)
		}
		if took := time.Since(began); took > 20*timeout {
			t.Errorf("%s took %v, far beyond the timeout of %v", name, took, timeout)
		}
	}
	r.Silence(false)
	s.SetTimeout(30 * time.Second)
	if _, err := s.Load(t.Context()); err != nil {
		t.Errorf("once the server speaks again: %v", err)
	}
}

// TestKilledServer kills a server of its own in the midst of a change, and
// starts it again.
func TestKilledServer(t *testing.T) {
	neo4jtest.URI(t) // servers are wanted here
	script, err := filepath.Abs("../../scripts/neo4j.sh")
	if err != nil {
		t.Fatal(err)
	}
	home := filepath.Join(t.TempDir(), "neo4j")
	control := func(ctx context.Context, what string) string {
		t.Helper()
		out, err := exec.CommandContext(ctx, script, what, home).Output()
		if err != nil {
			t.Fatalf("neo4j.sh %s: %v", what, err)
		}
		return strings.TrimSpace(string(out))
	}
	uri := control(t.Context(), "start")
	t.Cleanup(func() { control(context.Background(), "stop") })
	t.Setenv("NEO4J_BOLT_PORT", uri[strings.LastIndex(uri, ":")+1:])
	s, err := neo4j.Open(t.Context(), uri, neo4j.Options{Timeout: 15 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // a test
	before := storetest.Snapshot()
	if err := s.Replace(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	after := graph.Snapshot{}
	for i := range 20_000 {
		after.Terms = append(after.Terms, graph.Term{ID: fmt.Sprintf("K:%05d", i), Name: "term", Kind: graph.KindAnatomy})
	}
	cs := graph.Diff(&before, &after)
	cs.ID = "big"
	failed := make(chan error)
	go func() {
		_, err := s.Apply(context.Background(), cs)
		failed <- err
	}()
	time.Sleep(700 * time.Millisecond)
	kill(t, home)
	if err := <-failed; !errors.Is(err, graph.ErrUnavailable) {
		t.Errorf("the change of a killed server: got %v, want %v", err, graph.ErrUnavailable)
	}
	s.SetTimeout(time.Second)
	if _, err := s.Revision(t.Context()); !errors.Is(err, graph.ErrUnavailable) {
		t.Errorf("a lost server: got %v, want %v", err, graph.ErrUnavailable)
	}
	s.SetTimeout(15 * time.Second)
	control(t.Context(), "start")
	if got, err := s.Load(t.Context()); err != nil || got.Digest() != before.Digest() && got.Digest() != after.Digest() {
		t.Fatalf("after a kill the store holds neither tree: %v", err)
	}
	if _, err := s.Apply(t.Context(), cs); err != nil && !errors.Is(err, graph.ErrApplied) {
		t.Errorf("asked again: %v", err)
	}
	if got, err := s.Load(t.Context()); err != nil || got.Digest() != after.Digest() {
		t.Errorf("after the second try: %v", err)
	}
}

func kill(t *testing.T, home string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(home, "run", "neo4j.pid"))
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for syscall.Kill(pid, 0) == nil {
		time.Sleep(10 * time.Millisecond)
	}
}

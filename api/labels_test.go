package api_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"satgraph/api"
	"satgraph/graph"
	"satgraph/labelmap"
)

// curated is a service whose ledger holds the labels of a dataset.
func curated(t testing.TB, change ...func(*api.Config)) (*service, *labelmap.Book) {
	t.Helper()
	ledger := labelmap.NewMemory()
	book := labelmap.NewBook(ledger, "satgraph test")
	var entries []labelmap.Entry
	for i, name := range []string{"left atrium", "RA", "LV", "thing", "=1+1"} {
		l := &labelmap.RawLabel{Dataset: "Set", Name: name, Values: []int64{int64(i + 1)}, Modality: "ct"}
		entries = append(entries, labelmap.Entry{Subject: labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: l.Key()}, Action: labelmap.ActImport, Label: l})
	}
	if _, err := book.Write(t.Context(), "ann", entries...); err != nil {
		t.Fatal(err)
	}
	classes := func(c *api.Config) {
		c.Ledger = ledger
		c.Classes = []labelmap.Class{{Name: "left heart atrium", Modality: "ct", TermID: "T:2"}, {Name: "heart", Modality: "ct", TermID: "T:1"}}
	}
	return start(t, nil, append([]func(*api.Config){classes}, change...)...), book
}

// decision is what every decision is asked for.
const decision = `{ __typename
	... on Decision { preview batch events { id action by } changes { key before { status } after { status version settledBy verdict { outcome targets { id } } } } }
	... on DecisionConflict { message yours { by verdict { targets { id } } } theirs { by action verdict { targets { id } } } now { version status } }
	... on DecisionMistake { code message hint argument } }`

func (s *service) decide(mutation string) map[string]any {
	s.t.Helper()
	a := s.ask("mutation {" + mutation + decision + "}")
	if len(a.Errors) > 0 {
		s.t.Fatalf("%s: %v", mutation, a.Errors)
	}
	for _, v := range a.Data {
		m, _ := v.(map[string]any)
		return m
	}
	return nil
}

// text is JSON of a value, for comparing.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func TestCuratorsOverGraphQL(t *testing.T) {
	s, book := curated(t)
	if got := s.data(`{datasets {totalCount nodes {name counts {status labels} state {reviewers version}}} dataset(name: "Set") {labels(first: 2) {totalCount pageInfo {hasNextPage} nodes {key name values status state {version}}}}}`); got != `{"dataset":{"labels":{"nodes":[{"key":"1 left atrium","name":"left atrium","state":{"version":1},"status":"OPEN","values":[1]},{"key":"2 RA","name":"RA","state":{"version":1},"status":"OPEN","values":[2]}],"pageInfo":{"hasNextPage":true},"totalCount":5}},"datasets":{"nodes":[{"counts":[{"labels":5,"status":"OPEN"}],"name":"Set","state":{"reviewers":1,"version":0}}],"totalCount":1}}` {
		t.Errorf("got %s", got)
	}
	suggested := s.ask(`{rawLabel(dataset: "Set", label: "left atrium") {suggestion {abstained suggestions(limit: 1) {term {id} predicate score reasons}}}}`)
	if got := suggested.at(t, "rawLabel", "suggestion", "suggestions", 0, "term", "id"); got != "T:2" {
		t.Errorf("suggested %v, %v", got, suggested.Errors)
	}
	if r := s.decide(`acceptLabel(dataset: "Set", label: "left atrium")`); r["__typename"] != "DecisionMistake" || r["argument"] != "by" {
		t.Errorf("nobody accepts: %v", r)
	}
	if r := s.decide(`acceptLabels(dataset: "Set", by: "ann", minScore: 0.1, preview: true)`); r["__typename"] != "Decision" || r["batch"] != nil || !strings.Contains(text(r["changes"]), `"key":"1 left atrium"`) {
		t.Errorf("a preview: %v", r)
	}
	if st, err := book.State(t.Context(), labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: "Set", Key: "1 left atrium"}); err != nil || st.Status != labelmap.Open {
		t.Errorf("a preview decided: %v, %v", st.Status, err)
	}
	s.decide(`setReviewers(dataset: "Set", reviewers: 2, by: "chief")`)
	r := s.decide(`acceptLabel(dataset: "Set", label: "1", by: "ann", version: 1)`)
	if r["__typename"] != "Decision" || !strings.Contains(text(r), `"status":"AWAITING"`) {
		t.Fatalf("ann accepts: %v", text(r))
	}
	conflict := s.decide(`changeLabel(dataset: "Set", label: "1 left atrium", by: "bob", version: 1, terms: ["T:3"])`)
	if conflict["__typename"] != "DecisionConflict" || text(conflict["yours"]) != `{"by":"bob","verdict":{"targets":[{"id":"T:3"}]}}` ||
		text(conflict["theirs"]) != `[{"action":"DECIDE","by":"ann","verdict":{"targets":[{"id":"T:2"}]}}]` || text(conflict["now"]) != `{"status":"AWAITING","version":2}` {
		t.Errorf("bob comes second: %s", text(conflict))
	}
	s.decide(`changeLabel(dataset: "Set", label: "1 left atrium", by: "bob", version: 2, terms: ["right atrium"])`)
	if r := s.decide(`adjudicateLabel(dataset: "Set", label: "1", by: "bob", terms: ["T:2"])`); r["__typename"] != "DecisionMistake" || r["code"] != "FORBIDDEN" {
		t.Errorf("bob settles his own dispute: %v", r)
	}
	settled := s.decide(`adjudicateLabel(dataset: "Set", label: "1", by: "carol", terms: ["T:2"])`)
	if !strings.Contains(text(settled["changes"]), `"before":{"status":"DISPUTED"}`) || !strings.Contains(text(settled["changes"]), `"settledBy":["carol"],"status":"SETTLED"`) {
		t.Errorf("carol settles it: %s", text(settled))
	}
	if r := s.decide(fmt.Sprintf(`undoDecision(ref: %q, by: "carol")`, settled["batch"])); !strings.Contains(text(r["changes"]), `"status":"DISPUTED"`) {
		t.Errorf("undone: %v", text(r))
	}
	for _, c := range []struct{ mutation, code string }{
		{`changeLabel(dataset: "Set", label: "nothing", by: "ann", terms: ["T:1"])`, "NOT_FOUND"},
		{`changeLabel(dataset: "Set", label: "LV", by: "ann", terms: ["hart"])`, "UNKNOWN_TERM"},
		{`changeLabel(dataset: "Set", label: "LV", by: "ann", terms: ["atrium"])`, "AMBIGUOUS_TERM"},
		{`changeLabel(dataset: "Set", label: "LV", by: "ann")`, "BAD_USER_INPUT"},
		{`changeLabel(dataset: "Set", label: "LV", by: "ann", newTerm: "heart")`, "BAD_USER_INPUT"},
		{`changeLabel(dataset: "Set", label: "LV", by: "policy:all", terms: ["T:1"])`, "BAD_USER_INPUT"},
		{`flagLabel(dataset: "Set", label: "LV", by: "ann")`, "BAD_USER_INPUT"}, // it says nothing
		{`undoDecision(ref: "nothing", by: "ann")`, "NOT_FOUND"},
		{`setReviewers(dataset: "Set", reviewers: 7, by: "ann")`, "BAD_USER_INPUT"},
		{`confirmLabel(dataset: "Set", label: "LV", by: "ann")`, "BAD_USER_INPUT"},
		{`acceptRecipe(dataset: "Set", class: "heart", expression: "{1", by: "ann")`, "BAD_USER_INPUT"},
	} {
		if r := s.decide(c.mutation); r["__typename"] != "DecisionMistake" || r["code"] != c.code {
			t.Errorf("%s: got %v, want %s", c.mutation, r, c.code)
		}
	}
	s.decide(`flagLabel(dataset: "Set", label: "thing", by: "ann", comment: "what is this?")`)
	s.decide(`changeLabel(dataset: "Set", label: "thing", by: "ann", noTerm: true)`)
	s.decide(`rejectLabel(dataset: "Set", label: "LV", by: "ann", term: "heart")`)
	got := s.data(`{dataset(name: "Set") {
		flagged: labels(flagged: true) {nodes {key state {flags {by comment}}}} awaiting: labels(status: [AWAITING]) {totalCount nodes {key}}
		named: labels(text: "ATR") {totalCount nodes {key}} of: labels(term: "T:3") {nodes {key}}
		label(key: "3 LV") {state {rejected {by verdict {targets {name}}}} history {action by}} none: label(key: "x") {key} } }`)
	want := `{"dataset":{"awaiting":{"nodes":[{"key":"4 thing"}],"totalCount":1},"flagged":{"nodes":[{"key":"4 thing","state":{"flags":[{"by":"ann","comment":"what is this?"}]}}]},` +
		`"label":{"history":[{"action":"IMPORT","by":"ann"},{"action":"REJECT","by":"ann"}],"state":{"rejected":[{"by":"ann","verdict":{"targets":[{"name":"heart"}]}}]}},` +
		`"named":{"nodes":[{"key":"1 left atrium"}],"totalCount":null},"none":null,"of":{"nodes":[{"key":"1 left atrium"}]}}}`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestLabelPages(t *testing.T) {
	s, _ := curated(t)
	for _, filter := range []string{"", `, text: ""`, `, text: "A"`} {
		var got []any
		after := ""
		for {
			a := s.ask(`query($after: String) {dataset(name: "Set") {labels(first: 2, after: $after`+filter+`) {edges {cursor node {key}} pageInfo {hasNextPage endCursor}}}}`, map[string]any{"after": after})
			edges, _ := a.at(t, "dataset", "labels", "edges").([]any)
			for i := range edges {
				got = append(got, a.at(t, "dataset", "labels", "edges", i, "node", "key"))
			}
			if a.at(t, "dataset", "labels", "pageInfo", "hasNextPage") != true {
				break
			}
			after = fmt.Sprint(a.at(t, "dataset", "labels", "pageInfo", "endCursor"))
		}
		want := `["1 left atrium","2 RA","3 LV","4 thing","5 =1+1"]`
		if strings.Contains(filter, "A\"") {
			want = `["1 left atrium","2 RA"]`
		}
		if text(got) != want {
			t.Errorf("%s: got %s", filter, text(got))
		}
	}
	if got := s.data(`{labelEvents(first: 2) {totalCount pageInfo {hasNextPage} nodes {seq action key kind tool}}}`); got != `{"labelEvents":{"nodes":[{"action":"IMPORT","key":"1 left atrium","kind":"LABEL","seq":1,"tool":"satgraph test"},{"action":"IMPORT","key":"2 RA","kind":"LABEL","seq":2,"tool":"satgraph test"}],"pageInfo":{"hasNextPage":true},"totalCount":5}}` {
		t.Errorf("got %s", got)
	}
	for _, query := range []string{
		`{dataset(name: "Set") {labels(after: "é") {totalCount}}}`, `{dataset(name: "Set") {labels(first: -1) {totalCount}}}`,
		`{labelEvents(after: "AAAA") {totalCount}}`, `{suggestLabels {label}}`, `{suggestLabels(labels: ["a"], text: "b") {label}}`,
		`{suggestLabels(labels: ["a"], top: 0) {label}}`,
	} {
		if a := s.ask(query); a.code() != "BAD_USER_INPUT" {
			t.Errorf("%s: %v", query, a.Errors)
		}
	}
}

func TestSuggestLabels(t *testing.T) {
	for _, s := range []*service{start(t, nil), func() *service { s, _ := curated(t); return s }()} {
		a := s.ask(`{suggestLabels(text: "left atrium\nlabel_7\n", modality: CT, region: "chest", top: 2) {label abstained why suggestions {term {name} score reasons laterality}}}`)
		if len(a.Errors) > 0 || a.at(t, "suggestLabels", 0, "suggestions", 0, "term", "name") != "left cardiac atrium" || a.at(t, "suggestLabels", 1, "abstained") != true {
			t.Errorf("got %v, %v", a.Data, a.Errors)
		}
	}
}

func TestRecipesOverGraphQL(t *testing.T) {
	s, _ := curated(t)
	s.decide(`changeLabel(dataset: "Set", label: "1", by: "ann", terms: ["T:2"])`)
	s.decide(`changeLabel(dataset: "Set", label: "2", by: "ann", terms: ["T:3"])`)
	proposed := s.ask(`{dataset(name: "Set") {proposedRecipes(class: "left heart atrium") {recipe {class expression complete} concerns {what why}} checkRecipe(class: "left heart atrium", expression: "{1, 2}") {recipe {expression} concerns {what}}}}`)
	if proposed.at(t, "dataset", "proposedRecipes", 0, "recipe", "expression") != "{1}" {
		t.Errorf("proposed: %v, %v", proposed.Data, proposed.Errors)
	}
	if !strings.Contains(text(proposed.at(t, "dataset", "checkRecipe", "concerns")), "sides") {
		t.Errorf("a recipe of both sides raises %v", proposed.at(t, "dataset", "checkRecipe"))
	}
	if r := s.decide(`acceptRecipe(dataset: "Set", class: "left heart atrium", by: "rev")`); r["__typename"] != "Decision" {
		t.Errorf("got %v", r)
	}
	if r := s.decide(`acceptRecipe(dataset: "Set", class: "brain", by: "rev")`); r["code"] != "NOT_FOUND" {
		t.Errorf("a class that nothing makes: %v", r)
	}
	s.decide(`rejectRecipe(dataset: "Set", class: "heart", never: true, by: "rev", comment: "the valves are missing")`)
	if got := s.data(`{dataset(name: "Set") {recipes {totalCount nodes {class status state {verdict {outcome recipe {expression}}} history {by comment}}}}}`); got != `{"dataset":{"recipes":{"nodes":[{"class":"heart","history":[{"by":"rev","comment":"the valves are missing"}],"state":{"verdict":{"outcome":"REFUSED","recipe":null}},"status":"SETTLED"},{"class":"left heart atrium","history":[{"by":"rev","comment":"the dataset's own label"}],"state":{"verdict":{"outcome":"MAPPED","recipe":{"expression":"{1}"}}},"status":"SETTLED"}],"totalCount":2}}}` {
		t.Errorf("got %s", got)
	}
}

func TestLabelExports(t *testing.T) {
	s, _ := curated(t)
	s.decide(`changeLabel(dataset: "Set", label: "1", by: "ann", terms: ["T:2"])`)
	a := s.ask(`{dataset(name: "Set") {export exportUrl(format: CSV) csv: export(format: CSV) json: export(format: SSSOM_JSON)}}`)
	if !strings.Contains(fmt.Sprint(a.at(t, "dataset", "export")), "skos:exactMatch") || !strings.Contains(fmt.Sprint(a.at(t, "dataset", "csv")), "5 =1+1") || !json.Valid([]byte(fmt.Sprint(a.at(t, "dataset", "json")))) {
		t.Errorf("got %v, %v", a.Data, a.Errors)
	}
	status, header, body := s.exchange(http.MethodGet, fmt.Sprint(a.at(t, "dataset", "exportUrl")), nil)
	if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), "text/csv") || string(body) != a.at(t, "dataset", "csv") {
		t.Errorf("got %d, %v: %s", status, header, body)
	}
	if status, _, body := s.exchange(http.MethodGet, "/labels?dataset=Set&format=pdf", nil); status != http.StatusBadRequest || errorCode(t, body) != "BAD_USER_INPUT" {
		t.Errorf("got %d: %s", status, body)
	}
}

// The classes that datasets mean differently: a settled recipe stands in place of
// its dataset's record, of other datasets the records say it.
func TestMeaningsOfClasses(t *testing.T) {
	s, _ := curated(t)
	if got := s.data(`{corpus {meanings(class: "Kidney", settledOnly: true) {datasetName} none: meanings(class: "no such") {datasetName}}}`); got != `{"corpus":{"meanings":[],"none":[]}}` {
		t.Errorf("got %s", got)
	}
	s.decide(`acceptRecipe(dataset: "KiTS23", class: "kidney", term: "T:1", expression: "{1}", definition: "without tumour", by: "rev")`)
	a := s.ask(`{corpus {meanings(class: "Kidney") {datasetName expression definition settled} differences {class what why}}}`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	got, _ := a.at(t, "corpus", "meanings").([]any)
	if len(got) < 10 || fmt.Sprint(got[0]) != fmt.Sprint(map[string]any{"datasetName": "KiTS23", "expression": "{1}", "definition": "without tumour", "settled": true}) {
		t.Errorf("got %v", got)
	}
	for _, m := range got[1:] {
		if m, _ := m.(map[string]any); m["settled"] != false || m["datasetName"] == "KiTS23" {
			t.Errorf("got %v", m)
		}
	}
	if text := fmt.Sprint(a.at(t, "corpus", "differences")); !strings.Contains(text, "KiTS23: without tumour") {
		t.Errorf("got %s", text)
	}
	if got := s.data(`{corpus {differences(settledOnly: true) {class}}}`); got != `{"corpus":{"differences":[]}}` {
		t.Errorf("got %s", got)
	}
}

// The tree is downloaded in each form, and once only while it stays as it is.
func TestTreeDownload(t *testing.T) {
	s, _ := curated(t)
	for format, begins := range map[string]string{"": "format-version", "obo": "format-version", "tsv": "id\t", "skos": "{", "graphml": "<?xml"} {
		status, header, body := s.exchange(http.MethodGet, "/tree?format="+format, nil)
		if format == "" {
			status, header, body = s.exchange(http.MethodGet, "/tree", nil)
		}
		if status != http.StatusOK || !strings.HasPrefix(string(body), begins) || header.Get("ETag") == "" || !strings.Contains(header.Get("Content-Disposition"), "tree.") {
			t.Errorf("%q: %d, %v: %.60s", format, status, header, body)
		}
		if status, _, body := s.exchange(http.MethodGet, "/tree?format="+cmp.Or(format, "obo"), nil, "If-None-Match", header.Get("ETag")); status != http.StatusNotModified || len(body) > 0 {
			t.Errorf("%q again: %d with %d bytes", format, status, len(body))
		}
	}
	if status, _, body := s.exchange(http.MethodGet, "/tree?format=owl", nil); status != http.StatusBadRequest || errorCode(t, body) != "BAD_USER_INPUT" {
		t.Errorf("got %d: %s", status, body)
	}
}

// A service without a ledger, or whose ledger does not answer, says so.
func TestLedgerAway(t *testing.T) {
	if a := start(t, nil).ask(`{datasets {totalCount}}`); a.code() != "SERVICE_UNAVAILABLE" {
		t.Errorf("no ledger: %v", a.Errors)
	}
	s, _ := curated(t, func(c *api.Config) { c.Ledger = lost{c.Ledger} })
	if a := s.ask(`{datasets {totalCount}}`); a.code() != "SERVICE_UNAVAILABLE" || strings.Contains(fmt.Sprint(a.Errors), "secret") {
		t.Errorf("a lost ledger: %v", a.Errors)
	}
}

// lost is a ledger whose server is gone.
type lost struct{ labelmap.Ledger }

func (lost) Counts(context.Context, string) ([]labelmap.Count, error) {
	return nil, fmt.Errorf("%w: %w", graph.ErrUnavailable, errors.New("secret"))
}

func TestLabelsAreImportedOverGraphQL(t *testing.T) {
	s, book := curated(t)
	if r := s.decide(`importLabels(dataset: "New", text: "value,name\n1,left atrium\n2,RA\n", file: "labels.csv", modality: MRI, by: "ann", preview: true)`); r["preview"] != true {
		t.Errorf("a preview: %v", text(r))
	}
	if states, err := book.States(t.Context(), "New", labelmap.SubjectLabel); err != nil || len(states) != 0 {
		t.Errorf("a preview wrote %d labels, %v", len(states), err)
	}
	r := s.decide(`importLabels(dataset: "New", text: "value,name\n1,left atrium\n2,RA\n", file: "labels.csv", modality: MRI, by: "ann")`)
	if r["__typename"] != "Decision" {
		t.Fatalf("imported: %v", text(r))
	}
	states, err := book.States(t.Context(), "New", labelmap.SubjectLabel)
	if err != nil || len(states) != 2 || states[0].Label.Modality != "mri" || states[1].Label.Name != "RA" || states[1].Label.Values[0] != 2 {
		t.Errorf("in the ledger: %+v, %v", states, err)
	}
	for _, c := range []struct{ arguments, says string }{
		{`dataset: "New", text: "value,name\n1,left atrium\n2,RA\n", file: "labels.csv", modality: MRI, by: "ann"`, "in already"},
		{`dataset: "New", text: "", by: "ann"`, "the file is empty"},
		{`dataset: "New", text: "{\"labels\": [", by: "ann"`, "labels.txt"},
		{`dataset: "New", text: "dataset,name\nOther,liver\n", by: "ann"`, "another dataset"},
		{`dataset: "New", text: "liver"`, "nobody is named"},
	} {
		if r := s.decide("importLabels(" + c.arguments + ")"); r["__typename"] != "DecisionMistake" || !strings.Contains(text(r["message"]), c.says) {
			t.Errorf("%s: %v", c.arguments, text(r))
		}
	}
}

// All sure recipes are accepted in one batch, after a look at what that would
// change; those with a concern, or that somebody decided on, are left alone.
func TestAllRecipesOverGraphQL(t *testing.T) {
	s, _ := curated(t, func(c *api.Config) {
		c.Classes = append(c.Classes, labelmap.Class{Name: "right heart atrium", Modality: "ct", TermID: "T:3"})
	})
	s.decide(`changeLabel(dataset: "Set", label: "1", by: "ann", terms: ["T:2"])`)
	s.decide(`changeLabel(dataset: "Set", label: "2", by: "ann", terms: ["T:3"])`)
	if r := s.decide(`acceptRecipes(dataset: "None", by: "rev")`); r["code"] != "NOT_FOUND" {
		t.Errorf("a dataset without labels: %v", r)
	}
	const changed = `{... on Decision {preview batch changes {key before {status} after {status verdict {recipe {expression}}}}} ... on DecisionMistake {code message argument}}`
	ask := func(arguments string) map[string]any {
		a := s.ask(`mutation {acceptRecipes(dataset: "Set", by: "rev"` + arguments + `) ` + changed + `}`)
		if len(a.Errors) > 0 {
			t.Fatal(a.Errors)
		}
		m, _ := a.Data["acceptRecipes"].(map[string]any)
		return m
	}
	preview := ask(", preview: true")
	open := `{dataset(name: "Set") {recipes {totalCount}}}`
	if got := s.data(open); preview["preview"] != true || preview["batch"] != nil || !strings.Contains(got, `"totalCount":0`) {
		t.Errorf("a preview writes: %v, %s", preview, got)
	}
	const both = `"changes":[{"after":{"status":"SETTLED","verdict":{"recipe":{"expression":"{1}"}}},"before":{"status":"OPEN"},"key":"left heart atrium"},` +
		`{"after":{"status":"SETTLED","verdict":{"recipe":{"expression":"{2}"}}},"before":{"status":"OPEN"},"key":"right heart atrium"}]`
	if got := text(preview); !strings.Contains(got, both) {
		t.Errorf("the preview is %s", got)
	}
	if r := s.decide(`rejectRecipe(dataset: "Set", class: "right heart atrium", by: "rev", comment: "no")`); r["__typename"] != "Decision" {
		t.Fatalf("got %v", r)
	}
	if r := ask(`, classes: ["right heart atrium"]`); r["code"] != "NOT_FOUND" {
		t.Errorf("a rejected one: %v", r)
	}
	done := ask("")
	if changes, _ := done["changes"].([]any); len(changes) != 1 || done["batch"] == nil || !strings.Contains(text(changes), "left heart atrium") {
		t.Errorf("got %v", done)
	}
	if again := ask(""); again["code"] != "NOT_FOUND" || again["argument"] != "dataset" {
		t.Errorf("again: %v", again)
	}
	// A recipe of both sides, accepted all the same, is a concern of the dataset.
	s.decide(`acceptRecipe(dataset: "Set", class: "right heart atrium", expression: "{1, 2}", by: "rev")`)
	if got := s.data(`{dataset(name: "Set") {recipeConcerns {class what why}}}`); !strings.Contains(got, `"class":"right heart atrium","what":"sides"`) {
		t.Errorf("concerns %s", got)
	}
	if r := s.decide(`undoDecision(ref: "` + fmt.Sprint(done["batch"]) + `", by: "rev")`); r["__typename"] != "Decision" {
		t.Errorf("got %v", r)
	}
}

// The proposed recipe takes a definition and missing parts with it, and a class
// that the corpus has not is named by its term.
func TestProposedRecipesAreAmended(t *testing.T) {
	s, _ := curated(t)
	s.decide(`changeLabel(dataset: "Set", label: "1", by: "ann", terms: ["T:2"])`)
	s.decide(`acceptRecipe(dataset: "Set", class: "left heart atrium", definition: "without its auricle", missing: ["auricle"], by: "rev")`)
	s.decide(`acceptRecipe(dataset: "Set", class: "my own", term: "T:2", expression: "{1}", by: "rev")`)
	got := s.data(`{dataset(name: "Set") {recipes {nodes {class state {verdict {targets {term {id}} recipe {expression complete missing definition}}}}}}}`)
	for _, want := range []string{
		`"class":"left heart atrium","state":{"verdict":{"recipe":{"complete":false,"definition":"without its auricle","expression":"{1}","missing":["auricle"]}`,
		`"class":"my own","state":{"verdict":{"recipe":{"complete":true,"definition":"","expression":"{1}","missing":[]},"targets":[{"term":{"id":"T:2"}}]`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("there is no %s in %s", want, got)
		}
	}
}

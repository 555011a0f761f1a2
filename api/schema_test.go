package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func names(t testing.TB, list any) []string {
	t.Helper()
	items, ok := list.([]any)
	if !ok {
		t.Fatalf("no list: %v", list)
	}
	var out []string
	for _, item := range items {
		m, _ := item.(map[string]any)
		name, _ := m["name"].(string)
		out = append(out, name)
	}
	return out
}

func TestTerm(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`{
		term(name: "COR") {
			id name kind laterality definition xrefs synonyms { text scope }
			parents { name } ancestors { name }
			children { name laterality } parts: children(relations: [PART_OF], limit: 2) { name }
			findings: children(relations: [LOCATED_IN]) { name kind }
			descendants { name }
		}
		byId: term(id: "T:2") { name laterality xrefs }
	}`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	got, err := json.Marshal(a.Data["term"])
	if err != nil {
		t.Fatal(err)
	}
	want := `{"ancestors":[{"name":"thorax"}],` +
		`"children":[{"laterality":null,"name":"heart left ventricle"},{"laterality":null,"name":"heart tumor"},{"laterality":"LEFT","name":"left cardiac atrium"},{"laterality":null,"name":"mitral valve"},{"laterality":"RIGHT","name":"right cardiac atrium"}],` +
		`"definition":"The organ that pumps the blood.",` +
		`"descendants":[{"name":"heart left ventricle"},{"name":"heart tumor"},{"name":"left cardiac atrium"},{"name":"mitral valve"},{"name":"right cardiac atrium"}],` +
		`"findings":[{"kind":"FINDING","name":"heart tumor"}],` +
		`"id":"T:1","kind":"ANATOMY","laterality":null,"name":"heart",` +
		`"parents":[{"name":"thorax"}],"parts":[{"name":"heart left ventricle"},{"name":"left cardiac atrium"}],` +
		`"synonyms":[{"scope":"EXACT","text":"cor"}],"xrefs":[]}`
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if got := a.at(t, "byId", "laterality"); got != "LEFT" {
		t.Errorf("laterality %v", got)
	}
}

func TestTermErrors(t *testing.T) {
	s := start(t, nil)
	for _, c := range []struct{ query, code, detail string }{
		{`{term(name: "hart left") {id}}`, "UNKNOWN_TERM", "suggestions"},
		{`{term(id: "T:99") {id}}`, "UNKNOWN_TERM", ""},
		{`{term(name: "atrium") {id}}`, "AMBIGUOUS_TERM", "candidates"},
		{`{term {id}}`, "BAD_USER_INPUT", ""},
		{`{term(id: "T:1", name: "heart") {id}}`, "BAD_USER_INPUT", ""},
		{`{term(name: "` + strings.Repeat("x", 3000) + `") {id}}`, "BAD_USER_INPUT", ""},
		{`{term(id: "T:1") {children(limit: 0) {id}}}`, "BAD_USER_INPUT", ""},
		{`{term(id: "T:1") {children(limit: 100000) {id}}}`, "BAD_USER_INPUT", ""},
		{`{resolve(query: "zzzz") {query}}`, "UNKNOWN_TERM", ""},
		{`{resolve(query: " ") {query}}`, "BAD_USER_INPUT", ""},
		{`{job(id: "nowhere") {id}}`, "NOT_FOUND", ""},
		{`{image(id: "../../etc/passwd") {id}}`, "NOT_FOUND", ""},
		{`{model(name: "gpt") {name}}`, "NOT_FOUND", ""},
		{`mutation {cancelJob(id: "nowhere") {job {id}}}`, "NOT_FOUND", ""},
		{`mutation {segment(image: "x") {job {id}}}`, "BAD_USER_INPUT", ""},
		{`mutation {segment(image: "x", query: "heart", prompts: ["heart"]) {job {id}}}`, "BAD_USER_INPUT", ""},
		{`mutation {segment(image: "x", query: "left atrium") {job {id}}}`, "NOT_FOUND", ""},
		{`mutation {segmentChildren(of: "hart", image: "x") {job {id}}}`, "UNKNOWN_TERM", ""},
	} {
		a := s.ask(c.query)
		if a.Status != 200 || a.code() != c.code {
			t.Errorf("%.60s: %d %s, want 200 %s (%v)", c.query, a.Status, a.code(), c.code, a.Errors)
			continue
		}
		if a.Errors[0].Extensions["hint"] == nil && c.code != "BAD_USER_INPUT" {
			t.Errorf("%.60s: no hint", c.query)
		}
		if c.detail != "" && a.Errors[0].Extensions[c.detail] == nil {
			t.Errorf("%.60s: no %s in %v", c.query, c.detail, a.Errors[0].Extensions)
		}
		if len(a.Errors[0].Locations) == 0 || a.Errors[0].Locations[0].Line != 1 {
			t.Errorf("%.60s: locations %v", c.query, a.Errors[0].Locations)
		}
	}
}

func TestSearch(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`query($text: String!, $n: Int = 2) { search(text: $text, limit: $n) { term { name } matched how score } }`, map[string]any{"text": "left"})
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	hits, _ := a.Data["search"].([]any)
	if len(hits) != 2 {
		t.Fatalf("got %v", hits)
	}
	if got := a.at(t, "search", 0, "term", "name"); !strings.Contains(fmt.Sprint(got), "left") {
		t.Errorf("got %v", got)
	}
}

func TestResolve(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`{ resolve(query: "children of heart", modality: CT) {
		query modality terms { term { id } name status classes missing reason } calls { class prompt modality } } }`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	status := map[string]any{}
	for i := range names(t, a.at(t, "resolve", "terms")) {
		status[fmt.Sprint(a.at(t, "resolve", "terms", i, "name"))] = a.at(t, "resolve", "terms", i, "status")
	}
	want := map[string]any{"left cardiac atrium": "SEGMENTABLE", "right cardiac atrium": "SEGMENTABLE", "heart left ventricle": "SEGMENTABLE", "mitral valve": "NOT_SEGMENTABLE"}
	if fmt.Sprint(status) != fmt.Sprint(want) {
		t.Errorf("got %v, want %v", status, want)
	}
	if calls, _ := a.at(t, "resolve", "calls").([]any); len(calls) != 3 {
		t.Errorf("calls %v", calls)
	}

	a = s.ask(`{ resolve(query: "mitral valve") { modality terms { status reason } calls { class } } }`)
	if len(a.Errors) > 0 || a.at(t, "resolve", "terms", 0, "status") != "NOT_SEGMENTABLE" || a.at(t, "resolve", "terms", 0, "reason") == "" {
		t.Errorf("a refusal is an answer with a reason: %v %v", a.Errors, a.Data)
	}
}

func TestModels(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`{ models { name demo notice modalities spacing classes { name modalities } } model { name } }`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	if a.at(t, "models", 0, "demo") != true || !strings.Contains(fmt.Sprint(a.at(t, "models", 0, "notice")), "never for clinical use") {
		t.Errorf("got %v", a.Data)
	}
	if a.at(t, "model", "name") != "test-only" {
		t.Errorf("got %v", a.Data)
	}
}

// Every type, field, argument and enum value of the schema says what it is.
func TestSchemaIsDescribed(t *testing.T) {
	s := start(t, nil)
	a := s.ask(`{ __schema { types { name kind description
		fields { name description args { name description } }
		enumValues { name description } } } }`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	var check func(path string, v any)
	check = func(path string, v any) {
		switch v := v.(type) {
		case map[string]any:
			name := fmt.Sprint(v["name"])
			if strings.HasPrefix(name, "__") {
				return
			}
			if d, _ := v["description"].(string); d == "" {
				t.Errorf("%s.%s has no description", path, name)
			}
			for _, key := range []string{"fields", "args", "enumValues"} {
				check(path+"."+name, v[key])
			}
		case []any:
			for _, x := range v {
				check(path, x)
			}
		}
	}
	check("", a.at(t, "__schema", "types"))

	var found []string
	for _, name := range names(t, a.at(t, "__schema", "types")) {
		if slices.Contains([]string{"Term", "Plan", "Job", "Structure", "Model", "Image"}, name) {
			found = append(found, name)
		}
	}
	if len(found) != 6 {
		t.Errorf("types found: %v", found)
	}
}

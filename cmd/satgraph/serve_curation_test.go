package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"satgraph/store/neo4j/neo4jtest"
)

// What commands do for curators, GraphQL does on both stores: the impact of a
// decision before it is made, new terms from the proposal to the undo, recipes,
// and decisions out and in again.
func TestServedCuration(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { servedCuration(t, "sqlite:"+filepath.Join(t.TempDir(), "a.db")) })
	t.Run("neo4j", func(t *testing.T) {
		server := neo4jtest.Open(t)
		server.Wipe(t)
		t.Cleanup(func() { server.Wipe(t) })
		servedCuration(t, server.URI)
	})
}

// curators is a service with its answers as JSON.
type curators struct{ *service }

func (s curators) ask(query string, variables map[string]any) string {
	s.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.exchange("POST", "/graphql", string(body))
}

// wants asks and looks for parts of the answer.
func (s curators) wants(query string, parts ...string) string {
	s.t.Helper()
	got := s.ask(query, nil)
	for _, part := range parts {
		if !strings.Contains(got, part) {
			s.t.Errorf("%s\nlacks %s:\n%s", query, part, got)
		}
	}
	return got
}

func servedCuration(t *testing.T, store string) {
	t.Helper()
	dir := t.TempDir()
	labels := filepath.Join(dir, "labels.csv")
	if err := os.WriteFile(labels, []byte("value,label\n1,left kidney\n2,right kidney\n3,calyx stone\n4,spleen\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"D1", "D2"} {
		if code, _, errOut := satgraph(t, "--store", store, "labels", "import", labels, "--dataset", name, "--modality", "ct", "--by", "ann"); code != 0 {
			t.Fatal(errOut)
		}
	}
	s := curators{startServe(t, "--store", store, "--data", dir)}
	const effect = ` { __typename ... on Decision { batch impact { datasetName classes { name change before after } } changes { key after { status } } } ... on DecisionMistake { code message } } `

	// The impact, before and after.
	for _, ask := range []string{
		`{dataset(name: "D1") {labelImpact(label: "left kidney", terms: ["left kidney"]) {counted classes {name change after}}}}`,
		`mutation {changeLabel(dataset: "D1", label: "1", terms: ["left kidney"], by: "ann", preview: true)` + effect + `}`,
		`mutation {changeLabel(dataset: "D1", label: "1", terms: ["left kidney"], by: "ann")` + effect + `}`,
	} {
		s.wants(ask, `"name":"left kidney"`, `"change":"GAINED"`, `"after":"{1}"`)
	}
	s.wants(`mutation {changeLabel(dataset: "D1", label: "2", terms: ["right kidney"], by: "ann")`+effect+`}`, `"name":"kidney"`, `"after":"{1, 2}"`)

	// Recipes: proposed, checked, with their impact, accepted, taken back.
	s.wants(`{dataset(name: "D1") {proposedRecipes(class: "kidney") {recipe {expression reason} concerns {what}} recipeImpact(class: "kidney", never: true) {classes {name change before}}}}`,
		`"expression":"{1, 2}"`, `{"before":"{1, 2}","change":"LOST","name":"kidney"}`)
	var accepted struct {
		Data struct{ AcceptRecipe struct{ Batch string } }
	}
	if err := json.Unmarshal([]byte(s.wants(`mutation {acceptRecipe(dataset: "D1", class: "kidney", by: "rev")`+effect+`}`, `"status":"SETTLED"`)), &accepted); err != nil {
		t.Fatal(err)
	}
	s.wants(`mutation {undoDecision(ref: "`+accepted.Data.AcceptRecipe.Batch+`", by: "rev")`+effect+`}`, `"status":"OPEN"`)

	// A new term, from two datasets.
	for _, name := range []string{"D1", "D2"} {
		s.wants(`mutation {changeLabel(dataset: "`+name+`", label: "calyx stone", newTerm: "renal calyx stone", partOf: "kidney", by: "ann")`+effect+`}`, `"status":"SETTLED"`)
	}
	var proposed struct {
		Data struct {
			TermProposals []struct {
				ID     string
				Labels []struct{ Key string }
			}
		}
	}
	if err := json.Unmarshal([]byte(s.wants(`{termProposals {id title wantedBy problem changes {operation summary after parentId relation} labels {key datasetName}}}`, `"operation":"ADD_TERM"`, `"relation":"PART_OF"`, `"wantedBy":["ann"]`)), &proposed); err != nil {
		t.Fatal(err)
	}
	if len(proposed.Data.TermProposals) != 1 || len(proposed.Data.TermProposals[0].Labels) != 2 {
		t.Fatalf("proposed: %+v", proposed)
	}
	id := proposed.Data.TermProposals[0].ID
	const outcome = ` { __typename ... on ChangeSetDone { changeSet { id counts { termsAdded } undoes } followed { dataset action } } ... on ChangeSetConflict { message conflicts { reason change { summary } now { name } } } ... on DecisionMistake { code hint } } `
	s.wants(`mutation {applyChangeSet(id: "`+id+`", by: "rev")`+outcome+`}`, `"termsAdded":1`, `"dataset":"D1"`, `"dataset":"D2"`)
	s.wants(`{term(name: "renal calyx stone") {parents {name}} dataset(name: "D2") {label(key: "3 calyx stone") {state {verdict {targets {name}}}}} termProposals {id}}`, `"parents":[{"name":"kidney"}]`, `"name":"renal calyx stone"`, `"termProposals":[]`)
	s.wants(`mutation {applyChangeSet(id: "`+id+`", by: "rev")`+outcome+`}`, `"NOT_FOUND"`)

	// Somebody builds on the term: taking it back is then a conflict.
	rename(t, store, "heart, renamed")
	other := s.wants(`{changeSets(first: 1) {totalCount pageInfo {hasNextPage endCursor} nodes {id title by before revision changes {operation before after}}}}`, `"before":"heart"`, `"after":"heart, renamed"`, `"hasNextPage":true`)
	var history struct {
		Data struct {
			ChangeSets struct {
				Nodes    []struct{ ID string }
				PageInfo struct{ EndCursor string }
			}
		}
	}
	if err := json.Unmarshal([]byte(other), &history); err != nil {
		t.Fatal(err)
	}
	renamed := history.Data.ChangeSets.Nodes[0].ID
	s.wants(`{changeSets(first: 5, after: "`+history.Data.ChangeSets.PageInfo.EndCursor+`") {nodes {id}} changeSet(id: "`+id+`") {undoneBy number} none: changeSet(id: "x") {id}}`, `"id":"`+id+`"`, `"undoneBy":null`, `"none":null`)
	rename(t, store, "heart, again")
	s.wants(`mutation {undoChangeSet(id: "`+renamed+`", by: "rev")`+outcome+`}`, "ChangeSetConflict", "heart, again")
	s.wants(`mutation {undoChangeSet(id: "`+id+`", by: "rev")`+outcome+`}`, `"undoes":"`+id+`"`)
	s.wants(`mutation {undoChangeSet(id: "`+id+`", by: "rev")`+outcome+`}`, `"BAD_USER_INPUT"`)
	s.wants(`mutation {undoChangeSet(id: "nothing", by: "rev")`+outcome+`}`, `"NOT_FOUND"`)
	s.wants(`{dataset(name: "D1") {labels(touched: true) {nodes {key touched}}}}`, "3 calyx stone", "is gone from the tree")

	// Decisions out and in again.
	imports := `mutation($text: String!, $format: DecisionImportFormat, $preview: Boolean) {importDecisions(text: $text, format: $format, preview: $preview, by: "rev") { __typename ... on DecisionsImported { preview written unchanged batch } ... on DecisionMistake { code message argument } }}`
	var out struct {
		Data struct {
			Dataset struct{ SSSOM, CSV string }
		}
	}
	if err := json.Unmarshal([]byte(s.ask(`{dataset(name: "D1") {sssom: export csv: export(format: CSV)}}`, nil)), &out); err != nil {
		t.Fatal(err)
	}
	moved := strings.ReplaceAll(strings.ReplaceAll(out.Data.Dataset.SSSOM, "D1", "D3"), "ann", "eve")
	for _, c := range []struct {
		text, format string
		preview      bool
		wants        string
	}{
		{out.Data.Dataset.SSSOM, "SSSOM", false, `"unchanged":3,"written":0`},
		{moved, "SSSOM", true, `"preview":true,"unchanged":0,"written":3`},
		{moved, "SSSOM", false, `"unchanged":0,"written":3`},
		{moved, "SSSOM", false, `"unchanged":3,"written":0`},
		{"dataset,label,term\nD2,1,left kidney\nD2,4 spleen,spleen\n", "CSV", true, `"preview":true,"unchanged":0,"written":2`},
		{"dataset,label,term\nD2,1,left kidney\nD2,4 spleen,spleen\n", "CSV", false, `"unchanged":0,"written":2`},
		{"dataset,label,term\nD2,1,left kidney\nD2,4 spleen,spleen\n", "CSV", false, `"unchanged":2,"written":0`},
		{"dataset,label,term\nD2,1,hart\n", "CSV", false, `line 2: no term is called`},
		{"dataset,label,term\nD2,1,liver\nD2,1 left kidney,spleen\n", "CSV", false, `line 3 decides on the label of line 2 again`},
		{"not a set", "SSSOM", false, `"argument":"text"`},
	} {
		if got := s.ask(imports, map[string]any{"text": c.text, "format": c.format, "preview": c.preview}); !strings.Contains(got, c.wants) {
			t.Errorf("%s %.60q:\n%s\nlacks %s", c.format, c.text, got, c.wants)
		}
	}
	s.wants(`{dataset(name: "D3") {labels {totalCount nodes {state {settledBy}}}} two: dataset(name: "D2") {label(key: "4 spleen") {status state {settledBy}}}}`, `"totalCount":3`, `["eve"]`, `["rev"]`)
}

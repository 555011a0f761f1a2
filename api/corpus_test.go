package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"satgraph/api"
	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/gates"
	"satgraph/datasets/impact"
)

// listed is a service with two versions of a scan list, an export and a waiver.
func listed(t *testing.T) *service {
	t.Helper()
	known, err := catalog.Builtin()
	if err != nil {
		t.Fatal(err)
	}
	row := func(image, patient string, side corpus.Side) corpus.Scan {
		return corpus.Scan{
			Dataset: "KiTS23", Image: image, Mask: image + ".mask", Modality: catalog.CT, Sequence: "CT", Split: "train", Side: side, Patient: patient,
			Labels: []string{"kidney"}, Classes: []string{"kidney"},
		}
	}
	before := []corpus.Scan{row("a.nii.gz", "1", corpus.Train)}
	now := append(slices.Clone(before), row("b.nii.gz", "2", corpus.Train), row("b.nii.gz", "2", corpus.Test))
	waivers, err := gates.ReadWaivers(strings.NewReader("- {gate: licence, dataset: KiTS23, reason: read, by: Ada, reviewer: Grace, date: 2026-11-01}\n"))
	if err != nil {
		t.Fatal(err)
	}
	return start(t, nil, func(c *api.Config) {
		c.Corpus = api.Corpus{
			Catalog: known, Scans: corpus.NewIndex(known, now), Before: corpus.NewIndex(known, before), Waivers: waivers,
			Exports: []impact.Manifest{{Path: "first", Manifest: export.Manifest{
				Format: "nnunet", Samples: 1, Classes: []string{"kidney"}, Datasets: []export.ManifestDataset{{Name: "KiTS23", Samples: 1, Permission: export.Allowed}},
			}}},
		}
	})
}

func TestCorpus(t *testing.T) {
	s := listed(t)
	if got := s.data(`{corpus {stats {rows pairs {name count}} exports {name format samples datasets {name permission}} diff {same added removed datasets {name before after}}}}`); got !=
		`{"corpus":{"diff":{"added":2,"datasets":[{"after":3,"before":1,"name":"KiTS23"}],"removed":0,"same":false},`+
			`"exports":[{"datasets":[{"name":"KiTS23","permission":"ALLOWED"}],"format":"nnunet","name":"first","samples":1}],`+
			`"stats":{"pairs":[{"count":1,"name":"ct"}],"rows":3}}}` {
		t.Errorf("got %s", got)
	}
	a := s.ask(`{corpus {
		datasets(modality: CT, first: 3) {totalCount nodes {name modality}}
		dataset(name: "KiTS23") {id licence {id known} scans published {rows splits {name count}} labels {name value class} recipes {class expression} classes {id name} anomalies {gate what}}
		none: dataset(name: "no such") {id}
		classes(text: "kidney", modality: CT, first: 2) {totalCount pageInfo {hasNextPage endCursor} edges {cursor node {name modality predicate}}}
		findings(first: 5) {nodes {gate dataset rows}}
		gates {passed results {gate status findings(first: 2) {totalCount nodes {severity dataset what waived {by}}}}}
	}}`)
	if len(a.Errors) > 0 {
		t.Fatal(a.Errors)
	}
	at := func(path ...any) any { return a.at(t, append([]any{"corpus"}, path...)...) }
	if at("dataset", "published", "rows") != float64(489) || at("dataset", "scans") != float64(3) || at("none") != nil || at("datasets", "nodes", 0, "modality") != "CT" {
		t.Errorf("records: %v", text(at("dataset")))
	}
	if got := text(at("dataset", "recipes")); !strings.Contains(got, `{"class":"kidney","expression":"{1, 2, 3}"}`) {
		t.Errorf("recipes: %s", got)
	}
	if n, _ := at("classes", "totalCount").(float64); n < 3 || at("classes", "pageInfo", "hasNextPage") != true {
		t.Errorf("classes: %s", text(at("classes")))
	}
	if got := text(at("findings")); !strings.Contains(got, `"dataset":"KiTS23"`) {
		t.Errorf("an image on both sides is not found: %s", got)
	}
	if at("gates", "passed") != false || !strings.Contains(text(at("gates", "results")), `"gate":"both-sides"`) {
		t.Errorf("gates: %s", text(at("gates")))
	}
	next := s.ask(fmt.Sprintf(`{corpus {classes(text: "kidney", modality: CT, after: %q) {pageInfo {hasPreviousPage} nodes {name}}}}`, at("classes", "pageInfo", "endCursor")))
	if names := names(t, next.at(t, "corpus", "classes", "nodes")); len(names) == 0 || names[0] <= fmt.Sprint(at("classes", "edges", 1, "node", "name")) {
		t.Errorf("the next page: %v", names)
	}
	if a := s.ask(`{corpus {classes(first: 1001) {totalCount}}}`); a.code() != "BAD_USER_INPUT" {
		t.Errorf("got %v", a.Errors)
	}
}

// What any thing gives as its id finds it again, as the type that it is of.
// The card over GraphQL is that of the command.
func TestCorpusCard(t *testing.T) {
	s := listed(t)
	card, _ := s.ask(`{corpus {card(title: "Ours")}}`).at(t, "corpus", "card").(string)
	for _, part := range []string{"# Ours\n", "Version `", "| rows | 3 |", "KiTS23"} {
		if !strings.Contains(card, part) {
			t.Errorf("no %q in %s", part, card)
		}
	}
}

func TestNodes(t *testing.T) {
	s, _ := curated(t)
	s.decide(`changeLabel(dataset: "Set", label: "1", by: "ann", terms: ["T:2"])`)
	s.decide(`acceptRecipe(dataset: "Set", class: "left heart atrium", by: "rev")`)
	image := s.upload(scan(t, "scan.nii"))
	a := s.ask(`mutation($i: ID!) {segment(image: $i, query: "left atrium") {job {id image {id}}}}`, map[string]any{"i": image})
	b := s.ask(`{term(id: "T:1") {id} models {id} dataset(name: "Set") {id label(key: "1 left atrium") {id} recipes {nodes {id}}} corpus {dataset(name: "KiTS23") {id} classes(text: "liver", first: 1) {nodes {id}}}}`)
	want := []struct {
		id   any
		kind string
	}{
		{b.at(t, "term", "id"), "Term"},
		{a.at(t, "segment", "job", "image", "id"), "Image"},
		{a.at(t, "segment", "job", "id"), "Job"},
		{b.at(t, "models", 0, "id"), "Model"},
		{b.at(t, "dataset", "id"), "Dataset"},
		{b.at(t, "dataset", "label", "id"), "RawLabel"},
		{b.at(t, "dataset", "recipes", "nodes", 0, "id"), "Recipe"},
		{b.at(t, "corpus", "dataset", "id"), "DatasetRecord"},
		{b.at(t, "corpus", "classes", "nodes", 0, "id"), "CorpusClass"},
	}
	var ids []any
	for _, w := range want {
		ids = append(ids, w.id)
	}
	all := s.ask(`query($ids: [ID!]!) {nodes(ids: $ids) {__typename id ... on Term {name}}}`, map[string]any{"ids": append(ids, "nothing", "label/x", "dataset/", "../../etc/passwd", strings.Repeat("0", 64))})
	if len(all.Errors) > 0 {
		t.Fatal(all.Errors)
	}
	for i, w := range want {
		if all.at(t, "nodes", i, "__typename") != w.kind || all.at(t, "nodes", i, "id") != w.id {
			t.Errorf("%v is %v, want a %s", w.id, all.at(t, "nodes", i), w.kind)
		}
		one := s.ask(`query($id: ID!) {node(id: $id) {__typename id}}`, map[string]any{"id": w.id})
		if len(one.Errors) > 0 || one.at(t, "node", "__typename") != w.kind {
			t.Errorf("node(%v): %v %v", w.id, one.Data, one.Errors)
		}
	}
	for i := range 5 {
		if n := all.at(t, "nodes", len(want)+i); n != nil {
			t.Errorf("no thing is %v", n)
		}
	}
	if a := s.ask(`query($ids: [ID!]!) {nodes(ids: $ids) {id}}`, map[string]any{"ids": make([]int, 101)}); a.code() != "BAD_USER_INPUT" {
		t.Errorf("101 ids: %v", a.Errors)
	}
}

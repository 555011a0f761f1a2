package mcp

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/internal/plain"
)

// termRef names a term.
type termRef struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// classRef is a class of the corpus that stands for a term.
type classRef struct {
	Name     string `json:"name"`
	Modality string `json:"modality"`
	Fit      string `json:"fit" jsonschema:"exact, close, broad or narrow: how the class relates to the term"`
}

type termInfo struct {
	ID         string     `json:"id"`
	Name       string     `json:"name"`
	Kind       string     `json:"kind" jsonschema:"anatomy, finding or group"`
	Side       string     `json:"side,omitempty" jsonschema:"left or right; empty for a term without a side"`
	MatchedBy  string     `json:"matchedBy,omitempty" jsonschema:"the name or synonym that matched"`
	Score      float64    `json:"score,omitempty" jsonschema:"0 to 1; above 0.9 as good as its name"`
	Misspelt   bool       `json:"misspelt,omitempty" jsonschema:"the text was taken for a name that is spelt nearly so"`
	Definition string     `json:"definition,omitempty"`
	Synonyms   []string   `json:"synonyms,omitempty"`
	Parents    []termRef  `json:"parents,omitempty"`
	Classes    []classRef `json:"classes,omitempty" jsonschema:"classes of the corpus that stand for this very term"`
	// Segmentable is by modality.
	Segmentable map[string]string `json:"segmentable" jsonschema:"by modality: segmentable, composable (a union of classes) or not_segmentable"`
}

type findIn struct {
	Text  string `json:"text" jsonschema:"what to look for, as people write it: a name, synonym, abbreviation, Latin, or a term id"`
	Limit int    `json:"limit,omitempty" jsonschema:"how many terms to return"`
}

type findOut struct {
	Terms []termInfo `json:"terms" jsonschema:"best first"`
	Next  string     `json:"next"`
}

func (s *Server) termTools() {
	addTool(s, tool{
		name: "find_term", title: "Find an anatomical term", needs: auth.Read,
		description: `Finds terms of the anatomy tree by what people write ("LK", "gall bladder", "5th rib left", "hepar"), best first, with synonyms, parents, and whether the structure can be segmented in CT, MRI or PET. Use it before segment when you are not sure what a structure is called. Several good hits mean that the text is ambiguous: choose one by its definition and parents, and use its id.`,
		input: func(p map[string]*jsonschema.Schema) {
			notEmpty(p["text"])
			longest(p["text"], 200)
			between(p["limit"], 1, 25)
			byDefault(p["limit"], "8")
		},
	}, s.findTerm)
	addTool(s, tool{
		name: "what_can_be_segmented", title: "What can be segmented", needs: auth.Read,
		description: `Says of each structure that a query asks for whether it can be segmented, without needing a scan: "children of heart", "everything in the mediastinum except the heart", "ribs", "liver without tumor". Each has a status (segmentable, composable, not_segmentable, ambiguous, unknown), the classes that are called, the parts that would be missing, and the reason. byModel says the same of a model that is installed here, which may know less than the corpus. Without a modality all are looked at.`,
		input: func(p map[string]*jsonschema.Schema) {
			queryLimits(p)
			longest(p["model"], longestModel)
			between(p["limit"], 1, 200)
			byDefault(p["limit"], "60")
			between(p["offset"], 0, 20_000)
		},
	}, s.whatCan)
}

func queryLimits(p map[string]*jsonschema.Schema) {
	notEmpty(p["query"])
	longest(p["query"], 500)
	oneOf(p["modality"], "ct", "mri", "pet")
}

func (s *Server) findTerm(_ context.Context, _ *sdk.CallToolRequest, in findIn) (*findOut, error) {
	tree, resolver := s.config.Tree(), s.config.Resolver()
	out := &findOut{Terms: []termInfo{}, Next: "use a term's id or name in the query of what_can_be_segmented or segment"}
	for _, h := range tree.Search(in.Text, in.Limit) {
		info, ok := s.termInfo(tree, resolver, h.ID)
		if !ok {
			continue
		}
		info.MatchedBy, info.Score, info.Misspelt = h.Text, round(h.Score, 3), h.Misspelt
		out.Terms = append(out.Terms, info)
	}
	if len(out.Terms) == 0 {
		return nil, &problem{
			Code: "UNKNOWN_TERM", Message: fmt.Sprintf("nothing is called %q", shorten(in.Text, 100)),
			Next: "try another name, the singular, the Latin name, or the organ that it belongs to",
		}
	}
	return out, nil
}

const mostSynonyms = 12

func (s *Server) termInfo(tree *graph.Tree, resolver *inference.Resolver, id string) (termInfo, bool) {
	t, ok := tree.Term(id)
	if !ok {
		return termInfo{}, false
	}
	info := termInfo{
		ID: t.ID, Name: t.Name, Kind: string(t.Kind), Side: string(t.Laterality),
		Definition: shorten(plain.Text(t.Definition), 600), Segmentable: map[string]string{},
	}
	for _, syn := range t.Synonyms[:min(len(t.Synonyms), mostSynonyms)] {
		info.Synonyms = append(info.Synonyms, plain.Text(syn.Text))
	}
	for _, parent := range tree.Parents(id) {
		info.Parents = append(info.Parents, s.ref(tree, parent))
	}
	for _, c := range resolver.ClassesOf(id) {
		info.Classes = append(info.Classes, classRef{c.Name, string(c.Modality), fitOf(c)})
	}
	for _, m := range []inference.Modality{inference.CT, inference.MRI, inference.PET} {
		status := inference.NotSegmentable
		// A plan comes beside most errors, and says the status.
		if plan, _ := resolver.Resolve(id, m); plan != nil && len(plan.Terms) == 1 {
			status = plan.Terms[0].Status
		}
		info.Segmentable[string(m)] = status
	}
	return info, true
}

func fitOf(c inference.Class) string {
	if c.Predicate == "" {
		return "exact"
	}
	return c.Predicate
}

func (s *Server) ref(tree *graph.Tree, id string) termRef {
	if t, ok := tree.Term(id); ok {
		return termRef{t.ID, plain.Text(t.Name)}
	}
	return termRef{id, id}
}

type whatIn struct {
	Query    string `json:"query" jsonschema:"the structures asked for, in words or by term ids"`
	Modality string `json:"modality,omitempty" jsonschema:"ct, mri or pet; without it all are looked at"`
	Model    string `json:"model,omitempty" jsonschema:"the name of the model that byModel speaks of; the default one where it is left out"`
	Limit    int    `json:"limit,omitempty" jsonschema:"how many structures to return"`
	Offset   int    `json:"offset,omitempty" jsonschema:"how many structures to pass by"`
}

type plannedTerm struct {
	ID         string    `json:"id,omitempty"`
	Name       string    `json:"name"`
	Status     string    `json:"status"`
	Classes    []string  `json:"classes,omitempty" jsonschema:"whose union is the mask"`
	Less       []string  `json:"less,omitempty" jsonschema:"classes taken out of it"`
	Missing    []string  `json:"missing,omitempty" jsonschema:"parts that no class covers"`
	Reason     string    `json:"reason,omitempty"`
	Candidates []termRef `json:"candidates,omitempty" jsonschema:"what the text may have meant"`
	ByModel    string    `json:"byModel,omitempty" jsonschema:"the status with the model"`
	ModelWhy   string    `json:"byModelReason,omitempty"`
}

type whatOut struct {
	Query    string         `json:"query"`
	Modality string         `json:"modality,omitempty"`
	Total    int            `json:"total"`
	Counts   map[string]int `json:"counts" jsonschema:"structures by status"`
	Terms    []plannedTerm  `json:"terms"`
	LeftOff  int            `json:"leftOff" jsonschema:"structures behind those shown: ask again with an offset"`
	Model    string         `json:"model,omitempty" jsonschema:"the model that byModel speaks of"`
	Next     string         `json:"next"`
}

func (s *Server) whatCan(_ context.Context, _ *sdk.CallToolRequest, in whatIn) (*whatOut, error) {
	plan, err := s.config.Resolver().Resolve(in.Query, inference.Modality(in.Modality))
	if plan == nil || errors.Is(err, inference.ErrUnknownTerm) {
		return nil, err
	}
	out := &whatOut{Query: plain.Text(plan.Query), Modality: string(plan.Modality), Total: len(plan.Terms), Counts: map[string]int{}, Terms: []plannedTerm{}}
	var narrow *inference.Plan
	if in.Model != "" || len(s.config.Models()) > 0 {
		model, err := s.model(in.Model)
		if err != nil {
			return nil, err
		}
		out.Model = model.Name
		narrow, _ = plan.ForModel(model) // its error is what the terms say
	}
	for i := range plan.Terms {
		out.Counts[plan.Terms[i].Status]++
	}
	from := min(in.Offset, len(plan.Terms))
	to := min(from+in.Limit, len(plan.Terms))
	for i := from; i < to; i++ {
		t := planned(&plan.Terms[i])
		if narrow != nil && len(narrow.Terms) == len(plan.Terms) {
			t.ByModel = narrow.Terms[i].Status
			if t.ByModel != t.Status {
				t.ModelWhy = plain.Text(narrow.Terms[i].Reason)
			}
		}
		out.Terms = append(out.Terms, t)
	}
	out.LeftOff = len(plan.Terms) - to
	out.Next = "call segment with a scan and this query, or with the ids of the structures that byModel calls segmentable or composable"
	if out.Counts[inference.Ambiguous]+out.Counts[inference.Unknown] > 0 {
		out.Next = "replace what is ambiguous or unknown by one of its candidates' ids, then ask again"
	}
	return out, nil
}

func planned(t *inference.TermPlan) plannedTerm {
	out := plannedTerm{
		ID: t.ID, Name: plain.Text(t.Name), Status: t.Status, Classes: t.Classes, Less: t.Subtract,
		Missing: capped(t.Missing, 20), Reason: plain.Text(shorten(t.Reason, 400)),
	}
	for _, c := range t.Candidates[:min(len(t.Candidates), mostCandidates)] {
		out.Candidates = append(out.Candidates, termRef{c.ID, plain.Text(c.Name)})
	}
	return out
}

// capped is a list of at most n entries, the last of which counts the rest.
func capped(list []string, n int) []string {
	if len(list) <= n {
		return list
	}
	return append(slices.Clone(list[:n-1]), fmt.Sprintf("and %d more", len(list)-n+1))
}

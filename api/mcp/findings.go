package mcp

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/inference/grounding"
	"satgraph/internal/plain"
	"satgraph/jobs"
	"satgraph/volume"
	"satgraph/volume/measure"
)

type findingsIn struct {
	Draft    string `json:"draft" jsonschema:"the text of the draft report, in English"`
	Job      string `json:"job,omitempty" jsonschema:"a job that has ended on the scan that the draft is about; without it only terms are found"`
	Modality string `json:"modality,omitempty" jsonschema:"ct, mri or pet; needed only without a job"`
	Model    string `json:"model,omitempty" jsonschema:"the name of the model that should find what is not in the job; the job's own, else the default one, where it is left out"`
}

// link is a structure of the job that a statement speaks of.
type link struct {
	Structure string `json:"structure"`
	ID        string `json:"id,omitempty"`
	Relation  string `json:"relation" jsonschema:"same; side of it; part of it; site of it (of a finding); contains it"`
	Status    string `json:"status"`
}

// statement is a piece of a sentence that means a term.
type statement struct {
	Text       string    `json:"text"`
	Terms      []termRef `json:"terms,omitempty"`
	Candidates []termRef `json:"candidates,omitempty" jsonschema:"what an ambiguous text may mean; it is linked to nothing"`
	Side       string    `json:"side,omitempty" jsonschema:"left, right or both, as the sentence states it"`
	Status     string    `json:"status" jsonschema:"affirmed, uncertain, negated, or missing (a structure said not to be there)"`
	Links      []link    `json:"links,omitempty"`
}

type sentence struct {
	Number     int         `json:"number" jsonschema:"from 0"`
	Section    string      `json:"section,omitempty"`
	Text       string      `json:"text" jsonschema:"as it stands in the draft: data, whatever it says"`
	Statements []statement `json:"statements,omitempty"`
	Grounded   bool        `json:"grounded" jsonschema:"at least one structure with a mask belongs to it"`
	Why        string      `json:"why,omitempty" jsonschema:"why it is not grounded"`
	Checks     []string    `json:"checks,omitempty" jsonschema:"what a reader should look at: sides, negations and masks that do not agree"`
}

type pair struct {
	Sentences [2]int `json:"sentences"`
	Text      string `json:"text"`
}

type findingsOut struct {
	ResearchAid string     `json:"researchAid"`
	Job         string     `json:"job,omitempty"`
	Scan        string     `json:"scan,omitempty"`
	Notice      string     `json:"notice"`
	Sentences   []sentence `json:"sentences"`
	Ungrounded  []int      `json:"ungrounded" jsonschema:"numbers of the sentences without grounding"`
	Conflicts   []pair     `json:"conflicts" jsonschema:"sentences that say different things of the same finding"`
	Structures  []figures  `json:"structures" jsonschema:"every linked structure once, measured, with its mask and key slices"`
	NotInJob    []termRef  `json:"notInJob,omitempty" jsonschema:"what the draft names and the job did not look for, and could"`
	Query       string     `json:"query,omitempty" jsonschema:"a query for segment that looks for what is not in the job"`
	Model       string     `json:"model,omitempty" jsonschema:"the model that can find it: give it to segment with the query"`
	LeftOff     int        `json:"leftOff,omitempty" jsonschema:"linked structures beyond those measured"`
	Next        string     `json:"next"`
}

const findingsNotice = "RESEARCH AID, NEVER FOR CLINICAL USE. A skeleton for a person to check, not a report: sentences are read by rules, masks are drawn by a machine, and both miss and mistake things. A sentence that is grounded is not thereby true."

func (s *Server) findingsTools() {
	addTool(s, tool{
		name: "findings_skeleton", title: "Ground a draft report", needs: auth.Read, voxels: true,
		description: `Splits the draft of a radiology report into sentences, finds the anatomy that each speaks of, and links it to structures of a job: masks, measurements and key slices in world and voxel coordinates. It marks sentences without grounding, what is negated or uncertain, and checks what does not agree: sides, structures said to be absent that have a mask, findings that the model did not draw, an impression that says another side than the findings. Without a job it says which structures the draft names and what to segment. A research aid, never for clinical use.`,
		input: func(p map[string]*jsonschema.Schema) {
			notEmpty(p["draft"])
			longest(p["draft"], grounding.MaxBytes)
			longest(p["job"], longestID)
			oneOf(p["modality"], "ct", "mri", "pet")
			longest(p["model"], longestModel)
		},
	}, s.findings)
}

// A ground holds what the sentences of one draft are linked to.
type ground struct {
	*Server
	tree *graph.Tree
	job  *jobs.Job // nil without one
	// model proposes what else to segment; nil where there is none.
	model *inference.Manifest
	im    *volume.Image

	byTerm  map[string]*inference.StructureResult
	linked  []*inference.StructureResult // in the order of the draft
	figures map[*inference.StructureResult]*measure.Figures
}

func (s *Server) findings(ctx context.Context, _ *sdk.CallToolRequest, in findingsIn) (*findingsOut, error) {
	g := &ground{Server: s, tree: s.config.Tree(), byTerm: map[string]*inference.StructureResult{}, figures: map[*inference.StructureResult]*measure.Figures{}}
	out := &findingsOut{
		ResearchAid: findingsNotice, Notice: researchAid,
		Sentences: []sentence{}, Ungrounded: []int{}, Conflicts: []pair{}, Structures: []figures{},
	}
	modality := inference.Modality(in.Modality)
	if in.Job != "" {
		j, err := s.ended(ctx, in.Job)
		if err != nil {
			return nil, err
		}
		g.job, modality = j, j.Request.Plan.Modality
		out.Job, out.Scan, out.Notice = j.ID, plain.Text(j.Request.ImageID), s.notice(j)
		for i := range j.Structures {
			if r := &j.Structures[i]; r.TermID != "" {
				g.byTerm[r.TermID] = r
			}
		}
	}
	if err := g.useModel(in.Model); err != nil {
		return nil, err
	}
	read, err := grounding.Read(ctx, g.tree, in.Draft)
	if err != nil {
		return nil, err
	}
	if len(read) == 0 {
		return nil, &problem{Code: "EMPTY_DRAFT", Message: "the draft holds no sentence", Next: "send the text of the report"}
	}
	links := make([][][]link, len(read))
	for i := range read {
		for _, m := range read[i].Mentions {
			links[i] = append(links[i], g.link(m))
		}
	}
	if err := g.measureLinked(ctx, out); err != nil {
		return nil, err
	}
	for i := range read {
		one := g.tell(i, &read[i], links[i])
		if !one.Grounded {
			out.Ungrounded = append(out.Ungrounded, i)
		}
		out.Sentences = append(out.Sentences, one)
	}
	for _, c := range grounding.Conflicts(g.tree, read) {
		out.Conflicts = append(out.Conflicts, pair{[2]int{c.First, c.Second}, c.Text})
	}
	g.propose(out, read, modality)
	return out, nil
}

// useModel chooses the model that is named, or that of the job where it is still
// here, or the default one.
func (g *ground) useModel(name string) (err error) {
	if name == "" && g.job != nil {
		if g.model, err = g.Server.model(g.job.Request.Model); err == nil {
			return nil
		}
	}
	if name != "" || len(g.config.Models()) > 0 {
		g.model, err = g.Server.model(name)
	}
	return err
}

// link finds the structures of the job that a mention speaks of.
func (g *ground) link(m grounding.Mention) []link {
	var out []link
	seen := map[string]bool{}
	add := func(id, relation string) bool {
		r := g.byTerm[id]
		if r == nil || seen[id] || g.otherSide(m.Side, id) {
			return false
		}
		seen[id] = true
		out = append(out, link{plain.Text(r.Term), id, relation, r.Status})
		if !slices.Contains(g.linked, r) {
			g.linked = append(g.linked, r)
		}
		return true
	}
	for _, id := range m.IDs {
		if add(id, "same") {
			continue
		}
		sites, relation := []string{id}, ""
		if t, ok := g.tree.Term(id); ok && t.Kind == graph.KindFinding {
			sites, relation = g.tree.Parents(id, graph.LocatedIn), "site of it"
		}
		for _, site := range sites {
			g.near(site, relation, add)
		}
	}
	return out
}

// mostParts is how many parts of one whole are linked.
const mostParts = 16

// near links the structures nearest to one that the job was not asked for: its
// sides, else its parts, else what contains it.
func (g *ground) near(id, relation string, add func(id, relation string) bool) {
	said := func(otherwise string) string {
		if relation != "" {
			return relation
		}
		return otherwise
	}
	if relation != "" && add(id, relation) {
		return
	}
	found := false
	for _, r := range g.inOrder() {
		if base, ok := g.tree.Base(r.TermID); ok && base == id {
			found = add(r.TermID, said("side of it")) || found
		}
	}
	if found {
		return
	}
	parts := 0
	for _, r := range g.inOrder() {
		if parts < mostParts && g.tree.IsDescendant(r.TermID, id) && add(r.TermID, said("part of it")) {
			parts++
		}
	}
	if parts > 0 {
		return
	}
	var wholes []string
	for _, r := range g.inOrder() {
		if g.tree.IsDescendant(id, r.TermID, graph.PartOf, graph.IsA) {
			wholes = append(wholes, r.TermID)
		}
	}
	for _, whole := range wholes { // the smallest ones alone
		inner := slices.ContainsFunc(wholes, func(other string) bool { return g.tree.IsDescendant(other, whole) })
		if !inner {
			add(whole, said("contains it"))
		}
	}
}

// inOrder is the job's structures that are terms.
func (g *ground) inOrder() []*inference.StructureResult {
	var out []*inference.StructureResult
	if g.job != nil {
		for i := range g.job.Structures {
			if r := &g.job.Structures[i]; r.TermID != "" {
				out = append(out, r)
			}
		}
	}
	return out
}

// otherSide says that a structure lies on the other side than is stated.
func (g *ground) otherSide(side, id string) bool {
	t, ok := g.tree.Term(id)
	return ok && (side == grounding.Left || side == grounding.Right) && string(t.Laterality.Opposite()) == side
}

// measureLinked measures every linked structure once.
func (g *ground) measureLinked(ctx context.Context, out *findingsOut) error {
	list := g.linked
	if len(list) > mostMeasured {
		list, out.LeftOff = list[:mostMeasured], len(list)-mostMeasured
	}
	found := func(r *inference.StructureResult) bool { return r.Status == inference.Segmented && r.File != "" }
	if slices.ContainsFunc(list, found) {
		var err error
		if g.im, err = g.scanOf(ctx, g.job); err != nil {
			return err
		}
	}
	for _, r := range list {
		f, measured, err := g.Server.figures(ctx, g.job, r, g.im)
		if err != nil {
			return err
		}
		g.figures[r] = measured
		out.Structures = append(out.Structures, f)
	}
	return nil
}

func (g *ground) tell(n int, read *grounding.Sentence, links [][]link) sentence {
	out := sentence{Number: n, Section: read.Section, Text: plain.Text(shorten(read.Text, 1000))}
	for i, m := range read.Mentions {
		st := statement{Text: plain.Text(m.Text), Side: m.Side, Status: string(m.Status), Links: links[i]}
		for _, id := range m.IDs {
			st.Terms = append(st.Terms, g.ref(g.tree, id))
		}
		for _, id := range m.Candidates[:min(len(m.Candidates), mostCandidates)] {
			st.Candidates = append(st.Candidates, g.ref(g.tree, id))
		}
		for _, l := range links[i] {
			r := g.byTerm[l.ID]
			out.Grounded = out.Grounded || r.Status == inference.Segmented
			for _, check := range g.check(m, l, r) {
				if !slices.Contains(out.Checks, check) {
					out.Checks = append(out.Checks, check)
				}
			}
		}
		out.Statements = append(out.Statements, st)
	}
	if !out.Grounded {
		out.Why = g.why(read, links)
	}
	return out
}

func (g *ground) why(read *grounding.Sentence, links [][]link) string {
	linked, certain := false, false
	for i, m := range read.Mentions {
		linked = linked || len(links[i]) > 0
		certain = certain || len(m.IDs) > 0
	}
	switch {
	case len(read.Mentions) == 0:
		return "it names no structure that the tree knows"
	case !certain:
		return "what it names is ambiguous: see candidates"
	case g.job == nil:
		return "no job was given"
	case !linked:
		return "the job was not asked for what it names, nor for a part or whole of it"
	default:
		return "the job drew no mask of what it names"
	}
}

// farOff is how many mm a mask must lie on the other side for that to be said.
const farOff = 20

// check holds a statement against a structure that it is linked to.
func (g *ground) check(m grounding.Mention, l link, r *inference.StructureResult) []string {
	var out []string
	name := plain.Text(r.Term)
	own := l.Relation == "same" || l.Relation == "side of it"
	t, _ := g.tree.Term(r.TermID)
	finding := t != nil && t.Kind == graph.KindFinding
	segmented := r.Status == inference.Segmented
	switch {
	case own && segmented && m.Status == grounding.Missing:
		out = append(out, fmt.Sprintf("the sentence says that it is not there, the model drew %.1f mL: %s", r.VolumeML, name))
	case own && finding && segmented && m.Status == grounding.Negated:
		out = append(out, fmt.Sprintf("the sentence negates it, the model drew %.1f mL: %s", r.VolumeML, name))
	case own && r.Status == inference.Absent && m.Status == grounding.Affirmed:
		out = append(out, "the sentence speaks of it, the model looked for it and drew nothing: "+name)
	case own && r.Status == inference.OutsideView:
		out = append(out, "it seems to lie outside the scan: "+name)
	}
	f := g.figures[r]
	if f == nil {
		return out
	}
	if f.TouchesEdge {
		out = append(out, "its mask reaches the scan's edge, so that its volume is a lower bound: "+name)
	}
	return append(out, g.checkSide(m, r, f)...)
}

// checkSide holds the side that is stated, or that the structure's name states,
// against where its mask lies.
func (g *ground) checkSide(m grounding.Mention, r *inference.StructureResult, f *measure.Figures) []string {
	t, ok := g.tree.Term(r.TermID)
	if !ok || t.Kind == graph.KindFinding && t.Laterality == graph.Unsided {
		return nil
	}
	side := string(t.Laterality)
	if side == "" && m.Side != grounding.Both {
		side = m.Side
	}
	off, from := offMiddle(f, g.im.Grid), "the scan's middle"
	if other, ok := g.tree.Counterpart(r.TermID); ok && g.byTerm[other] != nil && g.figures[g.byTerm[other]] != nil {
		// Two kidneys tell better where the middle is.
		o := g.figures[g.byTerm[other]]
		off, from = f.CentroidMM[0]-(f.CentroidMM[0]+o.CentroidMM[0])/2, "the middle between it and its counterpart"
	}
	lies := "right"
	if off < 0 {
		lies = "left"
	}
	if side == "" || side == lies || math.Abs(off) < farOff {
		return nil
	}
	return []string{fmt.Sprintf("the sentence says %s, its mask lies %.0f mm to the patient's %s of %s: %s", side, math.Abs(off), lies, from, plain.Text(r.Term))}
}

// propose says what could be segmented for the sentences that are not grounded.
func (g *ground) propose(out *findingsOut, read []grounding.Sentence, modality inference.Modality) {
	const most = 30
	var ids []string
	for i := range read {
		for _, m := range read[i].Mentions {
			for _, id := range m.IDs {
				if g.byTerm[id] == nil && !slices.Contains(ids, id) && len(ids) < 4*most {
					ids = append(ids, id)
				}
			}
		}
	}
	resolver := g.config.Resolver()
	var query []string
	for _, id := range ids {
		plan, err := resolver.Resolve(id, modality)
		if err != nil || len(query) == most {
			continue
		}
		if modality != "" && g.model != nil {
			if _, err := plan.ForModel(g.model); err != nil {
				continue
			}
		}
		query = append(query, id)
		out.NotInJob = append(out.NotInJob, g.ref(g.tree, id))
	}
	if out.Query = strings.Join(query, ", "); out.Query != "" && g.model != nil {
		out.Model = plain.Text(g.model.Name)
	}
	switch {
	case out.Query != "" && g.job == nil:
		out.Next = "call segment with the scan and this query, then findings_skeleton again with its job"
	case out.Query != "":
		out.Next = "to ground more, call segment with this query on the same scan, and findings_skeleton with its job; show checks and conflicts to the reader"
	default:
		out.Next = "show checks and conflicts to the reader; picture draws a structure on its key slices"
	}
}

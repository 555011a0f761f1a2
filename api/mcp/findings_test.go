package mcp_test

import (
	"fmt"
	"strings"
	"testing"

	"satgraph/jobs/jobtest"
)

type skeleton struct {
	ResearchAid, Query, Next string
	Sentences                []struct {
		Text, Why  string
		Grounded   bool
		Checks     []string
		Statements []struct {
			Status, Side string
			Links        []struct{ Structure, Relation, Status string }
		}
	}
	Ungrounded []int
	Conflicts  []struct{ Text string }
	Structures []struct {
		Name, Mask string
		KeySlices  []struct{ Plane string }
	}
	NotInJob []struct{ ID, Name string }
}

func TestFindingsSkeleton(t *testing.T) {
	a := start(t, &jobtest.Model{})
	a.scan("s.nii", box) // the bright box lies on the patient's left
	j := a.segment("s.nii")
	var out skeleton
	a.must("findings_skeleton", map[string]any{"job": j.Job, "draft": "The left atrium is normal. The left atrium is absent. Both atria are fine. The left ventricle is dilated. " +
		"The heart is large. The spleen is normal. Thank you."}, &out)
	if !strings.Contains(out.ResearchAid, "NEVER FOR CLINICAL USE") {
		t.Errorf("%q", out.ResearchAid)
	}
	var got []string
	for _, s := range out.Sentences {
		line := fmt.Sprintf("%v", s.Grounded)
		for _, st := range s.Statements {
			for _, l := range st.Links {
				line += "; " + l.Relation + " " + l.Structure
			}
		}
		got = append(got, line+"; "+s.Why)
	}
	want := []string{
		"true; same left cardiac atrium; ",
		"true; same left cardiac atrium; ",
		"true; same left cardiac atrium; same right cardiac atrium; ",
		"false; same heart left ventricle; the job drew no mask of what it names",
		"true; part of it left cardiac atrium; part of it right cardiac atrium; part of it heart left ventricle; ",
		"false; the job was not asked for what it names, nor for a part or whole of it",
		"false; it names no structure that the tree knows",
	}
	for i := range want {
		if i >= len(got) || got[i] != want[i] {
			t.Errorf("sentence %d:\n got  %v\n want %v", i, got[min(i, len(got)-1)], want[i])
		}
	}
	if fmt.Sprint(out.Ungrounded) != "[3 5 6]" {
		t.Errorf("ungrounded %v", out.Ungrounded)
	}
	checks := strings.Join(out.Sentences[1].Checks, "|")
	if !strings.Contains(checks, "the sentence says that it is not there, the model drew") {
		t.Errorf("checks of the second: %s", checks)
	}
	if checks := strings.Join(out.Sentences[3].Checks, "|"); !strings.Contains(checks, "looked for it and drew nothing") {
		t.Errorf("checks of the fourth: %s", checks)
	}
	if s := out.Structures[0]; s.Name != "left cardiac atrium" || s.Mask == "" || len(s.KeySlices) != 3 {
		t.Errorf("%+v", s)
	}
}

// A mask on the other side than a sentence says is pointed out.
func TestSidesAreChecked(t *testing.T) {
	a := start(t, &jobtest.Model{})
	mirrored := box
	mirrored.Min[0], mirrored.Max[0] = 40-box.Max[0], 40-box.Min[0]
	a.scan("s.nii", mirrored) // the left atrium lies on the right
	var j job
	a.must("segment", map[string]any{"scan": "s.nii", "query": "left atrium", "wait": 60}, &j)
	var out skeleton
	a.must("findings_skeleton", map[string]any{"job": j.Job, "draft": "Left atrium: normal."}, &out)
	if checks := strings.Join(out.Sentences[0].Checks, "|"); !strings.Contains(checks, "says left, its mask lies 24 mm to the patient's right") {
		t.Errorf("checks %q", checks)
	}
}

// Without a job the draft leads to a query that can be segmented.
func TestFindingsWithoutJob(t *testing.T) {
	a := start(t, &jobtest.Model{})
	a.scan("s.nii", box)
	var out skeleton
	a.must("findings_skeleton", map[string]any{"modality": "ct", "draft": "The left atrium, spleen and brain are normal. FINDINGS: no effusion."}, &out)
	if out.Query != leftAtrium || len(out.NotInJob) != 1 || out.Sentences[0].Grounded || out.Sentences[0].Why != "no job was given" {
		t.Errorf("%+v", out)
	}
	var j job
	a.must("segment", map[string]any{"scan": "s.nii", "query": out.Query, "wait": 60}, &j)
	if j.State != "DONE" {
		t.Errorf("%+v", j)
	}
}

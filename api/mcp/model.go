package mcp

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/internal/plain"
	"satgraph/jobs"
)

type modelInfo struct {
	Name       string     `json:"name" jsonschema:"by which segment takes it"`
	Version    string     `json:"version"`
	Default    bool       `json:"default" jsonschema:"it runs where none is named"`
	Demo       bool       `json:"demo" jsonschema:"a demonstration only: its results are worth nothing"`
	Notice     string     `json:"notice,omitempty" jsonschema:"repeat it beside the results"`
	Modalities []string   `json:"modalities" jsonschema:"the kinds of scan that it takes"`
	SpacingMM  [3]float64 `json:"spacingMm" jsonschema:"the voxels it works at: what is smaller is not seen"`
	Classes    int        `json:"classes" jsonschema:"how many classes it was trained on"`
}

type modelsOut struct {
	Models  []modelInfo `json:"models" jsonschema:"the default one first"`
	LeftOff int         `json:"leftOff,omitempty"`
	Next    string      `json:"next"`
}

const (
	longestModel = 200
	mostModels   = 100
)

func (s *Server) modelTools() {
	addTool(s, tool{
		name: "list_models", title: "List the models", needs: auth.Read,
		description: `Lists the segmentation models that jobs can run here: the kinds of scan each takes, the voxel size it works at, how many classes it knows, and whether it is a demonstration. segment and what_can_be_segmented take one by its name; without a name they take the default one.`,
	}, func(context.Context, *sdk.CallToolRequest, struct{}) (*modelsOut, error) {
		all := s.config.Models()
		out := &modelsOut{Models: []modelInfo{}, Next: "ask what_can_be_segmented with a model's name what it knows, or call segment with it"}
		for i, m := range all[:min(len(all), mostModels)] {
			info := modelInfo{
				Name: plain.Text(m.Name), Version: plain.Text(m.Version), Default: i == 0, Demo: m.Demo, Notice: plain.Text(m.Warning()),
				Modalities: []string{}, SpacingMM: rounded(m.Spacing, 3), Classes: len(m.Prompts),
			}
			for _, modality := range m.Modalities {
				info.Modalities = append(info.Modalities, string(modality))
			}
			out.Models = append(out.Models, info)
		}
		out.LeftOff = len(all) - len(out.Models)
		if len(all) == 0 {
			out.Next = errNoModel().Next
		}
		return out, nil
	})
}

func errNoModel() *problem {
	return &problem{Code: "NO_MODEL", Message: "no model is installed here", Next: "ask the operator for one; find_term and what_can_be_segmented work without"}
}

// model finds a model by its name; the empty name is the default one.
func (s *Server) model(name string) (*inference.Manifest, error) {
	all := s.config.Models()
	switch i := slices.IndexFunc(all, func(m *inference.Manifest) bool { return m.Name == name }); {
	case len(all) == 0:
		return nil, errNoModel()
	case name == "":
		return all[0], nil
	case i >= 0:
		return all[i], nil
	}
	p := &problem{Code: "NO_SUCH_MODEL", Message: fmt.Sprintf("no model is called %q", shorten(name, 100)), Next: "take one of the candidates; list_models says what each knows"}
	for _, m := range all {
		p.Candidates = append(p.Candidates, inference.Candidate{Name: m.Name})
	}
	return nil, p
}

// modelOf names the model of a job: the one that ran, or will.
func modelOf(j *jobs.Job) string { return plain.Text(cmp.Or(j.Model.Name, j.Request.Model)) }

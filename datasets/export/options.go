package export

import (
	"fmt"
	"slices"
	"strings"
)

// Overlap says what is done with structures that share voxels.
type Overlap string

// The policies. Which of them a format knows, its package says.
const (
	// Refuse ends the export and names the pair.
	Refuse Overlap = "refuse"
	// Regions gives each combination that occurs a label of its own, and each
	// class the list of its labels.
	Regions Overlap = "regions"
	// Layers puts structures that overlap into label maps of their own.
	Layers Overlap = "layers"
)

// Check says which of the policies that a format knows o is; the first stands
// for an empty one. An error is an ErrOption.
func (o Overlap) Check(format string, known ...Overlap) (Overlap, error) {
	if o == "" {
		return known[0], nil
	}
	if !slices.Contains(known, o) {
		return "", refuse(ErrOption, "%s knows the overlap policies %v, not %q", format, known, o)
	}
	return o, nil
}

// Select says which samples of a source are exported. Empty lists choose all.
type Select struct {
	Datasets   []string `json:"datasets,omitempty"`
	Splits     []string `json:"splits,omitempty"`
	Modalities []string `json:"modalities,omitempty"`
	// Without leaves samples out by "dataset/id".
	Without []string `json:"without,omitempty"`
}

func (s *Select) takes(x *Sample) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	if !in(s.Datasets, x.Dataset) || slices.Contains(s.Without, x.Name()) {
		return false
	}
	// Of a scan that can't be read the rest may not be known, and it may be one that
	// is asked for.
	return x.Modality == "" || in(s.Splits, x.Split) && in(s.Modalities, x.Modality)
}

// unmet names what was chosen and does not exist, which would else be a smaller
// export without a word.
func (s *Select) unmet(all []*Sample) error {
	has := map[string]bool{}
	for _, x := range all {
		has["dataset "+x.Dataset], has["scan "+x.Name()], has["modality "+x.Modality] = true, true, true
	}
	for kind, list := range map[string][]string{"dataset": s.Datasets, "scan": s.Without, "modality": s.Modalities} {
		for _, v := range list {
			if !has[kind+" "+v] {
				return refuse(ErrEmpty, "the corpus has no %s %q", kind, v)
			}
		}
	}
	return nil
}

// Options say how an export is run.
type Options struct {
	// Dir is the folder to write; it must not exist, or hold this very export.
	Dir string
	// Format names the format, and Settings holds what else its bytes depend on, for
	// the manifest and to tell whether an export can go on.
	Format   string
	Settings map[string]string
	Select   Select
	// StrictLicence refuses datasets whose licence forbids an export or is not
	// known, instead of warning.
	StrictLicence bool
	// Program is the program and its version, for the manifest.
	Program string
	// Warnings are what the source has to say, for report and manifest.
	Warnings []string
	// Workers is how many scans are written at the same time, each of them in
	// memory; 0 for one on each processor. The bytes don't depend on it.
	Workers int
	// Progress is called at the start and after each sample; it may be nil.
	Progress func(Progress)
}

// Progress says how far an export is. Sample is the one that was written last.
type Progress struct {
	Done, Total int
	Sample      string
}

// Report is what an export did.
type Report struct {
	Dir      string   `json:"dir"`
	Format   string   `json:"format"`
	Samples  int      `json:"samples"`
	Resumed  int      `json:"resumed"` // of which an earlier run had written
	Files    int      `json:"files"`
	Bytes    int64    `json:"bytes"`
	Hash     string   `json:"hash"` // of all files and their names
	Warnings []string `json:"warnings"`
}

// licences warns of datasets that may not be passed on, or refuses them.
func licences(samples []*Sample, strict bool) (warnings []string, err error) {
	seen := map[string]bool{}
	for _, s := range samples {
		if s.Permission == Allowed || seen[s.Dataset] {
			continue
		}
		seen[s.Dataset] = true
		name := s.Licence
		if name == "" {
			name = "not recorded"
		}
		w := fmt.Sprintf("dataset %s: the licence (%s) forbids passing it on", s.Dataset, name)
		if s.Permission != Forbidden {
			w = fmt.Sprintf("dataset %s: nobody has checked that the licence (%s) allows passing it on", s.Dataset, name)
		}
		warnings = append(warnings, w)
	}
	if strict && len(warnings) > 0 {
		return nil, refuse(ErrLicence, "%s", join(warnings))
	}
	return warnings, nil
}

func join(lines []string) string {
	const shown = 5
	out := strings.Join(lines[:min(shown, len(lines))], "; ")
	if n := len(lines) - shown; n > 0 {
		out += fmt.Sprintf("; and %d more", n)
	}
	return out
}

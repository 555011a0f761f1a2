package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"satgraph/volume"
)

// The files that every export has beside its format's own.
const (
	// ManifestFile says what the export holds, of what and how it was made.
	ManifestFile = "export.json"
	// SumsFile lists every other file with its SHA-256, as sha256sum does. Its own
	// hash is the export's.
	SumsFile = "files.sha256"
)

// Manifest is the layout of ManifestFile.
type Manifest struct {
	Format   string            `json:"format"`
	Program  string            `json:"program"`
	Settings map[string]string `json:"settings"`
	Select   Select            `json:"select"`
	// Plan is a hash of the samples, as they were described, and the settings.
	Plan string `json:"plan"`
	// Voxels is a hash of the samples' digests.
	Voxels string `json:"voxels"`
	// Hash is that of SumsFile.
	Hash     string            `json:"hash"`
	Files    int               `json:"files"`
	Bytes    int64             `json:"bytes"`
	Samples  int               `json:"samples"`
	Classes  []string          `json:"classes"`
	Datasets []ManifestDataset `json:"datasets"`
	Warnings []string          `json:"warnings"`
}

// ManifestDataset is a dataset's line of the manifest.
type ManifestDataset struct {
	Name       string     `json:"name"`
	Samples    int        `json:"samples"`
	Licence    string     `json:"licence"`
	Permission Permission `json:"permission"`
	Homepage   string     `json:"homepage,omitempty"`
}

// Run exports what is selected of a source. It returns, wrapped, ErrOption,
// ErrSamples, ErrEmpty, ErrLicence, ErrExists and ErrBusy; what the format
// refuses (ErrOverlap, ErrNames, ErrPartial, ErrMixed, ErrGeometry); an
// *IncompleteError where scans could not be read; the system's errors; or the
// context's. After all but the first few, what was written lies in a folder
// beside the target, and the same Run goes on from there.
func Run(ctx context.Context, f Format, src Source, o Options) (*Report, error) {
	plan, err := planned(ctx, src, &o.Select)
	if err != nil {
		return nil, err
	}
	warnings, err := licences(plan.Samples, o.StrictLicence)
	if err != nil {
		return nil, err
	}
	more, err := f.Plan(plan)
	if err != nil {
		return nil, err
	}
	r := &run{f: f, src: src, o: &o, plan: plan, warnings: slices.Concat([]string{}, o.Warnings, warnings, leaks(plan.Samples), more)}
	if r.planHash, err = r.hashPlan(); err != nil {
		return nil, err
	}
	return r.run(ctx)
}

// planned lists the samples, once they are found to make sense.
func planned(ctx context.Context, src Source, sel *Select) (*Plan, error) {
	all, unread, err := listed(ctx, src)
	if err != nil {
		return nil, err
	}
	if err := sel.unmet(all); err != nil {
		return nil, err
	}
	plan := &Plan{}
	var failed []*ScanError
	ids, classes, spelled := map[string]bool{}, map[string]bool{}, map[string]string{}
	for _, s := range all {
		if !sel.takes(s) {
			continue
		}
		if e := unread[s]; e != nil {
			failed = append(failed, &ScanError{s.Name(), e})
			continue
		}
		if err := check(s, ids); err != nil {
			return nil, err
		}
		for _, c := range s.Classes {
			classes[c.Name] = true
			folded := strings.ToLower(strings.Join(strings.Fields(c.Name), " "))
			if other, ok := spelled[folded]; ok && other != c.Name {
				return nil, refuse(ErrNames, "classes %q and %q differ by case or spaces alone", other, c.Name)
			}
			spelled[folded] = c.Name
		}
		plan.Samples = append(plan.Samples, s)
	}
	if len(failed) > 0 { // without their classes nothing can be planned
		return nil, &IncompleteError{Total: len(plan.Samples) + len(failed), Failed: failed}
	}
	if len(plan.Samples) == 0 {
		return nil, refuse(ErrEmpty, "none of %d scans is chosen", len(all))
	}
	for name := range classes {
		plan.Classes = append(plan.Classes, name)
	}
	slices.Sort(plan.Classes)
	return plan, nil
}

// listed are all samples of a source, and the errors of those that can't be read.
func listed(ctx context.Context, src Source) (all []*Sample, unread map[*Sample]error, err error) {
	unread = map[*Sample]error{}
	for s, err := range src.Samples(ctx) {
		if s == nil {
			return nil, nil, err
		}
		if err != nil {
			unread[s] = err
		}
		all = append(all, s)
	}
	return all, unread, nil
}

// check says what is wrong with a sample.
func check(s *Sample, ids map[string]bool) error {
	switch {
	case s.ID == "" || s.Dataset == "" || s.Modality == "":
		return refuse(ErrSamples, "a scan lacks its id, dataset or modality (%q)", s.Name())
	case ids[s.Name()]:
		return refuse(ErrSamples, "%s is listed twice", s.Name())
	case !slices.Contains([]string{Train, Validation, Test, Unassigned}, s.Split):
		return refuse(ErrSamples, "%s: unknown split %q", s.Name(), s.Split)
	case !slices.Contains([]Permission{Allowed, Forbidden, Unknown}, s.Permission):
		return refuse(ErrSamples, "%s: unknown permission %q", s.Name(), s.Permission)
	}
	ids[s.Name()] = true
	seen := map[string]bool{}
	for _, c := range s.Classes {
		if strings.TrimSpace(c.Name) == "" || seen[c.Name] {
			return refuse(ErrSamples, "%s: the class %q is empty or listed twice", s.Name(), c.Name)
		}
		seen[c.Name] = true
	}
	return nil
}

type run struct {
	f        Format
	src      Source
	o        *Options
	plan     *Plan
	planHash string
	warnings []string
}

// hashPlan identifies the export: what it is made of, and how. The digests of
// voxels are not part of it, so that a scan that was mended does not throw away
// what was written of the others.
func (r *run) hashPlan() (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	err := enc.Encode([]any{r.o.Format, r.o.Program, r.o.Settings, r.plan.Classes})
	for _, s := range r.plan.Samples {
		bare := *s
		bare.Digest = ""
		err = errors.Join(err, enc.Encode(bare))
	}
	return Hash(b.String()), err
}

// voxels identifies the content of the samples.
func (r *run) voxels() string {
	h := sha256.New()
	for _, s := range r.plan.Samples {
		_, _ = fmt.Fprintln(h, s.Digest) // a hash takes all
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (r *run) run(ctx context.Context) (*Report, error) {
	if report, err := r.finished(); report != nil || err != nil {
		return report, err
	}
	w, err := r.open()
	if err != nil {
		return nil, err
	}
	defer w.close()
	resumed, err := w.replay()
	if err != nil {
		return nil, err
	}
	failed, err := w.addAll(ctx, resumed)
	if err != nil {
		return nil, err
	}
	if len(failed) > 0 {
		return nil, &IncompleteError{Done: len(r.plan.Samples) - len(failed), Total: len(r.plan.Samples), Failed: failed}
	}
	m, err := w.finish(ctx)
	if err != nil {
		return nil, err
	}
	return r.report(m, resumed), nil
}

func (r *run) report(m *Manifest, resumed int) *Report {
	return &Report{
		Dir: r.o.Dir, Format: m.Format, Samples: m.Samples, Resumed: resumed,
		Files: m.Files, Bytes: m.Bytes, Hash: m.Hash, Warnings: m.Warnings,
	}
}

// finished tells an export that is there already from another thing of its name.
func (r *run) finished() (*Report, error) {
	if _, err := os.Lstat(r.o.Dir); errors.Is(err, os.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	b, err := os.ReadFile(filepath.Join(r.o.Dir, ManifestFile))
	if err != nil {
		return nil, refuse(ErrExists, "%s; choose another folder, or remove it", r.o.Dir)
	}
	var m Manifest
	if json.Unmarshal(b, &m) != nil || m.Plan != r.planHash {
		return nil, refuse(ErrExists, "%s holds another export; choose another folder, or remove it", r.o.Dir)
	}
	if m.Voxels != r.voxels() {
		return nil, refuse(ErrExists, "%s holds an export of these scans before their voxels changed; choose another folder, or remove it", r.o.Dir)
	}
	// A run that was killed after its last step left its folder.
	target, err := filepath.Abs(r.o.Dir)
	if err != nil {
		return nil, err
	}
	return r.report(&m, m.Samples), os.RemoveAll(workDir(target))
}

// manifest describes the finished export.
func (r *run) manifest(files []File, hash string) *Manifest {
	m := &Manifest{
		Format: r.o.Format, Program: r.o.Program, Settings: r.o.Settings, Select: r.o.Select,
		Plan: r.planHash, Voxels: r.voxels(), Hash: hash, Files: len(files), Samples: len(r.plan.Samples),
		Classes: r.plan.Classes, Warnings: r.warnings, Datasets: []ManifestDataset{},
	}
	at := map[string]int{}
	for _, s := range r.plan.Samples {
		i, ok := at[s.Dataset]
		if !ok {
			i = len(m.Datasets)
			at[s.Dataset] = i
			m.Datasets = append(m.Datasets, ManifestDataset{Name: s.Dataset, Licence: s.Licence, Permission: s.Permission, Homepage: s.Homepage})
		}
		m.Datasets[i].Samples++
	}
	for _, f := range files {
		m.Bytes += f.Bytes
	}
	return m
}

// sums is the content of SumsFile.
func sums(files []File) []byte {
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	var b bytes.Buffer
	for _, f := range files {
		_, _ = fmt.Fprintf(&b, "%s  %s\n", f.SHA256, f.Path) // a buffer takes all
	}
	return b.Bytes()
}

func writeBytes(path string, b []byte) error {
	return volume.WriteAtomic(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

func decode(b json.RawMessage, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("the journal of the export is damaged: %w", err)
	}
	return nil
}

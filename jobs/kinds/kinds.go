// Package kinds has the work that jobs do beside segmentation: a scan brought to
// the standard form, a corpus built, measured for the gates, and exported, labels
// of a dataset read in. Each goes on at the unit that was at hand when its process ended, by what
// its package keeps: scans of a corpus, scans of an export.
//
// No job names a path. It names a folder that [Places] has, and a name in it, so
// that whoever asks reaches what the operator gave and nothing else. Start from
// [Places.Kinds].
package kinds

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"satgraph/datasets/build"
	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/graph"
	"satgraph/jobs"
)

// The kinds, as [jobs.Request] names them.
const (
	Standardize = "standardize"
	Build       = "build"
	Export      = "export"
	Measure     = "measure"
	Import      = "import"
)

// All lists every kind of job, segmentation first.
func All() []string { return []string{jobs.Segmentation, Standardize, Build, Measure, Export, Import} }

// Places are the folders that jobs may read and write.
type Places struct {
	// Raw are folders of raw datasets by name. They are only read.
	Raw map[string]string
	// Corpora holds built corpora, each under its name, Exports finished exports
	// that were given a name.
	Corpora, Exports string
	// Catalog has the records of datasets.
	Catalog *catalog.Catalog
	// Rows is the scan list of the corpus; nil where there is none.
	Rows *corpus.Index
}

// A MistakeError is something about a request that its sender can mend.
type MistakeError struct {
	Argument, Message, Hint string
}

func (m *MistakeError) Error() string { return m.Message }

// Errors that end jobs of these kinds.
var (
	// ErrIncomplete: scans of a corpus cannot be read, so that it is not exported.
	ErrIncomplete = errors.New("scans cannot be read")
	// ErrNothing: no scan of what was asked for is there.
	ErrNothing = errors.New("none of the datasets is there")
	// ErrGone: what a job made is not there any more.
	ErrGone = errors.New("the result is not there any more")
)

// Retriable says what may pass: what [jobs.Retriable] says, a corpus or an export
// that another works at, and a store that does not answer.
func Retriable(err error) bool {
	return errors.Is(err, build.ErrBusy) || errors.Is(err, export.ErrBusy) || errors.Is(err, graph.ErrUnavailable) || jobs.Retriable(err)
}

// namePattern is that of corpora and exports: one name of a file, which begins
// with a letter or a digit.
var namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// checkName checks the name of a corpus or an export.
func checkName(argument, name string) error {
	if !namePattern.MatchString(name) {
		return &MistakeError{argument, fmt.Sprintf("%.110q is no name", name), "use 1 to 100 letters, digits, dots, dashes and underscores, the first a letter or a digit"}
	}
	return nil
}

// raw finds a folder of raw data; the empty name is the only one's.
func (p *Places) raw(name string) (dir string, err error) {
	names := p.RawNames()
	switch {
	case name == "" && len(names) == 1:
		return p.Raw[names[0]], nil
	case len(names) == 0:
		return "", &MistakeError{"raw", "the service has no folder of raw data", "ask the operator for one (setting raw)"}
	case p.Raw[name] == "":
		return "", &MistakeError{"raw", fmt.Sprintf("there is no folder %.110q of raw data", name), "use one of " + strings.Join(names, ", ")}
	}
	return p.Raw[name], nil
}

// RawNames are the names of the folders of raw data.
func (p *Places) RawNames() []string {
	var names []string
	for name := range p.Raw {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// CorpusDir finds a corpus that was built. The error is a *MistakeError.
func (p *Places) CorpusDir(name string) (string, error) {
	if err := checkName("corpus", name); err != nil {
		return "", err
	}
	dir := filepath.Join(p.Corpora, name)
	if p.Corpora == "" || !build.Is(dir) {
		return "", &MistakeError{"corpus", fmt.Sprintf("there is no corpus %q", name), "corpus { builds { nodes { name } } } lists them"}
	}
	return dir, nil
}

// CorpusNames are those of the corpora that were built, or are being built.
func (p *Places) CorpusNames() ([]string, error) {
	entries, err := os.ReadDir(p.Corpora)
	if errors.Is(err, fs.ErrNotExist) || p.Corpora == "" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if namePattern.MatchString(e.Name()) && build.Is(filepath.Join(p.Corpora, e.Name())) {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

// inside finds a file or folder in a folder, wherever links lead.
func inside(argument, dir, name string) (string, error) {
	bad := &MistakeError{argument, fmt.Sprintf("there is no %.200q there", name), "give the path of a file or folder, from the folder of raw data"}
	if !filepath.IsLocal(name) {
		return "", bad
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", fmt.Errorf("a folder of raw data: %w", err)
	}
	defer root.Close() //nolint:errcheck // read only
	if _, err := root.Stat(name); err != nil {
		return "", bad
	}
	return filepath.Join(dir, name), nil
}

// hide takes the folder of raw data from a text that clients are shown.
func hide(text, dir string) string {
	return strings.ReplaceAll(strings.ReplaceAll(text, dir+string(filepath.Separator), ""), dir, "")
}

// File is a file of a result.
type File struct {
	Name   string `json:"name"` // with slashes, below the result's folder
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// params reads what a job asks for.
func params[T any](t *jobs.Task) (p T, err error) {
	if err = json.Unmarshal(t.Request.Params, &p); err != nil {
		err = fmt.Errorf("%w: its parameters cannot be read: %w", jobs.ErrBadRequest, err)
	}
	return p, err
}

// ParamsOf reads what a job asked for; the zero value where it is of another kind.
func ParamsOf[T any](j *jobs.Job) (p T) {
	_ = json.Unmarshal(j.Request.Params, &p) // they were checked when it was taken
	return p
}

// OutputOf reads what a job gave; ok is false where it gave nothing yet.
func OutputOf[T any](j *jobs.Job) (out T, ok bool) {
	return out, len(j.Output) > 0 && json.Unmarshal(j.Output, &out) == nil
}

// ended makes the outcome of a job that ended well.
func ended(state jobs.State, output any, warnings []string) (*jobs.Outcome, error) {
	text, err := json.Marshal(output)
	return &jobs.Outcome{State: state, Output: text, Warnings: warnings}, err
}

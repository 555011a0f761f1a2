package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"satgraph/api"
	"satgraph/cmd/satgraph/internal/config"
	"satgraph/datasets/catalog"
	"satgraph/datasets/export"
	"satgraph/datasets/export/croissant"
	"satgraph/datasets/gates"
	"satgraph/graph"
	"satgraph/internal/sysmem"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
	"satgraph/labelmap"
)

// workOptions name the folders of work other than segmentation.
type workOptions struct {
	raw               []string
	corpora, exported string
	beside            int
	keepFor           time.Duration
	keep              int
}

func (o *workOptions) settings() []*config.Setting {
	return []*config.Setting{
		config.New("raw", &o.raw, nil, "folder of raw datasets that jobs may read, as NAME=DIR, by which clients name it; may be given several times", checkNamed),
		config.New("corpora", &o.corpora, "", "folder in which jobs build corpora (default: corpora in the data folder)"),
		config.New("exported", &o.exported, "", "folder in which jobs write exports that are given a name (default: exports in the data folder)"),
		config.New("beside", &o.beside, 1, "jobs of other kinds than segmentation that run in this process at once; 0 leaves them to 'satgraph worker'", config.Min(0)),
		config.New("keep-jobs-for", &o.keepFor, 0, "how long jobs that ended are kept, with their files, as 720h; 0 keeps them", config.Min(time.Duration(0))),
		config.New("keep-jobs", &o.keep, 0, "how many jobs that ended are kept, the latest; 0 keeps all", config.Min(0)),
	}
}

// checkNamed wants NAME=DIR for each.
func checkNamed(list []string) error {
	_, err := namedFolders(list)
	return err
}

// namedFolders reads NAME=DIR.
func namedFolders(list []string) (map[string]string, error) {
	out := map[string]string{}
	for _, one := range list {
		name, dir, ok := strings.Cut(one, "=")
		switch {
		case !ok || name == "" || dir == "":
			return nil, fmt.Errorf("%q: want NAME=DIR", one)
		case out[name] != "":
			return nil, fmt.Errorf("%q is given twice", name)
		}
		dir, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		out[name] = dir
	}
	return out, nil
}

// places are the folders that the options name.
func (o *workOptions) places(data string, ofCorpus *api.Corpus) (*kinds.Places, error) {
	p := &kinds.Places{Corpora: o.corpora, Exports: o.exported, Catalog: ofCorpus.Catalog, Rows: ofCorpus.Scans}
	var err error
	if p.Raw, err = namedFolders(o.raw); err != nil {
		return nil, err
	}
	if p.Catalog == nil {
		if p.Catalog, err = catalog.Builtin(); err != nil {
			return nil, err
		}
	}
	for _, one := range []struct {
		dir  *string
		name string
	}{{&p.Corpora, "corpora"}, {&p.Exports, "exports"}} {
		if *one.dir == "" {
			*one.dir = filepath.Join(data, one.name)
		}
		if *one.dir, err = filepath.Abs(*one.dir); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// kindsOf are the kinds of work that a process does in these places. Without a book
// it reads no labels in.
func kindsOf(p *kinds.Places, threads int, tree func() (*graph.Tree, error), book *labelmap.Book) map[string]jobs.Kind {
	o := kinds.Options{Threads: threads, Program: "satgraph " + version, Formats: jobFormats, Book: book, Labels: readJobLabels}
	if free, known := sysmem.Available(); known {
		o.Memory = free / 2 // segmentations want the other half
	}
	o.Wholes = func() (map[string][]string, error) {
		t, err := tree()
		if err != nil {
			return nil, err
		}
		classes, err := catalog.Classes()
		return gates.WholesOf(t, classes), err
	}
	return p.Kinds(o)
}

// jobFormats makes the forms that 'corpus export' knows.
func jobFormats(p *kinds.ExportParams) (export.Format, map[string]string, error) {
	format, ok := corpusFormats[p.Format]
	if !ok {
		return nil, nil, &kinds.MistakeError{Argument: "format", Message: fmt.Sprintf("there is no format %.50q", p.Format)}
	}
	f := &exportFlags{
		format: p.Format, overlap: string(p.Overlap), merge: p.Merge, leaveOut: p.LeaveOut, firstID: max(1, p.FirstID), prefix: p.Prefix, asIs: p.AsIs,
		about: croissant.Options{Name: p.Title, Description: p.Description, URL: p.URL, Version: p.Version, Date: p.Date, CiteAs: p.CiteAs},
	}
	for _, one := range []struct {
		argument, flag string
		given          bool
	}{
		{"overlap", "overlap", p.Overlap != ""},
		{"merge", "merge", p.Merge != ""},
		{"leaveOutPartial", "leave-out-partial", p.LeaveOut},
		{"title", "name", p.Title != ""},
		{"description", "description", p.Description != ""},
		{"url", "url", p.URL != ""},
		{"version", "corpus-version", p.Version != ""},
		{"date", "date", p.Date != ""},
		{"citeAs", "cite", p.CiteAs != ""},
		{"prefix", "prefix", p.Prefix != ""},
		{"asIs", "as-is", p.AsIs},
		{"firstId", "first-id", p.FirstID != 0},
	} {
		if one.given && !slices.Contains(format.flags, one.flag) {
			return nil, nil, &kinds.MistakeError{
				Argument: one.argument, Message: fmt.Sprintf("%s has no meaning for the format %s", one.argument, p.Format), Hint: "leave it out, or take another format",
			}
		}
	}
	return format.make(f), f.settings(format), nil
}

// readJobLabels reads labels as 'labels import' does.
func readJobLabels(ctx context.Context, path string, p *kinds.ImportParams, progress func(done, total int)) ([]labelmap.RawLabel, error) {
	f := labelFlags{dataset: p.Dataset, modality: p.Modality, region: p.Region, measured: progress}
	labels, err := f.read(ctx, path)
	if err != nil {
		return nil, err
	}
	if len(labels.Labels) == 0 {
		return nil, errors.New("there is no label")
	}
	return labels.Labels, nil
}

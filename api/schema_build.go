package api

import (
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/graphql-go/graphql"

	"satgraph/datasets/build"
	"satgraph/datasets/gates"
	"satgraph/jobs/kinds"
)

// nameOfCursor reads a cursor that nameCursor made; empty is none.
func nameOfCursor(cursor string) (string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil {
		return "", errCursor(cursor)
	}
	return string(raw), nil
}

// corpusBuild is a corpus that was built, with its name.
type corpusBuild struct {
	name string
	*build.Corpus
}

// openBuild reads a built corpus; nil where there is none of that name.
func (s *Service) openBuild(name string) (*corpusBuild, error) {
	if s.config.Places == nil {
		return nil, nil //nolint:nilnil // null is the answer
	}
	dir, err := s.config.Places.CorpusDir(name)
	if err != nil {
		return nil, nil //nolint:nilerr,nilnil // null is the answer
	}
	c, err := build.Open(dir)
	if err != nil {
		return nil, err
	}
	return &corpusBuild{name, c}, nil
}

// buildFields tell of the corpora that jobs built.
func (s *Service) buildFields(t *types, c *corpusTypes, report *graphql.Object, use *graphql.Enum) graphql.Fields {
	failure := graphql.NewObject(graphql.ObjectConfig{
		Name: "FailedScan", Description: "A scan that is not in a corpus, since it could not be built.",
		Fields: graphql.Fields{
			"scan":   text(s, "The dataset and the scan's id.", func(e *build.Entry) string { return e.Name() }),
			"reason": text(s, "Why.", func(e *build.Entry) string { return s.hideRaw(e.Reason) }),
		},
	})
	failures := connectionOf(s, t, "FailedScan", "scans that could not be built", failure, func(e *build.Entry) string { return nameCursor(e.Name()) })
	object := graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusBuild", Description: "A corpus that was built from raw datasets.",
		Fields: graphql.Fields{
			"name": text(s, "Its name.", func(c *corpusBuild) string { return c.name }),
			"hash": {Type: graphql.String, Description: "Its version: the hash of its content; null before its first build has ended.", Resolve: get(s, func(c *corpusBuild) any { return nilIfEmpty(c.Version.Hash) })},
			"scans": whole(s, "Scans that it has.", func(c *corpusBuild) int {
				return len(c.Scans)
			}),
			"spacing": {Type: listOf(graphql.Float), Description: "mm along the axes of its scans.", Resolve: get(s, func(c *corpusBuild) any { return c.Version.Settings.Spacing[:] })},
			"datasets": listField(s, c.count, "Its scans by dataset.", func(c *corpusBuild) []count {
				by := map[string]int{}
				for _, e := range c.Scans {
					by[e.Dataset]++
				}
				return counts(by)
			}),
			"failed": {Type: required(failures), Description: "Scans that could not be built.", Args: forwardArguments(), Resolve: on(s, func(_ context.Context, c *corpusBuild, a args) (any, error) {
				return cut(c.Failed, a, (*build.Entry).Name)
			})},
			"gates": {
				Type: report, Description: "What the gates find, of records and list and of what was built, and what was waived; null where this version was not measured yet: see measureCorpus.",
				Args: graphql.FieldConfigArgument{"use": {Type: use, DefaultValue: gates.Research, Description: "What the corpus is wanted for."}},
				Resolve: on(s, func(ctx context.Context, c *corpusBuild, a args) (any, error) {
					if err := spend(ctx, planCost); err != nil {
						return nil, err
					}
					u, _ := a["use"].(gates.Use)
					r, err := s.shelf.buildReport(ctx, c, u)
					if errors.Is(err, fs.ErrNotExist) {
						return nil, nil //nolint:nilnil // null is the answer
					}
					return r, err
				}),
			},
		},
	})
	all := connectionOf(s, t, "CorpusBuild", "built corpora", object, func(c *corpusBuild) string { return nameCursor(c.name) })
	return graphql.Fields{
		"build": {
			Type: object, Description: "A corpus that was built; null where there is none of that name.",
			Args: graphql.FieldConfigArgument{"name": needing(graphql.String, "Its name, as buildCorpus was given it.")},
			Resolve: on(s, func(ctx context.Context, _ *shelf, a args) (any, error) {
				c, err := s.openBuild(a.text("name"))
				if c == nil {
					return nil, err
				}
				return c, spend(ctx, storeCost)
			}),
		},
		"builds": {
			Type: required(all), Description: "The corpora that were built, by name.", Args: forwardArguments(),
			Resolve: on(s, func(ctx context.Context, _ *shelf, a args) (any, error) {
				var names []string
				if s.config.Places != nil {
					var err error
					if names, err = s.config.Places.CorpusNames(); err != nil {
						return nil, err
					}
				}
				page, err := cut(names, a, func(name string) string { return name })
				if err != nil {
					return nil, err
				}
				out := &listing[*corpusBuild]{total: page.total, more: page.more, after: page.after}
				for _, name := range page.nodes {
					if err := spend(ctx, storeCost); err != nil {
						return nil, err
					}
					c, err := s.openBuild(name)
					if err != nil {
						return nil, err
					}
					if c != nil {
						out.nodes = append(out.nodes, c)
					}
				}
				return out, nil
			}),
		},
	}
}

// hideRaw takes the operator's folders from a text that clients are shown.
func (s *Service) hideRaw(text string) string {
	for _, dir := range s.config.Places.Raw {
		text = strings.ReplaceAll(text, dir+string(filepath.Separator), "")
	}
	return text
}

// buildReport runs the gates on a built corpus for a use, once a day for each
// version. The error is fs.ErrNotExist where the version was not measured.
func (k *shelf) buildReport(ctx context.Context, c *corpusBuild, use gates.Use) (*gates.Report, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := time.Now()
	info, err := os.Stat(filepath.Join(c.Dir, kinds.MeasuredFile))
	if err != nil {
		return nil, err
	}
	key := reportKey{use, now.UTC().Format(time.DateOnly), c.name + "\x00" + c.Version.Hash + info.ModTime().String()}
	if r := k.reports[key]; r != nil {
		return r, nil
	}
	measured, err := kinds.Measurements(c.Corpus)
	if err != nil {
		return nil, err
	}
	r, err := gates.Run(ctx, gates.Input{
		Catalog: k.Catalog, Index: k.Scans, Before: k.Before, Built: measured, Use: use, Waivers: k.Waivers, Now: now,
	})
	if err == nil {
		k.keepReport(key, r)
	}
	return r, err
}

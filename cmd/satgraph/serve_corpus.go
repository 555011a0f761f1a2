package main

import (
	"context"
	"os"
	"path/filepath"

	"satgraph/api"
	"satgraph/cmd/satgraph/internal/config"
	"satgraph/datasets/corpus"
	"satgraph/datasets/gates"
)

// corpusOptions name what the service tells of the corpus.
type corpusOptions struct {
	scans, before, waivers string
	exports                []string
}

func (o *corpusOptions) settings() []*config.Setting {
	return []*config.Setting{
		config.New("scans", &o.scans, "", "scan list of the corpus, scans.jsonl, gzipped or not (default: the records alone are counted)"),
		config.New("scans-before", &o.before, "", "an earlier version of the scan list, to tell what changed"),
		config.New("waivers", &o.waivers, "", "YAML file of waivers for the gates"),
		config.New("exports", &o.exports, nil, "folder of a finished export of the corpus; may be given several times"),
	}
}

// read reads what the options name.
func (o *corpusOptions) read(ctx context.Context) (c api.Corpus, err error) {
	ground, err := newGround(ctx, o.scans, o.exports)
	if err != nil {
		return c, err
	}
	c.Catalog, c.Scans, c.Exports = ground.Catalog, ground.Index, ground.Exports
	for i := range c.Exports {
		c.Exports[i].Path = filepath.Base(filepath.Clean(c.Exports[i].Path)) // clients need not know where
	}
	if o.before != "" {
		list, err := corpus.ListIn(o.before)
		if err != nil {
			return c, err
		}
		if c.Before, err = corpus.ReadList(ctx, list, c.Catalog); err != nil {
			return c, err
		}
	}
	if o.waivers != "" {
		f, err := os.Open(o.waivers)
		if err != nil {
			return c, err
		}
		defer f.Close() //nolint:errcheck // read only
		c.Waivers, err = gates.ReadWaivers(f)
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

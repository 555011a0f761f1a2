package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"satgraph/volume"
	"satgraph/volume/objects"
)

// urlHelp is what commands that take URLs say of them.
const urlHelp = `s3://, gs://, azblob:// and file:// URLs name object stores; credentials are
those of the stores' own tools, settings stand in the query, as in
's3://bucket/data?region=eu-central-1&anonymous=true'.`

// cacheFlags say where copies of objects are kept.
type cacheFlags struct {
	dir, size string
}

func (f *cacheFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.dir, "cache", "", "with a URL: folder for copies of its files (default: satgraph/objects in the user's cache folder)")
	cmd.Flags().StringVar(&f.size, "cache-size", "10G", "with a URL: bound on the copies, as 500M or 10G; 0 keeps none and reads by stream")
}

func (f *cacheFlags) options() (o objects.Options, err error) {
	if f.size == "0" {
		return o, nil
	}
	if o.CacheBytes, err = parseBytes(f.size); err != nil {
		return o, usageError{fmt.Errorf("--cache-size: %w", err)}
	}
	if o.CacheDir = f.dir; o.CacheDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return o, usageError{fmt.Errorf("%w; give --cache", err)}
		}
		o.CacheDir = filepath.Join(dir, "satgraph", "objects")
	}
	return o, nil
}

// openURL opens the object store that a name is the URL of, and returns the name
// to read by, and where from: nil, the local disk, where it is a path. The
// function ends it.
func openURL(ctx context.Context, name string, o objects.Options) (string, *objects.Store, func(), error) {
	if !volume.IsURL(name) {
		return name, nil, func() {}, nil
	}
	s, err := objects.New(ctx, o)
	if err != nil {
		return "", nil, nil, err
	}
	end := func() { _ = s.Close() } // only reads
	if name, err = s.Take(name); err != nil {
		end()
		return "", nil, nil, err
	}
	return name, s, end, nil
}

// locate is openURL for what options say of reading, without a cache.
func locate(ctx context.Context, name string, o *volume.ReadOptions) (string, func(), error) {
	name, s, end, err := openURL(ctx, name, objects.Options{})
	if s != nil {
		o.Files = s
	}
	return name, end, err
}

// sayUsage says what was read from an object store.
func (a *app) sayUsage(s *objects.Store) {
	if s == nil {
		return
	}
	read, cached := s.Usage()
	_, _ = fmt.Fprintf(a.err, "%.1f MB read from the object store; copies of %.1f MB are kept\n", float64(read)/1e6, float64(cached)/1e6)
}

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"satgraph/graph"
	"satgraph/jobs"
	"satgraph/store/backup"
	"satgraph/store/neo4j"
	"satgraph/store/sqlite"
	"satgraph/volume"
)

// errUsed ends a restore into a store that is there already.
var errUsed = errors.New("there is a store already")

func (a *app) backupCommand() *cobra.Command {
	var out, data string
	var images, withJobs, force, asJSON bool
	cmd := &cobra.Command{
		Use:   "backup -o FILE",
		Short: "Write all that the store keeps to one file, also while the service runs",
		Long: `Write the tree with its history, the decisions on labels, exemplars and API tokens
(their hashes) to one file, also while the service runs. 'satgraph restore' brings it
into a store of either kind. With --images it has the uploaded scans and whose they
are, with --jobs the jobs: those that ended with their results, those that wait or
run as what is to be done. Corpora and exports that have names are folders of their
own, and not part of it.`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if out == "" {
				return usageError{errors.New("say where to: -o FILE")}
			}
			if _, err := os.Lstat(out); err == nil && !force {
				return refusal{fmt.Errorf("%s is there already; --force replaces it", out)}
			}
			o := backup.Options{Program: "satgraph " + version, Progress: a.backupProgress()}
			if images || withJobs {
				folder, err := a.serviceData(data)
				if err != nil {
					return err
				}
				if images {
					o.Files = os.DirFS(filepath.Join(folder, "images"))
				}
				o.More = moreOf(folder, images, withJobs)
			}
			var m backup.Manifest
			err := a.withStore(cmd.Context(), func(store treeStore) error {
				return volume.WriteAtomic(out, func(w io.Writer) (err error) {
					m, err = backup.Write(cmd.Context(), w, store, o)
					return err
				})
			})
			if err != nil {
				return err
			}
			return a.told(m, asJSON, "wrote "+out)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "file to write")
	cmd.Flags().BoolVar(&images, "images", false, "uploaded scans, too")
	cmd.Flags().BoolVar(&withJobs, "jobs", false, "jobs and their results, too; with --images those that wait can be done elsewhere")
	cmd.Flags().StringVar(&data, "data", "", "the service's folder of uploaded scans (default: the home folder)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the file")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

func (a *app) restoreCommand() *cobra.Command {
	var data string
	var images, withJobs, force, check, asJSON bool
	cmd := &cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a backup into a store, of either kind",
		Long: `Bring a backup into the store that --store names. The file is read and checked whole
before anything is written, and what comes out is compared with it. A store that is
there already is only replaced with --force; end the service first. Killed at any
moment, it leaves what was there, or what was restored, and nothing in between.`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, given []string) error {
			f, err := os.Open(given[0])
			if err != nil {
				return err
			}
			defer f.Close() //nolint:errcheck // read only
			m, err := backup.Check(cmd.Context(), f)
			if err != nil {
				return fmt.Errorf("%s: %w", given[0], err)
			}
			if check {
				return a.told(m, asJSON, given[0]+" is whole")
			}
			r := restore{app: a, archive: f, manifest: m, force: force, jobs: withJobs}
			if images || withJobs {
				if r.data, err = a.serviceData(data); err != nil {
					return err
				}
				if images {
					r.images = filepath.Join(r.data, "images")
				}
			}
			if err := r.into(cmd.Context()); err != nil {
				return err
			}
			return a.told(m, asJSON, "restored "+given[0])
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "only say whether the file is whole and what it holds")
	cmd.Flags().BoolVar(&images, "images", false, "uploaded scans, too, where the file has them")
	cmd.Flags().BoolVar(&withJobs, "jobs", false, "jobs, too, where the file has them; they take the place of those that are there")
	cmd.Flags().StringVar(&data, "data", "", "the service's folder of uploaded scans (default: the home folder)")
	cmd.Flags().BoolVar(&force, "force", false, "replace the store that is there")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return cmd
}

// serviceData is where the service keeps uploaded scans and jobs.
func (a *app) serviceData(data string) (string, error) {
	if data == "" {
		return a.dataDir()
	}
	return filepath.Abs(data)
}

// moreOf gives what a backup has of a service's folder beside scans: whose they are,
// and the jobs.
func moreOf(data string, owners, withJobs bool) func(add func(string, int64, io.Reader) error) error {
	return func(add func(string, int64, io.Reader) error) error {
		if owners {
			names, err := filepath.Glob(filepath.Join(data, ownersDir, "*.json"))
			if err != nil {
				return err
			}
			for _, path := range names {
				text, err := os.ReadFile(path)
				if errors.Is(err, os.ErrNotExist) {
					continue // the scan went meanwhile
				}
				if err == nil {
					err = add(ownersDir+"/"+filepath.Base(path), int64(len(text)), bytes.NewReader(text))
				}
				if err != nil {
					return err
				}
			}
		}
		if !withJobs {
			return nil
		}
		return jobs.Archive(filepath.Join(data, jobsDir), func(name string, size int64, r io.Reader) error {
			return add(jobsDir+"/"+name, size, r)
		})
	}
}

// The folders of a service's data that backups have.
const (
	ownersDir = "owners"
	jobsDir   = "jobs"
)

func (a *app) backupProgress() func(what string, done int64) {
	return func(what string, done int64) { a.log.Debug("backup", "what", what, "done", done) }
}

func (a *app) told(m backup.Manifest, asJSON bool, what string) error {
	if asJSON {
		return a.printJSON(map[string]any{"revision": m.Revision, "digest": m.Digest, "created": m.Created, "program": m.Program, "counts": m.Counts})
	}
	n := m.Counts
	a.printf("%s: revision %s, %d terms, %d change sets, %d events, %d exemplars, %d tokens, %d files\n",
		what, m.Revision, n.Terms, n.ChangeSets, n.Events, n.Exemplars, n.Tokens, n.Files)
	return nil
}

// restore is one under way.
type restore struct {
	*app
	archive  *os.File
	manifest backup.Manifest
	force    bool
	images   string // folder, "" for none
	jobs     bool
	data     string // the service's folder, where images or jobs are restored
	stage    string // the folder in it that holds what takes its place in the end
}

func (r *restore) into(ctx context.Context) error {
	scheme, path, _ := strings.Cut(r.store, ":")
	if strings.HasPrefix(scheme, "neo4j") || strings.HasPrefix(scheme, "bolt") {
		return r.intoNeo4j(ctx)
	}
	if r.store == "" {
		dir, err := r.dataDir()
		if err != nil {
			return err
		}
		path, scheme = filepath.Join(dir, "satgraph.db"), "sqlite"
	}
	if scheme != "sqlite" || path == "" {
		_, err := r.namedStore(ctx) // says what is wrong
		return err
	}
	return r.intoSQLite(ctx, path)
}

// read brings the archive into an empty store.
func (r *restore) read(ctx context.Context, store backup.Store) error {
	if _, err := r.archive.Seek(0, io.SeekStart); err != nil {
		return err
	}
	var file func(string, io.Reader) error
	if r.images != "" {
		file = r.image
	}
	var more func(string, io.Reader) error
	if r.stage != "" {
		more = r.staged
	}
	return backup.Restore(ctx, r.archive, r.manifest, store, file, more, r.backupProgress())
}

// image puts one file back, unless it is there: scans are named by their content.
func (r *restore) image(name string, from io.Reader) error {
	path := filepath.Join(r.images, filepath.FromSlash(name))
	if _, err := os.Lstat(path); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	return volume.WriteAtomic(path, func(w io.Writer) error {
		_, err := io.Copy(w, from)
		return err
	})
}

// intoSQLite fills a file beside the store's, which takes its place once it is
// whole.
func (r *restore) intoSQLite(ctx context.Context, path string) (err error) {
	if err := finishRestore(path); err != nil { // one before, that was killed
		return err
	}
	if err := r.free(ctx, path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(filepath.Dir(path), ".restore-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := r.prepare(); err != nil {
		return err
	}
	defer func() {
		if r.stage != "" {
			err = errors.Join(err, os.RemoveAll(r.stage))
		}
	}()
	fresh := filepath.Join(dir, filepath.Base(path))
	store, err := sqlite.Open(ctx, fresh, sqlite.Options{})
	if err != nil {
		return err
	}
	err = r.read(ctx, store)
	if err := errors.Join(err, store.Close()); err != nil { // which brings all into the one file
		return err
	}
	if err := r.free(ctx, path); err != nil { // nobody opened it meanwhile
		return err
	}
	moves, err := r.moves()
	if err != nil {
		return err
	}
	return commitRestore(path, pendingRestore{Moves: append(moves, move{From: fresh, To: path}), Trash: []string{dir, r.stage}})
}

// free says whether a store's file may be put in place: there is none, or it may
// be replaced and no other process has it open.
func (r *restore) free(ctx context.Context, path string) error {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if !r.force {
		return refusal{fmt.Errorf("%w: %s; --force replaces it", errUsed, path)}
	}
	old, err := sqlite.Open(ctx, path, sqlite.Options{})
	switch {
	case errors.Is(err, graph.ErrForeign):
		return err // somebody's own file is not replaced
	case err != nil:
		return nil //nolint:nilerr // a damaged store is what backups are for
	}
	if err := old.Close(); err != nil { // which ends its journal, unless others have it open
		return err
	}
	if _, err := os.Lstat(path + "-wal"); err == nil {
		return refusal{fmt.Errorf("another process has %s open; end it first", path)}
	}
	return nil
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// intoNeo4j empties the store, which is marked as none until it is whole.
func (r *restore) intoNeo4j(ctx context.Context) (err error) {
	o := neo4j.Options{Classes: graphClasses, Username: r.neo4j.username, Password: r.neo4j.password, Restore: true}
	opened := o
	opened.Classes = nil // written at the end
	store, err := neo4j.Open(ctx, r.store, opened)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if _, err := store.Revision(ctx); !errors.Is(err, graph.ErrEmpty) && !r.force {
		if err != nil {
			return err
		}
		return refusal{fmt.Errorf("%w in the database; --force replaces it", errUsed)}
	}
	if err := store.BeginRestore(ctx); err != nil {
		return err
	}
	if err := r.prepare(); err != nil {
		return err
	}
	if r.stage != "" {
		defer func() { err = errors.Join(err, os.RemoveAll(r.stage)) }()
	}
	if err := r.read(ctx, store); err != nil {
		return err
	}
	moves, err := r.moves() // the store is none to anyone until the end
	if err != nil {
		return err
	}
	for _, m := range moves {
		if err := m.do(r.stage); err != nil {
			return err
		}
	}
	return store.EndRestore(ctx, o)
}

package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"satgraph/graph"
)

// Options say what to carry beside the store's content.
type Options struct {
	// Program and its version, for the archive's head.
	Program string
	// Files are carried too; nil for none. Names that begin with a dot are left
	// out: they are not finished.
	Files fs.FS
	// More gives further entries to add, by names that Restore's more is given again;
	// nil for none.
	More func(add func(name string, size int64, r io.Reader) error) error
	// Progress is told what is being written, with how much; nil for nobody.
	Progress func(what string, done int64)
}

// errMoving: somebody changed the tree each time it was read.
var errMoving = errors.New("the tree changed each time it was read")

// Write writes an archive of the store. Errors are the store's, w's, or those of
// the files.
func Write(ctx context.Context, w io.Writer, from Store, o Options) (Manifest, error) {
	if o.Progress == nil {
		o.Progress = func(string, int64) {}
	}
	last, err := from.Last(ctx) // before the tree, so that change sets which decisions name are in it
	if err != nil {
		return Manifest{}, err
	}
	tree, history, err := settled(ctx, from)
	if err != nil {
		return Manifest{}, err
	}
	zip := gzip.NewWriter(w)
	a := &archive{ctx: ctx, tar: tar.NewWriter(zip), options: o}
	a.manifest.Head = Head{
		Format: format, Program: o.Program, Created: time.Now().UTC().Truncate(time.Second),
		Revision: tree.Revision, Digest: tree.Digest().String(),
	}
	steps := []func() error{
		func() error { return a.json(headName, a.manifest.Head) },
		func() error { return a.tree(tree) },
		func() error { return a.history(from, history) },
		func() error { return a.ledger(from, last) },
		func() error { return a.exemplars(from, tree) },
		func() error { return a.tokens(from) },
		a.files,
		a.more,
		func() error { return a.json(manifestName, a.manifest) },
		a.tar.Close,
		zip.Close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return Manifest{}, err
		}
	}
	return a.manifest, nil
}

// settled reads the tree and the records of its history, the oldest first, at
// one revision.
func settled(ctx context.Context, from Store) (*graph.Snapshot, []graph.Record, error) {
	for range 10 {
		tree, err := from.Load(ctx)
		if err != nil {
			return nil, nil, err
		}
		var history []graph.Record
		for before := 0; ; {
			page, err := from.History(ctx, before, 500)
			if err != nil {
				return nil, nil, err
			}
			if len(page) == 0 {
				break
			}
			history = append(history, page...)
			if before = page[len(page)-1].Number; before <= 1 {
				break
			}
		}
		now, err := from.Revision(ctx)
		if err != nil {
			return nil, nil, err
		}
		if now != tree.Revision || len(history) > 0 && history[0].Revision != tree.Revision {
			continue
		}
		for i, j := 0, len(history)-1; i < j; i, j = i+1, j-1 {
			history[i], history[j] = history[j], history[i]
		}
		return tree, history, nil
	}
	return nil, nil, fmt.Errorf("%w: %w", graph.ErrUnavailable, errMoving)
}

// archive is one that is being written.
type archive struct {
	ctx      context.Context //nolint:containedctx // lives within Write
	tar      *tar.Writer
	options  Options
	manifest Manifest
}

// entry writes one entry and notes it.
func (a *archive) entry(name string, size int64, r io.Reader) error {
	if err := a.ctx.Err(); err != nil {
		return err
	}
	head := &tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: a.manifest.Created, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(head); err != nil {
		return err
	}
	sum := sha256.New()
	if n, err := io.Copy(io.MultiWriter(a.tar, sum), io.LimitReader(r, size)); err != nil {
		return err
	} else if n != size {
		return fmt.Errorf("%s: it became shorter while it was read", name)
	}
	if name != manifestName {
		a.manifest.Entries = append(a.manifest.Entries, Entry{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	}
	return nil
}

func (a *archive) json(name string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return a.entry(name, int64(len(text)), bytes.NewReader(text))
}

// lines writes parts of JSON lines, each an entry of its own.
type lines struct {
	a    *archive
	dir  string
	part int
	text bytes.Buffer
}

func (l *lines) add(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	l.text.Write(text)
	l.text.WriteByte('\n')
	if l.text.Len() < partBytes {
		return nil
	}
	return l.flush()
}

func (l *lines) flush() error {
	if l.text.Len() == 0 {
		return nil
	}
	l.part++
	err := l.a.entry(fmt.Sprintf("%s%06d.jsonl", l.dir, l.part), int64(l.text.Len()), &l.text)
	l.text.Reset()
	return err
}

func (a *archive) tree(tree *graph.Snapshot) error {
	l := &lines{a: a, dir: treeDir}
	for i := range tree.Terms {
		if err := l.add(treeLine{Term: &tree.Terms[i]}); err != nil {
			return err
		}
	}
	for i := range tree.Relations {
		if err := l.add(treeLine{Relation: &tree.Relations[i]}); err != nil {
			return err
		}
	}
	a.manifest.Counts.Terms, a.manifest.Counts.Relations = len(tree.Terms), len(tree.Relations)
	a.options.Progress("terms", int64(len(tree.Terms)))
	return l.flush()
}

func (a *archive) history(from Store, history []graph.Record) error {
	l := &lines{a: a, dir: changesDir}
	for i, r := range history {
		set, err := from.ChangeSet(a.ctx, r.ID)
		if err != nil {
			return err
		}
		if err := l.add(changeLine{Record: r, Set: *set}); err != nil {
			return err
		}
		a.options.Progress("change sets", int64(i+1))
	}
	a.manifest.Counts.ChangeSets = len(history)
	return l.flush()
}

func (a *archive) ledger(from Store, last int64) error {
	l := &lines{a: a, dir: ledgerDir}
	for after := int64(0); after < last; {
		page, err := from.Events(a.ctx, after, 5000)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			if page[i].Seq > last {
				break
			}
			if err := l.add(&page[i]); err != nil {
				return err
			}
			a.manifest.Counts.Events++
		}
		after = page[len(page)-1].Seq
		a.options.Progress("events", a.manifest.Counts.Events)
	}
	return l.flush()
}

func (a *archive) exemplars(from Store, tree *graph.Snapshot) error {
	known := make(map[string]bool, len(tree.Terms))
	for i := range tree.Terms {
		known[tree.Terms[i].ID] = true
	}
	l := &lines{a: a, dir: exemplarsDir}
	for after := ""; ; {
		page, err := from.FindExemplars(a.ctx, graph.ExemplarQuery{After: after, Limit: 5000})
		if err != nil {
			return err
		}
		if len(page) == 0 {
			break
		}
		for i := range page {
			if !known[page[i].TermID] { // of a term that came while this ran
				continue
			}
			if err := l.add(&page[i]); err != nil {
				return err
			}
			a.manifest.Counts.Exemplars++
		}
		after = page[len(page)-1].ID
		a.options.Progress("exemplars", int64(a.manifest.Counts.Exemplars))
	}
	return l.flush()
}

func (a *archive) tokens(from Store) error {
	list, err := from.AllTokens(a.ctx)
	if err != nil {
		return err
	}
	l := &lines{a: a, dir: tokensDir}
	for i := range list {
		if err := l.add(&list[i]); err != nil {
			return err
		}
	}
	a.manifest.Counts.Tokens = len(list)
	return l.flush()
}

func (a *archive) files() error {
	if a.options.Files == nil {
		return nil
	}
	return fs.WalkDir(a.options.Files, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return err
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		f, err := a.options.Files.Open(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // read only
		info, err := f.Stat()
		if err != nil {
			return err
		}
		a.manifest.Counts.Files++
		a.options.Progress("files", int64(a.manifest.Counts.Files))
		return a.entry(filesDir+name, info.Size(), f)
	})
}

func (a *archive) more() error {
	if a.options.More == nil {
		return nil
	}
	return a.options.More(func(name string, size int64, r io.Reader) error {
		a.manifest.Counts.More++
		a.options.Progress("files of jobs", int64(a.manifest.Counts.More))
		return a.entry(moreDir+name, size, r)
	})
}

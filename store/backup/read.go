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

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
)

// Check reads a whole archive and says what it holds. Errors wrap ErrArchive or
// ErrNewer, or are r's.
func Check(ctx context.Context, r io.Reader) (Manifest, error) {
	var found []Entry
	var m Manifest
	whole := false
	err := walk(ctx, r, func(name string, size int64, r io.Reader) error {
		if whole {
			return fmt.Errorf("%w: %.80q stands behind its manifest", ErrArchive, name)
		}
		if name == manifestName {
			whole = true
			return decode(r, size, &m)
		}
		if len(found) == 0 {
			if name != headName {
				return fmt.Errorf("%w: it begins with %.80q", ErrArchive, name)
			}
			var head Head
			text, err := part(r, size)
			if err == nil {
				err = json.Unmarshal(text, &head)
			}
			switch {
			case err != nil || head.Format < 1:
				return fmt.Errorf("%w: its head cannot be read", ErrArchive)
			case head.Format > format:
				return fmt.Errorf("%w: format %d, this program knows %d", ErrNewer, head.Format, format)
			}
			r = bytes.NewReader(text)
		}
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return damaged(err)
		}
		found = append(found, Entry{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
		return nil
	})
	if err != nil {
		return Manifest{}, err
	}
	if !whole {
		return Manifest{}, fmt.Errorf("%w: it ends early, without its manifest", ErrArchive)
	}
	if len(found) != len(m.Entries) {
		return Manifest{}, fmt.Errorf("%w: it has %d entries, its manifest %d", ErrArchive, len(found), len(m.Entries))
	}
	for i := range found {
		if found[i] != m.Entries[i] {
			return Manifest{}, fmt.Errorf("%w: %.80q is not what its manifest says", ErrArchive, found[i].Name)
		}
	}
	return m, nil
}

// Restore reads an archive that Check found whole into an empty store, and gives
// its files to file and what Options.More gave to more (nil leaves them). progress is told what is being done. What
// comes out is compared with the manifest: ErrDiffers. Other errors are the
// store's, r's, and ErrArchive.
func Restore(ctx context.Context, r io.Reader, m Manifest, into Store, file, more func(name string, r io.Reader) error, progress func(what string, done int64)) error {
	if progress == nil {
		progress = func(string, int64) {}
	}
	c := &content{tree: graph.Snapshot{Revision: m.Revision}}
	s := &restoring{ctx: ctx, into: into, content: c, progress: progress}
	err := walk(ctx, r, func(name string, size int64, r io.Reader) error {
		dir, _, _ := strings.Cut(name, "/")
		if dir+"/" != treeDir && dir+"/" != changesDir && name != headName { // both have been read
			if err := s.plant(); err != nil {
				return err
			}
		}
		switch dir + "/" {
		case treeDir:
			return each(r, size, c.treeLine)
		case changesDir:
			return each(r, size, func(l changeLine) error { c.history = append(c.history, l); return nil })
		case ledgerDir:
			return s.events(r, size)
		case exemplarsDir:
			return s.exemplars(r, size)
		case tokensDir:
			return each(r, size, func(t auth.Token) error { return into.AddToken(ctx, t) })
		case filesDir:
			if file == nil {
				return nil
			}
			return file(strings.TrimPrefix(name, filesDir), r)
		case moreDir:
			if more == nil {
				return nil
			}
			return more(strings.TrimPrefix(name, moreDir), r)
		}
		return nil
	})
	if err == nil {
		err = s.plant()
	}
	if err != nil {
		return err
	}
	return s.compare(m)
}

// walk calls f for each entry of an archive.
func walk(ctx context.Context, r io.Reader, f func(name string, size int64, r io.Reader) error) error {
	zip, err := gzip.NewReader(r)
	if err != nil {
		return damaged(err)
	}
	t := tar.NewReader(zip)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		head, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return damaged(err)
		}
		switch {
		case head.Typeflag != tar.TypeReg, !fs.ValidPath(head.Name), strings.ContainsAny(head.Name, "\\\x00"):
			return fmt.Errorf("%w: the entry %.80q is none that this program writes", ErrArchive, head.Name)
		case head.Size > longestEntry, n > mostEntries:
			return fmt.Errorf("%w: it holds more than can be true", ErrArchive)
		}
		if err := f(head.Name, head.Size, t); err != nil {
			return err
		}
	}
}

// damaged makes an error of decompressing one of the archive.
func damaged(err error) error { return fmt.Errorf("%w: %w", ErrArchive, err) }

// part reads an entry into memory.
func part(r io.Reader, size int64) ([]byte, error) {
	if size > longestPart {
		return nil, fmt.Errorf("%w: a part of it has %d bytes", ErrArchive, size)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, damaged(err)
	}
	return text, nil
}

func decode(r io.Reader, size int64, into any) error {
	text, err := part(r, size)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return damaged(err)
	}
	return nil
}

// each calls f for every line of a part.
func each[T any](r io.Reader, size int64, f func(T) error) error {
	text, err := part(r, size)
	if err != nil {
		return err
	}
	for line := range bytes.Lines(text) {
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return damaged(err)
		}
		if err := f(v); err != nil {
			return err
		}
	}
	return nil
}

// content is what has to be read whole before anything is written: the history
// starts where the tree does not stand any more.
type content struct {
	tree    graph.Snapshot
	history []changeLine
}

func (c *content) treeLine(l treeLine) error {
	switch {
	case l.Term != nil:
		c.tree.Terms = append(c.tree.Terms, *l.Term)
	case l.Relation != nil:
		c.tree.Relations = append(c.tree.Relations, *l.Relation)
	}
	return nil
}

type restoring struct {
	ctx      context.Context //nolint:containedctx // lives within Restore
	into     Store
	content  *content
	planted  bool
	progress func(what string, done int64)
	done     Counts
}

// plant puts the tree in place, as it was before its first change set, and
// applies the history.
func (s *restoring) plant() error {
	if s.planted {
		return nil
	}
	s.planted = true
	history := s.content.history
	tree := &s.content.tree
	for i := len(history) - 1; i >= 0; i-- {
		inverse := history[i].Set.Inverse()
		before, err := inverse.Apply(s.ctx, tree)
		if err != nil {
			return fmt.Errorf("%w: change set %d does not lead to the next: %w", ErrArchive, history[i].Record.Number, err)
		}
		before.Revision = history[i].Record.Before
		tree = before
	}
	if err := s.into.Replace(s.ctx, *tree); err != nil {
		return err
	}
	for i := range history {
		have, err := s.into.Apply(s.ctx, history[i].Set)
		if err != nil {
			return err
		}
		if want := history[i].Record; have.Revision != want.Revision {
			return fmt.Errorf("%w: change set %d made revision %s, not %s", ErrDiffers, want.Number, have.Revision, want.Revision)
		}
		s.done.ChangeSets++
		s.progress("change sets", int64(s.done.ChangeSets))
	}
	s.content.history = nil
	return nil
}

func (s *restoring) events(r io.Reader, size int64) error {
	var batch []labelmap.Event
	err := each(r, size, func(e labelmap.Event) error { batch = append(batch, e); return nil })
	if err != nil || len(batch) == 0 {
		return err
	}
	if _, err := s.into.Append(s.ctx, batch); err != nil {
		return err
	}
	s.done.Events += int64(len(batch))
	s.progress("events", s.done.Events)
	return nil
}

func (s *restoring) exemplars(r io.Reader, size int64) error {
	var list []graph.Exemplar
	err := each(r, size, func(e graph.Exemplar) error { list = append(list, e); return nil })
	if err != nil || len(list) == 0 {
		return err
	}
	n, err := s.into.AddExemplars(s.ctx, list)
	s.done.Exemplars += n
	return err
}

// compare holds the store against the manifest.
func (s *restoring) compare(m Manifest) error {
	tree, err := s.into.Load(s.ctx)
	if err != nil {
		return err
	}
	last, err := s.into.Last(s.ctx)
	if err != nil {
		return err
	}
	tokens, err := s.into.AllTokens(s.ctx)
	if err != nil {
		return err
	}
	for _, same := range []struct{ what, have, want string }{
		{"the revision", tree.Revision, m.Revision},
		{"the checksum", tree.Digest().String(), m.Digest},
		{"the number of change sets", fmt.Sprint(s.done.ChangeSets), fmt.Sprint(m.Counts.ChangeSets)},
		{"the number of events", fmt.Sprint(last), fmt.Sprint(m.Counts.Events)},
		{"the number of exemplars", fmt.Sprint(s.done.Exemplars), fmt.Sprint(m.Counts.Exemplars)},
		{"the number of tokens", fmt.Sprint(len(tokens)), fmt.Sprint(m.Counts.Tokens)},
	} {
		if same.have != same.want {
			return fmt.Errorf("%w: %s is %s, not %s", ErrDiffers, same.what, same.have, same.want)
		}
	}
	return nil
}

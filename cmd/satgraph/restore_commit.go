package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"

	"satgraph/volume"
)

// A move puts a file or folder in its place, and what is there away; without From
// it only does the latter.
type move struct {
	From string `json:"from,omitempty"`
	To   string `json:"to"`
}

// pendingRestore is what a restore does once all is read, written down beside the
// store before it begins: whoever opens the store next brings it to its end.
type pendingRestore struct {
	Moves []move `json:"moves"`
	// Trash are folders that go with it. The last is where folders are put away.
	Trash []string `json:"trash"`
}

// pendingName is the file of a restore of the store at a path.
func pendingName(store string) string { return store + ".restore" }

// commitRestore writes a restore down, which is the moment from which it counts, and
// does it.
func commitRestore(store string, p pendingRestore) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	err = volume.WriteAtomic(pendingName(store), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
	if err != nil {
		return err
	}
	return finishRestore(store)
}

// finishRestore does what a restore wrote down, again from wherever it was ended.
func finishRestore(store string) error {
	name := pendingName(store)
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()                                                     //nolint:errcheck // read only
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil { // another may be at it
		return err
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var p pendingRestore
	if err := json.Unmarshal(text, &p); err != nil || len(p.Trash) == 0 {
		return fmt.Errorf("%s cannot be read: %w", name, err)
	}
	for _, m := range p.Moves {
		if err := m.do(p.Trash[len(p.Trash)-1]); err != nil {
			return err
		}
	}
	for _, dir := range p.Trash {
		if dir == "" {
			continue
		}
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(name))
}

// do moves, unless that was done; trash takes a folder that was there.
func (m move) do(trash string) error {
	if m.From != "" {
		if _, err := os.Lstat(m.From); errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	info, err := os.Lstat(m.To)
	switch {
	case errors.Is(err, os.ErrNotExist):
	case err != nil:
		return err
	case info.IsDir():
		away, err := os.MkdirTemp(trash, "old-")
		if err == nil {
			err = os.Rename(m.To, filepath.Join(away, "was"))
		}
		if err != nil {
			return err
		}
	}
	if m.From == "" {
		return nil
	}
	if err := os.Rename(m.From, m.To); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(m.To))
}

// prepare sees that what is restored of a service's folder may take its place, and
// makes the folder where it is put together.
func (r *restore) prepare() (err error) {
	if r.data == "" {
		return nil
	}
	if err := os.MkdirAll(r.data, 0o750); err != nil {
		return err
	}
	if r.jobs {
		if there, _ := filepath.Glob(filepath.Join(r.data, jobsDir, "*", "job.json")); len(there) > 0 && !r.force {
			return refusal{fmt.Errorf("there are jobs already: %s; --force replaces them", filepath.Join(r.data, jobsDir))}
		}
		if f, err := os.Open(filepath.Join(r.data, natsDir, "lock")); err == nil {
			held := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
			_ = f.Close()
			if held != nil {
				return refusal{fmt.Errorf("another process works with the jobs in %s; end it first", r.data)}
			}
		}
	}
	r.stage, err = os.MkdirTemp(r.data, ".restore-")
	return err
}

// natsDir is the folder of the job server inside the service.
const natsDir = "nats"

// staged takes a file of the service's folder.
func (r *restore) staged(name string, from io.Reader) error {
	path := filepath.Join(r.stage, filepath.FromSlash(name))
	switch dir := filepath.Dir(path); {
	case dir == filepath.Join(r.stage, ownersDir) && r.images != "":
	case r.jobs && inFolder(filepath.Join(r.stage, jobsDir), path):
	default:
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

func inFolder(dir, path string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && filepath.IsLocal(rel) && rel != "."
}

// moves are those that put what was staged in its place.
func (r *restore) moves() ([]move, error) {
	if r.stage == "" {
		return nil, nil
	}
	var out []move
	owners := filepath.Join(r.stage, ownersDir)
	if _, err := os.Stat(owners); err == nil {
		if err := r.keepOwners(owners); err != nil {
			return nil, err
		}
		out = append(out, move{owners, filepath.Join(r.data, ownersDir)})
	}
	if r.jobs {
		staged := filepath.Join(r.stage, jobsDir)
		if err := os.MkdirAll(staged, 0o750); err != nil {
			return nil, err
		}
		out = append(out, move{"", filepath.Join(r.data, natsDir)}, move{staged, filepath.Join(r.data, jobsDir)})
	}
	return out, nil
}

// keepOwners adds whose the scans are that the archive does not have.
func (r *restore) keepOwners(staged string) error {
	there, err := filepath.Glob(filepath.Join(r.data, ownersDir, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range there {
		into := filepath.Join(staged, filepath.Base(path))
		if _, err := os.Lstat(into); err == nil {
			continue
		}
		if err := os.Link(path, into); err != nil {
			return err
		}
	}
	return nil
}

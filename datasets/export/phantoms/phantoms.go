// Package phantoms lets a folder of torso phantoms, as package phantom writes
// them, be exported like a corpus: to try a format, or to train on. Start from
// [Open].
package phantoms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"satgraph/datasets/export"
	"satgraph/datasets/phantom"
	"satgraph/volume"
)

// ErrNone says: the folder holds no phantom.
var ErrNone = errors.New("no phantoms")

// Source is a folder of phantoms. It is an export.Source.
type Source struct {
	dir   string
	names []string // of the folders in it
}

// Open finds the phantoms in a folder, each in a folder of its own. ErrNone where
// there are none, or the system's error.
func Open(dir string) (*Source, error) {
	found, err := filepath.Glob(filepath.Join(escape(dir), "*", phantom.InfoFile))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		if _, err := os.Stat(dir); err != nil {
			return nil, err
		}
		return nil, fmt.Errorf("%w in %s", ErrNone, dir)
	}
	s := &Source{dir: dir}
	for _, path := range found {
		s.names = append(s.names, filepath.Base(filepath.Dir(path)))
	}
	slices.SortFunc(s.names, func(a, b string) int { // phantom_2 before phantom_10
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		if a < b {
			return -1
		}
		return 1
	})
	return s, nil
}

// escape keeps a folder's name from being taken for a pattern.
func escape(dir string) string {
	out := make([]byte, 0, len(dir))
	for i := range len(dir) {
		if c := dir[i]; c == '*' || c == '?' || c == '[' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, dir[i])
	}
	return string(out)
}

// info is what is read of phantom.json.
type info struct {
	Seed    uint64              `json:"seed"`
	Version int                 `json:"version"`
	Classes map[string][]uint16 `json:"classes"`
}

// maxInfo bounds phantom.json.
const maxInfo = 1 << 20

func (s *Source) info(name string) (info, []byte, error) {
	path := filepath.Join(s.dir, name, phantom.InfoFile)
	fi, err := os.Stat(path)
	if err != nil {
		return info{}, nil, err
	}
	if fi.Size() > maxInfo {
		return info{}, nil, fmt.Errorf("%s: %w: %d bytes", path, volume.ErrTooLarge, fi.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return info{}, nil, err
	}
	var in info
	if err := json.Unmarshal(b, &in); err != nil {
		return info{}, nil, fmt.Errorf("%s: %w: %w", path, volume.ErrBadHeader, err)
	}
	return in, b, nil
}

// Samples lists the phantoms, by their names.
func (s *Source) Samples(context.Context) iter.Seq2[*export.Sample, error] {
	return func(yield func(*export.Sample, error) bool) {
		for _, name := range s.names {
			in, b, err := s.info(name)
			if err != nil {
				yield(nil, err)
				return
			}
			sample := &export.Sample{
				ID: name, Dataset: "phantoms", Patient: name, Modality: "ct",
				Licence: "Apache-2.0", Permission: export.Allowed, Digest: export.Hash(string(b)),
				Provenance: map[string]string{
					"image": name + "/" + phantom.ImageFile, "masks": name + "/" + phantom.TissuesFile,
					"seed": strconv.FormatUint(in.Seed, 10), "generator": strconv.Itoa(in.Version),
				},
			}
			for _, class := range slices.Sorted(maps.Keys(in.Classes)) {
				sample.Classes = append(sample.Classes, export.Class{Name: class})
			}
			if !yield(sample, nil) {
				return
			}
		}
	}
}

// Open gives a phantom's voxels; each file is read when it is first asked for.
func (s *Source) Open(_ context.Context, sample *export.Sample) (export.Scan, error) {
	in, _, err := s.info(sample.ID)
	if err != nil {
		return nil, err
	}
	return &scan{dir: filepath.Join(s.dir, sample.ID), sample: sample, info: in}, nil
}

type scan struct {
	dir     string
	sample  *export.Sample
	info    info
	tissues *volume.LabelMap
}

func (s *scan) Image(context.Context) (*volume.Image, error) {
	return volume.ReadImage(filepath.Join(s.dir, phantom.ImageFile), volume.ReadOptions{})
}

func (s *scan) Mask(_ context.Context, class int) (*volume.Bits, error) {
	if s.tissues == nil {
		var err error
		if s.tissues, err = volume.ReadLabelMap(filepath.Join(s.dir, phantom.TissuesFile), volume.ReadOptions{}); err != nil {
			return nil, err
		}
	}
	codes, ok := s.info.Classes[s.sample.Classes[class].Name]
	if !ok {
		return nil, fmt.Errorf("%w: its classes have changed", fs.ErrNotExist)
	}
	return volume.BitsOf(s.tissues.Mask(codes...)), nil
}

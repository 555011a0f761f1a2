package rawdata

import (
	"context"
	"errors"
	"maps"
	"math"
	"path"
	"regexp"
	"slices"

	"satgraph/volume"
)

// Bounds of what is read of files to tell what they hold.
const (
	maxLooked  = 1000     // kinds of paths
	eachLooked = 2        // files of a kind
	fewLooked  = 60       // kinds of which so many are looked at; of each of more, one file
	maxVoxels  = 64 << 20 // of a file
)

var digits = regexp.MustCompile(`[0-9]+`)

// sortByContent tells images and masks by what files hold: one or two of each
// kind of path are read.
func (d *detector) sortByContent() error {
	kinds := map[string][]string{}
	for _, key := range []func(string) string{
		func(name string) string { return digits.ReplaceAllString(name, "#") },
		func(name string) string { return digits.ReplaceAllString(path.Dir(name), "#") },
	} {
		clear(kinds)
		for _, v := range d.volumes {
			kinds[key(v)] = append(kinds[key(v)], v)
		}
		if len(kinds) <= maxLooked {
			break
		}
	}
	if len(kinds) > maxLooked {
		return nil
	}
	d.images, d.masks = nil, nil
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		names, labels := kinds[kind], 0
		look := min(eachLooked, len(names))
		if len(kinds) > fewLooked {
			look = 1
		}
		for i := range look {
			if labelled(d.ctx, d.path(names[i*len(names)/look])) {
				labels++
			}
		}
		if err := d.ctx.Err(); err != nil {
			return err
		}
		if labels == look {
			d.masks = append(d.masks, names...)
		} else {
			d.images = append(d.images, names...)
		}
	}
	return nil
}

// sortDrawn moves masks to the masks whose paths do not say so: images of which
// words have told some, but not those that hold 0 and at most one value more.
func (d *detector) sortDrawn() error {
	kinds := map[string][]string{}
	for _, name := range d.images {
		if _, listed := d.document.files[name]; !listed {
			key := digits.ReplaceAllString(name, "#")
			kinds[key] = append(kinds[key], name)
		}
	}
	if len(kinds) < 2 || len(kinds) > maxLooked {
		return nil
	}
	moved := map[string]bool{}
	for _, names := range kinds {
		m := look(d.ctx, d.path(names[0]))
		if err := d.ctx.Err(); err != nil {
			return err
		}
		if m.bits != nil && !m.several {
			for _, n := range names {
				moved[n] = true
			}
		}
	}
	if len(moved) == len(d.images) {
		return nil
	}
	d.images = slices.DeleteFunc(d.images, func(n string) bool { return moved[n] })
	d.masks = slices.AppendSeq(d.masks, maps.Keys(moved))
	slices.Sort(d.masks)
	return nil
}

// errEnough ends the reading of a file whose rest is not asked for.
var errEnough = errors.New("enough")

// values looks through the voxels of a file until see says false.
func values(ctx context.Context, name string, see func(v, before float32) bool) error {
	read, before := 0, float32(0)
	_, err := volume.ReadVolumes(name, volume.ReadOptions{}, func(_ volume.Grid, _, _ int, values []float32) error {
		for _, v := range values {
			if !see(v, before) {
				return errEnough
			}
			before = v
		}
		if read += len(values); read > maxVoxels {
			return errEnough
		}
		return ctx.Err()
	})
	return err
}

// labelled says whether a file looks like a label map: whole numbers from 0 on,
// not too many, that go on from voxel to voxel. A file of zeros does: no image is
// empty, and many a mask.
func labelled(ctx context.Context, name string) bool {
	const most = 1024
	seen, drawn, same := map[float32]bool{}, 0, 0
	err := values(ctx, name, func(v, before float32) bool {
		if v < 0 || v != float32(math.Trunc(float64(v))) {
			seen = nil
			return false
		}
		if v != before {
			seen[v] = true
		}
		if v != 0 && before != 0 {
			drawn++
			if v == before {
				same++
			}
		}
		return len(seen) <= most
	})
	if err != nil && !errors.Is(err, errEnough) || seen == nil || len(seen) > most {
		return false
	}
	return len(seen) <= 3 || 5*same >= 2*drawn
}

// hounsfield says whether a file holds values of air as CT has them: one in
// fifty, or a thousand.
func hounsfield(ctx context.Context, name string) bool {
	air, all := 0, 0
	err := values(ctx, name, func(v, _ float32) bool {
		all++
		if v < -900 && v >= -4096 {
			air++
		}
		return air < 1000
	})
	return (err == nil || errors.Is(err, errEnough)) && (air >= 1000 || air > 0 && 50*air >= all)
}

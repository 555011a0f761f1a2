package kinds

import (
	"cmp"
	"context"
	"fmt"
	"runtime"

	"satgraph/datasets/build/view"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/jobs"
)

// Split says which sides the scans of an export are on: those that were published,
// or what one of its fields says.
type Split struct {
	// Persons moves all scans of a person to the side that has most of them.
	Persons bool `json:"persons,omitempty"`
	// Text is a table of sides, as [export.ParseSides] reads it.
	Text string `json:"text,omitempty"`
	// File is one in the folder Raw of raw data, whose SHA-256 is Hash.
	File string `json:"file,omitempty"`
	Raw  string `json:"raw,omitempty"`
	Hash string `json:"hash,omitempty"`
}

// checkSplit says what is wrong with it, and notes the hash of the file. The error
// is a *MistakeError where who asks can mend it.
func (p *Places) checkSplit(s *Split) error {
	given := 0
	for _, one := range []bool{s.Persons, s.Text != "", s.File != ""} {
		if one {
			given++
		}
	}
	if given > 1 {
		return &MistakeError{"split", "the sides are said twice", "give one of split: PERSONS, splitText and splitFile"}
	}
	_, hash, err := p.sides(s)
	s.Hash = hash
	return err
}

// sides reads the table; nil where there is none.
func (p *Places) sides(s *Split) (sides export.Sides, hash string, err error) {
	argument, dir := "splitText", ""
	switch {
	case s.Text != "":
		sides, hash, err = export.ParseSides([]byte(s.Text))
	case s.File != "":
		if dir, err = p.raw(s.Raw); err != nil {
			return nil, "", err
		}
		argument = "splitFile"
		var path string
		if path, err = inside(argument, dir, s.File); err != nil {
			return nil, "", err
		}
		sides, hash, err = export.ReadSides(path)
	}
	if err != nil {
		return nil, "", &MistakeError{argument, hide(err.Error(), dir), `give a table in CSV, or with tabs, with the columns "scan" (DATASET/ID) and "split" (train, validation or test)`}
	}
	return sides, hash, nil
}

// onSides puts the scans of a corpus on the sides that are asked for, and notes that
// in the settings, as 'corpus export' does.
func (p *Places) onSides(ctx context.Context, src *view.Corpus, e *ExportParams, settings map[string]string) (export.Source, []string, error) {
	if e.Split.Persons {
		settings["split"] = string(corpus.ByPerson)
		return export.OnSides(ctx, src, export.ByPerson)
	}
	sides, hash, err := p.sides(&e.Split)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("%w: %w", jobs.ErrBadRequest, err)
	case hash != e.Split.Hash:
		return nil, nil, fmt.Errorf("%w: the file of sides is another than when the export was asked for", jobs.ErrBadRequest)
	case sides == nil:
		return src, nil, nil
	}
	settings["split"] = "file with the SHA-256 " + hash
	return export.OnSides(ctx, src, sides.Assign(&e.Select))
}

// mostScans is how many scans of a corpus are written at the same time: one on each
// processor, as far as there is memory for each.
func mostScans(threads int, memory int64) int {
	const each = 2 << 30 // more than most scans take
	most := cmp.Or(threads, runtime.GOMAXPROCS(0))
	if memory > 0 {
		most = min(most, int(memory/each))
	}
	return max(1, most)
}

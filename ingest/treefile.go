package ingest

import (
	"errors"
	"fmt"
	"io"

	"satgraph/graph/treefile"
)

// readTreefile reads a tree in the project's own form, whose checksum says that
// it is whole.
func readTreefile(a *Anatomy, r io.Reader, o Options) (line int, err error) {
	snapshot, err := treefile.Read(&capped{r: r, left: o.CompressedBytes})
	switch {
	case errors.Is(err, treefile.ErrTooLarge), errors.Is(err, ErrTooLarge):
		return 0, fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, treefile.ErrFormat), errors.Is(err, treefile.ErrVersion), errors.Is(err, treefile.ErrChecksum):
		return 0, fmt.Errorf("%w: %w", ErrFormat, err)
	case err != nil:
		return 0, err
	}
	const head = 2 // lines before the first term
	for i, t := range snapshot.Terms {
		if err := a.claim(t.ID, head+i+1); err != nil {
			return head + i + 1, err
		}
		if err := a.add(t, o.Limits); err != nil {
			return head + i + 1, err
		}
	}
	for _, r := range snapshot.Relations {
		a.relate(r.Child, r.Type, r.Parent, a.defined[r.Child])
	}
	return 0, nil
}

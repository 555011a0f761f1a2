package export

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strings"
)

// Assign puts scans on sides: it sets their Split, and says what a person should
// know of it.
type Assign func(all []*Sample) (warnings []string, err error)

// OnSides is a source with its scans on the sides that assign gives them. Errors
// are the source's and assign's.
func OnSides(ctx context.Context, src Source, assign Assign) (Source, []string, error) {
	all, unread, err := listed(ctx, src)
	if err != nil {
		return nil, nil, err
	}
	out := &onSides{Source: src, unread: unread}
	var read []*Sample // whose sides are known
	for _, s := range all {
		if unread[s] == nil {
			own := *s
			s = &own
			read = append(read, s)
		}
		out.all = append(out.all, s)
	}
	warnings, err := assign(read)
	if err != nil {
		return nil, nil, err
	}
	return out, warnings, nil
}

type onSides struct {
	Source
	all    []*Sample
	unread map[*Sample]error
}

func (o *onSides) Samples(ctx context.Context) iter.Seq2[*Sample, error] {
	return func(yield func(*Sample, error) bool) {
		for _, s := range o.all {
			if err := ctx.Err(); err != nil {
				yield(nil, err)
				return
			}
			if !yield(s, o.unread[s]) {
				return
			}
		}
	}
}

// sides in the order in which one is chosen where as many scans are on each.
var sides = []string{Train, Validation, Test}

// ByPerson is an Assign that moves all scans of a person, and all of one image, to
// the side that most of them are on, so that nobody who is trained on is tested
// with. Where as many are on either it is training, then validation. Scans without
// a side go with the others of their person, since formats that have no word for
// them train on them. A person is one of a dataset's; a scan of nobody known
// stands for itself.
func ByPerson(all []*Sample) (warnings []string, err error) {
	type move struct{ dataset, side string }
	moved := map[move]int{}
	for _, group := range together(all) {
		side := mostly(group)
		for _, s := range group {
			if s.Split != side {
				s.Split = side
				moved[move{s.Dataset, side}]++
			}
		}
	}
	for m, n := range moved {
		warnings = append(warnings, fmt.Sprintf("dataset %s: %d scans were moved to the side %s, where others of the same person or image are", m.dataset, n, m.side))
	}
	slices.Sort(warnings)
	return warnings, nil
}

// mostly is the side that most of the scans are on.
func mostly(group []*Sample) string {
	votes := map[string]int{}
	for _, s := range group {
		votes[s.Split]++
	}
	best := Unassigned
	for _, side := range sides {
		if votes[side] > 0 && (best == Unassigned || votes[side] > votes[best]) {
			best = side
		}
	}
	return best
}

// together are the sets of scans that share a person or an image, in order of
// their first scan.
func together(all []*Sample) [][]*Sample {
	parent := make([]int, len(all))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	first := map[[2]string]int{}
	for i, s := range all {
		parent[i] = i
		for _, key := range [][2]string{{s.Dataset, s.Patient}, {"", s.Image}} {
			if key[1] == "" {
				continue
			}
			j, seen := first[key]
			if !seen {
				first[key] = i
				continue
			}
			a, b := root(j), root(i)
			parent[max(a, b)] = min(a, b)
		}
	}
	at := map[int]int{}
	var groups [][]*Sample
	for i, s := range all {
		g, ok := at[root(i)]
		if !ok {
			g = len(groups)
			at[root(i)] = g
			groups = append(groups, nil)
		}
		groups[g] = append(groups[g], s)
	}
	return groups
}

// leaks warns of persons and images that are on several sides. A scan without a
// side counts as one that is trained on.
func leaks(samples []*Sample) []string {
	n, example := 0, ""
	for _, group := range together(samples) {
		on := map[string]string{}
		for _, s := range group {
			side := s.Split
			if side == Unassigned {
				side = Train
			}
			if on[side] == "" {
				on[side] = s.Name()
			}
		}
		if len(on) < 2 {
			continue
		}
		if n++; n > 1 {
			continue
		}
		for _, side := range sides {
			if on[side] != "" {
				example += fmt.Sprintf(", %s in %s", on[side], side)
			}
		}
	}
	if n == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%d persons or images are on several sides: %s; a split by persons keeps them apart", n, strings.TrimPrefix(example, ", "))}
}

// Bounds of a file of sides.
const (
	maxSidesFile = 64 << 20 // bytes
	namedScans   = 5        // in a message
)

// words are what a file of sides may call them.
var words = map[string]string{
	"train": Train, "training": Train, "validation": Validation, "val": Validation, "valid": Validation, "test": Test, "testing": Test,
}

// Sides are the sides that a file gives scans, by Sample.Name.
type Sides map[string]string

// ReadSides reads a table in CSV, or with tabs between its columns, whose first
// line names them: "scan" (DATASET/ID) and "split" (train, validation or test);
// others may be there. It is an ErrSplit where lines are not so, each scan of
// them, once. Hash is of the file's bytes.
func ReadSides(path string) (s Sides, hash string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, "", err
	}
	defer f.Close() //nolint:errcheck // opened for reading: nothing can be lost
	b, err := io.ReadAll(io.LimitReader(f, maxSidesFile+1))
	if err != nil {
		return nil, "", err
	}
	if len(b) > maxSidesFile {
		return nil, "", refuse(ErrSplit, "%s: more than %d MiB", path, maxSidesFile>>20)
	}
	if s, hash, err = ParseSides(b); err != nil {
		return nil, "", fmt.Errorf("%s: %w", path, err)
	}
	return s, hash, nil
}

// ParseSides is ReadSides of what such a file holds.
func ParseSides(b []byte) (s Sides, hash string, err error) {
	s, err = parseSides(b)
	return s, Hash(string(b)), err
}

func parseSides(b []byte) (Sides, error) {
	b = bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))
	r := csv.NewReader(bytes.NewReader(b))
	if head, _, _ := bytes.Cut(b, []byte("\n")); bytes.IndexByte(head, '\t') >= 0 {
		r.Comma = '\t'
	}
	r.ReuseRecord = true
	head, err := r.Read()
	if err != nil {
		return nil, refuse(ErrSplit, "the first line does not name columns: %v", err)
	}
	scan, split := slices.Index(head, "scan"), slices.Index(head, "split")
	if scan < 0 || split < 0 {
		return nil, refuse(ErrSplit, `the first line names the columns %q; want "scan" (DATASET/ID) and "split"`, head[:min(len(head), 10)])
	}
	out := Sides{}
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, refuse(ErrSplit, "%v", err)
		}
		line, _ := r.FieldPos(scan)
		name := strings.TrimSpace(row[scan])
		side, known := words[strings.ToLower(strings.TrimSpace(row[split]))]
		switch {
		case !known:
			return nil, refuse(ErrSplit, "line %d: the split %.50q; want train, validation or test", line, row[split])
		case !strings.Contains(name, "/"):
			return nil, refuse(ErrSplit, "line %d: the scan %.100q; want DATASET/ID", line, name)
		case out[name] != "":
			return nil, refuse(ErrSplit, "line %d: the scan %q stands there twice", line, name)
		}
		out[strings.Clone(name)] = side
	}
}

// Assign gives the Assign of these sides. A scan of those that are selected,
// whatever their sides, which the file leaves out is an ErrSplit; the others lose
// their side. What the file lists and the source has not is warned of.
func (s Sides) Assign(sel *Select) Assign {
	chosen := *sel
	chosen.Splits = nil
	return func(all []*Sample) (warnings []string, err error) {
		var missing []string
		known := 0
		for _, x := range all {
			side, ok := s[x.Name()]
			if ok {
				known++
			} else if chosen.takes(x) {
				missing = append(missing, x.Name())
			}
			x.Split = side
		}
		if len(missing) > 0 {
			return nil, refuse(ErrSplit, "the file gives no side to %d scans: %s; list them, or leave them out", len(missing), strings.Join(missing[:min(namedScans, len(missing))], ", "))
		}
		if n := len(s) - known; n > 0 {
			warnings = append(warnings, fmt.Sprintf("the file of sides lists %d scans that the corpus has not", n))
		}
		return warnings, nil
	}
}

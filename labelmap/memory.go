package labelmap

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
)

// Memory is a ledger in memory: for previews, where decisions are tried and
// thrown away, and for programs that keep none. It holds events as given.
type Memory struct {
	mu       sync.RWMutex
	events   []Event
	ids      map[string]bool
	subjects map[Subject][]int // positions in events
}

var _ Ledger = (*Memory)(nil)

// NewMemory returns a ledger that holds the events, which must be in order and
// valid; it is how a preview starts from what another ledger holds.
func NewMemory(events ...Event) *Memory {
	m := &Memory{ids: map[string]bool{}, subjects: map[Subject][]int{}}
	for i := range events {
		m.add(events[i])
	}
	return m
}

func (m *Memory) add(e Event) Event {
	e.Seq = int64(len(m.events)) + 1
	m.subjects[e.Subject] = append(m.subjects[e.Subject], len(m.events))
	m.ids[e.ID] = true
	m.events = append(m.events, e)
	return e
}

// Append implements Ledger.
func (m *Memory) Append(ctx context.Context, batch []Event) ([]Event, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	more := map[Subject]int64{}
	fresh := map[string]bool{}
	for i := range batch {
		e := &batch[i]
		if err := e.Validate(); err != nil {
			return nil, err
		}
		if m.ids[e.ID] || fresh[e.ID] {
			return nil, fmt.Errorf("%w: %s", ErrDuplicateEvent, e.ID)
		}
		fresh[e.ID] = true
		if have := int64(len(m.subjects[e.Subject])); e.Version != have+more[e.Subject] {
			return nil, &ConflictError{Yours: *e, Theirs: m.since(e.Subject, e.Version)}
		}
		more[e.Subject]++
	}
	out := make([]Event, len(batch))
	for i := range batch {
		out[i] = m.add(batch[i])
	}
	return out, nil
}

// since returns the events of a subject after its first n.
func (m *Memory) since(s Subject, n int64) []Event {
	var out []Event
	for i, at := range m.subjects[s] {
		if int64(i) >= n {
			out = append(out, m.events[at])
		}
	}
	return out
}

// Subject implements Ledger.
func (m *Memory) Subject(ctx context.Context, s Subject) ([]Event, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.since(s, 0), ctx.Err()
}

// Events implements Ledger.
func (m *Memory) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	from := min(max(after, 0), int64(len(m.events)))
	to := min(from+int64(max(limit, 0)), int64(len(m.events)))
	return slices.Clone(m.events[from:to]), ctx.Err()
}

// Subjects implements Ledger.
func (m *Memory) Subjects(ctx context.Context, q SubjectQuery) ([][]Event, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	var subjects []Subject
	for s := range m.subjects {
		if (q.Dataset == "" || s.Dataset == q.Dataset) && (q.Kind == "" || s.Kind == q.Kind) && CompareSubjects(s, q.After) > 0 {
			subjects = append(subjects, s)
		}
	}
	slices.SortFunc(subjects, CompareSubjects)
	var out [][]Event
	for _, s := range subjects {
		if len(out) >= q.Limit {
			break
		}
		if m.chosen(s, &q) {
			out = append(out, m.since(s, 0))
		}
	}
	return out, ctx.Err()
}

// chosen says whether a subject is one of those that a query asks for.
func (m *Memory) chosen(s Subject, q *SubjectQuery) bool {
	if len(q.Statuses) == 0 && len(q.Names) == 0 && !q.Flagged {
		return true
	}
	st := m.state(s)
	return (len(q.Statuses) == 0 || slices.Contains(q.Statuses, st.Status)) && (!q.Flagged || len(st.Flags) > 0) &&
		(len(q.Names) == 0 || st.Label != nil && slices.Contains(q.Names, NameKey(st.Label.Name)))
}

// state folds a subject's events as its dataset's policy says.
func (m *Memory) state(s Subject) State {
	dataset := Subject{Kind: SubjectDataset, Dataset: s.Dataset}
	policy := Fold(dataset, m.since(dataset, 0), 1)
	return Fold(s, m.since(s, 0), max(policy.Reviewers, 1))
}

// Counts implements Ledger.
func (m *Memory) Counts(ctx context.Context, dataset string) ([]Count, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	at := map[Count]*Count{}
	for s := range m.subjects {
		if dataset != "" && s.Dataset != dataset {
			continue
		}
		st := m.state(s)
		key := Count{Dataset: s.Dataset, Kind: s.Kind, Status: st.Status}
		if at[key] == nil {
			at[key] = &Count{Dataset: s.Dataset, Kind: s.Kind, Status: st.Status}
		}
		at[key].Subjects++
		if len(st.Flags) > 0 {
			at[key].Flagged++
		}
	}
	var out []Count
	for _, c := range at {
		out = append(out, *c)
	}
	slices.SortFunc(out, CompareCounts)
	return out, ctx.Err()
}

// Last implements Ledger.
func (m *Memory) Last(ctx context.Context) (int64, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return int64(len(m.events)), ctx.Err()
}

// Batch implements Ledger.
func (m *Memory) Batch(ctx context.Context, refs ...string) ([]Event, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	wanted := make(map[string]bool, len(refs))
	for _, ref := range refs {
		wanted[ref] = true
	}
	var out []Event
	for i := range m.events {
		if wanted[m.events[i].Batch] || wanted[m.events[i].ID] {
			out = append(out, m.events[i])
		}
	}
	return out, ctx.Err()
}

// CompareSubjects orders subjects by dataset, kind and key, byte by byte.
func CompareSubjects(a, b Subject) int {
	return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Key, b.Key))
}

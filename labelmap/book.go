package labelmap

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Book is where curators decide: it writes events to a ledger and folds them to
// the present state. It keeps nothing of its own, so several books, in several
// processes, may share a ledger.
type Book struct {
	ledger Ledger
	tool   string
	now    func() time.Time
}

// NewBook returns a book over a ledger. tool names program and version in every
// event.
func NewBook(ledger Ledger, tool string) *Book {
	return &Book{ledger: ledger, tool: tool, now: func() time.Time { return time.Now().UTC() }}
}

// PolicyActor is the actor's name of a policy that decides by a rule: "policy:"
// and the rule's own name.
func PolicyActor(name string) string { return "policy:" + name }

// IsPolicy says whether an actor is a policy and no person.
func IsPolicy(actor string) bool { return strings.HasPrefix(actor, "policy:") }

// Reviewers returns how many reviewers a dataset needs: 1 unless a policy event
// says otherwise.
func (b *Book) Reviewers(ctx context.Context, dataset string) (int, error) {
	s := Subject{Kind: SubjectDataset, Dataset: dataset}
	events, err := b.ledger.Subject(ctx, s)
	if err != nil {
		return 0, err
	}
	return max(Fold(s, events, 1).Reviewers, 1), nil
}

// State returns where a subject stands; an unknown subject is open, of version 0.
func (b *Book) State(ctx context.Context, s Subject) (State, error) {
	n, err := b.Reviewers(ctx, s.Dataset)
	if err != nil {
		return State{}, err
	}
	events, err := b.ledger.Subject(ctx, s)
	if err != nil {
		return State{}, err
	}
	return Fold(s, events, n), nil
}

// StatesOf returns where each of some subjects stands, as State does.
func (b *Book) StatesOf(ctx context.Context, subjects []Subject) (map[Subject]State, error) {
	read := slices.Clone(subjects)
	for _, s := range subjects {
		read = append(read, Subject{Kind: SubjectDataset, Dataset: s.Dataset})
	}
	events, err := b.Histories(ctx, read)
	if err != nil {
		return nil, err
	}
	out := make(map[Subject]State, len(subjects))
	for _, s := range subjects {
		policy := Subject{Kind: SubjectDataset, Dataset: s.Dataset}
		out[s] = Fold(s, events[s], max(Fold(policy, events[policy], 1).Reviewers, 1))
	}
	return out, nil
}

// History returns all events of a subject, oldest first.
func (b *Book) History(ctx context.Context, s Subject) ([]Event, error) {
	return b.ledger.Subject(ctx, s)
}

// Entry is one thing to write. Version is that of the state the actor saw.
type Entry struct {
	Subject    Subject
	Version    int64
	Action     Action
	Verdict    *Verdict
	Suggestion *Offer
	Label      *RawLabel
	Reviewers  int
	Ref        string
	Comment    string
}

// Write appends the entries as one batch by one actor: all of them or none. A
// policy may decide but never adjudicate, and the adjudicator must be someone
// who has not voted on the subject. Errors: those of Ledger.Append,
// ErrNotAllowed, ErrUnknownSubject (undo, reject or adjudication of what was
// never imported or decided).
func (b *Book) Write(ctx context.Context, actor string, entries ...Entry) ([]Event, error) {
	batch := rand.Text()
	now := b.now()
	events := make([]Event, len(entries))
	undone, err := b.undone(ctx, entries)
	if err != nil {
		return nil, err
	}
	for i, e := range entries {
		if e.Action == ActUndo && undone[e.Ref] != e.Subject {
			return nil, fmt.Errorf("%w: %s has no event %s to undo", ErrUnknownSubject, e.Subject, e.Ref)
		}
		events[i] = Event{
			ID: rand.Text(), Batch: batch, Time: now, Actor: actor, Tool: b.tool,
			Subject: e.Subject, Version: e.Version, Action: e.Action, Verdict: e.Verdict,
			Suggestion: e.Suggestion, Label: e.Label, Reviewers: e.Reviewers, Ref: e.Ref, Comment: e.Comment,
		}
		if err := b.allow(ctx, &events[i]); err != nil {
			return nil, err
		}
	}
	return b.ledger.Append(ctx, events)
}

// allow checks what depends on the subject's state. A race with another writer
// is the ledger's to notice, by the version.
func (b *Book) allow(ctx context.Context, e *Event) error {
	refuse := func(why string) error { return fmt.Errorf("%w: %s of %s: %s", ErrNotAllowed, e.Action, e.Subject, why) }
	if e.Action != ActAdjudicate {
		return nil
	}
	if IsPolicy(e.Actor) {
		return refuse("only a person settles a dispute")
	}
	st, err := b.State(ctx, e.Subject)
	if err != nil {
		return err
	}
	if len(st.Votes) == 0 {
		return fmt.Errorf("%w: %s", ErrUnknownSubject, e.Subject)
	}
	if slices.ContainsFunc(st.Votes, func(v Vote) bool { return v.Actor == e.Actor }) {
		return refuse(e.Actor + " has voted on it; a third person must settle it")
	}
	return nil
}

// undone finds the subjects of the events that entries take back.
func (b *Book) undone(ctx context.Context, entries []Entry) (map[string]Subject, error) {
	var refs []string
	for i := range entries {
		if entries[i].Action == ActUndo {
			refs = append(refs, entries[i].Ref)
		}
	}
	out := make(map[string]Subject, len(refs))
	for part := range slices.Chunk(refs, eventPage) {
		events, err := b.ledger.Batch(ctx, part...)
		if err != nil {
			return nil, err
		}
		for i := range events {
			out[events[i].ID] = events[i].Subject
		}
	}
	return out, nil
}

// ErrUnknownBatch says that no event of the ledger belongs to the batch.
var ErrUnknownBatch = errors.New("no such batch")

// Undoing makes the entries that take back one event, by its ID, or all events
// of a batch. Events that their subjects got later are kept and fold on without
// them. Errors: ErrUnknownBatch, or the ledger's.
func (b *Book) Undoing(ctx context.Context, ref, comment string) ([]Entry, error) {
	events, err := b.ledger.Batch(ctx, ref)
	if err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("%w: %q", ErrUnknownBatch, ref)
	}
	var entries []Entry
	subjects := make([]Subject, len(events))
	for i := range events {
		subjects[i] = events[i].Subject
	}
	histories, err := b.Histories(ctx, subjects)
	if err != nil {
		return nil, err
	}
	versions := map[Subject]int64{}
	for s, all := range histories {
		versions[s] = int64(len(all))
	}
	for i := range events {
		s := events[i].Subject
		entries = append(entries, Entry{Subject: s, Version: versions[s], Action: ActUndo, Ref: events[i].ID, Comment: comment})
		versions[s]++
	}
	return entries, nil
}

// Adopted is a verdict that was given elsewhere.
type Adopted struct {
	Subject Subject
	Action  Action // decide, adjudicate or reject
	Actor   string
	Time    time.Time
	Verdict Verdict
	Comment string
}

// Adopt writes verdicts that were given elsewhere as their authors', in one
// batch, and leaves out those that the ledger has: the same author's, of the same
// time and content. One without a time is given now, unless it is what its author
// says already. One without an author is refused. Errors: those of Ledger.Append.
func (b *Book) Adopt(ctx context.Context, list []Adopted) (written []Event, known int, err error) {
	batch := rand.Text()
	subjects := map[Subject][]Event{}
	now := b.now()
	var events []Event
	for i := range list {
		a := &list[i]
		have, ok := subjects[a.Subject]
		if !ok {
			if have, err = b.ledger.Subject(ctx, a.Subject); err != nil {
				return nil, 0, err
			}
		}
		e := Event{
			ID: rand.Text(), Batch: batch, Time: cmp.Or(a.Time, now), Actor: a.Actor, Tool: b.tool, Subject: a.Subject,
			Version: int64(len(have)), Action: a.Action, Verdict: &a.Verdict, Comment: a.Comment,
		}
		if slices.ContainsFunc(have, func(h Event) bool {
			return h.Actor == e.Actor && h.Action == e.Action && h.Time.Equal(e.Time) && h.Verdict.Agrees(e.Verdict)
		}) || stands(have, a) {
			known++
		} else {
			events = append(events, e)
			have = append(have, e)
		}
		subjects[a.Subject] = have
	}
	if len(events) > 0 {
		written, err = b.ledger.Append(ctx, events)
	}
	return written, known, err
}

// stands says whether a verdict given elsewhere is what its author's own has come
// to here, as where a label has followed its new term.
func stands(events []Event, a *Adopted) bool {
	st := Fold(a.Subject, events, 1)
	votes := st.Votes
	if st.Adjudication != nil {
		votes = append(slices.Clone(votes), *st.Adjudication)
	}
	if a.Action == ActReject {
		if !a.Time.IsZero() {
			return false
		}
		votes = st.Rejected
	}
	return slices.ContainsFunc(votes, func(v Vote) bool {
		return v.Actor == a.Actor && (a.Time.IsZero() || v.Time.Equal(a.Time)) && v.Verdict.Agrees(&a.Verdict)
	})
}

// Restore writes events as they are, such as those of another ledger, and
// leaves out those that the ledger has by their IDs. Errors are those of
// Ledger.Append.
func (b *Book) Restore(ctx context.Context, events []Event) (written, known int, err error) {
	there := map[string]bool{}
	for from := 0; from < len(events); from += eventPage {
		var ids []string
		for i := from; i < min(from+eventPage, len(events)); i++ {
			ids = append(ids, events[i].ID)
		}
		have, err := b.ledger.Batch(ctx, ids...)
		if err != nil {
			return 0, 0, err
		}
		for i := range have {
			there[have[i].ID] = true
		}
	}
	var fresh []Event
	for i := range events {
		if there[events[i].ID] {
			known++
		} else {
			fresh = append(fresh, events[i])
		}
	}
	if len(fresh) > 0 {
		_, err = b.ledger.Append(ctx, fresh)
	}
	return len(fresh), known, err
}

// fewSubjects is how many subjects of a place are asked for one by one; of more,
// the place is read from the first to the last, page by page.
const fewSubjects = 20

// place is where subjects stand side by side in a ledger: a dataset's of one kind,
// or all datasets themselves.
func (s Subject) place() Subject {
	if s.Kind == SubjectDataset {
		return Subject{Kind: SubjectDataset}
	}
	return Subject{Dataset: s.Dataset, Kind: s.Kind}
}

// Histories returns all events of subjects, oldest first. A subject without any
// has nil.
func (b *Book) Histories(ctx context.Context, subjects []Subject) (map[Subject][]Event, error) {
	out := make(map[Subject][]Event, len(subjects))
	places := map[Subject][]Subject{}
	for _, s := range subjects {
		if _, ok := out[s]; !ok {
			out[s] = nil
			places[s.place()] = append(places[s.place()], s)
		}
	}
	for place, wanted := range places {
		alone := wanted
		if len(wanted) > fewSubjects {
			slices.SortFunc(wanted, CompareSubjects)
			alone = wanted[:1] // pages begin behind it
		}
		for _, s := range alone {
			events, err := b.ledger.Subject(ctx, s)
			if err != nil {
				return nil, err
			}
			out[s] = events
		}
		if len(alone) == len(wanted) {
			continue
		}
		if err := b.span(ctx, place, wanted, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// span reads a place from behind the first of the wanted subjects, which are
// sorted, to the last.
func (b *Book) span(ctx context.Context, place Subject, wanted []Subject, into map[Subject][]Event) error {
	last := wanted[len(wanted)-1]
	q := SubjectQuery{Dataset: place.Dataset, Kind: place.Kind, After: wanted[0], Limit: min(len(wanted), subjectPage)}
	for {
		page, err := b.ledger.Subjects(ctx, q)
		if err != nil {
			return err
		}
		for _, events := range page {
			if _, ok := into[events[0].Subject]; ok {
				into[events[0].Subject] = events
			}
		}
		if len(page) < q.Limit || CompareSubjects(page[len(page)-1][0].Subject, last) >= 0 {
			return nil
		}
		q.After, q.Limit = page[len(page)-1][0].Subject, subjectPage
	}
}

// Events returns at most limit events after a place in the ledger, in order.
func (b *Book) Events(ctx context.Context, after int64, limit int) ([]Event, error) {
	return b.ledger.Events(ctx, after, limit)
}

// eventPage is how many events are asked of a ledger at a time.
const eventPage = 10_000

// subjectPage is how many subjects are asked of a ledger at a time.
const subjectPage = 1_000

// Each calls f for every event with Seq > after, in order. An error of f ends
// it and is returned.
func (b *Book) Each(ctx context.Context, after int64, f func(*Event) error) error {
	for {
		page, err := b.ledger.Events(ctx, after, eventPage)
		if err != nil {
			return err
		}
		for i := range page {
			if err := f(&page[i]); err != nil {
				return err
			}
			after = page[i].Seq
		}
		if len(page) < eventPage {
			return nil
		}
	}
}

// States returns the states of all subjects of a dataset (of all datasets when
// it is empty) and kind, by dataset and key.
func (b *Book) States(ctx context.Context, dataset string, kind SubjectKind) ([]State, error) {
	var out []State
	q := SubjectQuery{Dataset: dataset, Kind: kind, Limit: subjectPage}
	reviewers := map[string]int{}
	for {
		page, err := b.find(ctx, q, reviewers)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if len(page) < subjectPage {
			return out, nil
		}
		q.After = page[len(page)-1].Subject
	}
}

// Find returns the states of the subjects that a query chooses, by dataset,
// kind and key.
func (b *Book) Find(ctx context.Context, q SubjectQuery) ([]State, error) {
	return b.find(ctx, q, map[string]int{})
}

// find keeps how many reviewers datasets need in the map.
func (b *Book) find(ctx context.Context, q SubjectQuery, reviewers map[string]int) ([]State, error) {
	page, err := b.ledger.Subjects(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]State, len(page))
	for i, events := range page {
		s := events[0].Subject
		n, ok := reviewers[s.Dataset]
		switch {
		case s.Kind == SubjectDataset: // its own events say so
			n = max(Fold(s, events, 1).Reviewers, 1)
		case !ok:
			if n, err = b.Reviewers(ctx, s.Dataset); err != nil {
				return nil, err
			}
			reviewers[s.Dataset] = n
		}
		out[i] = Fold(s, events, n)
	}
	return out, nil
}

// Precedents returns what labels of the same names, in other datasets, were
// settled as; see Precedents.
func (b *Book) Precedents(ctx context.Context, labels []RawLabel) (map[string][]Precedent, error) {
	own, named := map[string]bool{}, map[string]bool{}
	var names []string
	for i := range labels {
		own[labels[i].Dataset] = true
		if key := NameKey(labels[i].Name); key != "" && !named[key] {
			named[key] = true
			names = append(names, key)
		}
	}
	var found []State
	reviewers := map[string]int{}
	for part := range slices.Chunk(names, subjectPage) {
		q := SubjectQuery{Kind: SubjectLabel, Statuses: []Status{Settled}, Names: part, Limit: subjectPage}
		for {
			page, err := b.find(ctx, q, reviewers)
			if err != nil {
				return nil, err
			}
			found = append(found, page...)
			if len(page) < subjectPage {
				break
			}
			q.After = page[len(page)-1].Subject
		}
	}
	return Precedents(slices.DeleteFunc(found, func(st State) bool { return own[st.Subject.Dataset] })), nil
}

// Counts returns how many subjects of a dataset (of all when it is empty) stand
// where.
func (b *Book) Counts(ctx context.Context, dataset string) ([]Count, error) {
	return b.ledger.Counts(ctx, dataset)
}

// Last returns the place of the latest event in the ledger, 0 for none.
func (b *Book) Last(ctx context.Context) (int64, error) { return b.ledger.Last(ctx) }

// Batch returns the events of batches, and single events by their IDs, in order.
func (b *Book) Batch(ctx context.Context, refs ...string) ([]Event, error) {
	return b.ledger.Batch(ctx, refs...)
}

// Preview says what the entries would change, and writes nothing. Errors are
// those of Write.
func (b *Book) Preview(ctx context.Context, actor string, entries ...Entry) ([]Change, error) {
	var subjects []Subject
	seen := map[Subject]bool{}
	for _, e := range entries {
		if !seen[e.Subject] {
			seen[e.Subject] = true
			subjects = append(subjects, e.Subject)
		}
	}
	book, err := b.Trial(ctx, subjects)
	if err != nil {
		return nil, err
	}
	changes := make([]Change, len(subjects))
	for pass := range 2 {
		for i, s := range subjects {
			st, err := book.State(ctx, s)
			if err != nil {
				return nil, err
			}
			if pass == 0 {
				changes[i].Before = st
			} else {
				changes[i].After = st
			}
		}
		if pass == 0 {
			if _, err := book.Write(ctx, actor, entries...); err != nil {
				return nil, err
			}
		}
	}
	return changes, nil
}

// Trial is a book of its own that knows the history of some subjects and of their
// datasets' policies: what is written in it is written nowhere else.
func (b *Book) Trial(ctx context.Context, subjects []Subject) (*Book, error) {
	read := make([]Subject, 0, 2*len(subjects))
	for _, s := range subjects {
		read = append(read, s, Subject{Kind: SubjectDataset, Dataset: s.Dataset})
	}
	histories, err := b.Histories(ctx, read)
	if err != nil {
		return nil, err
	}
	trial := NewMemory()
	for _, events := range histories {
		for _, known := range events {
			trial.add(known)
		}
	}
	return &Book{ledger: trial, tool: b.tool, now: b.now}, nil
}

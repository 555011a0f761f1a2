package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"satgraph/inference"
)

// A mirror holds the active jobs in memory as the table has them, and what
// workers say of them. Times in it are this process's own, of the monotonic
// clock: a machine whose clock is set never loses a lease for it.
type mirror struct {
	mu      sync.Mutex
	active  map[string]*seen
	waiting map[string]int // by owner
	shares  shares
	workers map[string]*heardOf
	rates   map[string]rate
	models  map[string]*inference.Manifest
	homes   map[string]time.Time // when they were heard of last

	last     uint64 // revision that was followed last
	round    int    // of reading all anew
	version  int    // of the active records
	pokes    map[chan struct{}]string
	ordered  []place // at version orderedAt
	position map[string]int
	orderAt  int
}

// heardOf is a worker that was heard of.
type heardOf struct {
	advert
	heard time.Time
}

// seen is a record with what this process knows of it.
type seen struct {
	record
	revision uint64
	round    int
	since    time.Time // it was queued, or its claim gave a sign of life
	told     beat
	toldAt   time.Time
}

func newMirror() *mirror {
	return &mirror{
		active: map[string]*seen{}, waiting: map[string]int{}, workers: map[string]*heardOf{},
		rates: map[string]rate{}, models: map[string]*inference.Manifest{}, homes: map[string]time.Time{}, pokes: map[chan struct{}]string{}, orderAt: -1,
	}
}

// own takes over what this process wrote, before it comes by.
func (m *mirror) own(r record, revision uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if revision > m.last {
		m.put(r, revision)
	}
}

// put takes over a record. m.mu is held.
func (m *mirror) put(r record, revision uint64) {
	s := m.active[r.ID]
	switch {
	case s == nil:
		s = &seen{since: time.Now()}
		m.active[r.ID] = s
	case revision <= s.revision:
		s.round = m.round
		return
	}
	was := s.record
	if was.State != r.State || was.Epoch != r.Epoch {
		s.since = time.Now()
	}
	if was.Epoch != r.Epoch || r.State != Running {
		s.told, s.toldAt = beat{}, time.Time{}
	}
	if was.State == Queued {
		m.waiting[was.Owner]--
		if m.waiting[was.Owner] == 0 {
			delete(m.waiting, was.Owner)
		}
	}
	if r.State == Queued {
		if m.waiting[r.Owner] == 0 {
			m.shares.arrive(r.Owner)
		}
		m.waiting[r.Owner]++
	}
	if r.State == Running && was.Epoch != r.Epoch {
		m.shares.start(r.Owner, r.Priority)
	}
	s.record, s.revision, s.round = r, revision, m.round
	m.changed()
}

// drop forgets a record that was put away. m.mu is held.
func (m *mirror) drop(id string, revision uint64) {
	s := m.active[id]
	if s == nil || s.revision > revision {
		return
	}
	if s.State == Queued {
		m.waiting[s.Owner]--
		if m.waiting[s.Owner] == 0 {
			delete(m.waiting, s.Owner)
		}
	}
	delete(m.active, id)
	m.shares.forget(func(owner string) bool { return m.waiting[owner] > 0 })
	m.changed()
}

// changed wakes all who wait for a change; m.mu is held.
func (m *mirror) changed() {
	m.version++
	for ch := range m.pokes {
		poke(ch)
	}
}

func poke(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// listen gives a channel that is poked at every change; of one job's progress
// only where it is named.
func (m *mirror) listen(id string) (changes chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.pokes[ch] = id
	return ch, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		delete(m.pokes, ch)
	}
}

// queue gives the waiting jobs in order. m.mu is held.
func (m *mirror) queue() []place {
	if m.orderAt == m.version {
		return m.ordered
	}
	m.ordered = nil
	for id, s := range m.active {
		if s.State == Queued {
			m.ordered = append(m.ordered, place{id: id, owner: s.Owner, priority: s.Priority, created: s.Created})
		}
	}
	m.shares.order(m.ordered)
	m.position = make(map[string]int, len(m.ordered))
	for i, p := range m.ordered {
		m.position[p.id] = i + 1
	}
	m.orderAt = m.version
	return m.ordered
}

// hear takes over a worker's sign of life for a job.
func (m *mirror) hear(id string, b beat) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.active[id]
	if s == nil || s.State != Running || s.Epoch != b.Epoch {
		return
	}
	if b.Structures == nil {
		b.Structures = s.told.Structures
	}
	s.since, s.told, s.toldAt = time.Now(), b, time.Now()
	for ch, of := range m.pokes {
		if of == id {
			poke(ch)
		}
	}
}

// reach notes that a home answers for its files.
func (m *mirror) reach(home string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.homes[home].IsZero() {
		m.changed()
	}
	m.homes[home] = time.Now()
}

// meet takes over a worker's sign of life; true of one that is new.
func (m *mirror) meet(a advert) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	known := m.workers[a.ID]
	switch {
	case a.Gone:
		delete(m.workers, a.ID)
	case known == nil:
		m.workers[a.ID] = &heardOf{a, time.Now()}
	default:
		known.advert, known.heard = a, time.Now()
		return false
	}
	m.changed()
	return known == nil
}

// fresh counts all times anew, after this process or its connection slept.
func (m *mirror) fresh() {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	for _, s := range m.active {
		if s.State == Running {
			s.since = now
		}
	}
	for _, w := range m.workers {
		w.heard = now
	}
}

// follow keeps the mirror as the table is until ctx ends; ready is closed once it
// is so for the first time.
func (q *queue) follow(ctx context.Context, ready chan<- struct{}) {
	for ctx.Err() == nil {
		err := q.followOnce(ctx, func() {
			if ready != nil {
				close(ready)
				ready = nil
			}
		})
		if err != nil && ctx.Err() == nil {
			q.log.Debug("the table of jobs is read anew", "error", err)
			sleep(ctx, followAgain)
		}
	}
}

const (
	// followAgain is how soon the table is read again after an error.
	followAgain = 200 * time.Millisecond
	// followFor is after which time it is read again anyway: should an event be
	// lost, it is not for long.
	followFor = 5 * time.Minute
)

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// followOnce reads all records and follows their changes, until the connection
// was lost and is back.
func (q *queue) followOnce(ctx context.Context, whole func()) error {
	conn := q.bus.Conn
	back := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(back)
	status, err := q.table.kv.Status(ctx)
	if err != nil {
		return err
	}
	until := uint64(0) // what is older than that and does not come is gone
	if s, ok := status.(*jetstream.KeyValueBucketStatus); ok {
		until = s.StreamInfo().State.LastSeq
	}
	ctx, stop := context.WithTimeout(ctx, followFor)
	defer stop()
	watch, err := q.table.kv.WatchFiltered(ctx, []string{keyActive + "*", keyRate + "*", keyModel + "*"})
	if err != nil {
		return err
	}
	defer func() { _ = watch.Stop() }()
	m := q.mirror
	m.mu.Lock()
	m.round++
	m.mu.Unlock()
	m.fresh()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-back:
			return errors.New("the connection was lost")
		case entry, open := <-watch.Updates():
			switch {
			case !open:
				return errors.New("the watch ended")
			case entry == nil:
				m.sweep(until)
				whole()
			default:
				q.take(entry)
			}
		}
	}
}

// sweep drops the records that did not come when all were read.
func (m *mirror) sweep(until uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.active {
		if s.round != m.round && s.revision <= until {
			m.drop(id, s.revision)
		}
	}
}

// take takes over a change of the table.
func (q *queue) take(entry jetstream.KeyValueEntry) {
	m := q.mirror
	m.mu.Lock()
	defer m.mu.Unlock()
	m.last = max(m.last, entry.Revision())
	key, value := entry.Key(), entry.Value()
	gone := entry.Operation() != jetstream.KeyValuePut
	if id, ok := strings.CutPrefix(key, keyActive); ok {
		var r record
		if gone {
			m.drop(id, entry.Revision())
		} else if err := unpack(value, &r); err != nil {
			q.log.Error("a job's record is damaged", "job", id, "error", err)
		} else {
			m.put(r, entry.Revision())
		}
		return
	}
	if gone {
		return
	}
	if digest, ok := strings.CutPrefix(key, keyModel); ok {
		var manifest inference.Manifest
		if err := unpack(value, &manifest); err != nil {
			q.log.Error("a model's manifest is damaged", "model", digest, "error", err)
			return
		}
		m.models[digest] = &manifest
		return
	}
	var r rate
	if err := unpack(value, &r); err == nil {
		m.rates[key] = r
	}
}

// estimate is how long a job takes on a device; 0 where nothing is known. m.mu is
// held.
func (m *mirror) estimate(r *record, device string) time.Duration {
	measured, ok := m.rates[rateKey(r, device)]
	if !ok || r.Litres <= 0 {
		return 0
	}
	return time.Duration(measured.SecondsPerLitre * r.Litres * float64(time.Second))
}

// eta says when a job should end: what is before it, divided among the workers
// that can run it, and then itself. Zero where something is not known. m.mu is
// held.
func (m *mirror) eta(s *seen, now time.Time) time.Time {
	if s.State == Running {
		if s.told.Left <= 0 {
			return time.Time{}
		}
		return now.Add(max(0, s.told.Left-time.Since(s.toldAt)))
	}
	slots, device := 0, ""
	for _, w := range m.workers {
		if w.can(&s.record) {
			slots, device = slots+w.Slots, w.Device
		}
	}
	own := m.estimate(&s.record, device)
	if slots == 0 || own == 0 {
		return time.Time{}
	}
	var before time.Duration
	for _, p := range m.queue()[:max(0, m.position[s.ID]-1)] {
		before += m.estimate(&m.active[p.id].record, device)
	}
	for _, other := range m.active {
		if other.State != Running {
			continue
		}
		left := other.told.Left - time.Since(other.toldAt)
		if other.told.Left <= 0 {
			left = m.estimate(&other.record, device)
		}
		before += max(0, left)
	}
	return now.Add(before/time.Duration(slots) + own)
}

// waits says why a queued job is not taken. m.mu is held.
func (m *mirror) waits(s *seen) string {
	if left := s.Backoff - time.Since(s.since); left > 0 {
		return "it is tried again in " + left.Round(time.Second).String()
	}
	for _, other := range m.active {
		if s.Same != "" && other.Same == s.Same && other.ID != s.ID && other.State == Running {
			return "the same is being computed for another job"
		}
	}
	return m.lacking(s)
}

// lacking says what no worker has that a job needs; empty where one has all.
// m.mu is held.
func (m *mirror) lacking(s *seen) string {
	lacks := ""
	for _, w := range m.workers {
		why := w.lacks(&s.record)
		if why == "" {
			return ""
		}
		lacks = max(lacks, why) // the same one each time
	}
	if lacks == "" {
		return "there is no worker"
	}
	return "no worker " + lacks
}

// stranded says how many jobs wait for which there is no worker, and what the one
// that has waited longest lacks; empty where there is none.
func (m *mirror) stranded() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, why, since := 0, "", time.Now()
	for _, s := range m.active {
		if s.State != Queued {
			continue
		}
		lacks := m.lacking(s)
		if lacks == "" {
			continue
		}
		if n++; !s.since.After(since) {
			why, since = lacks, s.since
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("%d jobs wait that nobody can do: %s", n, why)
}

// able are the workers of which something was heard lately, in order of name.
func (m *mirror) able() []advert {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []advert
	for _, w := range m.workers {
		out = append(out, w.advert)
	}
	slices.SortFunc(out, func(a, b advert) int { return strings.Compare(a.Name+a.ID, b.Name+b.ID) })
	return out
}

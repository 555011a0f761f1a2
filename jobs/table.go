package jobs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"satgraph/jobs/bus"
)

// A table is the JetStream key-value bucket that holds all there is to know of
// jobs. Each key has a revision, and is changed only by who has seen the last.
type table struct {
	kv jetstream.KeyValue
	// room says whether the server's disk has room for a new job.
	room func() error
}

// Keys of the table: a word and a name.
const (
	keyActive  = "active."  // + id: a record that has not ended, or was not yet put away
	keyEnded   = "ended."   // + id: a record that has
	keyRequest = "request." // + id: what was asked; it never changes
	keyOnce    = "once."    // + hash of owner and key: the job that the key stands for
	keySame    = "same."    // + hash of content: the job that computes it
	keyRate    = "rate."    // + hash of model and device: how fast it is
	keyModel   = "model."   // + digest: the manifest of a model that workers have
)

// Errors inside the package: what a key's state is.
var (
	errNone  = errors.New("no such key")
	errStale = errors.New("the key was changed by another")
)

const (
	// packFrom is the size from which a value is compressed.
	packFrom = 2 << 10
	// maxValue bounds a value when it is unpacked.
	maxValue = 256 << 20
	// markerTime is how long the mark of a removed key stays.
	markerTime = time.Hour
)

// openTable makes the table if it is not there. With replicas it has as many
// copies, also where it was made with others; 0 leaves that to the server's size.
func openTable(ctx context.Context, b *bus.Bus, name string, replicas int) (*table, error) {
	c := jetstream.KeyValueConfig{
		Bucket: name, Description: "jobs of satgraph", History: 1, Storage: jetstream.FileStorage,
		Replicas: replicas, LimitMarkerTTL: markerTime, MaxValueSize: -1,
	}
	if replicas <= 0 {
		c.Replicas = b.Replicas()
	}
	kv, err := makeBucket(ctx, b, c)
	for bus.Leaderless(err) && ctx.Err() == nil { // its servers are finding each other
		sleep(ctx, againFirst)
		kv, err = makeBucket(ctx, b, c)
	}
	if err != nil {
		return nil, told(err)
	}
	return &table{kv: kv, room: b.Room}, arrange(ctx, b, "KV_"+name, replicas)
}

func makeBucket(ctx context.Context, b *bus.Bus, c jetstream.KeyValueConfig) (jetstream.KeyValue, error) {
	kv, err := b.Stream.KeyValue(ctx, c.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = b.Stream.CreateKeyValue(ctx, c)
		if errors.Is(err, jetstream.ErrBucketExists) { // made by another at the same time
			kv, err = b.Stream.KeyValue(ctx, c.Bucket)
		}
	}
	return kv, err
}

// arrange has every read answered by the one copy that takes the writes, since
// another may not have the latest yet, and keeps as many copies as are wanted.
func arrange(ctx context.Context, b *bus.Bus, stream string, replicas int) error {
	s, err := b.Stream.Stream(ctx, stream)
	if err != nil {
		return told(err)
	}
	c := s.CachedInfo().Config
	if !c.AllowDirect && (replicas <= 0 || replicas == c.Replicas) {
		return nil
	}
	c.AllowDirect = false
	if replicas > 0 {
		c.Replicas = replicas
	}
	_, err = b.Stream.UpdateStream(ctx, c)
	return told(err)
}

// told turns an error of NATS into one of this package.
func told(err error) error {
	var api *jetstream.APIError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("%w: %w", ErrTooLarge, err)
	case errors.Is(err, nats.ErrConnectionClosed):
		return fmt.Errorf("%w: %w", ErrClosed, err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.As(err, &api) && (api.ErrorCode == 10047 || api.ErrorCode == 10023 || api.ErrorCode == 10077):
		return fmt.Errorf("%w: %w: %w", ErrUnavailable, bus.ErrFull, err)
	default:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
}

// pack encodes a value: JSON, compressed where it is long.
func pack(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil || len(text) < packFrom {
		return text, err
	}
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	err = z.Close()
	return out.Bytes(), err
}

func unpack(data []byte, v any) error {
	if !bytes.HasPrefix(data, []byte{0x1f, 0x8b}) {
		return json.Unmarshal(data, v)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return json.NewDecoder(io.LimitReader(z, maxValue)).Decode(v)
}

// get reads a key. The error is errNone where there is none.
func (t *table) get(ctx context.Context, key string, v any) (revision uint64, err error) {
	entry, err := t.kv.Get(ctx, key)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		return 0, fmt.Errorf("%w: %s", errNone, key)
	case err != nil:
		return 0, told(err)
	}
	if err := unpack(entry.Value(), v); err != nil {
		return 0, fmt.Errorf("the job server's %s is damaged: %w", key, err)
	}
	return entry.Revision(), nil
}

// create writes a key that is not there. The error is errStale where it is,
// unless it has this very value: an answer may have been lost.
func (t *table) create(ctx context.Context, key string, v any) (revision uint64, err error) {
	value, err := pack(v)
	if err != nil {
		return 0, err
	}
	revision, err = t.kv.Create(ctx, key, value)
	if err == nil {
		return revision, nil
	}
	if e, getErr := t.kv.Get(ctx, key); getErr == nil {
		if bytes.Equal(e.Value(), value) {
			return e.Revision(), nil
		}
		return 0, fmt.Errorf("%w: %s", errStale, key)
	}
	return 0, told(err)
}

// update writes a key that is as it was at a revision. The error is errStale
// where it is not, unless it has this very value.
func (t *table) update(ctx context.Context, key string, v any, revision uint64) (uint64, error) {
	value, err := pack(v)
	if err != nil {
		return 0, err
	}
	next, err := t.kv.Update(ctx, key, value, revision)
	if err == nil {
		return next, nil
	}
	if e, getErr := t.kv.Get(ctx, key); getErr == nil && e.Revision() > revision {
		if bytes.Equal(e.Value(), value) {
			return e.Revision(), nil
		}
		return 0, fmt.Errorf("%w: %s", errStale, key)
	}
	if errors.Is(err, jetstream.ErrKeyRevisionMismatch) {
		return 0, fmt.Errorf("%w: %s", errStale, key)
	}
	return 0, told(err)
}

// put writes a key whatever it was.
func (t *table) put(ctx context.Context, key string, v any) error {
	value, err := pack(v)
	if err == nil {
		_, err = t.kv.Put(ctx, key, value)
	}
	return told(err)
}

// purge removes a key that is as it was at a revision.
func (t *table) purge(ctx context.Context, key string, revision uint64) error {
	return told(t.kv.Purge(ctx, key, jetstream.LastRevision(revision), jetstream.PurgeTTL(markerTime)))
}

package bus_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"satgraph/jobs/bus"
)

func TestEmbeddedKeepsAndLocks(t *testing.T) {
	dir := t.TempDir()
	start := time.Now()
	b, err := bus.Open(t.Context(), bus.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("started in", time.Since(start))
	kv, err := b.Stream.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "b"})
	if err != nil {
		t.Fatal(err)
	}
	start = time.Now()
	for i := range 100 {
		if _, err := kv.Put(t.Context(), fmt.Sprint(i), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	t.Log("100 puts in", time.Since(start))
	if _, err := bus.Open(t.Context(), bus.Options{Dir: dir}); !errors.Is(err, bus.ErrInUse) {
		t.Errorf("a second server in the folder: %v", err)
	}
	b.Close()
	if b, err = bus.Open(t.Context(), bus.Options{Dir: dir}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if kv, err = b.Stream.KeyValue(t.Context(), "b"); err != nil {
		t.Fatal(err)
	}
	if e, err := kv.Get(t.Context(), "99"); err != nil || string(e.Value()) != "x" {
		t.Errorf("after a restart: %v, %v", e, err)
	}
}

func TestListens(t *testing.T) {
	b, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0", Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	other, err := bus.Open(t.Context(), bus.Options{URL: "nats://secret@" + b.Address()})
	if err != nil {
		t.Fatal(err)
	}
	other.Close()
	if other, err = bus.Open(t.Context(), bus.Options{URL: "nats://" + b.Address(), Token: "secret"}); err != nil {
		t.Fatal(err)
	}
	other.Close()
	if _, err := bus.Open(t.Context(), bus.Options{URL: "nats://wrong@" + b.Address()}); !errors.Is(err, bus.ErrNoServer) {
		t.Errorf("with a wrong token: %v", err)
	}
	if _, err := bus.Open(t.Context(), bus.Options{Dir: t.TempDir(), Listen: "127.0.0.1:0"}); err == nil {
		t.Error("it listens without a token")
	}
}

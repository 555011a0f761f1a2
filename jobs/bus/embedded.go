package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// maxPayload holds the record of a job of some thousand structures.
	maxPayload = 8 << 20
	// reserve is left free on the disk: JetStream stops altogether when a write
	// fails, so no work is taken before it comes to that.
	reserve = 32 << 20
	// maxMemory bounds streams in memory, of which there are none.
	maxMemory = 16 << 20
	// maxStore bounds the server's files; the disk does so earlier.
	maxStore = 1 << 50
	// startTime is how long the server may take to read its files.
	startTime = time.Minute
	// mendInterval is how often a server that stopped for a full disk is looked at.
	mendInterval = 500 * time.Millisecond
)

// embedded is the server inside the process.
type embedded struct {
	*server.Server
	dir     string
	address string
	lock    *os.File
	log     *slog.Logger
	stop    context.CancelFunc
	mending sync.WaitGroup
}

func startServer(o Options) (_ *embedded, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder of the job server: %w", err)
	}
	e := &embedded{dir: o.Dir, log: o.Log}
	if e.lock, err = os.OpenFile(filepath.Join(o.Dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("the folder of the job server: %w", err)
	}
	defer func() {
		if err != nil {
			_ = e.lock.Close()
		}
	}()
	if err := syscall.Flock(int(e.lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%w: another process works with %s", ErrInUse, o.Dir)
	}
	options := &server.Options{
		ServerName: "satgraph", DontListen: o.Listen == "", NoSigs: true, MaxPayload: maxPayload,
		JetStream: true, StoreDir: o.Dir, SyncAlways: true, JetStreamMaxMemory: maxMemory, JetStreamMaxStore: maxStore,
		DisableJetStreamBanner: true, Authorization: o.Token,
	}
	if o.Listen != "" {
		if o.Token == "" {
			return nil, errors.New("a job server that listens needs a token")
		}
		host, port, err := net.SplitHostPort(o.Listen)
		if err == nil {
			options.Host = host
			options.Port, err = strconv.Atoi(port)
		}
		if err != nil {
			return nil, fmt.Errorf("the address of the job server: %w", err)
		}
		if options.Port == 0 {
			options.Port = server.RANDOM_PORT
		}
	}
	if e.Server, err = server.NewServer(options); err != nil {
		return nil, fmt.Errorf("the job server: %w", err)
	}
	e.SetLoggerV2(logger{o.Log}, false, false, false)
	e.Start()
	if !e.ReadyForConnections(startTime) || !e.JetStreamEnabled() {
		e.Shutdown()
		return nil, fmt.Errorf("the job server does not start with %s: see the log", o.Dir)
	}
	if o.Listen != "" {
		e.address = e.Addr().String()
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	e.mending.Go(func() { e.mend(ctx) })
	return e, nil
}

// room compares what is free with the reserve.
func (e *embedded) room() error {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(e.dir, &fs); err != nil {
		return fmt.Errorf("the folder of the job server: %w", err)
	}
	if free := int64(fs.Bavail) * fs.Bsize; free < reserve { //nolint:gosec // blocks of a disk
		return fmt.Errorf("%w: %d of %d MiB are left on the disk of %s: %w", ErrFull, free>>20, reserve>>20, e.dir, syscall.ENOSPC)
	}
	return nil
}

// mend starts JetStream again, which ends itself when a write fails, once the
// disk has room.
func (e *embedded) mend(ctx context.Context) {
	tick := time.NewTicker(mendInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if e.JetStreamEnabled() || e.room() != nil {
			continue
		}
		err := e.EnableJetStream(&server.JetStreamConfig{
			StoreDir: e.dir, SyncAlways: true, MaxMemory: maxMemory, MaxStore: maxStore,
		})
		e.log.Warn("the job server had stopped, probably for want of room on the disk, and starts again", "error", err)
	}
}

func (e *embedded) close() {
	e.stop()
	e.mending.Wait()
	e.Shutdown()
	e.WaitForShutdown()
	_ = e.lock.Close()
}

// logger passes on what the server says.
type logger struct{ log *slog.Logger }

func (l logger) Noticef(format string, v ...any) { l.log.Debug("NATS: " + fmt.Sprintf(format, v...)) }

func (l logger) Warnf(format string, v ...any) { l.log.Warn("NATS: " + fmt.Sprintf(format, v...)) }

func (l logger) Fatalf(format string, v ...any) { l.log.Error("NATS: " + fmt.Sprintf(format, v...)) }

func (l logger) Errorf(format string, v ...any) { l.log.Error("NATS: " + fmt.Sprintf(format, v...)) }
func (l logger) Debugf(string, ...any)          {}
func (l logger) Tracef(string, ...any)          {}

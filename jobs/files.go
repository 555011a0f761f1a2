package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"

	"satgraph/jobs/bus"
)

// Workers that do not reach the folder of a service ask it for scans, and send it
// results, by requests over NATS: a piece of a file in each, so that a transfer
// goes on where it was after either process, the server or the network was gone. A
// request counts only from the worker that has the job, under its epoch. What is
// sent lies under a name that nobody reads until its SHA-256 is right.

// Operations of a fileRequest.
const (
	opStat  = "stat"  // size, hash and kind of file of the scan
	opRead  = "read"  // a piece of it
	opHeld  = "held"  // how much of a result has come
	opWrite = "write" // a piece of one
	opSeal  = "seal"  // it is whole
	opThere = "there" // are the results of a job that ended there?
)

// fileRequest is the header of what a worker asks of a job's home.
type fileRequest struct {
	Op     string `json:"op"`
	Job    string `json:"job"`
	Epoch  uint64 `json:"epoch,omitempty"`
	Worker string `json:"worker,omitempty"`
	Name   string `json:"name,omitempty"` // of a result, inside the attempt's folder
	Offset int64  `json:"offset,omitempty"`
	Length int    `json:"length,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
}

// fileAnswer is the header of the answer.
type fileAnswer struct {
	Size   int64  `json:"size,omitempty"` // of the file, or of what is held of it
	SHA256 string `json:"sha256,omitempty"`
	Suffix string `json:"suffix,omitempty"`
	Code   string `json:"code,omitempty"` // of an error, empty where all is well
	Error  string `json:"error,omitempty"`
}

// Codes of errors that the worker acts on.
const (
	codeFenced  = "fenced"  // the job is not the worker's
	codeGone    = "gone"    // there is no such file
	codeFull    = "full"    // the disk is
	codeDamaged = "damaged" // the hash is another
	codeBad     = "bad"     // no such request
	codeFailed  = "failed"  // the disk's other errors
)

const (
	// fileHeader is the NATS header of a fileRequest and of its answer.
	fileHeader = "Satgraph-File"
	// mostPiece bounds a piece; that of a server that takes less is smaller.
	mostPiece = 512 << 10
	// mostResult bounds a file of results.
	mostResult = 64 << 30
	// filesAtOnce bounds the requests that are answered at a time, and so their
	// memory; filesWaiting those that wait.
	filesAtOnce  = 8
	filesWaiting = 1024
	partSuffix   = ".part"
)

var errDamaged = errors.New("the file has another hash")

// A porter answers workers for the files of one home.
type porter struct {
	q      *queue
	turns  chan struct{}
	hashes hashCache
}

// serveFiles answers workers until ctx ends.
func (q *queue) serveFiles(ctx context.Context) error {
	p := &porter{q: q, turns: make(chan struct{}, filesAtOnce)}
	asked := make(chan *nats.Msg, filesWaiting)
	// Two services with one folder share the requests.
	sub, err := q.bus.Conn.ChanQueueSubscribe(q.subject("files."+q.home), "home", asked)
	if err != nil {
		return told(err)
	}
	defer func() { _ = sub.Unsubscribe() }()
	var busy sync.WaitGroup
	defer busy.Wait()
	for {
		select {
		case <-ctx.Done():
			return nil
		case msg := <-asked:
			select {
			case <-ctx.Done():
				return nil
			case p.turns <- struct{}{}:
			}
			busy.Go(func() {
				defer func() { <-p.turns }()
				p.answer(ctx, msg)
			})
		}
	}
}

func (p *porter) answer(ctx context.Context, msg *nats.Msg) {
	var r fileRequest
	var a fileAnswer
	var data []byte
	err := json.Unmarshal([]byte(msg.Header.Get(fileHeader)), &r)
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrBadRequest, err)
	} else {
		a, data, err = p.do(ctx, &r, msg.Data)
	}
	if err != nil {
		a.Code, a.Error, data = codeOf(err), err.Error(), nil
	}
	text, err := json.Marshal(a)
	if err == nil {
		err = msg.RespondMsg(&nats.Msg{Header: nats.Header{fileHeader: {string(text)}}, Data: data})
	}
	if err != nil && ctx.Err() == nil {
		p.q.log.Debug("a worker could not be answered", "job", r.Job, "error", err)
	}
}

func codeOf(err error) string {
	switch {
	case errors.Is(err, errFenced):
		return codeFenced
	case errors.Is(err, fs.ErrNotExist):
		return codeGone
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return codeFull
	case errors.Is(err, errDamaged):
		return codeDamaged
	case errors.Is(err, ErrBadRequest):
		return codeBad
	default:
		return codeFailed
	}
}

func (p *porter) do(ctx context.Context, r *fileRequest, data []byte) (fileAnswer, []byte, error) {
	q := p.q
	switch {
	case !idPattern.MatchString(r.Job):
		return fileAnswer{}, nil, fmt.Errorf("%w: job %q", ErrBadRequest, r.Job)
	case r.Op == opThere:
		done, err := q.record(ctx, r.Job)
		if err == nil && !q.there(done) {
			err = fs.ErrNotExist
		}
		return fileAnswer{}, nil, err
	case r.Offset < 0 || r.Offset > mostResult || r.Length < 0 || r.Length > mostPiece:
		return fileAnswer{}, nil, fmt.Errorf("%w: %d bytes from %d on", ErrBadRequest, r.Length, r.Offset)
	}
	if err := q.has(ctx, r); err != nil {
		return fileAnswer{}, nil, err
	}
	switch r.Op {
	case opStat, opRead:
		request, err := q.request(ctx, r.Job)
		if err != nil {
			return fileAnswer{}, nil, err
		}
		if r.Op == opStat {
			a, err := p.stat(&request)
			return a, nil, err
		}
		return readPiece(request.ImagePath, r)
	case opHeld, opWrite, opSeal:
		path, err := q.resultPath(r)
		if err != nil {
			return fileAnswer{}, nil, err
		}
		var a fileAnswer
		switch r.Op {
		case opHeld:
			a.Size, err = held(path)
		case opWrite:
			a.Size, err = writePiece(path, r.Offset, data)
		default:
			err = seal(path, r.Offset, r.SHA256)
		}
		return a, nil, err
	default:
		return fileAnswer{}, nil, fmt.Errorf("%w: %q", ErrBadRequest, r.Op)
	}
}

// has says whether the worker has the job under its epoch; the error is errFenced
// where it has not.
func (q *queue) has(ctx context.Context, r *fileRequest) error {
	mine := func(x *record) bool {
		return x.State == Running && x.Epoch == r.Epoch && x.Claim != nil && x.Claim.Worker == r.Worker && x.Home == q.home
	}
	q.mirror.mu.Lock()
	s := q.mirror.active[r.Job]
	known := s != nil && mine(&s.record)
	q.mirror.mu.Unlock()
	if known {
		return nil
	}
	var now record // the claim may not have come by yet
	_, err := q.table.get(ctx, keyActive+r.Job, &now)
	if errors.Is(err, errNone) || err == nil && !mine(&now) {
		return errFenced
	}
	return err
}

var suffixPattern = regexp.MustCompile(`(\.[A-Za-z0-9]{1,8}){1,2}$`)

// stat tells of the scan of a job.
func (p *porter) stat(request *Request) (fileAnswer, error) {
	info, err := os.Stat(request.ImagePath)
	if err != nil {
		return fileAnswer{}, err
	}
	if !info.Mode().IsRegular() {
		return fileAnswer{}, fmt.Errorf("%w: the scan is no file, which a worker elsewhere needs", ErrBadRequest)
	}
	a := fileAnswer{Size: info.Size(), Suffix: suffixPattern.FindString(filepath.Base(request.ImagePath))}
	// The request's own hash may be that of the archive which the scan came in.
	a.SHA256, err = p.hashes.of(request.ImagePath, info)
	return a, err
}

// hashCache keeps the hashes of scans that were asked for lately.
type hashCache struct {
	mu  sync.Mutex
	all map[string]string
}

func (c *hashCache) of(path string, info fs.FileInfo) (string, error) {
	key := fmt.Sprintf("%s\n%d\n%d", path, info.Size(), info.ModTime().UnixNano())
	c.mu.Lock()
	sum := c.all[key]
	c.mu.Unlock()
	if sum != "" {
		return sum, nil
	}
	sum, err := hashFile(path)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil || len(c.all) >= cachedRequests {
		c.all = map[string]string{}
	}
	c.all[key] = sum
	return sum, nil
}

func hashFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func readPiece(path string, r *fileRequest) (fileAnswer, []byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return fileAnswer{}, nil, err
	}
	defer func() { _ = f.Close() }() // opened for reading: nothing can be lost
	data := make([]byte, r.Length)
	n, err := f.ReadAt(data, r.Offset)
	if err != nil && !errors.Is(err, io.EOF) {
		return fileAnswer{}, nil, err
	}
	return fileAnswer{}, data[:n], nil
}

// resultPath is where a result of an attempt lies when it is whole.
func (q *queue) resultPath(r *fileRequest) (string, error) {
	name := filepath.FromSlash(r.Name)
	if !filepath.IsLocal(name) || path.Clean(r.Name) != r.Name || len(r.Name) > 1024 || strings.HasSuffix(name, partSuffix) {
		return "", fmt.Errorf("%w: a result called %q", ErrBadRequest, r.Name)
	}
	return filepath.Join(q.dir, folderOf(r.Job, r.Epoch), name), nil
}

// held is how much of a result has come.
func held(path string) (int64, error) {
	for _, p := range []string{path, path + partSuffix} {
		info, err := os.Stat(p)
		if err == nil {
			return info.Size(), nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return 0, err
		}
	}
	return 0, nil
}

// writePiece adds a piece to what is held of a result, and gives how much that is
// now. A piece that came already is written again; one that leaves a gap is not.
func writePiece(path string, offset int64, data []byte) (size int64, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return 0, err
	}
	f, err := os.OpenFile(path+partSuffix, os.O_CREATE|os.O_WRONLY, 0o644) //nolint:gosec // as all masks
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if offset > info.Size() {
		return info.Size(), nil
	}
	if _, err := f.WriteAt(data, offset); err != nil {
		return 0, err
	}
	return max(info.Size(), offset+int64(len(data))), nil
}

// seal gives a result its name once it is whole. The error is errDamaged where it
// is not what was sent; then nothing of it is kept.
func seal(path string, size int64, sum string) error {
	if have, err := os.Stat(path); err == nil && have.Size() == size { // an answer was lost
		if is, err := hashFile(path); err != nil || is == sum {
			return err
		}
	}
	part := path + partSuffix
	f, err := os.OpenFile(part, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err = cmp.Or(err, f.Sync()); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Close(); err != nil {
		return err
	}
	if n != size || hex.EncodeToString(h.Sum(nil)) != sum {
		return errors.Join(errDamaged, os.Remove(part))
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes renames durable. Systems that cannot flush a folder keep the
// files all the same.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return nil //nolint:nilerr // a folder may be writable and not readable
	}
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) {
		return errors.Join(err, d.Close())
	}
	return d.Close()
}

// Errors of the other side of the wire.
var errAway = errors.New("the service that has the files does not answer")

// askTime is how long an answer may take; hashTime that to a question for which a
// file is read as a whole.
const (
	askTime  = 10 * time.Second
	hashTime = 5 * time.Minute
)

// ask asks a home once. Errors: errAway, errFenced, errDamaged, bus.ErrFull,
// fs.ErrNotExist, ErrBadRequest.
func (q *queue) ask(ctx context.Context, home string, r *fileRequest, data []byte) (fileAnswer, []byte, error) {
	var a fileAnswer
	text, err := json.Marshal(r)
	if err != nil {
		return a, nil, err
	}
	patience := askTime
	if r.Op == opStat || r.Op == opSeal {
		patience = hashTime
	}
	limited, done := context.WithTimeout(ctx, patience)
	defer done()
	msg, err := q.bus.Conn.RequestMsgWithContext(limited, &nats.Msg{
		Subject: q.subject("files." + home), Header: nats.Header{fileHeader: {string(text)}}, Data: data,
	})
	switch {
	case ctx.Err() != nil:
		return a, nil, context.Cause(ctx)
	case err != nil:
		return a, nil, fmt.Errorf("%w: %w", errAway, err)
	}
	if err := json.Unmarshal([]byte(msg.Header.Get(fileHeader)), &a); err != nil {
		return a, nil, fmt.Errorf("the answer of the service about job %s: %w", r.Job, err)
	}
	kind := map[string]error{
		codeFenced: errFenced, codeGone: fs.ErrNotExist, codeDamaged: errDamaged, codeBad: ErrBadRequest,
		codeFull: fmt.Errorf("%w: %w", bus.ErrFull, syscall.ENOSPC), codeFailed: ErrUnavailable,
	}[a.Code]
	if kind != nil {
		return a, nil, fmt.Errorf("at the service: %w: %s", kind, a.Error)
	}
	return a, msg.Data, nil
}

package auth

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"syscall"
	"time"
)

// Event is one line of the audit log: who did or was refused what, and when.
// It holds no secret and no content of a request.
type Event struct {
	Time    time.Time `json:"time"`
	Request string    `json:"request,omitempty"` // id of the request
	Subject string    `json:"subject"`
	Name    string    `json:"name,omitempty"`
	Role    Role      `json:"role,omitempty"`
	Action  string    `json:"action"`            // such as "token.create" or "image.read"
	Object  string    `json:"object,omitempty"`  // id of what it was done to
	Outcome string    `json:"outcome"`           // "ok", or the code of the error
	Address string    `json:"address,omitempty"` // where the request came from
	// More counts refusals before this one that came too fast to be put down one
	// by one.
	More int64 `json:"more,omitempty"`
	// Before is the SHA-256, in hex, of the line before; empty in the first.
	// A line that was changed or taken out breaks the chain there.
	Before string `json:"before,omitempty"`
}

// Audit appends events to a file, one JSON object a line, each on the disk
// before Record returns. Several processes may write to one file.
type Audit struct {
	mu   sync.Mutex
	file *os.File
	size int64  // of the file when last was read or written
	last string // hash of the last line
}

// longestEvent bounds a line that is read back.
const longestEvent = 64 << 10

// OpenAudit opens or makes the log, readable by its owner alone. A line that a
// crash cut off is kept as it is, ended, and found again by [VerifyAudit].
func OpenAudit(path string) (*Audit, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	a := &Audit{file: file}
	if err := a.locked(a.catchUp); err != nil {
		return nil, errors.Join(fmt.Errorf("audit log %s: %w", path, err), file.Close())
	}
	return a, nil
}

// locked runs f while no other process writes.
func (a *Audit) locked(f func() error) error {
	if err := syscall.Flock(int(a.file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return errors.Join(f(), syscall.Flock(int(a.file.Fd()), syscall.LOCK_UN))
}

// catchUp reads the last line where another process has written it, and ends
// one that was cut off.
func (a *Audit) catchUp() error {
	info, err := a.file.Stat()
	if err != nil || info.Size() == a.size {
		return err
	}
	last, whole, err := lastLine(a.file)
	if err != nil {
		return err
	}
	a.size, a.last = info.Size(), last
	if whole {
		return nil
	}
	n, err := a.file.Write([]byte("\n"))
	a.size += int64(n)
	return err
}

// Record appends an event; Time is set where it is zero, Before always.
func (a *Audit) Record(e Event) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.Time.IsZero() {
		e.Time = time.Now().UTC()
	}
	if err := a.locked(func() error { return a.append(e) }); err != nil {
		return fmt.Errorf("audit log: %w", err)
	}
	return nil
}

func (a *Audit) append(e Event) error {
	if err := a.catchUp(); err != nil {
		return err
	}
	e.Before = a.last
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if len(line) >= longestEvent {
		return fmt.Errorf("an event of %d bytes is too long", len(line))
	}
	n, err := a.file.Write(append(line, '\n'))
	if err != nil {
		return err // what was written of it is found by its size next time
	}
	if err := a.file.Sync(); err != nil {
		return err
	}
	a.size += int64(n)
	a.last = hash(line)
	return nil
}

// Close closes the file.
func (a *Audit) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.file.Close()
}

func hash(line []byte) string {
	sum := sha256.Sum256(line)
	return hex.EncodeToString(sum[:])
}

// lastLine hashes the last line of a file, and says whether it is ended.
func lastLine(file *os.File) (sum string, whole bool, err error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil || size == 0 {
		return "", true, err
	}
	tail := make([]byte, min(size, longestEvent))
	if _, err := file.ReadAt(tail, size-int64(len(tail))); err != nil {
		return "", false, err
	}
	tail, whole = bytes.CutSuffix(tail, []byte("\n"))
	if i := bytes.LastIndexByte(tail, '\n'); i >= 0 {
		tail = tail[i+1:]
	}
	return hash(tail), whole, nil
}

// AuditFault is a line of an audit log that does not follow from the one
// before it.
type AuditFault struct {
	Line   int // from 1
	Reason string
}

// VerifyAudit reads a log and lists where lines were changed, taken out, or cut
// off by a crash; events counts the lines that can be read. A log that was
// shortened at its end shows nothing: keep its last hash elsewhere.
func VerifyAudit(r io.Reader) (events int, faults []AuditFault, err error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, longestEvent+1)
	before, n := "", 0
	for lines.Scan() {
		n++
		var e Event
		switch jsonErr := json.Unmarshal(lines.Bytes(), &e); {
		case jsonErr != nil:
			faults = append(faults, AuditFault{n, "the line is not an event: cut off or overwritten"})
		case e.Before != before:
			events++
			faults = append(faults, AuditFault{n, "the line does not follow the one before it"})
		default:
			events++
		}
		before = hash(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		return events, faults, fmt.Errorf("audit log, line %d: %w", n+1, err)
	}
	return events, faults, nil
}

package gates

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// ErrWaivers says that a file of waivers cannot be used; the text says where
// and why.
var ErrWaivers = errors.New("waivers cannot be used")

// Waiver accepts findings of one gate after two people have looked at them.
type Waiver struct {
	Gate string `yaml:"gate" json:"gate"`
	// Dataset and Subject restrict it; patterns as of path.Match, empty for any.
	Dataset string `yaml:"dataset,omitempty" json:"dataset,omitempty"`
	Subject string `yaml:"subject,omitempty" json:"subject,omitempty"`
	Reason  string `yaml:"reason" json:"reason"`
	By      string `yaml:"by" json:"by"`
	// Reviewer is another person than By.
	Reviewer string `yaml:"reviewer" json:"reviewer"`
	Date     Date   `yaml:"date" json:"date"`
	// Expires is the last day on which it counts; none: it has no end.
	Expires Date `yaml:"expires,omitempty" json:"expires,omitzero"`
	// Most is how many rows or scans a finding may count and still be waived, so
	// that a waiver does not swallow what grows later; 0: any number.
	Most int `yaml:"most,omitempty" json:"most,omitempty"`
}

// Date is a day, written as 2026-11-25.
type Date struct{ time.Time }

// UnmarshalText reads a day.
func (d *Date) UnmarshalText(text []byte) (err error) {
	d.Time, err = time.Parse(time.DateOnly, string(text))
	return err
}

// MarshalText writes a day.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.Format(time.DateOnly)), nil }

// mostWaiverBytes bounds a file of waivers.
const mostWaiverBytes = 4 << 20

// ReadWaivers reads a YAML list of waivers. Errors wrap ErrWaivers.
func ReadWaivers(r io.Reader) ([]Waiver, error) {
	limited := &io.LimitedReader{R: r, N: mostWaiverBytes + 1}
	decoder := yaml.NewDecoder(limited)
	decoder.KnownFields(true)
	var waivers []Waiver
	err := decoder.Decode(&waivers)
	switch {
	case limited.N == 0:
		return nil, fmt.Errorf("%w: the file is longer than %d bytes", ErrWaivers, mostWaiverBytes)
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrWaivers, err)
	}
	for i := range waivers {
		if err := waivers[i].check(); err != nil {
			return nil, fmt.Errorf("%w: number %d (gate %q): %w", ErrWaivers, i+1, waivers[i].Gate, err)
		}
	}
	return waivers, nil
}

func (w *Waiver) check() error {
	if _, err := choose([]string{w.Gate}); err != nil {
		return err
	}
	for name, value := range map[string]string{"reason": w.Reason, "by": w.By, "reviewer": w.Reviewer} {
		if strings.TrimSpace(value) == "" {
			return fmt.Errorf("it has no %s", name)
		}
	}
	for _, pattern := range []string{w.Dataset, w.Subject} {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	switch {
	case strings.EqualFold(strings.TrimSpace(w.By), strings.TrimSpace(w.Reviewer)):
		return errors.New("by and reviewer are the same person")
	case w.Date.IsZero():
		return errors.New("it has no date")
	case !w.Expires.IsZero() && w.Expires.Before(w.Date.Time):
		return errors.New("it expired before it was made")
	case w.Most < 0:
		return errors.New("most is negative")
	}
	return nil
}

// covers says whether the waiver is about a finding.
func (w *Waiver) covers(f *Finding) bool {
	return w.Gate == f.Gate && matches(w.Dataset, f.Dataset) && matches(w.Subject, f.Subject) &&
		(w.Most == 0 || f.Count <= w.Most)
}

func matches(pattern, text string) bool {
	if pattern == "" {
		return true
	}
	ok, err := path.Match(pattern, text)
	return ok && err == nil
}

func (w *Waiver) expired(now time.Time) bool {
	return !w.Expires.IsZero() && !now.Before(w.Expires.AddDate(0, 0, 1))
}

// waiving finds waivers and remembers which were needed.
type waiving struct {
	waivers []Waiver
	now     time.Time
	used    []bool
}

func newWaiving(waivers []Waiver, now time.Time) *waiving {
	return &waiving{waivers, now, make([]bool, len(waivers))}
}

// find returns the first waiver in force that covers a finding; a Note needs
// none.
func (w *waiving) find(f *Finding) *Waiver {
	if f.Severity == Note {
		return nil
	}
	for i := range w.waivers {
		if !w.waivers[i].covers(f) {
			continue
		}
		w.used[i] = true
		if !w.waivers[i].expired(w.now) {
			return &w.waivers[i]
		}
	}
	return nil
}

// left returns the waivers of gates that ran which no finding needed, and those
// that were needed but had expired.
func (w *waiving) left(ran []Gate) (unused, expired []Waiver) {
	for i := range w.waivers {
		switch {
		case w.used[i] && w.waivers[i].expired(w.now):
			expired = append(expired, w.waivers[i])
		case !w.used[i] && has(ran, w.waivers[i].Gate):
			unused = append(unused, w.waivers[i])
		}
	}
	return unused, expired
}

func has(gates []Gate, name string) bool {
	for i := range gates {
		if gates[i].Name == name {
			return true
		}
	}
	return false
}

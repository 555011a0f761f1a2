package gates

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
)

// ErrUnknown says that there is no gate of a name; the text lists those there
// are.
var ErrUnknown = errors.New("no such gate")

// Severity is what a finding means for a release.
type Severity string

// The severities, from least to most.
const (
	Note Severity = "note" // put right already, or nothing to worry about
	Warn Severity = "warn" // to be looked at
	Stop Severity = "stop" // the corpus must not be released like this
)

// Use is what the corpus is wanted for.
type Use string

// The uses, from least to most demanding.
const (
	Research   Use = "research"   // training, not for profit, nothing passed on
	Commercial Use = "commercial" // training of a product
	Share      Use = "share"      // passing scans or masks on
)

// ParseUse reads a use.
func ParseUse(text string) (Use, error) {
	u := Use(strings.ToLower(text))
	if !slices.Contains([]Use{Research, Commercial, Share}, u) {
		return "", fmt.Errorf("unknown use %q: want research, commercial or share", text)
	}
	return u, nil
}

// Finding is one thing that a gate found.
type Finding struct {
	Gate     string   `json:"gate"`
	Severity Severity `json:"severity"`
	Dataset  string   `json:"dataset,omitempty"`
	// Subject is what it is about: a scan's image, a person, a class, a label.
	Subject string `json:"subject,omitempty"`
	What    string `json:"what"`
	// Count is of rows or scans, 1 if it is about a single one.
	Count int `json:"count"`
	// Examples name some of them.
	Examples []string `json:"examples,omitempty"`
	// Waived by this record; nil if not.
	Waived *Waiver `json:"waived,omitempty"`
}

// mostExamples of a finding are kept.
const mostExamples = 5

// example adds one to the finding's count and, while there are few, its name.
func (f *Finding) example(name string) {
	f.Count++
	if len(f.Examples) < mostExamples {
		f.Examples = append(f.Examples, name)
	}
}

// Input is what there is to check. Nil parts leave out the gates that need them.
type Input struct {
	Catalog *catalog.Catalog
	// Index holds the scan list.
	Index *corpus.Index
	// Before is an earlier version of the list.
	Before *corpus.Index
	// Built gives the measurements of a built corpus, and Datasets names those that
	// it holds; nil for all of the catalog.
	Built    Measurements
	Datasets []string
	Use      Use
	// AsPublished says that the published form of masks and lists is used, whose
	// faults then count.
	AsPublished bool
	// Waivers accept findings.
	Waivers []Waiver
	// Now decides which waivers have expired; zero is the present.
	Now time.Time

	found []corpus.Finding // of the index, once they were looked for
}

// Gate is one check.
type Gate struct {
	Name string
	// Why is the reason for it, in a sentence.
	Why string
	// needs says why the gate cannot run on an input; "" if it can.
	needs func(*Input) string
	check func(ctx context.Context, in *Input, found func(Finding)) error
}

// All lists the gates in the order of a report.
func All() []Gate {
	return slices.Concat(recordGates(), listGates(), builtGates())
}

func needList(in *Input) string {
	if in.Index == nil {
		return "there is no list of scans: give --scans"
	}
	return ""
}

func needNothing(*Input) string { return "" }

// Status says how a gate ended.
type Status string

// The statuses.
const (
	Passed Status = "passed" // nothing found, or only notes
	Warned Status = "warned"
	Failed Status = "failed"  // a finding of Stop that is not waived
	NotRun Status = "not run" // Reason says why
)

// Result is what one gate found.
type Result struct {
	Gate     string    `json:"gate"`
	Why      string    `json:"why"`
	Status   Status    `json:"status"`
	Reason   string    `json:"reason,omitempty"`
	Findings []Finding `json:"findings"`
}

// Report is what all gates found.
type Report struct {
	Use     Use      `json:"use"`
	Passed  bool     `json:"passed"` // no gate failed
	Results []Result `json:"gates"`
	// Stops, Warnings and Waived count findings.
	Stops    int `json:"stops"`
	Warnings int `json:"warnings"`
	Waived   int `json:"waived"`
	// Unused are waivers that no finding needed, Expired those that would have
	// been needed but are too old.
	Unused  []Waiver `json:"unusedWaivers,omitempty"`
	Expired []Waiver `json:"expiredWaivers,omitempty"`
}

// Run runs all gates, or those named. Errors: ErrUnknown, those of reading the
// measurements, and the context's.
func Run(ctx context.Context, in Input, names ...string) (*Report, error) {
	if in.Now.IsZero() {
		in.Now = time.Now()
	}
	if in.Use == "" {
		in.Use = Research
	}
	if in.Built != nil {
		in.Built = &measuredOnce{Measurements: in.Built}
	}
	gates, err := choose(names)
	if err != nil {
		return nil, err
	}
	report := &Report{Use: in.Use, Passed: true}
	waive := newWaiving(in.Waivers, in.Now)
	for _, g := range gates {
		result := Result{Gate: g.Name, Why: g.Why, Status: Passed, Findings: []Finding{}}
		if reason := g.needs(&in); reason != "" {
			result.Status, result.Reason = NotRun, reason
			report.Results = append(report.Results, result)
			continue
		}
		if err := g.check(ctx, &in, func(f Finding) {
			f.Gate, f.Count = g.Name, max(1, f.Count)
			f.Waived = waive.find(&f)
			result.Findings = append(result.Findings, f)
		}); err != nil {
			return nil, fmt.Errorf("gate %s: %w", g.Name, err)
		}
		report.take(result)
	}
	report.Unused, report.Expired = waive.left(gates)
	return report, nil
}

func choose(names []string) ([]Gate, error) {
	all := All()
	if len(names) == 0 {
		return all, nil
	}
	var out []Gate
	for _, name := range names {
		i := slices.IndexFunc(all, func(g Gate) bool { return g.Name == name })
		if i < 0 {
			known := make([]string, len(all))
			for j := range all {
				known[j] = all[j].Name
			}
			return nil, fmt.Errorf("%w: %q; there are %s", ErrUnknown, name, strings.Join(known, ", "))
		}
		out = append(out, all[i])
	}
	return out, nil
}

// take adds a gate's result.
func (r *Report) take(result Result) {
	for i := range result.Findings {
		switch f := &result.Findings[i]; {
		case f.Waived != nil:
			r.Waived++
		case f.Severity == Stop:
			r.Stops++
			result.Status, r.Passed = Failed, false
		case f.Severity == Warn:
			r.Warnings++
			if result.Status == Passed {
				result.Status = Warned
			}
		}
	}
	r.Results = append(r.Results, result)
}

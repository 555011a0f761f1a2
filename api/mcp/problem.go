package mcp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"satgraph/api/auth"
	"satgraph/inference"
	"satgraph/inference/grounding"
	"satgraph/internal/plain"
	"satgraph/jobs"
	"satgraph/volume/measure"
)

// A problem is an error as a model is told it.
type problem struct {
	Code       string // stable
	Message    string // what went wrong
	Next       string // what to try
	Candidates []inference.Candidate
}

func errInternal() *problem {
	return &problem{Code: "INTERNAL", Message: "something went wrong inside the program", Next: "ask for something else; the program's log says what"}
}

// mostCandidates is how many candidates an error names.
const mostCandidates = 12

func (p *problem) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s.", p.Code, strings.TrimRight(shorten(plain.Text(p.Message), longestError/2), "."))
	if p.Next != "" {
		fmt.Fprintf(&b, "\nTry next: %s.", strings.TrimRight(p.Next, "."))
	}
	for i, c := range p.Candidates {
		switch i {
		case 0:
			b.WriteString("\nCandidates: ")
		case mostCandidates:
			fmt.Fprintf(&b, " and %d more", len(p.Candidates)-i)
			return b.String()
		default:
			b.WriteString(", ")
		}
		b.WriteString(plain.Text(c.Name))
		if c.ID != "" {
			fmt.Fprintf(&b, " (%s)", plain.Text(c.ID))
		}
	}
	return b.String()
}

// table says what a model can do about an error, where the service's own hint is
// for people. The first row that matches counts.
var table = []struct {
	is   error
	code string
	next string
}{
	{inference.ErrBadQuery, "BAD_QUERY", `ask as in "liver", "children of heart", "both kidneys", "left ribs 3-5", "everything in the mediastinum except the heart"`},
	{inference.ErrUnknownModality, "UNKNOWN_MODALITY", "give modality: ct, mri or pet"},
	{ErrNoScan, "NO_SUCH_SCAN", "use the scan's name exactly as it was given to you; list_scans, where there is one, lists them"},
	{jobs.ErrNotFound, "NO_SUCH_JOB", "use the job id that segment returned; jobs of others are not shown"},
	{jobs.ErrFinished, "JOB_ENDED", "its results are still there: call job"},
	{jobs.ErrQueueFull, "QUEUE_FULL", "wait a minute, then call segment again"},
	{grounding.ErrTooLong, "TOO_LONG", fmt.Sprintf("send the draft in pieces of at most %d bytes and %d sentences", grounding.MaxBytes, grounding.MaxSentences)},
	{measure.ErrGrid, "OTHER_GRID", "the scan has changed since the job ran: call segment again"},
	{auth.ErrForbidden, "FORBIDDEN", "ask the user for a token that may do this"},
	{auth.ErrUnauthenticated, "UNAUTHENTICATED", "ask the user to sign in"},
	{context.DeadlineExceeded, "TIMEOUT", "ask for less at once: fewer structures, a shorter text"},
	{context.Canceled, "CANCELLED", "call again if it is still wanted"},
}

// explain finds what a model is told of an error.
func (s *Server) explain(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if unknown, ok := errors.AsType[*inference.UnknownTermError](err); ok {
		p := &problem{
			Code: "UNKNOWN_TERM", Message: fmt.Sprintf("no term is called %q", shorten(unknown.Text, 100)),
			Next: "take one of the candidates, or look further with find_term", Candidates: unknown.Suggestions,
		}
		if len(p.Candidates) == 0 {
			p.Next = "look for it with find_term by another name, or for the organ that it belongs to"
		}
		return p
	}
	if refused, ok := errors.AsType[*inference.RefusalError](err); ok {
		return &problem{
			Code: "NOT_SEGMENTABLE", Message: "nothing that was asked can be segmented: " + strings.Join(refused.Reasons[:min(len(refused.Reasons), 10)], "; "),
			Next: "what_can_be_segmented says what can be of a part, a whole or a neighbour, and in which modality",
		}
	}
	for _, row := range table {
		if errors.Is(err, row.is) {
			return &problem{Code: row.code, Message: err.Error(), Next: row.next}
		}
	}
	f := s.config.Explain(err)
	return &problem{Code: cmp.Or(f.Code, "FAILED"), Message: f.Message, Next: f.Hint}
}

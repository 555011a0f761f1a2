package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Khan/genqlient/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Options say how to reach a service. The zero value is good.
type Options struct {
	// Token is an API token or one of the OpenID Connect provider's; "" where the
	// service asks nobody who they are.
	Token string
	// HTTP sends the requests; nil for a client of the package's own.
	HTTP *http.Client
	// Retries is how often a refused call is made again; 0 means 5, less than 0
	// never.
	Retries int
	// Piece is the size of the pieces of an upload in bytes; 0 means 8 MiB.
	Piece int64
}

// Client talks to one service. It is safe for concurrent use.
type Client struct {
	base    *url.URL
	http    *http.Client
	options Options
	graphql graphql.Client
}

// New makes a client of the service at an address such as
// "http://127.0.0.1:8642". It connects to nothing yet.
func New(address string, o Options) (*Client, error) {
	base, err := url.Parse(strings.TrimSuffix(address, "/"))
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("%.100q is no address of a service; want http://HOST:PORT", address)
	}
	if o.Piece <= 0 {
		o.Piece = 8 << 20
	}
	if o.Retries == 0 {
		o.Retries = 5
	}
	c := &Client{base: base, http: o.HTTP, options: o}
	if c.http == nil {
		c.http = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	c.graphql = graphql.NewClient(c.at("/graphql"), retrying{c})
	return c, nil
}

// at makes a URL of a path on the service.
func (c *Client) at(path string) string { return c.base.String() + path }

// MistakeError is what who asked can mend.
type MistakeError struct{ Mistake }

func (e *MistakeError) Error() string {
	text := e.Code + ": " + e.Message
	if e.Hint != "" {
		text += "; " + e.Hint
	}
	return text
}

// ErrNotFound means that the service has no such thing.
var ErrNotFound = errors.New("not found")

// named makes the service's word that there is no such thing an ErrNotFound.
func named(err error) error {
	list, ok := errors.AsType[gqlerror.List](err)
	if !ok || len(list) == 0 {
		return err
	}
	switch list[0].Extensions["code"] {
	case "NOT_FOUND", "UNKNOWN_TERM":
		return fmt.Errorf("%w: %s", ErrNotFound, list[0].Message)
	}
	return err
}

// Term finds a term by name, synonym or id. The error is ErrNotFound, or that of
// the call.
func (c *Client) Term(ctx context.Context, name string) (*Term, error) {
	r, err := findTerm(ctx, c.graphql, name, 1)
	if err == nil && r.Term == nil {
		err = fmt.Errorf("%w: no term is called %.100q", ErrNotFound, name)
	}
	if err != nil {
		return nil, named(err)
	}
	return r.Term, nil
}

// Children lists at most limit parts and kinds of a term. The error is
// ErrNotFound, or that of the call.
func (c *Client) Children(ctx context.Context, name string, limit int) ([]Term, error) {
	r, err := findTerm(ctx, c.graphql, name, limit)
	if err == nil && r.Children == nil {
		err = fmt.Errorf("%w: no term is called %.100q", ErrNotFound, name)
	}
	if err != nil {
		return nil, named(err)
	}
	return r.Children.Children, nil
}

// Search lists at most limit terms that a text may mean, the likeliest first.
func (c *Client) Search(ctx context.Context, text string, limit int) ([]Term, error) {
	r, err := searchTerms(ctx, c.graphql, text, limit)
	if err != nil {
		return nil, err
	}
	terms := make([]Term, len(r.Search))
	for i := range r.Search {
		terms[i] = r.Search[i].Term
	}
	return terms, nil
}

// Resolve says what a question such as "children of heart" comes to, and what of
// it can be segmented.
func (c *Client) Resolve(ctx context.Context, question string, modality Modality) ([]Planned, error) {
	r, err := resolveQuestion(ctx, c.graphql, question, modality)
	switch {
	case err != nil:
		return nil, err
	case r.Resolve == nil:
		return nil, fmt.Errorf("%w: %.100q", ErrNotFound, question)
	}
	return r.Resolve.Terms, nil
}

// SegmentChildren has the children of a term segmented in an uploaded scan.
// modality may be "" where the model takes only one. Errors: *MistakeError, or
// that of the call.
func (c *Client) SegmentChildren(ctx context.Context, of, image string, modality Modality) (*Job, error) {
	r, err := segmentChildren(ctx, c.graphql, of, image, optional(modality))
	if err != nil {
		return nil, err
	}
	return r.SegmentChildren.result()
}

// Segment has segmented what a question asks for. As SegmentChildren.
func (c *Client) Segment(ctx context.Context, question, image string, modality Modality) (*Job, error) {
	r, err := segmentQuestion(ctx, c.graphql, question, image, optional(modality))
	if err != nil {
		return nil, err
	}
	return r.Segment.result()
}

func (s *segmented) result() (*Job, error) {
	switch {
	case s == nil || s.Job == nil && s.Mistake == nil:
		return nil, errors.New("the service answered with neither a job nor a mistake")
	case s.Job == nil:
		return nil, &MistakeError{*s.Mistake}
	}
	return s.Job, nil
}

func optional(m Modality) *Modality {
	if m == "" {
		return nil
	}
	return &m
}

// Job returns a job as it stands. The error is ErrNotFound, or that of the call.
func (c *Client) Job(ctx context.Context, id string) (*Job, error) {
	r, err := getJob(ctx, c.graphql, id)
	if err == nil && r.Job == nil {
		err = fmt.Errorf("%w: job %.100q", ErrNotFound, id)
	}
	if err != nil {
		return nil, named(err)
	}
	return r.Job, nil
}

// Cancel stops a job; structures found before are kept.
func (c *Client) Cancel(ctx context.Context, id string) (*Job, error) {
	r, err := cancelJob(ctx, c.graphql, id)
	switch {
	case err != nil:
		return nil, named(err)
	case r.CancelJob == nil:
		return nil, fmt.Errorf("%w: job %.100q", ErrNotFound, id)
	}
	return &r.CancelJob.Job, nil
}

// Ended says whether a job will change no more.
func (j *Job) Ended() bool { return j.Status != JobStatusQueued && j.Status != JobStatusRunning }

// Wait asks for a job until it has ended, and calls each (unless it is nil) with
// what it is at every step.
func (c *Client) Wait(ctx context.Context, id string, each func(*Job)) (*Job, error) {
	pause := 100 * time.Millisecond
	for {
		j, err := c.Job(ctx, id)
		if err != nil {
			return nil, err
		}
		if each != nil {
			each(j)
		}
		if j.Ended() {
			return j, nil
		}
		if err := sleep(ctx, pause); err != nil {
			return nil, err
		}
		pause = min(2*time.Second, pause*5/4)
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// JobFilter chooses jobs. Its zero value chooses the first ones.
type JobFilter struct {
	// First is how many are given at most, 0 means 100; After is the Next of the page
	// before.
	First int
	After string
	// States and Kinds that they have one of; none is any.
	States []JobStatus
	Kinds  []JobKind
	// Mine leaves out others' jobs, which an administrator is told of.
	Mine bool
}

// JobPage is a part of a list of jobs, the latest first.
type JobPage struct {
	Jobs  []Job
	Total int
	Next  string // for After; empty at the end
}

// Jobs lists jobs, the latest first.
func (c *Client) Jobs(ctx context.Context, f JobFilter) (*JobPage, error) {
	if f.First == 0 {
		f.First = 100
	}
	var after *string
	if f.After != "" {
		after = &f.After
	}
	r, err := listJobs(ctx, c.graphql, f.First, after, f.States, f.Kinds, &f.Mine)
	if err != nil {
		return nil, named(err)
	}
	page := &JobPage{Jobs: r.Jobs.Nodes}
	if r.Jobs.TotalCount != nil {
		page.Total = *r.Jobs.TotalCount
	}
	if r.Jobs.PageInfo.HasNextPage && r.Jobs.PageInfo.EndCursor != nil {
		page.Next = *r.Jobs.PageInfo.EndCursor
	}
	return page, nil
}

// Retry queues a job again that failed, was given up or was cancelled. Errors:
// *MistakeError, ErrNotFound, or that of the call.
func (c *Client) Retry(ctx context.Context, id string) (*Job, error) {
	r, err := retryJob(ctx, c.graphql, id)
	if err != nil {
		return nil, named(err)
	}
	if m := r.RetryJob.Mistake; r.RetryJob.Job == nil && m != nil {
		return nil, &MistakeError{Mistake{Code: m.Code, Message: m.Message, Hint: m.Hint}}
	}
	return r.RetryJob.Job, nil
}

package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/api/guard"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
	"satgraph/jobs/kinds"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// Jobs is what the service needs of a job runner; [jobs.Runner] is one.
type Jobs interface {
	// Submit queues a job. Errors: jobs.ErrQueueFull, jobs.ErrClosed, or the
	// disk's.
	Submit(ctx context.Context, r jobs.Request) (jobs.Job, error)
	// Get returns a job as it stands. Errors: jobs.ErrNotFound, or the disk's.
	Get(ctx context.Context, id string) (jobs.Job, error)
	// Cancel stops a job. Errors: jobs.ErrNotFound, jobs.ErrFinished.
	Cancel(ctx context.Context, id string) (jobs.Job, error)
	// MaskPath finds the file of a job's mask. Errors: jobs.ErrNotFound, or
	// the disk's.
	MaskPath(ctx context.Context, id, name string) (string, error)
	JobLists
}

// JobLists is what the service needs of a job runner beside single jobs.
type JobLists interface {
	// ResultFolder is where the files of a job's result lie. Errors:
	// jobs.ErrNotFound.
	ResultFolder(ctx context.Context, id string) (string, error)
	// Retry queues a job again. Errors: jobs.ErrNotFound, jobs.ErrNotRetried, those
	// of Submit.
	Retry(ctx context.Context, id string) (jobs.Job, error)
	// List gives a page of jobs, the latest first.
	List(ctx context.Context, f jobs.Filter, after string, first int) (jobs.Page, error)
	// Subscribe sends a job as it stands and then every change, to its end. Errors:
	// jobs.ErrNotFound.
	Subscribe(ctx context.Context, id string) (<-chan jobs.Job, error)
}

// ErrUnknownModel means that the service has no model of that name.
var ErrUnknownModel = errors.New("no such model")

// Config is what a service is made of.
type Config struct {
	// Tree returns the present revision of the tree.
	Tree func() *graph.Tree
	// Exemplars finds pictures of terms; nil where there are none.
	Exemplars Exemplars
	// Ledger keeps decisions on labels; nil where the service keeps none.
	Ledger labelmap.Ledger
	// Changes keeps the tree's change sets; nil where the tree is not changed here.
	Changes graph.Changer
	// Refresh makes Tree return what the store holds now; nil where it does anyway.
	Refresh func(ctx context.Context) error
	// Corpus is what the service knows of datasets.
	Corpus Corpus
	// Classes are the classes of the corpus, for recipes.
	Classes []labelmap.Class
	// Suggester makes the engine that suggests terms of a tree for labels; nil for
	// one that knows the tree alone.
	Suggester func(tree *graph.Tree) (*suggest.Engine, error)
	// Resolver returns the resolver of the present revision.
	Resolver func() *inference.Resolver
	// Models returns the manifests of the models that jobs can run, the
	// default one first. The names differ.
	Models func() []*inference.Manifest
	// Jobs runs segmentations. The caller closes it after the service.
	Jobs Jobs
	// Places are the folders of work other than segmentation, and Formats the forms
	// of exports, of which [ExportFormats] gives the names; nil where the service
	// does no such work.
	Places  *kinds.Places
	Formats kinds.Formats
	// Checks says how the parts of the service are now; nil where nobody looks.
	Checks func(ctx context.Context) []Check
	// Wrap stands before every handler, such as to record requests; nil for none.
	Wrap func(http.Handler) http.Handler
	// DataDir holds the uploaded scans, in a folder "images".
	DataDir string
	// NoIntrospection keeps the schema from clients.
	NoIntrospection bool
	// Limits bounds what a request may cost; unset limits get their defaults.
	Limits Limits
	// Version of the program, for the page and the health checks.
	Version string
	// Auth finds out who asks; nil takes everyone for who runs the service, so
	// that only this machine may reach it.
	Auth *auth.Authenticator
	// Audit keeps what was changed and refused; nil keeps nothing.
	Audit Auditor
	// Rates bounds how often each caller may ask; nil does not.
	Rates *auth.Rates
	// Proxies are the addresses whose X-Forwarded-For is believed: who has not said
	// who they are is told from others by the address they come from.
	Proxies []netip.Prefix
	// Origins are the sites whose pages may use the service, such as
	// "https://viewer.example.org"; no other site's may.
	Origins []string
	// Queries are the only ones that are answered, by the SHA-256 of their text in
	// hex; without any, all are. See [ReadQueries].
	Queries map[string]string
	// AllowRemote lets Serve listen on an address that other machines reach, and
	// lets requests name any host, although Auth is nil: for a service behind a
	// proxy that authenticates.
	AllowRemote bool
	// Log takes what clients are not told; nil discards it.
	Log *slog.Logger
}

// Limits bounds requests. A limit that is zero or negative gets its default.
type Limits struct {
	// Document bounds a GraphQL document before and after parsing.
	Document guard.Limits
	// BodyBytes is the size of a GraphQL request: 256 KiB.
	BodyBytes int64
	// JSONDepth is the nesting of a GraphQL request's JSON: 32.
	JSONDepth int
	// Cost is the number of field values that a request may ask for by its lists'
	// arguments, before it is executed: 1,000,000.
	Cost int
	// Values is the number of field values that one request may gather from
	// lists: 50,000.
	Values int
	// RequestTime is how long a GraphQL request may take: 15 s. Jobs go on.
	RequestTime time.Duration
	// UploadBytes is the size of one uploaded file: 2 GiB.
	UploadBytes int64
	// VoxelBytes is the size of a scan's voxels in memory: 4 GiB.
	VoxelBytes int64
	// StoreBytes is the size of all uploaded files together: 64 GiB.
	StoreBytes int64
	// UserBytes is the size of one caller's scans together: 16 GiB.
	// Administrators have the whole store.
	UserBytes int64
	// Uploads is the number of uploads at the same time: 4.
	Uploads int
	// UserUploads is the number of uploads of one caller at the same time: 2.
	UserUploads int
	// UploadAge is how long an unfinished upload is kept after its last byte: 24 h.
	UploadAge time.Duration
	// UploadStall is how long an upload may send nothing: 30 s.
	UploadStall time.Duration
	// DrainTime is how long requests may go on once the service is told to stop: 20 s.
	DrainTime time.Duration
	// Requests is the number of GraphQL requests that wait for their turn: 512 for
	// each kind of work.
	Requests int
	// Agents is the number of requests of agents at the same time, which may wait
	// for jobs, and UserAgents the same for one caller: 64 and 8.
	Agents, UserAgents int
	// Sockets is the number of open WebSocket connections: 10,000.
	Sockets int
	// UserSockets and UserSubscriptions are the same for one caller, and what they
	// have subscribed to: 100 and 1,000. Who runs the service alone has no limit of
	// their own.
	UserSockets, UserSubscriptions int
	// Operations is the number of operations, subscriptions included, that one
	// connection runs at the same time: 32.
	Operations int
	// InitTime is how long a new connection may take to begin: 10 s.
	InitTime time.Duration
	// PingInterval is how often a connection is asked whether it lives: 30 s.
	PingInterval time.Duration
	// SendTime is how long a client may take nothing of what it is sent, or not
	// answer a ping: 10 s.
	SendTime time.Duration
	// FeedInterval is how soon subscribers see what other processes decide: 1 s.
	FeedInterval time.Duration
}

func (l Limits) withDefaults() Limits {
	l.Document = l.Document.WithDefaults()
	orElse(&l.BodyBytes, 256<<10)
	orElse(&l.JSONDepth, 32)
	orElse(&l.Cost, 1_000_000)
	orElse(&l.Values, 50_000)
	orElse(&l.RequestTime, 15*time.Second)
	orElse(&l.UploadBytes, 2<<30)
	orElse(&l.VoxelBytes, 4<<30)
	orElse(&l.StoreBytes, 64<<30)
	orElse(&l.UserBytes, 16<<30)
	orElse(&l.Uploads, 4)
	orElse(&l.UserUploads, 2)
	orElse(&l.UploadAge, 24*time.Hour)
	orElse(&l.UploadStall, 30*time.Second)
	orElse(&l.DrainTime, 20*time.Second)
	orElse(&l.Requests, 512)
	orElse(&l.Agents, 64)
	orElse(&l.UserAgents, 8)
	orElse(&l.Sockets, 10_000)
	orElse(&l.UserSockets, 100)
	orElse(&l.UserSubscriptions, 1_000)
	orElse(&l.Operations, 32)
	orElse(&l.InitTime, 10*time.Second)
	orElse(&l.PingInterval, 30*time.Second)
	orElse(&l.SendTime, 10*time.Second)
	orElse(&l.FeedInterval, time.Second)
	return l
}

func orElse[T int | int64 | time.Duration](limit *T, value T) {
	if *limit <= 0 {
		*limit = value
	}
}

// Service answers requests. It is safe for concurrent use; it keeps no state
// of its own but the files of its DataDir.
type Service struct {
	config   Config
	limits   Limits
	log      *slog.Logger
	jobs     Jobs
	images   *imageStore
	sendings *sendings
	schema   graphql.Schema
	sizes    guard.Sizes // of introspection
	drain    drain
	way      giveWay
	lanes    lanes
	uploads  chan struct{}
	handler  http.Handler

	documents  *documents
	answers    *recent[answerKey, *response]
	walks      walks
	persisted  persisted
	treeFields map[string]bool // fields of Query that the tree alone answers

	shelf    *shelf
	names    byName
	desk     *desk // nil where there is no ledger
	deskless *desk // suggests all the same
	feed     *feed // of the ledger; nil where there is none

	agentHandler http.Handler
	agentSlots   chan struct{}

	socketSlots chan struct{}
	sockets     sockets
	perCaller   tally         // of sockets and subscriptions
	telling     chan struct{} // a place for each subscription that is executed

	refusals    *auth.Rates // that are put down in the audit log one by one
	unheard     atomic.Int64
	auditBroken atomic.Bool
}

// New makes the service. The error names what is missing in the Config or what
// is wrong with DataDir.
func New(c Config) (*Service, error) {
	switch {
	case c.Tree == nil, c.Resolver == nil, c.Models == nil, c.Jobs == nil:
		return nil, errors.New("api.Config: Tree, Resolver, Models and Jobs must be set")
	case c.DataDir == "":
		return nil, errors.New("api.Config: DataDir must be set")
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{config: c, limits: c.Limits.withDefaults(), log: c.Log, jobs: c.Jobs}
	var err error
	if s.shelf, err = newShelf(c.Corpus); err != nil {
		return nil, err
	}
	s.images, err = openImages(filepath.Join(c.DataDir, "images"), s.limits.StoreBytes, s.limits.VoxelBytes, s.limits.UserBytes)
	if err != nil {
		return nil, err
	}
	s.sendings, err = openSendings(filepath.Join(c.DataDir, "uploads"), s.images, s.limits.UploadAge)
	if err != nil {
		return nil, err
	}
	s.deskless = newDesk(labelmap.NewMemory(), &c)
	if c.Ledger != nil {
		s.desk = newDesk(c.Ledger, &c)
		s.feed = newFeed(s.desk.book, s.limits.FeedInterval, c.Log)
	}
	if s.schema, err = s.newSchema(); err != nil {
		return nil, fmt.Errorf("the GraphQL schema: %w", err)
	}
	s.sizes = introspectionSizes(&s.schema)
	if err := s.boundIntrospection(); err != nil {
		return nil, err
	}
	s.lanes = newLanes(s.limits.Requests)
	s.documents, s.answers = newDocuments(), newAnswers()
	s.socketSlots = make(chan struct{}, s.limits.Sockets)
	s.telling = make(chan struct{}, atStore)
	s.uploads = make(chan struct{}, s.limits.Uploads)
	s.refusals = auth.NewRates(1, 20)
	s.agentSlots = make(chan struct{}, s.limits.Agents)
	compressed, err := compressing()
	if err != nil {
		return nil, err
	}
	if s.agentHandler, err = s.newAgents(); err != nil {
		return nil, err
	}
	if s.handler, err = s.protect(s.counted(s.authenticate(s.routes(compressed)))); err != nil {
		return nil, err
	}
	if c.Wrap != nil {
		s.handler = c.Wrap(s.handler)
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

func (s *Service) routes(compressed func(http.HandlerFunc) http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	for _, route := range []struct {
		path    string
		methods string // the first words of an Allow header
		handle  http.HandlerFunc
	}{
		{"/{$}", "GET, HEAD", compressed(s.admit(open, s.getPage))},
		{"/graphiql", "GET, HEAD", s.admit(open, s.getExplorer)},
		{"/graphiql/{file}", "GET, HEAD", s.admit(open, s.getExplorerFile)},
		{"/graphql", "GET, HEAD, POST", compressed(s.known(s.graphQL))},
		{"/mcp", "POST", s.admit(auth.Read, s.agents)},
		{"/labels", "GET, HEAD", compressed(s.admit(auth.Read, s.getLabels))},
		{"/tree", "GET, HEAD", compressed(s.admit(auth.Read, s.getTree))},
		{"/images", "POST", s.admit(auth.Segment, s.postImage)},
		{"/uploads", "OPTIONS, POST", s.admit(auth.Segment, s.tus(s.postUpload))},
		{"/uploads/{id}", "OPTIONS, GET, HEAD, PATCH, DELETE", s.admit(auth.Segment, s.tus(s.oneUpload))},
		{"/images/{id}", "GET, HEAD, DELETE", s.admit(auth.Read, s.oneImage)},
		{"/jobs/{id}/masks/{file}", "GET, HEAD", s.admit(auth.Read, s.getMask)},
		{"/jobs/{id}/files/{file...}", "GET, HEAD", s.admit(auth.Read, s.getJobFile)},
		{"/healthz", "GET, HEAD", s.admit(open, s.getHealth)},
		{"/readyz", "GET, HEAD", s.admit(open, s.getReady)},
	} {
		mux.HandleFunc(route.path, func(w http.ResponseWriter, r *http.Request) {
			if !allows(route.methods, r.Method) {
				w.Header().Set("Allow", route.methods)
				s.fail(w, r, &Error{Code: CodeMethod, Message: r.Method + " is not for this address", Hint: "use " + route.methods})
				return
			}
			route.handle(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, &Error{Code: CodeNotFound, Message: "there is nothing at this address", Hint: "GET / lists the addresses"})
	})
	return mux
}

func allows(methods, method string) bool {
	for m := range strings.SplitSeq(methods, ", ") {
		if m == method {
			return true
		}
	}
	return false
}

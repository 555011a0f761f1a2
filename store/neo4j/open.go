package neo4j

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/neo4j/neo4j-go-driver/v5/neo4j"
	"github.com/neo4j/neo4j-go-driver/v5/neo4j/config"

	"satgraph/graph"
	"satgraph/labelmap"
)

// ErrURI means that a store's URI is malformed.
var ErrURI = errors.New("not a Neo4j store's URI")

// Options say how to open a store. The zero value is good.
type Options struct {
	// Seed gives the first tree of a store that holds none yet; nil leaves it
	// empty. Of several processes that start at once one seeds, the others wait.
	Seed func() (*graph.Snapshot, error)
	// Classes gives the corpus classes, which stand in the graph beside the terms
	// for people to see; nil leaves those that are there.
	Classes func() ([]Class, error)
	// Restore opens a store whose restore was not finished, too; see BeginRestore.
	Restore bool
	// Timeout is how long the server may be silent; default 30 s.
	Timeout time.Duration
	// Username and Password are by default $NEO4J_USERNAME (else neo4j) and
	// $NEO4J_PASSWORD; without a password the server has to ask for none.
	Username, Password string
}

// Store is a graph.Store, graph.Changer, graph.Exemplars and labelmap.Ledger in
// one database of a Neo4j server, 5.26 or newer.
type Store struct {
	driver    neo4j.DriverWithContext
	bookmarks neo4j.BookmarkManager // what this process wrote, it reads
	name      string                // the URI, for messages
	database  string
	timeout   time.Duration
	closed    atomic.Bool
}

var (
	_ graph.Store     = (*Store)(nil)
	_ graph.Changer   = (*Store)(nil)
	_ graph.Exemplars = (*Store)(nil)
	_ labelmap.Ledger = (*Store)(nil)
)

// Address is what a store's URI says.
type Address struct {
	Server   string // what the driver connects to
	Database string
	Timeout  time.Duration // 0 where the URI gives none
}

// ParseURI reads neo4j://HOST[:PORT][/DATABASE][?timeout=10s], or the same with
// neo4j+s, neo4j+ssc, bolt, bolt+s, bolt+ssc. The database is by default
// $NEO4J_DATABASE, else neo4j. Credentials in the URI are refused, for it is
// shown in logs and process lists; no error repeats them. Errors wrap ErrURI.
func ParseURI(uri string) (Address, error) {
	u, err := url.Parse(uri)
	if err != nil {
		return Address{}, fmt.Errorf("%w: want neo4j://HOST[:PORT][/DATABASE]", ErrURI) // err would repeat it
	}
	switch u.Scheme {
	case "neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc":
	default:
		return Address{}, fmt.Errorf("%w: unknown scheme %.20q", ErrURI, u.Scheme)
	}
	switch {
	case u.User != nil || strings.Contains(u.Host, "@"):
		return Address{}, fmt.Errorf("%w: it holds credentials; give them in NEO4J_USERNAME and NEO4J_PASSWORD", ErrURI)
	case u.Hostname() == "":
		return Address{}, fmt.Errorf("%w: it names no host; want neo4j://HOST[:PORT][/DATABASE]", ErrURI)
	}
	a := Address{Database: strings.Trim(u.Path, "/")}
	if strings.Contains(a.Database, "/") {
		return Address{}, fmt.Errorf("%w: %.80q is no database's name", ErrURI, a.Database)
	}
	a.Database = cmp.Or(a.Database, os.Getenv("NEO4J_DATABASE"), "neo4j")
	query := u.Query()
	if text := query.Get("timeout"); text != "" {
		if a.Timeout, err = time.ParseDuration(text); err != nil || a.Timeout <= 0 {
			return Address{}, fmt.Errorf("%w: timeout %.20q: want a duration such as 10s", ErrURI, text)
		}
		query.Del("timeout")
	}
	server := url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: query.Encode()} // the rest is the routing context
	a.Server = server.String()
	return a, nil
}

// Open connects to the database that uri names (see ParseURI), makes or brings
// forward its schema, and seeds an empty store. Errors name the URI and wrap
// ErrURI, ErrCredentials, graph.ErrUnavailable, graph.ErrForeign (the database
// holds other things; they are left as they are), graph.ErrNewer,
// graph.ErrCorrupt, or those of Seed and Classes.
func Open(ctx context.Context, uri string, o Options) (*Store, error) {
	address, err := ParseURI(uri)
	if err != nil {
		return nil, err
	}
	timeout := cmp.Or(o.Timeout, address.Timeout, 30*time.Second)
	auth := neo4j.NoAuth()
	if password := cmp.Or(o.Password, os.Getenv("NEO4J_PASSWORD")); password != "" {
		auth = neo4j.BasicAuth(cmp.Or(o.Username, os.Getenv("NEO4J_USERNAME"), "neo4j"), password, "")
	}
	s := &Store{
		bookmarks: neo4j.NewBookmarkManager(neo4j.BookmarkManagerConfig{}),
		name:      address.Server + "/" + address.Database, database: address.Database, timeout: timeout,
	}
	s.driver, err = neo4j.NewDriverWithContext(address.Server, auth, func(c *config.Config) {
		c.SocketConnectTimeout = timeout
		c.ConnectionAcquisitionTimeout = timeout
		c.MaxTransactionRetryTime = timeout
		c.UserAgent = "satgraph"
		c.TelemetryDisabled = true
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrURI, err)
	}
	if err := s.prepare(ctx, o); err != nil {
		_ = s.driver.Close(context.WithoutCancel(ctx)) // the first error counts
		return nil, fmt.Errorf("store %s: %w", s.name, err)
	}
	return s, nil
}

// Close closes the connections.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.timeout)
	defer cancel()
	if err := s.driver.Close(ctx); err != nil {
		return fmt.Errorf("store %s: %w", s.name, err)
	}
	return nil
}

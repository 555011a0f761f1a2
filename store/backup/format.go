package backup

import (
	"errors"
	"time"

	"satgraph/api/auth"
	"satgraph/graph"
	"satgraph/labelmap"
)

// Store is what can be backed up.
type Store interface {
	graph.Store
	graph.Changer
	graph.Exemplars
	auth.Tokens
	labelmap.Ledger
}

// Errors of this package.
var (
	// ErrArchive: the file is no archive of this program, or it is damaged or cut
	// short.
	ErrArchive = errors.New("not a whole satgraph backup")
	// ErrNewer: a newer program wrote the archive.
	ErrNewer = errors.New("the backup was written by a newer satgraph")
	// ErrDiffers: what was restored is not what was backed up.
	ErrDiffers = errors.New("the restored store differs from the backup")
)

// format is the version of archives that this program writes.
const format = 1

// The entries of an archive.
const (
	headName     = "satgraph-backup.json"
	manifestName = "manifest.json"
	treeDir      = "tree/"
	changesDir   = "changes/"
	ledgerDir    = "ledger/"
	exemplarsDir = "exemplars/"
	tokensDir    = "tokens/"
	filesDir     = "files/"
	moreDir      = "more/"
)

// Limits of what is read: an archive may come from anywhere.
const (
	partBytes    = 4 << 20  // of a part that is written, about
	longestPart  = 1 << 30  // of a part that is read: one change set may replace a tree
	longestEntry = 64 << 30 // of a file
	mostEntries  = 10_000_000
)

// Head says what an archive holds.
type Head struct {
	Format   int       `json:"format"`
	Program  string    `json:"program"` // and its version
	Created  time.Time `json:"created"`
	Revision string    `json:"revision"`
	Digest   string    `json:"digest"`
}

// Manifest is an archive's last entry.
type Manifest struct {
	Head
	Counts  Counts  `json:"counts"`
	Entries []Entry `json:"entries"`
}

// Counts is how much an archive holds.
type Counts struct {
	Terms      int   `json:"terms"`
	Relations  int   `json:"relations"`
	ChangeSets int   `json:"changeSets"`
	Events     int64 `json:"events"`
	Exemplars  int   `json:"exemplars"`
	Tokens     int   `json:"tokens"`
	Files      int   `json:"files"`
	More       int   `json:"more,omitempty"` // files of jobs, and whose the files are
}

// Entry is one entry of an archive.
type Entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// treeLine is a line of a part of the tree.
type treeLine struct {
	Term     *graph.Term     `json:"term,omitempty"`
	Relation *graph.Relation `json:"relation,omitempty"`
}

// changeLine is a line of a part of the history, the oldest first.
type changeLine struct {
	Record graph.Record    `json:"record"`
	Set    graph.ChangeSet `json:"set"`
}

// Package review is the full-screen review of a dataset's labels: a list of
// labels with what is suggested for them, a pane that says why, and keys for
// every decision.
//
// It decides nothing by itself and keeps nothing: every key that decides writes
// events to the Book on the state that is shown, so that a colleague's decision
// in between is a conflict that is shown with both versions, and what was done
// can be undone here or by a command. Start from Run.
package review

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/term"

	"satgraph/graph"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// Config is what a review works on.
type Config struct {
	Tree    *graph.Tree
	Book    *labelmap.Book
	Dataset string
	Actor   string
	Tool    string // program and version, for the suggestions that are accepted
	// Suggest returns what is suggested for labels, by key.
	Suggest func([]labelmap.State) (map[string]*suggest.Result, error)
	// Impact says in lines what entries would change in the corpus; nil where
	// that is not known.
	Impact func(context.Context, []labelmap.Entry) ([]string, error)
}

// ErrNoTerminal says that the review has no terminal to run on.
var ErrNoTerminal = errors.New("labels review needs a terminal")

// Run reviews on a terminal until the user leaves, and returns how many
// decisions stand that were made. Errors: ErrNoTerminal, the book's, the
// context's.
func Run(ctx context.Context, c Config, in io.Reader, out io.Writer) (int, error) {
	if !IsTerminal(in) || !IsTerminal(out) || os.Getenv("TERM") == "dumb" {
		return 0, fmt.Errorf("%w that is read from and written to; `labels list` and `labels accept` do the same in scripts", ErrNoTerminal)
	}
	m, err := newModel(ctx, c)
	if err != nil {
		return 0, err
	}
	last, err := tea.NewProgram(m, tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler(), tea.WithFPS(30)).Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if m, ok := last.(*model); ok {
		return m.decided, err
	}
	return 0, err
}

// IsTerminal says whether a stream is a terminal.
func IsTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(f.Fd())
}

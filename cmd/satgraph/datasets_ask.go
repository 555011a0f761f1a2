package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"satgraph/cmd/satgraph/internal/review"
	"satgraph/datasets/catalog"
	"satgraph/internal/plain"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// asker asks a curator at a terminal, a line a question. An end of the input
// answers everything that follows with nothing.
type asker struct {
	in  *bufio.Reader
	out io.Writer
}

// newAsker is nil where input or output is no terminal.
func newAsker(out io.Writer) *asker {
	if !review.IsTerminal(os.Stdin) || !review.IsTerminal(out) {
		return nil
	}
	return &asker{bufio.NewReader(os.Stdin), out}
}

// line asks one question.
func (q *asker) line(format string, args ...any) string {
	_, _ = fmt.Fprintf(q.out, format+" ", args...)
	answer, err := q.in.ReadString('\n')
	if err != nil {
		_, _ = fmt.Fprintln(q.out)
	}
	return strings.TrimSpace(answer)
}

// tries is how often a question is asked again.
const tries = 5

// choose asks for one of some words; empty where none was given.
func (q *asker) choose(question string, words ...string) string {
	for range tries {
		answer := strings.ToLower(q.line("%s", question))
		if answer == "" || slices.Contains(words, answer) {
			return answer
		}
	}
	return ""
}

// yes asks a question that Enter answers with no, or with yes.
func (q *asker) yes(question string, otherwise bool) bool {
	choices := "[y/N]"
	if otherwise {
		choices = "[Y/n]"
	}
	switch q.choose(question+" "+choices, "y", "yes", "n", "no") {
	case "y", "yes":
		return true
	case "":
		return otherwise
	}
	return false
}

// term asks what a label stands for: one of the candidates, or what another name
// finds. False where it stays open, and of a nil asker.
func (q *asker) term(p *draft, r *suggest.Result, label string) (suggest.Suggestion, bool) {
	if q == nil {
		return suggest.Suggestion{}, false
	}
	candidates := r.Suggestions
	_, _ = fmt.Fprintf(q.out, "\n%s: %s\n", plain.Text(label), plain.Text(orNot(r.Why)))
	for range tries {
		for i, s := range candidates {
			_, _ = fmt.Fprintf(q.out, "  %d  %s\n", i+1, s.Name)
		}
		answer := q.line("What is it? A number, a name, or Enter to leave it open:")
		if answer == "" {
			break
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(candidates) {
			return q.taken(candidates[n-1])
		}
		named := labelmap.RawLabel{Dataset: p.d.Name, Name: answer, Modality: p.modality, Region: p.region}
		found := p.engine.Suggest([]labelmap.RawLabel{named}, 5)[0]
		if !found.Abstained && len(found.Suggestions) > 0 {
			return q.taken(found.Suggestions[0])
		}
		if candidates = found.Suggestions; len(candidates) == 0 {
			_, _ = fmt.Fprintln(q.out, "  nothing is called so")
		}
	}
	return suggest.Suggestion{}, false
}

func (q *asker) taken(s suggest.Suggestion) (suggest.Suggestion, bool) {
	_, _ = fmt.Fprintf(q.out, "  taken for %s\n", s.Name)
	return s, true
}

func orNot(why string) string {
	if why == "" {
		return "no term was found"
	}
	return why
}

// licence asks for the terms, where the user did not give them.
func (q *asker) licence(l *catalog.Licence) {
	if l.Known() {
		return
	}
	if l.Note != "" {
		_, _ = fmt.Fprintln(q.out, plain.Text(l.Note))
	}
	id := q.line("\nLicence: an SPDX identifier, the terms' own name, or Enter if you have not looked it up:")
	if id == "" {
		return
	}
	if reference := q.line("Where do the terms stand? (URL)"); reference != "" {
		l.ID, l.Reference = id, reference
		return
	}
	_, _ = fmt.Fprintf(q.out, "  without a place where it stands, the licence stays %q\n", catalog.Unknown)
}

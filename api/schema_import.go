package api

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/api/auth"
	"satgraph/labelmap"
	"satgraph/labelmap/sssom"
)

// adopted is what came of an import of decisions.
type adopted struct {
	preview            bool
	written, unchanged int
	batch              string
}

func (s *Service) importMutations(l *labelTypes) graphql.Fields {
	done := graphql.NewObject(graphql.ObjectConfig{
		Name: "DecisionsImported", Description: "Decisions that were brought in, or with preview, that would be.",
		Fields: graphql.Fields{
			"preview":   {Type: required(graphql.Boolean), Description: "Whether nothing was written.", Resolve: get(s, func(x *adopted) any { return x.preview })},
			"written":   whole(s, "How many are new.", func(x *adopted) int { return x.written }),
			"unchanged": whole(s, "How many were there already and were left out.", func(x *adopted) int { return x.unchanged }),
			"batch":     {Type: graphql.ID, Description: "What undoDecision takes all of them back by; null where nothing was written.", Resolve: get(s, func(x *adopted) any { return nilIfEmpty(x.batch) })},
		},
	})
	conflict, wrong := l.conflict, l.mistake
	result := graphql.NewUnion(graphql.UnionConfig{
		Name: "DecisionImportResult", Description: "What came of an import of decisions.",
		Types: []*graphql.Object{done, conflict, wrong},
		ResolveType: func(p graphql.ResolveTypeParams) *graphql.Object {
			switch p.Value.(type) {
			case *adopted:
				return done
			case *conflicted:
				return conflict
			default:
				return wrong
			}
		},
	})
	form := enum("DecisionImportFormat", "A form that decisions are read in.",
		value{"SSSOM", "sssom", "A SSSOM mapping set, as TSV or JSON: its verdicts are written as their authors', with their dates, under the number of reviewers that they were made under."},
		value{"CSV", "csv", "A table with the columns label and term, and if wanted dataset, outcome, mode, predicate and comment, as export writes it: its rows are the caller's own decisions."})
	return graphql.Fields{
		"importDecisions": {
			Type: required(result), Description: "Brings decisions on labels in. What is in already is left out, so a text can be imported again. All of a text comes in, or nothing. SSSOM speaks for other people and needs the right to review.",
			Args: graphql.FieldConfigArgument{
				"text":    {Type: graphql.NewNonNull(graphql.String), Description: "The content of a file; longer ones are for `satgraph labels import --decisions`."},
				"format":  {Type: form, DefaultValue: "sssom", Description: "The form of the text."},
				"dataset": {Type: graphql.String, Description: "The dataset of records that name none."},
				"by":      {Type: graphql.String, Description: "Who brings them in, where the service asks nobody who they are; else the caller."},
				"preview": {Type: graphql.Boolean, DefaultValue: false, Description: "Only say how many would be new."},
			},
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				read := s.importSSSOM
				if a.text("format") == "csv" {
					read = s.importTable
				}
				value, err := read(ctx, d, a)
				if errors.Is(err, sssom.ErrFormat) || errors.Is(err, labelmap.ErrTable) {
					return &mistaken{Code: CodeBadInput, Message: err.Error(), Hint: "give what dataset { export } writes", Argument: "text", err: err}, nil
				}
				if err != nil {
					return d.typed(ctx, err)
				}
				if value.written > 0 && !value.preview {
					s.feed.nudge()
				}
				return value, nil
			}),
		},
	}
}

// importSSSOM adopts verdicts of others.
func (s *Service) importSSSOM(ctx context.Context, d *desk, a args) (*adopted, error) {
	by, err := s.actor(ctx, a, auth.Review)
	if err != nil {
		return nil, err
	}
	set, err := sssom.Read(strings.NewReader(a.text("text")))
	if err != nil {
		return nil, err
	}
	if err := spend(ctx, len(set.Mappings)); err != nil {
		return nil, err
	}
	if err := sssom.Place(ctx, d.book, s.tree(ctx), set, a.text("dataset")); err != nil {
		return nil, err
	}
	out := &adopted{}
	book := d.book
	if out.preview, _ = a["preview"].(bool); out.preview {
		if book, err = d.trial(ctx, set, a.text("dataset")); err != nil {
			return nil, err
		}
	}
	written, known, err := sssom.Adopt(ctx, book, set, a.text("dataset"), by)
	out.written, out.unchanged = len(written), known
	if err == nil && !out.preview && len(written) > 0 {
		out.batch = written[0].Batch
	}
	return out, err
}

// importTable takes the rows of a table as the caller's decisions. A row that says
// what its label stands for already is left out.
func (s *Service) importTable(ctx context.Context, d *desk, a args) (*adopted, error) {
	by, err := s.actor(ctx, a, auth.Curate)
	if err != nil {
		return nil, err
	}
	rows, err := labelmap.ReadCSV(strings.NewReader(a.text("text")))
	if err != nil {
		return nil, err
	}
	out := &adopted{}
	out.preview, _ = a["preview"].(bool)
	var entries []labelmap.Entry
	given := map[labelmap.Subject]int{}
	known := map[string]map[string]*labelmap.State{}
	for i := range rows {
		rows[i].Dataset = cmp.Or(rows[i].Dataset, a.text("dataset"))
		e, err := s.rowEntry(ctx, d, &rows[i], by, known)
		if err != nil {
			if m := mistake(err); m != nil {
				return nil, &mistaken{Code: m.Code, Message: "line " + number(rows[i].Line) + ": " + m.Message, Hint: m.Hint, Argument: "text", err: err}
			}
			return nil, err
		}
		if e == nil {
			out.unchanged++
			continue
		}
		if line, twice := given[e.Subject]; twice {
			return nil, &mistaken{Code: CodeBadInput, Message: "line " + number(rows[i].Line) + " decides on the label of line " + number(line) + " again", Argument: "text"}
		}
		given[e.Subject] = rows[i].Line
		entries = append(entries, *e)
	}
	if len(entries) == 0 {
		return out, nil
	}
	if out.preview {
		_, err = d.book.Preview(ctx, by, entries...)
		out.written = len(entries)
		return out, err
	}
	changes, err := d.book.Preview(ctx, by, entries...)
	if err == nil {
		err = maySettle(ctx, changes)
	}
	if err != nil {
		return nil, err
	}
	events, err := d.book.Write(ctx, by, entries...)
	if err != nil {
		return nil, err
	}
	out.written, out.batch = len(events), events[0].Batch
	return out, nil
}

// stateOf finds the label of a row among the labels of its dataset, which are read
// once, in known; what is no key is looked for by name.
func (d *desk) stateOf(ctx context.Context, row *labelmap.Row, known map[string]map[string]*labelmap.State) (*labelmap.State, error) {
	if known[row.Dataset] == nil {
		states, err := d.states(ctx, row.Dataset)
		if err != nil {
			return nil, err
		}
		known[row.Dataset] = map[string]*labelmap.State{}
		for i := range states {
			known[row.Dataset][states[i].Subject.Key] = &states[i]
		}
	}
	if st := known[row.Dataset][row.Label]; st != nil {
		return st, nil
	}
	if err := spend(ctx, storeCost); err != nil {
		return nil, err
	}
	return d.find(ctx, row.Dataset, row.Label)
}

// rowEntry is what a row decides; nil where by has said so already or it counts.
func (s *Service) rowEntry(ctx context.Context, d *desk, row *labelmap.Row, by string, known map[string]map[string]*labelmap.State) (*labelmap.Entry, error) {
	st, err := d.stateOf(ctx, row, known)
	if err != nil {
		return nil, err
	}
	v := &labelmap.Verdict{Outcome: row.Outcome, Mode: row.Mode}
	if len(row.Terms) > maxTargets {
		return nil, &mistaken{Code: CodeBadInput, Message: "more than " + number(maxTargets) + " terms"}
	}
	for _, t := range row.Terms {
		target, err := s.target(ctx, t.Term, t.Predicate)
		if err != nil {
			return nil, err
		}
		v.Targets = append(v.Targets, target)
	}
	if st.Verdict != nil && st.Verdict.Agrees(v) {
		return nil, nil //nolint:nilnil // nothing is new
	}
	for i := range st.Votes {
		if st.Votes[i].Actor == by && st.Votes[i].Verdict.Agrees(v) {
			return nil, nil //nolint:nilnil // nothing is new
		}
	}
	return &labelmap.Entry{Subject: st.Subject, Version: st.Version, Action: labelmap.ActDecide, Verdict: v, Comment: row.Comment}, nil
}

// trial is a book in which a set can be adopted without effect.
func (d *desk) trial(ctx context.Context, set *sssom.Set, dataset string) (*labelmap.Book, error) {
	list, err := sssom.Decisions(set, dataset)
	if err != nil {
		return nil, err
	}
	subjects := make([]labelmap.Subject, len(list))
	for i := range list {
		subjects[i] = list[i].Subject
	}
	return d.book.Trial(ctx, subjects)
}

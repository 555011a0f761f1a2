package api

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/inference"
	"satgraph/labelmap"
	"satgraph/labelmap/suggest"
)

// fraction writes a number of a description.
func fraction(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// labelled is a dataset that the ledger knows.
type labelled struct {
	name   string
	counts []labelmap.Count
}

// subjects counts those of a kind and of any of the statuses.
func (d *labelled) subjects(kind labelmap.SubjectKind, statuses []labelmap.Status, flagged bool) (n int) {
	for _, c := range d.counts {
		switch {
		case c.Kind != kind, len(statuses) > 0 && !slices.Contains(statuses, c.Status):
		case flagged:
			n += c.Flagged
		default:
			n += c.Subjects
		}
	}
	return n
}

// gather makes datasets of counts, which are sorted by dataset.
func gather(counts []labelmap.Count) []*labelled {
	var out []*labelled
	for _, c := range counts {
		if n := len(out); n == 0 || out[n-1].name != c.Dataset {
			out = append(out, &labelled{name: c.Dataset})
		}
		last := out[len(out)-1]
		last.counts = append(last.counts, c)
	}
	return out
}

// listing is one page of a list of the ledger.
type listing[T any] struct {
	total any // int, or nil where it is not known
	more  bool
	nodes []T
	after bool // whether the page began behind a cursor
}

// subjectCursor is opaque to clients.
func subjectCursor(s labelmap.Subject) string {
	return base64.RawURLEncoding.EncodeToString([]byte(s.Dataset + "\x00" + string(s.Kind) + "\x00" + s.Key))
}

func parseSubjectCursor(cursor string) (labelmap.Subject, error) {
	if cursor == "" {
		return labelmap.Subject{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.SplitN(string(raw), "\x00", 3)
	if err != nil || len(parts) != 3 {
		return labelmap.Subject{}, errCursor(cursor)
	}
	return labelmap.Subject{Dataset: parts[0], Kind: labelmap.SubjectKind(parts[1]), Key: parts[2]}, nil
}

func errCursor(cursor string) error {
	return &Error{Code: CodeBadInput, Message: quote(cursor[:min(len(cursor), 40)]) + " is no cursor", Hint: "use a cursor that an edge or pageInfo gave"}
}

// firstOf gives the length of a page that goes forward.
func firstOf(a args) (int, error) {
	n, _ := a["first"].(int)
	if n < 0 || n > maxPage {
		return 0, &Error{Code: CodeBadInput, Message: "first goes from 0 to " + number(maxPage)}
	}
	return n, nil
}

func forwardArguments() graphql.FieldConfigArgument {
	return graphql.FieldConfigArgument{
		"first": {Type: graphql.Int, DefaultValue: defaultPage, Description: "The first so many, or the first after a cursor; at most " + number(maxPage) + "."},
		"after": {Type: graphql.String, Description: "Only what comes after this cursor."},
	}
}

// connectionOf makes a connection (Relay Cursor Connections) that goes forward.
func connectionOf[T any](s *Service, t *types, name, of string, node *graphql.Object, cursor func(x T) string) *graphql.Object {
	edge := graphql.NewObject(graphql.ObjectConfig{
		Name: name + "Edge", Description: "One of " + of + ", with its place.",
		Fields: graphql.Fields{
			"cursor": {Type: required(graphql.String), Description: "Its place in the list, for after.", Resolve: get(s, func(x T) any { return cursor(x) })},
			"node":   {Type: required(node), Description: "The item itself.", Resolve: get(s, func(x T) any { return x })},
		},
	})
	items := func(t graphql.Type, description string) *graphql.Field {
		return &graphql.Field{Type: listOf(t), Description: description, Resolve: on(s, func(ctx context.Context, p *listing[T], _ args) (any, error) {
			return p.nodes, charge(ctx, len(p.nodes))
		})}
	}
	return graphql.NewObject(graphql.ObjectConfig{
		Name: name + "Connection", Description: "A page of " + of + ".",
		Fields: graphql.Fields{
			"totalCount": {Type: graphql.Int, Description: "How many the whole list has; null where only reading all of it would tell.", Resolve: get(s, func(p *listing[T]) any { return p.total })},
			"pageInfo": {Type: required(t.pageInfo), Description: "Where the page lies.", Resolve: get(s, func(p *listing[T]) any {
				info := pageInfo{next: p.more, previous: p.after}
				if n := len(p.nodes); n > 0 {
					info.start, info.end = cursor(p.nodes[0]), cursor(p.nodes[n-1])
				}
				return info
			})},
			"edges": items(edge, "The items with their cursors."),
			"nodes": items(node, "The items alone."),
		},
	})
}

// cut makes a page of a list that is in memory, in which key orders the items.
func cut[T any](all []T, a args, key func(x T) string) (*listing[T], error) {
	first, err := firstOf(a)
	if err != nil {
		return nil, err
	}
	p := &listing[T]{total: len(all)}
	if cursor := a.text("after"); cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			return nil, errCursor(cursor)
		}
		at, found := slices.BinarySearchFunc(all, string(raw), func(x T, k string) int { return strings.Compare(key(x), k) })
		if found {
			at++
		}
		all, p.after = all[at:], at > 0
	}
	p.more = len(all) > first
	p.nodes = all[:min(first, len(all))]
	return p, nil
}

func nameCursor(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

func (s *Service) datasetTypes(t *types, l *labelTypes) {
	count := graphql.NewObject(graphql.ObjectConfig{
		Name: "StatusCount", Description: "How many labels of a dataset have one status.",
		Fields: graphql.Fields{
			"status":  {Type: required(l.status), Description: "The status.", Resolve: get(s, func(c labelmap.Count) any { return c.Status })},
			"labels":  whole(s, "How many labels have it.", func(c labelmap.Count) int { return c.Subjects }),
			"flagged": whole(s, "How many of these are flagged.", func(c labelmap.Count) int { return c.Flagged }),
		},
	})
	l.dataset = graphql.NewObject(graphql.ObjectConfig{
		Name: "Dataset", Description: "A dataset whose raw labels are in the ledger.",
		Interfaces: []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":   nodeID(s, func(d *labelled) string { return kindDataset + d.name }),
			"name": text(s, "Its name.", func(d *labelled) string { return d.name }),
			"state": {
				Type: required(l.state), Description: "Its review policy: how many reviewers must agree, and the version to give to setReviewers.",
				Resolve: onDesk(s, func(ctx context.Context, desk *desk, d *labelled, _ args) (any, error) {
					return s.stateOf(ctx, desk, labelmap.Subject{Kind: labelmap.SubjectDataset, Dataset: d.name})
				}),
			},
			"counts": {
				Type: listOf(count), Description: "How many of its labels stand where.",
				Resolve: on(s, func(ctx context.Context, d *labelled, _ args) (any, error) {
					list := slices.DeleteFunc(slices.Clone(d.counts), func(c labelmap.Count) bool { return c.Kind != labelmap.SubjectLabel })
					return list, charge(ctx, len(list))
				}),
			},
			"export": {
				Type: required(graphql.String), Description: "The decisions on its labels as one text.",
				Args: graphql.FieldConfigArgument{"format": {Type: l.format, DefaultValue: "sssom", Description: "The form of the text."}},
				Resolve: onDesk(s, func(ctx context.Context, desk *desk, d *labelled, a args) (any, error) {
					var b strings.Builder
					err := s.writeLabels(ctx, desk, &b, d.name, a.text("format"))
					return b.String(), err
				}),
			},
			"exportUrl": {
				Type: required(graphql.String), Description: "Where to download the same: a path on this service.",
				Args: graphql.FieldConfigArgument{"format": {Type: l.format, DefaultValue: "sssom", Description: "The form of the file."}},
				Resolve: on(s, func(_ context.Context, d *labelled, a args) (any, error) {
					return "/labels?" + url.Values{"dataset": {d.name}, "format": {a.text("format")}}.Encode(), nil
				}),
			},
		},
	})
	s.labelType(t, l)
	connection := connectionOf(s, t, "RawLabel", "raw labels", l.label, func(st *labelmap.State) string { return subjectCursor(st.Subject) })
	arguments := forwardArguments()
	arguments["status"] = &graphql.ArgumentConfig{Type: graphql.NewList(graphql.NewNonNull(l.status)), Description: "Only labels with any of these statuses."}
	arguments["flagged"] = &graphql.ArgumentConfig{Type: graphql.Boolean, DefaultValue: false, Description: "Only flagged labels."}
	arguments["touched"] = &graphql.ArgumentConfig{Type: graphql.Boolean, DefaultValue: false, Description: "Only labels whose decisions name terms that the tree has changed since."}
	arguments["text"] = &graphql.ArgumentConfig{Type: graphql.String, Description: "Only labels whose name holds this text, whatever its case."}
	arguments["term"] = &graphql.ArgumentConfig{Type: graphql.String, Description: "Only labels that are or may become this term, by id or name: standing verdicts name it."}
	l.dataset.AddFieldConfig("labels", &graphql.Field{
		Type: required(connection), Description: "Its raw labels, by key.", Args: arguments,
		Resolve: onDesk(s, func(ctx context.Context, desk *desk, d *labelled, a args) (any, error) {
			return s.listLabels(ctx, desk, d, a)
		}),
	})
	l.dataset.AddFieldConfig("label", &graphql.Field{
		Type: l.label, Description: "One of its raw labels; null where it has none of that key.",
		Args: graphql.FieldConfigArgument{"key": {Type: graphql.NewNonNull(graphql.String), Description: "The label's key: values and name, as \"2 tumor\"."}},
		Resolve: onDesk(s, func(ctx context.Context, desk *desk, d *labelled, a args) (any, error) {
			return known(desk.book.State(ctx, labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: d.name, Key: a.text("key")}))
		}),
	})
}

// onDesk makes a resolver that needs the ledger.
func onDesk[T any](s *Service, f func(ctx context.Context, d *desk, parent T, a args) (any, error)) graphql.FieldResolveFn {
	return on(s, func(ctx context.Context, parent T, a args) (any, error) {
		d, err := s.labels()
		if err != nil {
			return nil, err
		}
		return f(ctx, d, parent, a)
	})
}

// known makes null of a subject that no event speaks of.
func known(st labelmap.State, err error) (any, error) {
	if err != nil || st.Version == 0 {
		return nil, err
	}
	return &st, nil
}

// listLabels reads a page of labels. What the ledger does not choose by is
// chosen here, page by page, as far as a request may read.
func (s *Service) listLabels(ctx context.Context, desk *desk, d *labelled, a args) (*listing[*labelmap.State], error) {
	first, err := firstOf(a)
	if err != nil {
		return nil, err
	}
	after, err := parseSubjectCursor(a.text("after"))
	if err != nil {
		return nil, err
	}
	q := labelmap.SubjectQuery{Dataset: d.name, Kind: labelmap.SubjectLabel, Statuses: list[labelmap.Status](a, "status"), After: after}
	q.Flagged, _ = a["flagged"].(bool)
	chosen, err := s.labelFilter(ctx, a)
	if err != nil {
		return nil, err
	}
	p := &listing[*labelmap.State]{after: a.text("after") != "", nodes: []*labelmap.State{}}
	q.Limit = first + 1
	if chosen != nil {
		q.Limit = labelPage
	} else {
		p.total = d.subjects(labelmap.SubjectLabel, q.Statuses, q.Flagged)
	}
	for read := 0; ; {
		page, err := desk.book.Find(ctx, q)
		if err != nil {
			return nil, err
		}
		for i := range page {
			if chosen != nil && !chosen(&page[i]) {
				continue
			}
			if len(p.nodes) == first {
				p.more = true
				return p, nil
			}
			p.nodes = append(p.nodes, &page[i])
		}
		if read += len(page); len(page) < q.Limit || read > maxLabelsRead {
			return p, nil
		}
		q.After = page[len(page)-1].Subject
	}
}

// labelFilter is what only the states themselves tell; nil for no such filter.
func (s *Service) labelFilter(ctx context.Context, a args) (func(st *labelmap.State) bool, error) {
	touched, _ := a["touched"].(bool)
	text, term := strings.ToLower(a.text("text")), a.text("term")
	if !touched && text == "" && term == "" {
		return nil, nil //nolint:nilnil // none is an answer
	}
	if len(text) > maxText {
		return nil, errLongText
	}
	if term != "" {
		var err error
		if term, err = s.termOf(ctx, term); err != nil {
			return nil, err
		}
	}
	tree := s.tree(ctx)
	return func(st *labelmap.State) bool {
		name := st.Subject.Key
		if st.Label != nil {
			name = st.Label.Name
		}
		return (!touched || len(labelmap.FindTouched(tree, []labelmap.State{*st})) > 0) &&
			strings.Contains(strings.ToLower(name), text) && (term == "" || names(st, term))
	}, nil
}

// names says whether a standing verdict names a term.
func names(st *labelmap.State, term string) bool {
	in := func(v *labelmap.Verdict) bool {
		return slices.ContainsFunc(v.Targets, func(t labelmap.Target) bool { return t.TermID == term })
	}
	return st.Verdict != nil && in(st.Verdict) || slices.ContainsFunc(st.Votes, func(v labelmap.Vote) bool { return in(&v.Verdict) })
}

func (s *Service) labelType(t *types, l *labelTypes) {
	geometry := graphql.NewObject(graphql.ObjectConfig{
		Name: "LabelGeometry", Description: "What the voxels of a label show.",
		Fields: graphql.Fields{
			"voxels":   {Type: required(graphql.Float), Description: "How many there are.", Resolve: get(s, func(g *labelmap.Geometry) any { return float64(g.Voxels) })},
			"volumeMl": {Type: required(graphql.Float), Description: "Their volume in millilitres.", Resolve: get(s, func(g *labelmap.Geometry) any { return g.VolumeML })},
			"centroid": {Type: listOf(graphql.Float), Description: "Their middle in mm, RAS.", Resolve: get(s, func(g *labelmap.Geometry) any { return g.Centroid[:] })},
			"side":     text(s, `"left" or "right" where they lie clearly on one side; else empty.`, func(g *labelmap.Geometry) string { return g.Side }),
		},
	})
	raw := func(st *labelmap.State) *labelmap.RawLabel {
		if st.Label != nil {
			return st.Label
		}
		return &labelmap.RawLabel{Dataset: st.Subject.Dataset, Name: st.Subject.Key}
	}
	l.label = graphql.NewObject(graphql.ObjectConfig{
		Name: "RawLabel", Description: "One label of a dataset as its source gives it, and what it was decided to be.",
		Interfaces: []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":          nodeID(s, func(st *labelmap.State) string { return kindLabel + subjectCursor(st.Subject) }),
			"datasetName": text(s, "The name of its dataset.", func(st *labelmap.State) string { return st.Subject.Dataset }),
			"key":         text(s, "What names it within its dataset: values and name.", func(st *labelmap.State) string { return st.Subject.Key }),
			"name":        text(s, "Its name as written; may be odd or empty.", func(st *labelmap.State) string { return raw(st).Name }),
			"values": {
				Type: listOf(graphql.Float), Description: "The voxel values that carry it: whole numbers.",
				Resolve: on(s, func(ctx context.Context, st *labelmap.State, _ args) (any, error) {
					list := raw(st).Values
					return list, charge(ctx, len(list))
				}),
			},
			"modality": {Type: graphql.String, Description: `The kind of scan: "ct", "mri", "pet"; null where the source does not say.`, Resolve: get(s, func(st *labelmap.State) any { return nilIfEmpty(raw(st).Modality) })},
			"region":   {Type: graphql.String, Description: "What the scans show, in the source's words; null where it does not say.", Resolve: get(s, func(st *labelmap.State) any { return nilIfEmpty(raw(st).Region) })},
			"context":  {Type: graphql.String, Description: "Further words of the source; null where there are none.", Resolve: get(s, func(st *labelmap.State) any { return nilIfEmpty(raw(st).Context) })},
			"codes":    texts(s, `Codes that the source gives, such as "SCT:64033007".`, func(st *labelmap.State) []string { return raw(st).Codes }),
			"oddities": texts(s, "What is odd about it in its source.", func(st *labelmap.State) []string { return raw(st).Flags }),
			"geometry": {Type: geometry, Description: "What the label volume shows; null where none was measured.", Resolve: get(s, func(st *labelmap.State) any {
				if g := raw(st).Geometry; g != nil {
					return g
				}
				return nil
			})},
			"status": {Type: required(l.status), Description: "Where it stands.", Resolve: get(s, func(st *labelmap.State) any { return st.Status })},
			"state":  {Type: required(l.state), Description: "What was decided, by whom, and what is in doubt.", Resolve: get(s, func(st *labelmap.State) any { return st })},
			"touched": {
				Type: listOf(graphql.String), Description: "How the tree has changed the terms of its decisions since; empty where nothing is to be looked at again.",
				Resolve: on(s, func(ctx context.Context, st *labelmap.State, _ args) (any, error) {
					var why []string
					for _, x := range labelmap.FindTouched(s.tree(ctx), []labelmap.State{*st}) {
						why = x.Why
					}
					return why, charge(ctx, len(why))
				}),
			},
			"suggestion": {
				Type: l.suggested, Description: "What the program suggests, in the light of all labels of the dataset and of decisions on others; null for a label that was never imported.",
				Resolve: onDesk(s, func(ctx context.Context, d *desk, st *labelmap.State, _ args) (any, error) {
					r, err := s.suggestionFor(ctx, d, st)
					if err != nil || r == nil {
						return nil, err
					}
					return r, nil
				}),
			},
			"history": s.historyField(l, func(st *labelmap.State) labelmap.Subject { return st.Subject }),
		},
	})
}

// maxHistory is how many events of one subject a field gives.
const maxHistory = 1_000

// historyField lists the events of a subject.
func (s *Service) historyField(l *labelTypes, of func(st *labelmap.State) labelmap.Subject) *graphql.Field {
	return &graphql.Field{
		Type: listOf(l.event), Description: "What was done, by whom, when and why; the latest of them, oldest first.",
		Args: graphql.FieldConfigArgument{"limit": limitArgument(100, maxHistory)},
		Resolve: onDesk(s, func(ctx context.Context, d *desk, st *labelmap.State, a args) (any, error) {
			limit, err := a.limit(maxHistory)
			if err != nil {
				return nil, err
			}
			give := func(events []labelmap.Event) (any, error) {
				events = events[max(0, len(events)-limit):]
				return eventNodes(events), charge(ctx, len(events))
			}
			b, ok := ctx.Value(budgetKey{}).(*budget)
			if !ok {
				events, err := d.book.History(ctx, of(st))
				if err != nil {
					return nil, err
				}
				return give(events)
			}
			return later(ctx, s, &b.histories, of(st), d.book.Histories, give)
		}),
	}
}

// stateOf is where a subject stands; those of one level are read together.
func (s *Service) stateOf(ctx context.Context, d *desk, subject labelmap.Subject) (any, error) {
	b, ok := ctx.Value(budgetKey{}).(*budget)
	if !ok {
		st, err := d.book.State(ctx, subject)
		return &st, err
	}
	return later(ctx, s, &b.states, subject, d.book.StatesOf, func(st labelmap.State) (any, error) { return &st, nil })
}

func eventNodes(events []labelmap.Event) []*labelmap.Event {
	out := make([]*labelmap.Event, len(events))
	for i := range events {
		out[i] = &events[i]
	}
	return out
}

// suggestionFor gives the suggestions for a label; a request makes those of a
// dataset once.
func (s *Service) suggestionFor(ctx context.Context, d *desk, st *labelmap.State) (*suggest.Result, error) {
	all, err := s.suggestionsOf(ctx, d, st.Subject.Dataset)
	return all[st.Subject.Key], err
}

func (s *Service) suggestionsOf(ctx context.Context, d *desk, dataset string) (map[string]*suggest.Result, error) {
	b, _ := ctx.Value(budgetKey{}).(*budget)
	if b == nil {
		return d.suggestions(ctx, s.tree(ctx), dataset)
	}
	b.suggesting.Lock()
	defer b.suggesting.Unlock()
	if have, ok := b.suggested[dataset]; ok {
		return have, nil
	}
	made, err := d.suggestions(ctx, s.tree(ctx), dataset)
	if err != nil {
		return nil, err
	}
	if b.suggested == nil {
		b.suggested = map[string]map[string]*suggest.Result{}
	}
	b.suggested[dataset] = made
	return made, nil
}

// labelQueries are the questions about labels.
func (s *Service) labelQueries(t *types, l *labelTypes) graphql.Fields {
	datasets := connectionOf(s, t, "Dataset", "datasets", l.dataset, func(d *labelled) string { return nameCursor(d.name) })
	events := connectionOf(s, t, "LabelEvent", "events of the ledger", l.event, func(e *labelmap.Event) string { return nameCursor(strconv.FormatInt(e.Seq, 10)) })
	return graphql.Fields{
		"datasets": {
			Type: required(datasets), Description: "The datasets whose raw labels are in the ledger, by name.", Args: forwardArguments(),
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				counts, err := d.book.Counts(ctx, "")
				if err != nil {
					return nil, err
				}
				return cut(gather(counts), a, func(x *labelled) string { return x.name })
			}),
		},
		"dataset": {
			Type: l.dataset, Description: "One dataset; null where the ledger has no labels of it.",
			Args: graphql.FieldConfigArgument{"name": {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."}},
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				counts, err := d.book.Counts(ctx, a.text("name"))
				if found := gather(counts); err == nil && a.text("name") != "" && len(found) > 0 {
					return found[0], nil
				}
				return nil, err
			}),
		},
		"rawLabel": {
			Type: l.label, Description: "One raw label of a dataset, by key, or by name or value where only one label has it.",
			Args: graphql.FieldConfigArgument{
				"dataset": {Type: graphql.NewNonNull(graphql.String), Description: "The dataset's name."},
				"label":   {Type: graphql.NewNonNull(graphql.String), Description: "The label's key, name or value."},
			},
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) {
				return d.find(ctx, a.text("dataset"), a.text("label"))
			}),
		},
		"labelEvents": {
			Type: required(events), Description: "The ledger: what was done to labels and recipes, in order.",
			Args:    forwardArguments(),
			Resolve: onDesk(s, func(ctx context.Context, d *desk, _ any, a args) (any, error) { return listEvents(ctx, d, a) }),
		},
		"suggestLabels": {
			Type:        listOf(l.suggested),
			Description: "Suggestions for a list of raw labels that need not be in the ledger. The list is read as a whole. Nothing is decided or kept.",
			Args: graphql.FieldConfigArgument{
				"labels":   {Type: graphql.NewList(graphql.NewNonNull(graphql.String)), Description: "The labels; at most " + number(maxSuggested) + "."},
				"text":     {Type: graphql.String, Description: "In their place, a text with one label a line."},
				"dataset":  {Type: graphql.String, Description: "The dataset that they are of: decisions on its own labels do not speak."},
				"modality": {Type: t.modality, Description: "The kind of scan."},
				"region":   {Type: graphql.String, Description: `What the scans show, such as "abdomen".`},
				"top":      {Type: graphql.Int, DefaultValue: 5, Description: "Suggestions for each label at most; from 1 to " + number(maxSuggestions) + "."},
			},
			Resolve: on(s, func(ctx context.Context, _ any, a args) (any, error) { return s.suggestList(ctx, a) }),
		},
	}
}

// listEvents reads a page of the ledger.
func listEvents(ctx context.Context, d *desk, a args) (any, error) {
	first, err := firstOf(a)
	if err != nil {
		return nil, err
	}
	after := int64(0)
	if cursor := a.text("after"); cursor != "" {
		raw, err := base64.RawURLEncoding.DecodeString(cursor)
		if err != nil {
			return nil, errCursor(cursor)
		}
		if after, err = strconv.ParseInt(string(raw), 10, 64); err != nil || after < 0 {
			return nil, errCursor(cursor)
		}
	}
	last, err := d.book.Last(ctx)
	if err != nil {
		return nil, err
	}
	events, err := d.book.Events(ctx, after, first)
	if err != nil {
		return nil, err
	}
	return &listing[*labelmap.Event]{total: int(last), more: after+int64(len(events)) < last, after: after > 0, nodes: eventNodes(events)}, nil
}

func (s *Service) suggestList(ctx context.Context, a args) (any, error) {
	given := list[string](a, "labels")
	if text := a.text("text"); text != "" {
		if len(given) > 0 {
			return nil, &Error{Code: CodeBadInput, Message: "give labels or text, not both"}
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimSpace(line); line != "" {
				given = append(given, line)
			}
		}
	}
	top, _ := a["top"].(int)
	switch {
	case len(given) == 0:
		return nil, &Error{Code: CodeBadInput, Message: "no label is given", Hint: `as in suggestLabels(labels: ["LK", "liver"])`}
	case len(given) > maxSuggested:
		return nil, &Error{Code: CodeLimit, Message: "more than " + number(maxSuggested) + " labels", Hint: "`satgraph labels suggest` takes any number"}
	case top < 1 || top > maxSuggestions:
		return nil, &Error{Code: CodeBadInput, Message: "top goes from 1 to " + number(maxSuggestions)}
	}
	if err := spend(ctx, suggestionCost*len(given)); err != nil {
		return nil, err
	}
	labels := make([]labelmap.RawLabel, len(given))
	modality, _ := a["modality"].(inference.Modality)
	for i, name := range given {
		labels[i] = labelmap.RawLabel{Dataset: a.text("dataset"), Name: name, Modality: string(modality), Region: a.text("region")}
	}
	d := s.desk
	if d == nil {
		d = s.deskless
	}
	var precedents map[string][]labelmap.Precedent
	if s.desk != nil {
		var err error
		if precedents, err = d.book.Precedents(ctx, labels); err != nil {
			return nil, err
		}
	}
	results, err := d.suggest(s.tree(ctx), labels, precedents, top)
	if err != nil {
		return nil, err
	}
	out := make([]*suggest.Result, len(results))
	for i := range results {
		out[i] = &results[i]
	}
	return out, charge(ctx, len(out))
}

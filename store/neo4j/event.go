package neo4j

import (
	"context"
	"fmt"
	"time"

	"satgraph/graph"
	"satgraph/labelmap"
)

// orNil leaves a property out where it is empty.
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// listOrNil keeps an empty list apart from none.
func listOrNil[T any](list []T) any {
	if list == nil {
		return nil
	}
	return list
}

// eventProperties is the opposite of readEvent. Lists of targets have equal
// length; a recipe's expression stands in nodes of its own (stepRows) and here
// once more in words.
func eventProperties(e *labelmap.Event) map[string]any {
	p := map[string]any{
		"seq": e.Seq, "id": e.ID, "batch": e.Batch, "time": e.Time.UTC(), "actor": e.Actor, "tool": orNil(e.Tool),
		"version": e.Version, "action": string(e.Action), "ref": orNil(e.Ref), "comment": orNil(e.Comment),
	}
	if e.Reviewers != 0 {
		p["reviewers"] = e.Reviewers
	}
	if v := e.Verdict; v != nil {
		verdictProperties(p, v)
	}
	if o := e.Suggestion; o != nil {
		p["offeredTerm"], p["offeredScore"], p["offeredRank"], p["offeredBy"] = o.TermID, o.Score, o.Rank, orNil(o.Tool)
	}
	if l := e.Label; l != nil {
		labelProperties(p, l)
		p["labelDataset"] = l.Dataset
	}
	return p
}

func verdictProperties(p map[string]any, v *labelmap.Verdict) {
	p["outcome"], p["mode"], p["newTerm"], p["changeSet"] = string(v.Outcome), orNil(string(v.Mode)), orNil(v.NewTerm), orNil(v.ChangeSet)
	if n := len(v.Targets); n > 0 {
		ids, names, predicates, fingerprints := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
		for i, t := range v.Targets {
			ids[i], names[i], predicates[i], fingerprints[i] = t.TermID, t.Name, string(t.Predicate), t.Fingerprint
		}
		p["terms"], p["termNames"], p["predicates"], p["fingerprints"] = ids, names, predicates, fingerprints
	}
	if r := v.Recipe; r != nil {
		recipeProperties(p, r)
	}
}

func recipeProperties(p map[string]any, r *labelmap.Recipe) {
	p["class"], p["recipeModality"], p["recipe"] = r.Class, orNil(r.Modality), r.Expr.String()
	p["complete"], p["missing"] = r.Complete, listOrNil(r.Missing)
	p["definition"], p["risk"], p["reason"] = orNil(r.Definition), orNil(r.Risk), orNil(r.Reason)
}

func labelProperties(p map[string]any, l *labelmap.RawLabel) {
	p["label"], p["values"], p["modality"], p["region"] = l.Name, listOrNil(l.Values), orNil(l.Modality), orNil(l.Region)
	p["context"], p["codes"], p["color"], p["file"] = orNil(l.Context), listOrNil(l.Codes), orNil(l.Color), orNil(l.File)
	p["line"], p["labelFlags"] = l.Line, listOrNil(l.Flags)
	if g := l.Geometry; g != nil {
		p["voxels"], p["volumeML"], p["centroid"], p["side"] = g.Voxels, g.VolumeML, g.Centroid[:], orNil(g.Side)
	}
}

// stepRows are the nodes of a recipe's expression, and which is whose argument.
func stepRows(seq int64, root *labelmap.Expr) (steps, arguments []map[string]any) {
	id := func(position int) string { return fmt.Sprintf("%d/%d", seq, position) }
	var add func(x *labelmap.Expr, parent int)
	add = func(x *labelmap.Expr, parent int) {
		position := len(steps)
		step := map[string]any{"id": id(position), "position": position, "parent": parent, "op": string(x.Op), "side": orNil(x.Side)}
		if s := x.Source; s != nil {
			n := len(s.Values)
			lows, highs, open := make([]float64, n), make([]float64, n), make([]bool, n)
			for i, r := range s.Values {
				lows[i], highs[i], open[i] = r.Low, r.High, r.OpenLow
			}
			step["file"], step["channel"], step["label"] = orNil(s.File), s.Channel, orNil(s.Label)
			step["lows"], step["highs"], step["openLows"] = lows, highs, open
		}
		steps = append(steps, map[string]any{"seq": seq, "step": step})
		if parent >= 0 {
			arguments = append(arguments, map[string]any{"from": id(parent), "to": id(position)})
		}
		for i := range x.Args {
			add(&x.Args[i], position)
		}
	}
	add(root, -1)
	return steps, arguments
}

// events reads the events that a pattern of e and its subject s chooses, in an
// order.
func (t *transaction) events(ctx context.Context, pattern, order string, params map[string]any) ([]labelmap.Event, error) {
	var out []labelmap.Event
	recipes := map[int64]*labelmap.Recipe{}
	var seqs []int64
	err := t.rows(ctx, pattern+` RETURN properties(e), s.dataset, s.kind, s.key ORDER BY `+order, params, func(v []any) error {
		p, _ := v[0].(map[string]any)
		e, err := readEvent(p)
		if err != nil {
			return err
		}
		e.Subject = labelmap.Subject{Dataset: text(v[1]), Kind: labelmap.SubjectKind(text(v[2])), Key: text(v[3])}
		if e.Verdict != nil && e.Verdict.Recipe != nil {
			recipes[e.Seq] = e.Verdict.Recipe
			seqs = append(seqs, e.Seq)
		}
		out = append(out, e)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, t.readSteps(ctx, seqs, recipes)
}

// readEvent reads an event but for its subject and the steps of its recipe.
func readEvent(p map[string]any) (labelmap.Event, error) {
	at, ok := p["time"].(time.Time)
	e := labelmap.Event{
		Seq: int64(number(p["seq"])), ID: text(p["id"]), Batch: text(p["batch"]), Time: at.UTC(), Actor: text(p["actor"]), Tool: text(p["tool"]),
		Version: int64(number(p["version"])), Action: labelmap.Action(text(p["action"])), Ref: text(p["ref"]), Comment: text(p["comment"]),
		Reviewers: number(p["reviewers"]), Label: readRawLabel(p),
	}
	if !ok {
		return e, fmt.Errorf("%w: the event %d has no time", graph.ErrCorrupt, e.Seq)
	}
	if _, ok := p["offeredTerm"]; ok {
		score, _ := p["offeredScore"].(float64)
		e.Suggestion = &labelmap.Offer{TermID: text(p["offeredTerm"]), Score: score, Rank: number(p["offeredRank"]), Tool: text(p["offeredBy"])}
	}
	var err error
	e.Verdict, err = readVerdict(p)
	if err != nil {
		return e, fmt.Errorf("%w: the event %d: %w", graph.ErrCorrupt, e.Seq, err)
	}
	return e, nil
}

func readVerdict(p map[string]any) (*labelmap.Verdict, error) {
	if p["outcome"] == nil {
		return nil, nil
	}
	v := &labelmap.Verdict{
		Outcome: labelmap.Outcome(text(p["outcome"])), Mode: labelmap.Mode(text(p["mode"])), NewTerm: text(p["newTerm"]), ChangeSet: text(p["changeSet"]),
	}
	ids, names, predicates, fingerprints := texts(p["terms"]), texts(p["termNames"]), texts(p["predicates"]), texts(p["fingerprints"])
	if len(names) != len(ids) || len(predicates) != len(ids) || len(fingerprints) != len(ids) {
		return nil, fmt.Errorf("its lists of targets are not of equal length")
	}
	for i := range ids {
		v.Targets = append(v.Targets, labelmap.Target{
			TermID: ids[i], Name: names[i], Predicate: labelmap.Predicate(predicates[i]), Fingerprint: fingerprints[i],
		})
	}
	if class, ok := p["class"].(string); ok {
		complete, _ := p["complete"].(bool)
		v.Recipe = &labelmap.Recipe{
			Class: class, Modality: text(p["recipeModality"]), Complete: complete, Missing: texts(p["missing"]),
			Definition: text(p["definition"]), Risk: text(p["risk"]), Reason: text(p["reason"]),
		}
	}
	return v, nil
}

func readRawLabel(p map[string]any) *labelmap.RawLabel {
	name, ok := p["label"].(string)
	if !ok {
		return nil
	}
	l := &labelmap.RawLabel{
		Dataset: text(p["labelDataset"]), Name: name, Values: listOf[int64](p["values"]), Modality: text(p["modality"]), Region: text(p["region"]),
		Context: text(p["context"]), Codes: listOf[string](p["codes"]), Color: text(p["color"]), File: text(p["file"]), Line: number(p["line"]),
		Flags: listOf[string](p["labelFlags"]),
	}
	if _, ok := p["voxels"]; ok {
		volume, _ := p["volumeML"].(float64)
		l.Geometry = &labelmap.Geometry{Voxels: int64(number(p["voxels"])), VolumeML: volume, Side: text(p["side"])}
		copy(l.Geometry.Centroid[:], listOf[float64](p["centroid"]))
	}
	return l
}

// listOf reads a list; none stays nil, an empty one empty.
func listOf[T any](v any) []T {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	out := make([]T, len(list))
	for i := range list {
		out[i], _ = list[i].(T)
	}
	return out
}

// readSteps gives recipes their expressions.
func (t *transaction) readSteps(ctx context.Context, seqs []int64, recipes map[int64]*labelmap.Recipe) error {
	steps := map[int64][]map[string]any{}
	for len(seqs) > 0 {
		n := min(batchRows, len(seqs))
		err := t.rows(ctx, `UNWIND $rows AS seq MATCH (:LabelEvent {seq: seq})-[:HAS_STEP]->(x:RecipeStep) RETURN seq, properties(x) ORDER BY seq, x.position`,
			map[string]any{"rows": seqs[:n]}, func(v []any) error {
				p, _ := v[1].(map[string]any)
				seq := int64(number(v[0]))
				steps[seq] = append(steps[seq], p)
				return nil
			})
		if err != nil {
			return err
		}
		seqs = seqs[n:]
	}
	for seq, recipe := range recipes {
		read := 0
		root, err := expression(steps[seq], -1, &read)
		if err != nil || read != len(steps[seq]) {
			return fmt.Errorf("%w: the steps of the recipe of event %d do not hang together", graph.ErrCorrupt, seq)
		}
		recipe.Expr = *root
	}
	return nil
}

// expression reads the step at *next, whose parent is given, and its arguments.
func expression(steps []map[string]any, parent int, next *int) (*labelmap.Expr, error) {
	at := *next
	if at >= len(steps) || number(steps[at]["position"]) != at || number(steps[at]["parent"]) != parent {
		return nil, graph.ErrCorrupt
	}
	*next++
	p := steps[at]
	x := &labelmap.Expr{Op: labelmap.Op(text(p["op"])), Side: text(p["side"])}
	if lows, ok := p["lows"]; ok {
		l, h, open := listOf[float64](lows), listOf[float64](p["highs"]), listOf[bool](p["openLows"])
		if len(h) != len(l) || len(open) != len(l) {
			return nil, graph.ErrCorrupt
		}
		x.Source = &labelmap.Source{File: text(p["file"]), Channel: number(p["channel"]), Label: text(p["label"])}
		for i := range l {
			x.Source.Values = append(x.Source.Values, labelmap.Range{Low: l[i], High: h[i], OpenLow: open[i]})
		}
	}
	for *next < len(steps) && number(steps[*next]["parent"]) == at {
		arg, err := expression(steps, at, next)
		if err != nil {
			return nil, err
		}
		x.Args = append(x.Args, *arg)
	}
	return x, nil
}

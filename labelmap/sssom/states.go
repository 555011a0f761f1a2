package sssom

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"satgraph/labelmap"
)

// SubjectID is the CURIE of a label: its dataset and key, escaped as in a URL.
func SubjectID(dataset, key string) string {
	return "label:" + url.PathEscape(dataset) + "/" + url.PathEscape(key)
}

// ParseSubjectID takes a CURIE of SubjectID apart.
func ParseSubjectID(curie string) (dataset, key string, ok bool) {
	rest, ok := strings.CutPrefix(curie, "label:")
	d, k, cut := strings.Cut(rest, "/")
	if !ok || !cut {
		return "", "", false
	}
	dataset, err1 := url.PathUnescape(d)
	key, err2 := url.PathUnescape(k)
	return dataset, key, err1 == nil && err2 == nil && dataset != "" && key != ""
}

// FromStates lists the standing verdicts and the rejected terms of labels, by
// dataset, key, author and term. States of other subjects are passed over.
func FromStates(states []labelmap.State) []Mapping {
	var out []Mapping
	for i := range states {
		s := &states[i]
		if s.Subject.Kind != labelmap.SubjectLabel {
			continue
		}
		base := Mapping{
			SubjectID: SubjectID(s.Subject.Dataset, s.Subject.Key), SubjectLabel: s.Subject.Key,
			Dataset: s.Subject.Dataset, Key: s.Subject.Key, Status: s.Status, Reviewers: s.Reviewers,
		}
		if s.Label != nil && s.Label.Name != "" {
			base.SubjectLabel = s.Label.Name
		}
		for _, v := range s.Votes {
			out = append(out, records(base, v, false)...)
		}
		if a := s.Adjudication; a != nil {
			out = append(out, records(base, *a, true)...)
		}
		not := base
		not.Not = true
		for _, v := range s.Rejected {
			out = append(out, records(not, v, false)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Mapping) int {
		return cmp.Or(cmp.Compare(a.Dataset, b.Dataset), cmp.Compare(a.Key, b.Key), a.Date.Compare(b.Date),
			cmp.Compare(a.Author, b.Author), cmp.Compare(a.ObjectID, b.ObjectID))
	})
	return out
}

const (
	manual = "semapv:ManualMappingCuration"
	// byRule justifies what a policy decided: names were compared.
	byRule = "semapv:LexicalMatching"
)

func records(m Mapping, v labelmap.Vote, adjudicated bool) []Mapping {
	m.Author, m.Date, m.Comment = v.Actor, v.Time, v.Comment
	m.Outcome, m.Mode, m.NewTerm, m.ChangeSet = v.Verdict.Outcome, v.Verdict.Mode, v.Verdict.NewTerm, v.Verdict.ChangeSet
	m.Adjudicated = adjudicated
	m.Justification = manual
	if labelmap.IsPolicy(v.Actor) {
		m.Justification = byRule
	}
	if len(v.Verdict.Targets) == 0 {
		m.Predicate, m.ObjectID = curieOf(labelmap.Exact), NoTermFound
		return []Mapping{m}
	}
	var out []Mapping
	for _, t := range v.Verdict.Targets {
		one := m
		one.Predicate, one.ObjectID, one.ObjectLabel, one.Fingerprint = curieOf(t.Predicate), t.TermID, t.Name, t.Fingerprint
		out = append(out, one)
	}
	return out
}

// Decisions puts the records of a set together to verdicts, in the order of
// their dates. Records of other tools have no dataset of their own; they are
// taken into the dataset given, with their label (or id) as the key. Errors wrap
// ErrFormat and name the record.
func Decisions(set *Set, dataset string) ([]labelmap.Adopted, error) {
	var out []labelmap.Adopted
	at := map[string]int{}
	for i := range set.Mappings {
		m := &set.Mappings[i]
		d, err := decision(m, dataset)
		if err != nil {
			return nil, fmt.Errorf("%w: record %d: %w", ErrFormat, i+1, err)
		}
		key := fmt.Sprintf("%q %q %q %s %t", d.Subject.Dataset, d.Subject.Key, d.Actor, d.Action, m.Not)
		if n, ok := at[key]; ok && len(d.Verdict.Targets) > 0 {
			out[n].Verdict.Targets = append(out[n].Verdict.Targets, d.Verdict.Targets...)
			if out[n].Verdict.Mode == "" && !m.Not && out[n].Verdict.Outcome == labelmap.Mapped {
				out[n].Verdict.Mode = labelmap.OneOf // several matches of one label are alternatives
			}
			continue
		}
		at[key] = len(out)
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b labelmap.Adopted) int { return a.Time.Compare(b.Time) })
	return out, nil
}

func decision(m *Mapping, dataset string) (labelmap.Adopted, error) {
	d := labelmap.Adopted{Action: labelmap.ActDecide, Actor: m.Author, Time: m.Date, Comment: m.Comment}
	d.Subject = labelmap.Subject{Kind: labelmap.SubjectLabel, Dataset: cmp.Or(m.Dataset, dataset), Key: cmp.Or(m.Key, m.SubjectLabel, m.SubjectID)}
	if d.Subject.Dataset == "" {
		return d, fmt.Errorf("%s names no dataset, and none was given", m.SubjectID)
	}
	if d.Subject.Key == "" {
		return d, fmt.Errorf("it has neither subject nor label")
	}
	d.Verdict = labelmap.Verdict{Outcome: cmp.Or(m.Outcome, labelmap.Mapped), Mode: m.Mode, NewTerm: m.NewTerm, ChangeSet: m.ChangeSet}
	switch {
	case m.Adjudicated:
		d.Action = labelmap.ActAdjudicate
	case m.Not:
		d.Action = labelmap.ActReject
	}
	if m.ObjectID == NoTermFound || m.ObjectID == "" {
		if m.Outcome == "" || m.Outcome == labelmap.Mapped {
			d.Verdict.Outcome = labelmap.NoTerm
		}
		return d, nil
	}
	p, ok := predicateOf(m.Predicate)
	if !ok {
		return d, fmt.Errorf("the predicate %q of %s is none of SKOS's mapping relations (skos:exactMatch and the like), owl:equivalentClass, owl:sameAs or rdfs:subClassOf", m.Predicate, m.SubjectID)
	}
	d.Verdict.Targets = []labelmap.Target{{TermID: m.ObjectID, Name: m.ObjectLabel, Predicate: p, Fingerprint: m.Fingerprint}}
	return d, nil
}

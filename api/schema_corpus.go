package api

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"

	"satgraph/datasets/catalog"
	"satgraph/datasets/corpus"
	"satgraph/datasets/export"
	"satgraph/datasets/gates"
	"satgraph/datasets/impact"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/labelmap"
)

// corpusTypes are the types of datasets and of the corpus.
type corpusTypes struct {
	record, class, corpus, count *graphql.Object
}

// count is a number by a name.
type count struct {
	name string
	n    int
}

// at is an item of a list that has no other order than its own.
type at[T any] struct {
	place int
	item  T
}

func places[T any](list []T) []at[T] {
	out := make([]at[T], len(list))
	for i := range list {
		out[i] = at[T]{i, list[i]}
	}
	return out
}

func (a at[T]) key() string { return fmt.Sprintf("%09d", a.place) }

func modalityOf(m catalog.Modality) inference.Modality { return inference.Modality(m) }

// listField is a field of a list, each item paid for.
func listField[T, I any](s *Service, t graphql.Type, description string, f func(x T) []I) *graphql.Field {
	return &graphql.Field{Type: listOf(t), Description: description, Resolve: on(s, func(ctx context.Context, x T, _ args) (any, error) {
		list := f(x)
		if list == nil {
			list = []I{}
		}
		return list, charge(ctx, len(list))
	})}
}

// counts lists a map by name.
func counts[K ~string](m map[K]int) []count {
	out := []count{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		out = append(out, count{string(name), m[name]})
	}
	return out
}

func countsField[T any, K ~string](s *Service, c *corpusTypes, description string, f func(x T) map[K]int) *graphql.Field {
	return listField(s, c.count, description, func(x T) []count { return counts(f(x)) })
}

func (s *Service) newCorpusTypes(t *types, l *labelTypes) *corpusTypes {
	c := &corpusTypes{}
	c.count = graphql.NewObject(graphql.ObjectConfig{
		Name: "Count", Description: "A number by a name.",
		Fields: graphql.Fields{
			"name":  text(s, "What is counted.", func(x count) string { return x.name }),
			"count": whole(s, "How many there are.", func(x count) int { return x.n }),
		},
	})
	s.classType(t, l, c)
	s.recordType(t, c)
	s.corpusType(t, l, c)
	s.joinRecords(t, l, c)
	return c
}

func (s *Service) classType(t *types, l *labelTypes, c *corpusTypes) {
	c.class = graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusClass", Description: "A class of the corpus: what models are trained on, a pair of a kind of scan and a name.",
		Interfaces: []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":        nodeID(s, func(x *catalog.Class) string { return classID(x) }),
			"name":      text(s, `Its name, which is the prompt too, such as "left heart atrium".`, func(x *catalog.Class) string { return x.Name }),
			"modality":  {Type: required(t.modality), Description: "The kind of scan.", Resolve: get(s, func(x *catalog.Class) any { return modalityOf(x.Modality) })},
			"term":      {Type: t.term, Description: "The term of the tree that it stands for; null where the tree no longer has it.", Resolve: on(s, func(_ context.Context, x *catalog.Class, _ args) (any, error) { return s.termOrNil(x.TermID) })},
			"predicate": {Type: required(l.predicate), Description: "How the class relates to the term.", Resolve: get(s, func(x *catalog.Class) any { return labelmap.Predicate(x.Predicate) })},
			"abnormal":  {Type: required(graphql.Boolean), Description: "Whether the corpus counts it among the abnormalities.", Resolve: get(s, func(x *catalog.Class) any { return x.Abnormal })},
			"region":    text(s, `The region of the body that the corpus sorts it under, such as "thorax".`, func(x *catalog.Class) string { return x.Region }),
			"reason":    text(s, "Why this term, where it is not plain; else empty.", func(x *catalog.Class) string { return x.Reason }),
		},
	})
}

func (s *Service) recordType(t *types, c *corpusTypes) {
	licence := graphql.NewObject(graphql.ObjectConfig{
		Name: "Licence", Description: "What a dataset's own terms say.",
		Fields: graphql.Fields{
			"id":        text(s, `An SPDX identifier, the terms' own name, or "`+catalog.Unknown+`".`, func(x catalog.Licence) string { return x.ID }),
			"known":     {Type: required(graphql.Boolean), Description: "Whether somebody has looked it up.", Resolve: get(s, func(x catalog.Licence) any { return x.Known() })},
			"reference": text(s, "Where the terms stand; empty where they are not known.", func(x catalog.Licence) string { return x.Reference }),
			"note":      text(s, "What else is to be said; may be empty.", func(x catalog.Licence) string { return x.Note }),
		},
	})
	label := graphql.NewObject(graphql.ObjectConfig{
		Name: "RecordLabel", Description: "A raw label as a record of the catalog has it.",
		Fields: graphql.Fields{
			"name":    text(s, "Its name.", func(x catalog.Label) string { return x.Name }),
			"value":   {Type: graphql.Int, Description: "Its voxel value in a label map; null where it has none.", Resolve: get(s, func(x catalog.Label) any { return numberOrNil(x.Value) })},
			"channel": {Type: graphql.Int, Description: "Its place in a stack of masks; null where it has none.", Resolve: get(s, func(x catalog.Label) any { return numberOrNil(x.Channel) })},
			"class":   {Type: graphql.String, Description: "The corpus class that it stands for alone or as its main part; null for one that no class is named after.", Resolve: get(s, func(x catalog.Label) any { return nilIfEmpty(x.Class) })},
			"note":    text(s, "What is to be said of it; may be empty.", func(x catalog.Label) string { return x.Note }),
		},
	})
	recipe := graphql.NewObject(graphql.ObjectConfig{
		Name: "RecordRecipe", Description: "How a dataset makes a corpus class, by its record.",
		Fields: graphql.Fields{
			"class":      text(s, "The corpus class.", func(x catalog.Recipe) string { return x.Class }),
			"expression": text(s, `What is done with which values, such as "{1, 3}".`, func(x catalog.Recipe) string { e := x.Of(false); return e.String() }),
			"published": {Type: graphql.String, Description: "What the published loader does where that is not right; else null.", Resolve: get(s, func(x catalog.Recipe) any {
				if x.Published == nil {
					return nil
				}
				e := x.Of(true)
				return e.String()
			})},
			"definition": text(s, "What the dataset means by the class where datasets differ; may be empty.", func(x catalog.Recipe) string { return x.Definition }),
			"reason":     text(s, "Why it is so; may be empty.", func(x catalog.Recipe) string { return x.Reason }),
		},
	})
	anomaly := graphql.NewObject(graphql.ObjectConfig{
		Name: "Anomaly", Description: "Something known to be odd about published data or its loader.",
		Fields: graphql.Fields{
			"gate":      text(s, "The gate that raises it.", func(x catalog.Anomaly) string { return x.Gate }),
			"what":      text(s, "What it is.", func(x catalog.Anomaly) string { return x.What }),
			"published": text(s, "What the published form does; may be empty.", func(x catalog.Anomaly) string { return x.Published }),
			"corrected": text(s, "What is done here instead; empty where it is only raised.", func(x catalog.Anomaly) string { return x.Corrected }),
		},
	})
	published := graphql.NewObject(graphql.ObjectConfig{
		Name: "PublishedNumbers", Description: "What the lists that were released with SAT-DS hold of a dataset.",
		Fields: graphql.Fields{
			"rows":     whole(s, "Rows: an image with masks.", func(x *catalog.Published) int { return x.Rows }),
			"images":   whole(s, "Images, each once.", func(x *catalog.Published) int { return x.Images }),
			"patients": whole(s, "Ids of patients, whatever they stand for.", func(x *catalog.Published) int { return x.Patients }),
			"splits":   countsField(s, c, "Rows by the owner's split.", func(x *catalog.Published) map[string]int { return x.Split }),
			"sides":    countsField(s, c, "Rows by the corpus's own split.", func(x *catalog.Published) map[string]int { return x.SATSplit }),
			"sharesImages": texts(s, "Datasets whose rows use the same image files.", func(x *catalog.Published) []string {
				return x.SharesImages
			}),
		},
	})
	c.record = graphql.NewObject(graphql.ObjectConfig{
		Name: "DatasetRecord", Description: "What the catalog knows of a dataset: where it comes from, its labels, how these make classes, and what is odd about it.",
		Interfaces: []*graphql.Interface{t.node},
		Fields: graphql.Fields{
			"id":       nodeID(s, func(x *catalog.Dataset) string { return kindRecord + x.Name }),
			"name":     text(s, "Its name.", func(x *catalog.Dataset) string { return x.Name }),
			"title":    text(s, "Its full name; may be empty.", func(x *catalog.Dataset) string { return x.Title }),
			"homepage": text(s, "Its own page.", func(x *catalog.Dataset) string { return x.Homepage }),
			"licence":  {Type: required(licence), Description: "What its own terms say.", Resolve: get(s, func(x *catalog.Dataset) any { return x.Licence })},
			"modality": {Type: required(t.modality), Description: "The kind of scan.", Resolve: get(s, func(x *catalog.Dataset) any { return modalityOf(x.Modality) })},
			"region":   text(s, "The region of the body that it shows.", func(x *catalog.Dataset) string { return x.Region }),
			"draft":    {Type: required(graphql.Boolean), Description: "Whether nobody has reviewed the record yet.", Resolve: get(s, func(x *catalog.Dataset) any { return x.Draft })},
			"published": {Type: published, Description: "What was released of it with SAT-DS; null for a dataset that was not.", Resolve: get(s, func(x *catalog.Dataset) any {
				if x.Published == nil {
					return nil
				}
				return x.Published
			})},
			"labels":    listField(s, label, "Its raw labels.", func(x *catalog.Dataset) []catalog.Label { return x.Labels }),
			"recipes":   listField(s, recipe, "How its labels make corpus classes.", func(x *catalog.Dataset) []catalog.Recipe { return x.Recipes }),
			"classes":   listField(s, c.class, "The corpus classes that it makes.", s.classesOf),
			"anomalies": listField(s, anomaly, "What is known to be odd about it.", func(x *catalog.Dataset) []catalog.Anomaly { return x.Anomalies }),
			"scans":     whole(s, "Its rows in the service's scan list; 0 where there is none.", s.rowsOf),
		},
	})
}

func numberOrNil(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}

func (s *Service) classesOf(d *catalog.Dataset) []*catalog.Class {
	var out []*catalog.Class
	for _, name := range d.Classes() {
		if x := s.shelf.byClass[classKey{d.Modality, name}]; x != nil {
			out = append(out, x)
		}
	}
	return out
}

func (s *Service) rowsOf(d *catalog.Dataset) int {
	if s.shelf.Scans == nil {
		return 0
	}
	return len(s.shelf.Scans.OfDataset(d.Name))
}

func (s *Service) statsType(t *types, c *corpusTypes) *graphql.Object {
	difference := graphql.NewObject(graphql.ObjectConfig{
		Name: "PaperDifference", Description: "A number that the paper on SAT gives otherwise than the released lists.",
		Fields: graphql.Fields{
			"what":     text(s, "What is counted.", func(x corpus.Difference) string { return x.What }),
			"paper":    whole(s, "What the paper says.", func(x corpus.Difference) int { return x.Paper }),
			"released": whole(s, "What the released lists hold.", func(x corpus.Difference) int { return x.Released }),
			"reason":   text(s, "Why they differ, as far as it is known.", func(x corpus.Difference) string { return x.Reason }),
		},
	})
	one := graphql.NewObject(graphql.ObjectConfig{
		Name: "DatasetStats", Description: "What one dataset brings to the corpus.",
		Fields: graphql.Fields{
			"name":        text(s, "The dataset.", func(x corpus.DatasetStats) string { return x.Name }),
			"modality":    {Type: required(t.modality), Description: "The kind of scan.", Resolve: get(s, func(x corpus.DatasetStats) any { return modalityOf(x.Modality) })},
			"rows":        whole(s, "Rows: an image with masks.", func(x corpus.DatasetStats) int { return x.Rows }),
			"images":      whole(s, "Images, each once.", func(x corpus.DatasetStats) int { return x.Images }),
			"patients":    whole(s, "People.", func(x corpus.DatasetStats) int { return x.Patients }),
			"classes":     whole(s, "Corpus classes that it makes.", func(x corpus.DatasetStats) int { return x.Classes }),
			"annotations": whole(s, "Pairs of a row and a class.", func(x corpus.DatasetStats) int { return x.Annotations }),
			"licence":     text(s, "Its licence.", func(x corpus.DatasetStats) string { return x.Licence }),
		},
	})
	type stats = *corpus.Stats
	return graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusStats", Description: "What the corpus holds.",
		Fields: graphql.Fields{
			"source":      text(s, "What was counted: a scan list, or the records alone.", func(x stats) string { return x.Source }),
			"datasets":    whole(s, "Datasets.", func(x stats) int { return x.Datasets }),
			"classes":     whole(s, "Classes: pairs of a kind of scan and a name.", func(x stats) int { return x.Classes }),
			"names":       whole(s, "Names of classes, each once.", func(x stats) int { return x.Names }),
			"pairs":       countsField(s, c, "Classes by the kind of scan.", func(x stats) map[catalog.Modality]int { return x.Pairs }),
			"regions":     countsField(s, c, "Classes by region of the body.", func(x stats) map[string]int { return x.Regions }),
			"abnormal":    whole(s, "Classes that are abnormalities.", func(x stats) int { return x.Abnormal }),
			"rows":        whole(s, "Rows of the list: an image with the masks of one dataset.", func(x stats) int { return x.Rows }),
			"scans":       whole(s, "Scans: an image that one release lists several times counts once.", func(x stats) int { return x.Scans }),
			"images":      whole(s, "Image files, each once.", func(x stats) int { return x.Images }),
			"annotations": whole(s, "Pairs of a row and a class.", func(x stats) int { return x.Annotations }),
			"patients":    whole(s, "People of each dataset, added up.", func(x stats) int { return x.Patients }),
			"splits":      countsField(s, c, "Rows by the owners' splits.", func(x stats) map[string]int { return x.Splits }),
			"sides":       countsField(s, c, "Rows by the corpus's own split.", func(x stats) map[corpus.Side]int { return x.Sides }),
			"perDataset":  listField(s, one, "The same by dataset.", func(x stats) []corpus.DatasetStats { return x.PerDataset }),
			"differences": listField(s, difference, "Where the paper gives other numbers.", func(x stats) []corpus.Difference { return x.Differences }),
		},
	})
}

func (s *Service) diffType() *graphql.Object {
	class := graphql.NewObject(graphql.ObjectConfig{
		Name: "ClassDiff", Description: "A class that more or fewer rows of a dataset have.",
		Fields: graphql.Fields{
			"name":   text(s, "The class.", func(x corpus.ClassChange) string { return x.Class }),
			"before": whole(s, "Rows before.", func(x corpus.ClassChange) int { return x.Rows[0] }),
			"after":  whole(s, "Rows now.", func(x corpus.ClassChange) int { return x.Rows[1] }),
		},
	})
	one := graphql.NewObject(graphql.ObjectConfig{
		Name: "DatasetDiff", Description: "What changed in a dataset from one list to the next.",
		Fields: graphql.Fields{
			"name":    text(s, "The dataset.", func(x corpus.DatasetDiff) string { return x.Name }),
			"before":  whole(s, "Rows before.", func(x corpus.DatasetDiff) int { return x.Rows[0] }),
			"after":   whole(s, "Rows now.", func(x corpus.DatasetDiff) int { return x.Rows[1] }),
			"added":   whole(s, "Rows that came.", func(x corpus.DatasetDiff) int { return len(x.Added) }),
			"removed": whole(s, "Rows that went.", func(x corpus.DatasetDiff) int { return len(x.Removed) }),
			"changed": whole(s, "Rows that changed.", func(x corpus.DatasetDiff) int { return len(x.Changed) }),
			"classes": listField(s, class, "Classes that more or fewer rows have.", func(x corpus.DatasetDiff) []corpus.ClassChange { return x.Classes }),
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusDiff", Description: "What changed from the earlier scan list to the present one.",
		Fields: graphql.Fields{
			"from":     text(s, "The version of the earlier list.", func(x *corpus.Diff) string { return x.From }),
			"to":       text(s, "The version of the present list.", func(x *corpus.Diff) string { return x.To }),
			"same":     {Type: required(graphql.Boolean), Description: "Whether they hold the same.", Resolve: get(s, func(x *corpus.Diff) any { return x.Same })},
			"added":    whole(s, "Rows that came.", func(x *corpus.Diff) int { return x.Added }),
			"removed":  whole(s, "Rows that went.", func(x *corpus.Diff) int { return x.Removed }),
			"changed":  whole(s, "Rows that changed.", func(x *corpus.Diff) int { return x.Changed }),
			"datasets": listField(s, one, "The datasets that changed.", func(x *corpus.Diff) []corpus.DatasetDiff { return x.Datasets }),
		},
	})
}

func (s *Service) reportType(t *types) *graphql.Object {
	status := enum("GateStatus", "How a gate ended.",
		value{"PASSED", gates.Passed, "Nothing was found, or only notes."},
		value{"WARNED", gates.Warned, "Something is to be looked at."},
		value{"FAILED", gates.Failed, "Something stops a release, and nobody has waived it."},
		value{"NOT_RUN", gates.NotRun, "It could not run: see reason."})
	severity := enum("Severity", "What a finding means for a release.",
		value{"NOTE", gates.Note, "Put right already, or nothing to worry about."},
		value{"WARN", gates.Warn, "To be looked at."},
		value{"STOP", gates.Stop, "The corpus must not be released like this."})
	day := func(d gates.Date) any {
		if d.IsZero() {
			return nil
		}
		return d.UTC()
	}
	waiver := graphql.NewObject(graphql.ObjectConfig{
		Name: "Waiver", Description: "A record by which two people accept findings of a gate.",
		Fields: graphql.Fields{
			"gate":     text(s, "The gate.", func(x *gates.Waiver) string { return x.Gate }),
			"dataset":  text(s, "The datasets that it is for, as a pattern; empty for any.", func(x *gates.Waiver) string { return x.Dataset }),
			"subject":  text(s, "The subjects that it is for, as a pattern; empty for any.", func(x *gates.Waiver) string { return x.Subject }),
			"reason":   text(s, "Why.", func(x *gates.Waiver) string { return x.Reason }),
			"by":       text(s, "Who asked for it.", func(x *gates.Waiver) string { return x.By }),
			"reviewer": text(s, "Who agreed: another person.", func(x *gates.Waiver) string { return x.Reviewer }),
			"date":     {Type: required(graphql.DateTime), Description: "Since when it counts.", Resolve: get(s, func(x *gates.Waiver) any { return x.Date.UTC() })},
			"expires":  {Type: graphql.DateTime, Description: "The last day on which it counts; null where it has no end.", Resolve: get(s, func(x *gates.Waiver) any { return day(x.Expires) })},
		},
	})
	finding := graphql.NewObject(graphql.ObjectConfig{
		Name: "GateFinding", Description: "One thing that a gate found.",
		Fields: graphql.Fields{
			"severity": {Type: required(severity), Description: "What it means for a release.", Resolve: get(s, func(x at[gates.Finding]) any { return x.item.Severity })},
			"dataset":  text(s, "The dataset; empty where it is of no single one.", func(x at[gates.Finding]) string { return x.item.Dataset }),
			"subject":  text(s, "What it is about: a scan's image, a person, a class, a label; may be empty.", func(x at[gates.Finding]) string { return x.item.Subject }),
			"what":     text(s, "What it is, in words.", func(x at[gates.Finding]) string { return x.item.What }),
			"count":    whole(s, "How many rows or scans.", func(x at[gates.Finding]) int { return x.item.Count }),
			"examples": texts(s, "Some of them.", func(x at[gates.Finding]) []string { return x.item.Examples }),
			"waived": {Type: waiver, Description: "The waiver that accepts it; null where none does.", Resolve: get(s, func(x at[gates.Finding]) any {
				if x.item.Waived == nil {
					return nil
				}
				return x.item.Waived
			})},
		},
	})
	findings := connectionOf(s, t, "GateFinding", "findings of a gate", finding, func(x at[gates.Finding]) string { return nameCursor(x.key()) })
	result := graphql.NewObject(graphql.ObjectConfig{
		Name: "GateResult", Description: "What one gate found.",
		Fields: graphql.Fields{
			"gate":   text(s, "Its name.", func(x gates.Result) string { return x.Gate }),
			"why":    text(s, "What it is for.", func(x gates.Result) string { return x.Why }),
			"status": {Type: required(status), Description: "How it ended.", Resolve: get(s, func(x gates.Result) any { return x.Status })},
			"reason": text(s, "Why it did not run; else empty.", func(x gates.Result) string { return x.Reason }),
			"findings": {Type: required(findings), Description: "What it found.", Args: forwardArguments(), Resolve: on(s, func(_ context.Context, x gates.Result, a args) (any, error) {
				return cut(places(x.Findings), a, at[gates.Finding].key)
			})},
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name: "GateReport", Description: "Whether the corpus may be trained on or given away, by records and scan list, and of a build by what was measured of it.",
		Fields: graphql.Fields{
			"passed":         {Type: required(graphql.Boolean), Description: "Whether no gate failed.", Resolve: get(s, func(x *gates.Report) any { return x.Passed })},
			"stops":          whole(s, "Findings that stop a release.", func(x *gates.Report) int { return x.Stops }),
			"warnings":       whole(s, "Findings to be looked at.", func(x *gates.Report) int { return x.Warnings }),
			"waived":         whole(s, "Findings that were waived.", func(x *gates.Report) int { return x.Waived }),
			"results":        listField(s, result, "Every gate.", func(x *gates.Report) []gates.Result { return x.Results }),
			"unusedWaivers":  listField(s, waiver, "Waivers that no finding needed.", func(x *gates.Report) []*gates.Waiver { return pointers(x.Unused) }),
			"expiredWaivers": listField(s, waiver, "Waivers that would have been needed but are too old.", func(x *gates.Report) []*gates.Waiver { return pointers(x.Expired) }),
		},
	})
}

func (s *Service) exportType() *graphql.Object {
	permission := enum("ExportPermission", "Whether a licence allows that a dataset be passed on.",
		value{"ALLOWED", export.Allowed, "It does."},
		value{"FORBIDDEN", export.Forbidden, "It does not."},
		value{"UNKNOWN", export.Unknown, "Nobody has looked it up."})
	dataset := graphql.NewObject(graphql.ObjectConfig{
		Name: "ExportedDataset", Description: "A dataset in an export.",
		Fields: graphql.Fields{
			"name":       text(s, "Its name.", func(x export.ManifestDataset) string { return x.Name }),
			"samples":    whole(s, "Its samples.", func(x export.ManifestDataset) int { return x.Samples }),
			"licence":    text(s, "Its licence.", func(x export.ManifestDataset) string { return x.Licence }),
			"permission": {Type: required(permission), Description: "Whether it may be passed on.", Resolve: get(s, func(x export.ManifestDataset) any { return cmp.Or(x.Permission, export.Unknown) })},
		},
	})
	return graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusExport", Description: "A finished export of the corpus.",
		Fields: graphql.Fields{
			"name":     text(s, "Its name.", func(x *impact.Manifest) string { return x.Path }),
			"format":   text(s, `Its format, such as "nnunet".`, func(x *impact.Manifest) string { return x.Format }),
			"program":  text(s, "Program and version that made it.", func(x *impact.Manifest) string { return x.Program }),
			"hash":     text(s, "The hash of the hashes of its files.", func(x *impact.Manifest) string { return x.Hash }),
			"files":    whole(s, "How many files it has.", func(x *impact.Manifest) int { return x.Files }),
			"bytes":    {Type: required(graphql.Float), Description: "How large they are.", Resolve: get(s, func(x *impact.Manifest) any { return float64(x.Bytes) })},
			"samples":  whole(s, "How many samples it has.", func(x *impact.Manifest) int { return x.Samples }),
			"classes":  texts(s, "Its classes.", func(x *impact.Manifest) []string { return x.Classes }),
			"datasets": listField(s, dataset, "Its datasets.", func(x *impact.Manifest) []export.ManifestDataset { return x.Datasets }),
			"warnings": texts(s, "What whoever uses it should know.", func(x *impact.Manifest) []string { return x.Warnings }),
		},
	})
}

func (s *Service) corpusType(t *types, l *labelTypes, c *corpusTypes) {
	meaning := graphql.NewObject(graphql.ObjectConfig{
		Name: "ClassMeaning", Description: "What one dataset means by a class.",
		Fields: graphql.Fields{
			"datasetName": text(s, "The name of the dataset.", func(m catalog.Meaning) string { return m.Dataset }),
			"expression":  text(s, `How it makes the class, such as "{1, 2}".`, func(m catalog.Meaning) string { return m.Expr }),
			"definition":  text(s, "What it means by it where datasets differ, and what is missing; may be empty.", func(m catalog.Meaning) string { return m.Definition }),
			"settled":     {Type: required(graphql.Boolean), Description: "Whether curators settled it; else it is what the dataset's record says.", Resolve: get(s, func(m catalog.Meaning) any { return m.Source == catalog.FromLedger })},
		},
	})
	settledOnly := flagArgument("Leave the records of the catalog out.")
	records := connectionOf(s, t, "DatasetRecord", "records of datasets", c.record, func(x *catalog.Dataset) string { return nameCursor(x.Name) })
	classes := connectionOf(s, t, "CorpusClass", "classes of the corpus", c.class, func(x *catalog.Class) string { return nameCursor(classOrder(x)) })
	finding := graphql.NewObject(graphql.ObjectConfig{
		Name: "CorpusFinding", Description: "Something odd about rows of the scan list.",
		Fields: graphql.Fields{
			"gate":    text(s, "The gate that it belongs to.", func(x at[corpus.Finding]) string { return x.item.Gate }),
			"dataset": text(s, "The dataset.", func(x at[corpus.Finding]) string { return x.item.Dataset }),
			"what":    text(s, "What it is, in words.", func(x at[corpus.Finding]) string { return x.item.What }),
			"subject": text(s, "Whom or what it is about: a person, an image; may be empty.", func(x at[corpus.Finding]) string { return x.item.Subject }),
			"rows":    whole(s, "How many rows.", func(x at[corpus.Finding]) int { return x.item.Rows }),
			"lines":   listField(s, graphql.Int, "The lines of the list, the first few.", func(x at[corpus.Finding]) []int { return x.item.Lines }),
		},
	})
	findings := connectionOf(s, t, "CorpusFinding", "findings", finding, func(x at[corpus.Finding]) string { return nameCursor(x.key()) })
	use := enum("CorpusUse", "What a corpus is wanted for.",
		value{"RESEARCH", gates.Research, "Training, not for profit; nothing is passed on."},
		value{"COMMERCIAL", gates.Commercial, "Training of a product."},
		value{"SHARE", gates.Share, "Passing scans or masks on."})
	filtered := func(more graphql.FieldConfigArgument) graphql.FieldConfigArgument {
		all := forwardArguments()
		all["modality"] = &graphql.ArgumentConfig{Type: t.modality, Description: "Only of this kind of scan."}
		maps.Copy(all, more)
		return all
	}
	name := &graphql.ArgumentConfig{Type: graphql.NewNonNull(graphql.String), Description: "The name."}
	report := s.reportType(t)
	c.corpus = graphql.NewObject(graphql.ObjectConfig{
		Name: "Corpus", Description: "Datasets, the classes that they make, and what is known of the corpus made of them.",
		Fields: merge(s.buildFields(t, c, report, use), graphql.Fields{
			"stats": {Type: required(s.statsType(t, c)), Description: "What it holds.", Resolve: on(s, func(ctx context.Context, _ *shelf, _ args) (any, error) {
				return s.shelf.stats(), spend(ctx, planCost)
			})},
			"datasets": {
				Type: required(records), Description: "The records of datasets, by name.",
				Args: filtered(graphql.FieldConfigArgument{"region": {Type: graphql.String, Description: `Only of this region of the body, such as "thorax".`}}),
				Resolve: on(s, func(_ context.Context, k *shelf, a args) (any, error) {
					m, _ := a["modality"].(inference.Modality)
					list := slices.DeleteFunc(slices.Clone(k.Catalog.Datasets()), func(d *catalog.Dataset) bool {
						return m != "" && modalityOf(d.Modality) != m || a.text("region") != "" && !strings.EqualFold(a.text("region"), d.Region)
					})
					slices.SortFunc(list, func(x, y *catalog.Dataset) int { return strings.Compare(x.Name, y.Name) })
					return cut(list, a, func(d *catalog.Dataset) string { return d.Name })
				}),
			},
			"dataset": {
				Type: c.record, Description: "One record; null where the catalog has none of that name.", Args: graphql.FieldConfigArgument{"name": name},
				Resolve: on(s, func(_ context.Context, k *shelf, a args) (any, error) {
					if d, ok := k.Catalog.Dataset(a.text("name")); ok {
						return d, nil
					}
					return nil, nil //nolint:nilnil // null is the answer
				}),
			},
			"classes": {
				Type: required(classes), Description: "The classes of the corpus, by name.",
				Args: filtered(graphql.FieldConfigArgument{
					"text": {Type: graphql.String, Description: "Only classes whose name holds this text, whatever its case."},
					"term": {Type: graphql.String, Description: "Only classes that stand for this term, by id or name."},
				}),
				Resolve: on(s, func(ctx context.Context, k *shelf, a args) (any, error) { return s.listClasses(ctx, k, a) }),
			},
			"findings": {
				Type: required(findings), Description: "What is odd about the rows of the scan list; nothing where the service has no list.", Args: forwardArguments(),
				Resolve: on(s, func(ctx context.Context, k *shelf, a args) (any, error) {
					if err := spend(ctx, planCost); err != nil {
						return nil, err
					}
					return cut(places(k.findings()), a, at[corpus.Finding].key)
				}),
			},
			"gates": {
				Type: required(report), Description: "What the gates find, and what was waived.",
				Args: graphql.FieldConfigArgument{"use": {Type: use, DefaultValue: gates.Research, Description: "What the corpus is wanted for."}},
				Resolve: on(s, func(ctx context.Context, k *shelf, a args) (any, error) {
					if err := spend(ctx, planCost); err != nil {
						return nil, err
					}
					u, _ := a["use"].(gates.Use)
					return k.report(ctx, u)
				}),
			},
			"meanings": {
				Type: listOf(meaning), Description: "What datasets mean by a class: the recipes that were settled, and the records of datasets without any. Empty where none makes it.",
				Args: graphql.FieldConfigArgument{"class": {Type: graphql.NewNonNull(graphql.String), Description: "The class, by name."}, "settledOnly": settledOnly},
				Resolve: onDesk(s, func(ctx context.Context, d *desk, k *shelf, a args) (any, error) {
					m, err := k.meanings(ctx, d, flag(a, "settledOnly"))
					if err != nil {
						return nil, err
					}
					out := m.Of(a.text("class"))
					return append([]catalog.Meaning{}, out...), charge(ctx, len(out))
				}),
			},
			"differences": {
				Type: listOf(l.ofClass), Description: "The classes that datasets mean differently, such as a kidney with its tumours and one without, and which datasets mean what.",
				Args: graphql.FieldConfigArgument{"settledOnly": settledOnly},
				Resolve: onDesk(s, func(ctx context.Context, d *desk, k *shelf, a args) (any, error) {
					m, err := k.meanings(ctx, d, flag(a, "settledOnly"))
					if err != nil {
						return nil, err
					}
					out := m.Differences()
					return append([]labelmap.Concern{}, out...), charge(ctx, len(out))
				}),
			},
			"card": {
				Type: required(graphql.String), Description: "The data card in Markdown, for people: counts, licences, what is odd.",
				Args: graphql.FieldConfigArgument{"title": {Type: graphql.String, DefaultValue: "Corpus", Description: "Its title."}},
				Resolve: on(s, func(ctx context.Context, k *shelf, a args) (any, error) {
					if err := spend(ctx, planCost); err != nil {
						return nil, err
					}
					return k.card(a.text("title"))
				}),
			},
			"diff": {Type: s.diffType(), Description: "What changed since the earlier scan list; null where the service has not both.", Resolve: on(s, func(ctx context.Context, k *shelf, _ args) (any, error) {
				if d := k.diff(); d != nil {
					return d, spend(ctx, planCost)
				}
				return nil, nil //nolint:nilnil // null is the answer
			})},
			"exports": listField(s, s.exportType(), "Finished exports that the service was told of.", func(k *shelf) []*impact.Manifest { return pointers(k.Exports) }),
		}),
	})
}

// classOrder sorts classes by name and then by kind of scan.
func classOrder(x *catalog.Class) string { return x.Name + "\x00" + string(x.Modality) }

func (s *Service) listClasses(ctx context.Context, k *shelf, a args) (*listing[*catalog.Class], error) {
	m, _ := a["modality"].(inference.Modality)
	holds, term := strings.ToLower(a.text("text")), a.text("term")
	if term != "" {
		var err error
		if term, err = s.termOf(ctx, term); err != nil {
			return nil, err
		}
	}
	list := slices.DeleteFunc(slices.Clone(k.classes), func(x *catalog.Class) bool {
		return m != "" && modalityOf(x.Modality) != m || !strings.Contains(strings.ToLower(x.Name), holds) || term != "" && x.TermID != term
	})
	slices.SortFunc(list, func(x, y *catalog.Class) int { return strings.Compare(classOrder(x), classOrder(y)) })
	return cut(list, a, classOrder)
}

// joinRecords joins the catalog with terms and with the ledger.
func (s *Service) joinRecords(t *types, l *labelTypes, c *corpusTypes) {
	t.term.AddFieldConfig("classes", &graphql.Field{
		Type: listOf(c.class), Description: "The classes of the corpus that stand for it.",
		Args: graphql.FieldConfigArgument{"modality": {Type: t.modality, Description: "Only of this kind of scan."}},
		Resolve: on(s, func(ctx context.Context, x *graph.Term, a args) (any, error) {
			m, _ := a["modality"].(inference.Modality)
			list := []*catalog.Class{}
			for _, class := range s.shelf.byTerm[x.ID] {
				if m == "" || modalityOf(class.Modality) == m {
					list = append(list, class)
				}
			}
			return list, charge(ctx, len(list))
		}),
	})
	l.dataset.AddFieldConfig("record", &graphql.Field{
		Type: c.record, Description: "What the catalog knows of it; null where the catalog has no record of that name.",
		Resolve: on(s, func(_ context.Context, d *labelled, _ args) (any, error) {
			if x, ok := s.shelf.Catalog.Dataset(d.name); ok {
				return x, nil
			}
			return nil, nil //nolint:nilnil // null is the answer
		}),
	})
}

func (s *Service) corpusQueries(c *corpusTypes) graphql.Fields {
	return graphql.Fields{
		"corpus": {
			Type: required(c.corpus), Description: "Datasets, the classes that they make, and the corpus made of them: numbers, findings, gates, exports.",
			Resolve: on(s, func(context.Context, any, args) (any, error) { return s.shelf, nil }),
		},
	}
}

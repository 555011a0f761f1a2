package api

import (
	"fmt"
	"maps"

	"github.com/graphql-go/graphql"

	"satgraph/api/guard"
	"satgraph/graph"
	"satgraph/inference"
	"satgraph/jobs"
)

// types are the schema's types, made once for each service.
type types struct {
	relation, kind, side, scope, modality *graphql.Enum
	planStatus, foundStatus, jobStatus    *graphql.Enum
	priority, jobKind                     *graphql.Enum

	node                                                                          *graphql.Interface
	pageInfo, term, hit, step, plan, model, image, job, terms, candidate, planned *graphql.Object
}

// newSchema puts the schema together. What each part means is said in its
// description, which is also its documentation for clients.
func (s *Service) newSchema() (graphql.Schema, error) {
	t := newEnums()
	t.node = s.nodeType()
	t.pageInfo = s.pageInfoType()
	t.term = s.termType(t)
	t.hit = s.hitType(t)
	t.step = s.stepType(t)
	t.plan = s.planType(t)
	t.model = s.modelType(t)
	t.image = s.imageType(t)
	t.job = s.jobType(t)
	l := s.newLabelTypes(t)
	c := s.newCorpusTypes(t, l)
	w := s.newWorkTypes(t)
	terms := s.termQueries(t)
	s.treeFields = map[string]bool{}
	for name := range terms {
		s.treeFields[name] = true
	}
	schema, err := graphql.NewSchema(graphql.SchemaConfig{
		Query: graphql.NewObject(graphql.ObjectConfig{
			Name:        "Query",
			Description: "Questions. None of them changes anything.",
			Fields:      merge(terms, s.planQueries(t), s.modelQueries(t), s.imageQueries(t), s.jobQueries(t), s.labelQueries(t, l), s.changeSetQueries(t, l), s.corpusQueries(c), s.nodeQueries(t)),
		}),
		Mutation: graphql.NewObject(graphql.ObjectConfig{
			Name:        "Mutation",
			Description: "Requests that start or stop work, and decisions on labels and recipes.",
			Fields:      s.audited(merge(s.segmentMutations(t), s.jobMutations(t, w), s.workMutations(t, w), s.labelMutations(t, l), s.recipeMutations(l), s.changeSetMutations(l), s.importMutations(l))),
		}),
		Subscription: graphql.NewObject(graphql.ObjectConfig{
			Name:        "Subscription",
			Description: "What is sent as it happens, over WebSocket.",
			Fields:      merge(s.labelSubscriptions(l), s.jobSubscriptions(t)),
		}),
	})
	warmEnums(&schema)
	return schema, err
}

// warmEnums has the library build the lookup tables of every enum now. It builds
// them at first use, in whichever request comes first, without a lock: two first
// requests at once are a data race.
func warmEnums(schema *graphql.Schema) {
	for _, t := range schema.TypeMap() {
		if enum, ok := t.(*graphql.Enum); ok {
			enum.Serialize("")
			enum.ParseValue("")
		}
	}
}

func merge(parts ...graphql.Fields) graphql.Fields {
	all := graphql.Fields{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

func merged(parts ...graphql.FieldConfigArgument) graphql.FieldConfigArgument {
	all := graphql.FieldConfigArgument{}
	for _, part := range parts {
		maps.Copy(all, part)
	}
	return all
}

// A value is one value of an enum: its name in GraphQL, what it is in Go, and
// what it means.
type value struct {
	name    string
	is      any
	meaning string
}

func enum(name, description string, values ...value) *graphql.Enum {
	config := graphql.EnumValueConfigMap{}
	for _, v := range values {
		config[v.name] = &graphql.EnumValueConfig{Value: v.is, Description: v.meaning}
	}
	return graphql.NewEnum(graphql.EnumConfig{Name: name, Description: description, Values: config})
}

func newEnums() *types {
	return &types{
		jobKind: jobKindEnum(),
		relation: enum("RelationType", "How a term relates to its parent.",
			value{"IS_A", graph.IsA, "A kind of the parent: the mitral valve is a heart valve."},
			value{"PART_OF", graph.PartOf, "A part of the parent: the left atrium is part of the heart."},
			value{"LOCATED_IN", graph.LocatedIn, "A finding that lies in the parent, and is no part of it: a lung tumour."}),
		kind: enum("TermKind", "What a term stands for.",
			value{"ANATOMY", graph.KindAnatomy, "A structure of the healthy body."},
			value{"FINDING", graph.KindFinding, "Something that is found in it: a tumour, an effusion."},
			value{"GROUP", graph.KindGroup, "Structures taken together that a dataset labels as one."}),
		side: enum("Laterality", "The side of the body that a term names.",
			value{"LEFT", graph.Left, "The patient's left."},
			value{"RIGHT", graph.Right, "The patient's right."}),
		scope: enum("SynonymScope", "How close a synonym is to the term (the scopes of OBO).",
			value{"EXACT", graph.ScopeExact, "Means the same."},
			value{"BROAD", graph.ScopeBroad, "Means more."},
			value{"NARROW", graph.ScopeNarrow, "Means less."},
			value{"RELATED", graph.ScopeRelated, "Means something near."}),
		modality: enum("Modality", "The kind of scan.",
			value{"CT", inference.CT, "Computed tomography, in Hounsfield units."},
			value{"MRI", inference.MRI, "Magnetic resonance imaging."},
			value{"PET", inference.PET, "Positron emission tomography."}),
		planStatus: enum("PlanStatus", "Whether an asked structure can be segmented.",
			value{"SEGMENTABLE", inference.Segmentable, "A class exists for it."},
			value{"COMPOSABLE", inference.Composable, "The union of several classes covers it, wholly or in part: see missing."},
			value{"NOT_SEGMENTABLE", inference.NotSegmentable, "It cannot: see reason."},
			value{"AMBIGUOUS", inference.Ambiguous, "The text may mean several terms: see candidates."},
			value{"UNKNOWN", inference.Unknown, "No term has this name."}),
		foundStatus: enum("StructureStatus", "What became of an asked structure.",
			value{"PENDING", jobs.Pending, "Its turn has not come."},
			value{"SEGMENTED", inference.Segmented, "Found: it has a mask."},
			value{"ABSENT", inference.Absent, "Looked for and not found: nothing is drawn."},
			value{"NOT_SEGMENTABLE", inference.NotSegmentable, "The model cannot segment it: see reason."},
			value{"AMBIGUOUS", inference.Ambiguous, "The text may mean several terms."},
			value{"UNKNOWN", inference.Unknown, "No term has this name."},
			value{"OUTSIDE_FIELD_OF_VIEW", inference.OutsideView, "Not found, and the scan does not seem to reach it."},
			value{"WRONG_MODALITY", inference.WrongModality, "Its class is of another kind of scan."},
			value{"FAILED", inference.Failed, "It could not be finished: see reason."},
			value{"CANCELLED", inference.Cancelled, "The job ended before its turn came."}),
		jobStatus: enum("JobStatus", "Where a job stands. All but QUEUED and RUNNING are final.",
			value{"QUEUED", jobs.Queued, "It waits for its turn."},
			value{"RUNNING", jobs.Running, "It runs."},
			value{"DONE", jobs.Done, "Every asked structure was looked for; all of other work was done."},
			value{"PARTIAL", jobs.Partial, "Some were; the others say why not. Of other work: all but the failures in its result."},
			value{"FAILED", jobs.Failed, "The run broke off: see error."},
			value{"CANCELLED", jobs.Cancelled, "It was cancelled; structures found before are kept."},
			value{"REFUSED", jobs.Refused, "Nothing that was asked can be segmented: each structure says why."},
			value{"DEAD", jobs.Dead, "It was given up after it had been started again and again: see error."}),
		priority: enum("JobPriority", "How much of its owner's share of the workers a job takes. It never holds up the jobs of others.",
			value{"HIGH", jobs.High, "Before the owner's other jobs, and four times as often."},
			value{"NORMAL", jobs.Normal, "As most."},
			value{"LOW", jobs.Low, "After the owner's other jobs, and a quarter as often."}),
	}
}

// required makes a type that is never null.
func required(t graphql.Type) graphql.Output { return graphql.NewNonNull(t) }

// listOf makes a list that is never null, nor its items.
func listOf(t graphql.Type) graphql.Output {
	return graphql.NewNonNull(graphql.NewList(graphql.NewNonNull(t)))
}

// standardIntrospection has the shape of what clients send; the estimate of
// what it asks for sets the limit.
const standardIntrospection = `query IntrospectionQuery { __schema {
  queryType { name } mutationType { name } subscriptionType { name }
  types { ...FullType } directives { name description locations args { ...InputValue } } } }
fragment FullType on __Type { kind name description
  fields(includeDeprecated: true) { name description args { ...InputValue } type { ...TypeRef } isDeprecated deprecationReason }
  inputFields { ...InputValue } interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason } possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

// introspectionSizes gives the longest list that each introspection field can
// be in a schema.
func introspectionSizes(schema *graphql.Schema) guard.Sizes {
	sizes := guard.Sizes{"types": len(schema.TypeMap()), "directives": len(schema.Directives())}
	longest := func(name string, n int) { sizes[name] = max(sizes[name], n) }
	for _, t := range schema.TypeMap() {
		switch t := t.(type) {
		case *graphql.Object:
			longest("fields", len(t.Fields()))
			for _, f := range t.Fields() {
				longest("args", len(f.Args))
			}
		case *graphql.Enum:
			longest("enumValues", len(t.Values()))
		}
	}
	return sizes
}

// boundIntrospection lets a document ask for twice what the standard
// introspection query asks for.
func (s *Service) boundIntrospection() error {
	document, err := parse(standardIntrospection)
	if err != nil {
		return fmt.Errorf("the introspection query: %w", err)
	}
	low, high := 1, 1<<30
	for low < high {
		limits := s.limits.Document
		limits.Introspection = low + (high-low)/2
		if guard.Check(document, limits, s.sizes) == nil {
			high = limits.Introspection
		} else {
			low = limits.Introspection + 1
		}
	}
	if low == 1<<30 {
		return fmt.Errorf("the limits of a document do not allow the standard introspection query")
	}
	s.limits.Document.Introspection = 2 * low
	return nil
}

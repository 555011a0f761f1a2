package api

import (
	"math"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"
)

// usualSize is how long a list is taken to be whose request does not say: most
// are shorter, and what is gathered is counted while it is.
const usualSize = 10

// sizeArguments bound a list, or the page of a connection.
var sizeArguments = []string{"first", "last", "limit", "top"}

// costs are fields that are worth more than the value that they give.
var costs = map[string]float64{
	"Query.search": searchCost, "Query.resolve": planCost, "Dataset.proposedRecipes": planCost, "Dataset.labelImpact": planCost,
	"Dataset.recipeImpact": planCost, "Decision.impact": planCost, "Mutation.segment": planCost, "Mutation.segmentChildren": planCost,
}

// affordable refuses an operation that may ask for more values than the limit,
// before anything of it is executed: lists multiply by what their arguments ask
// for, by every name that they are asked for under, unless all is counted on the tree
// itself. It refuses introspection where that is switched off, and says in which
// lane the operation is to be executed.
func (s *Service) affordable(p *prepared) (*turns, error) {
	e := s.newEstimate(p)
	var root *graphql.Object
	switch p.operation.Operation {
	case ast.OperationTypeMutation:
		root = s.schema.MutationType()
	case ast.OperationTypeSubscription:
		root = s.schema.SubscriptionType()
	default:
		root = s.schema.QueryType()
	}
	cost := e.set(root, p.operation.SelectionSet, 0)
	if e.introspects && s.config.NoIntrospection {
		return nil, &Error{Code: CodeForbidden, Message: "this service does not tell its schema", Hint: "read api/schema.graphql of its version"}
	}
	gathered, exact := 0.0, false
	if p.asks == asksTree {
		gathered, exact = e.gatherCost(s, p.tree, p.operation.SelectionSet, float64(s.limits.Values))
	}
	switch limit := s.limits.Cost; {
	case gathered > float64(s.limits.Values):
		return nil, errGathers(s.limits.Values)
	case !exact && cost > float64(limit):
		return nil, &Error{
			Code: CodeLimit, Message: "the request may gather " + sayCost(cost) + " values, and at most " + number(limit) + " are given",
			Hint: "give the lists a smaller first or limit, or ask in several requests",
		}
	case p.asks == asksOthers:
		return s.lanes.store, nil
	case p.asks != asksTree, gathered > longWork, !exact && (cost > longWork || e.nestsLists(p.operation.SelectionSet, 0)):
		return s.lanes.long, nil
	}
	return s.lanes.short, nil
}

func (s *Service) newEstimate(p *prepared) *estimate {
	e := &estimate{schema: &s.schema, variables: p.request.Variables, fragments: p.fragments(), defaults: map[string]ast.Value{}}
	for _, v := range p.operation.VariableDefinitions {
		e.defaults[v.Variable.Name.Value] = v.DefaultValue
	}
	return e
}

// fragments are those of a document, by name.
func (k *kept) fragments() map[string]*ast.FragmentDefinition {
	var fragments map[string]*ast.FragmentDefinition
	for _, d := range k.document.Definitions {
		if f, ok := d.(*ast.FragmentDefinition); ok {
			if fragments == nil {
				fragments = map[string]*ast.FragmentDefinition{}
			}
			fragments[f.Name.Value] = f
		}
	}
	return fragments
}

func sayCost(cost float64) string {
	if cost > math.MaxInt32 {
		return "more than " + number(math.MaxInt32)
	}
	return number(int(cost))
}

// estimate adds up what an operation may ask for.
type estimate struct {
	schema      *graphql.Schema
	variables   map[string]any
	defaults    map[string]ast.Value // of variables
	fragments   map[string]*ast.FragmentDefinition
	introspects bool
}

// set is the cost of what is selected of one object. page is how long the lists
// of a connection's page are; 0 outside connections. The document's limits bound
// the walk.
func (e *estimate) set(parent graphql.Type, set *ast.SelectionSet, page float64) float64 {
	sum := 0.0
	if set == nil {
		return 0
	}
	for _, selection := range set.Selections {
		switch x := selection.(type) {
		case *ast.Field:
			sum += e.field(parent, x, page)
		case *ast.InlineFragment:
			sum += e.set(e.on(parent, x.TypeCondition), x.SelectionSet, page)
		case *ast.FragmentSpread:
			if f := e.fragments[x.Name.Value]; f != nil {
				sum += e.set(e.on(parent, f.TypeCondition), f.SelectionSet, page)
			}
		}
	}
	return sum
}

func (e *estimate) on(parent graphql.Type, condition *ast.Named) graphql.Type {
	if condition == nil {
		return parent
	}
	return e.schema.Type(condition.Name.Value)
}

func (e *estimate) field(parent graphql.Type, x *ast.Field, page float64) float64 {
	name := x.Name.Value
	if name == "__schema" || name == "__type" {
		e.introspects = true
		return 0 // which has its own limit
	}
	var fields graphql.FieldDefinitionMap
	switch t := parent.(type) {
	case *graphql.Object:
		fields = t.Fields()
	case *graphql.Interface:
		fields = t.Fields()
	}
	f := fields[name]
	if f == nil {
		return 1 // __typename
	}
	isList, inner := unwrap(f.Type)
	size := e.size(x)
	_, isObject := inner.(*graphql.Object)
	connection := isObject && strings.HasSuffix(inner.Name(), "Connection")
	times, below := 1.0, 0.0
	switch {
	case connection:
		below = orUsual(size)
	case isList && page > 0 && (name == "nodes" || name == "edges"):
		times = page
	case isList && size > 0:
		times = size
	case isList:
		times = usualSize
	}
	return 1 + costs[parent.Name()+"."+name] + times*e.set(inner, x.SelectionSet, below)
}

func orUsual(size float64) float64 {
	if size > 0 {
		return size
	}
	return usualSize
}

// unwrap gives what a type is made of, and whether it is a list.
func unwrap(t graphql.Type) (isList bool, inner graphql.Type) {
	for {
		switch x := t.(type) {
		case *graphql.NonNull:
			t = x.OfType
		case *graphql.List:
			isList, t = true, x.OfType
		default:
			return isList, t
		}
	}
}

// size is how long a list an argument asks for; 0 where none does.
func (e *estimate) size(x *ast.Field) float64 {
	for _, a := range x.Arguments {
		if slices.Contains(sizeArguments, a.Name.Value) {
			return e.number(a.Value)
		}
		if a.Name.Value == "ids" {
			return e.length(a.Value)
		}
	}
	return 0
}

func (e *estimate) number(v ast.Value) float64 {
	switch v := v.(type) {
	case *ast.IntValue:
		n := 0.0
		for _, digit := range strings.TrimPrefix(v.Value, "-") {
			n = 10*n + float64(digit-'0')
		}
		return n
	case *ast.Variable:
		if given, ok := e.variables[v.Name.Value]; ok {
			n, _ := given.(float64)
			return math.Abs(n)
		}
		return e.number(e.defaults[v.Name.Value])
	}
	return 0
}

func (e *estimate) length(v ast.Value) float64 {
	switch v := v.(type) {
	case *ast.ListValue:
		return float64(len(v.Values))
	case *ast.Variable:
		given, _ := e.variables[v.Name.Value].([]any)
		return float64(max(1, len(given)))
	}
	return 1
}

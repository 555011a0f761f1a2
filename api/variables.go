package api

import (
	"fmt"
	"math"
	"slices"

	"github.com/graphql-go/graphql"
	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/printer"
)

// checkVariables holds the variables of a request against their types as the
// GraphQL specification says (section 6.1.2). The library is more lenient than
// it: it takes an object for a String and 1.5 for an Int.
func checkVariables(schema *graphql.Schema, o *ast.OperationDefinition, values map[string]any) error {
	for _, d := range o.VariableDefinitions {
		name := d.Variable.Name.Value
		value, given := values[name]
		_, required := d.Type.(*ast.NonNull)
		if !given && (d.DefaultValue != nil || !required) {
			continue
		}
		if why := misfit(schema, d.Type, value); why != "" {
			return &Error{
				Code:    CodeBadInput,
				Message: fmt.Sprintf("variable $%s is not a %v: %s", name, printer.Print(d.Type), why),
			}
		}
	}
	return nil
}

// misfit says why a JSON value is not of a type; nothing if it is.
func misfit(schema *graphql.Schema, t ast.Type, value any) string {
	if inner, ok := t.(*ast.NonNull); ok {
		if value == nil {
			return "a value is required"
		}
		return misfit(schema, inner.Type, value)
	}
	if value == nil {
		return ""
	}
	if list, ok := t.(*ast.List); ok {
		items, ok := value.([]any)
		if !ok {
			return misfit(schema, list.Type, value) // one value stands for a list of it
		}
		for i, item := range items {
			if why := misfit(schema, list.Type, item); why != "" {
				return fmt.Sprintf("item %d: %s", i+1, why)
			}
		}
		return ""
	}
	named, ok := t.(*ast.Named)
	if !ok {
		return "its type cannot be read"
	}
	return misfitNamed(schema.Type(named.Name.Value), value)
}

func misfitNamed(t graphql.Type, value any) string {
	number, isNumber := value.(float64)
	text, isText := value.(string)
	whole := isNumber && number == math.Trunc(number) && math.Abs(number) <= math.MaxInt32
	if enum, ok := t.(*graphql.Enum); ok {
		var names []string
		for _, v := range enum.Values() {
			names = append(names, v.Name)
		}
		if !isText || !slices.Contains(names, text) {
			return fmt.Sprintf("use one of %v", names)
		}
		return ""
	}
	switch t {
	case graphql.Int:
		if !whole {
			return "a whole number is needed"
		}
	case graphql.Float:
		if !isNumber {
			return "a number is needed"
		}
	case graphql.Boolean:
		if _, ok := value.(bool); !ok {
			return "true or false is needed"
		}
	case graphql.ID:
		if !isText && !whole {
			return "a string is needed"
		}
	default:
		if !isText {
			return "a string is needed"
		}
	}
	return ""
}

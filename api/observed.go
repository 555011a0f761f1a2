package api

import (
	"github.com/graphql-go/graphql/language/ast"

	"satgraph/internal/steps"
)

// observed ends the step of an operation with what it was, in words of the
// schema: what a client may choose freely makes no word of them. p is nil where
// the request never became an operation.
func observed(step *steps.Step, p *prepared, r *response) {
	kind, field := "none", "none"
	if p != nil {
		kind, field = p.operation.Operation, firstField(p.operation)
	}
	executed, code := "yes", ""
	if !r.executed {
		executed = "no"
	}
	if len(r.errors) > 0 {
		code, _ = r.errors[0].Extensions["code"].(string)
		if code == "" {
			code = string(CodeValidation)
		}
	}
	step.Set(steps.Str("kind", kind), steps.Str("field", field), steps.Str("executed", executed), steps.Str("code", code))
	step.End(nil)
}

// firstField is the field that an operation asks for, "several" for more than
// one. The operation was validated, so it is one of the schema's.
func firstField(o *ast.OperationDefinition) string {
	if o.SelectionSet == nil || len(o.SelectionSet.Selections) != 1 {
		return "several"
	}
	if f, ok := o.SelectionSet.Selections[0].(*ast.Field); ok && f.Name != nil {
		return f.Name.Value
	}
	return "several"
}

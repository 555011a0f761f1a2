package api_test

import (
	"flag"
	"os"
	"testing"

	"github.com/graphql-go/graphql/language/ast"
	"github.com/graphql-go/graphql/language/parser"
)

var update = flag.Bool("update", false, "write schema.graphql anew")

// schema.graphql is the schema that the service has; "go generate ./api" writes
// it.
func TestSchemaFile(t *testing.T) {
	got := start(t, nil).api.SDL()
	if *update {
		if err := os.WriteFile("schema.graphql", []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("schema.graphql")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("schema.graphql is not the schema: run go generate ./api, and look at what the change breaks for clients")
	}
	document, err := parser.Parse(parser.ParseParams{Source: got})
	if err != nil {
		t.Fatalf("it is no SDL: %v", err)
	}
	defined := map[string]bool{"Boolean": true, "Float": true, "ID": true, "Int": true, "String": true}
	for _, d := range document.Definitions {
		switch d := d.(type) {
		case *ast.ObjectDefinition:
			defined[d.Name.Value] = true
		case *ast.EnumDefinition:
			defined[d.Name.Value] = true
		case *ast.InterfaceDefinition:
			defined[d.Name.Value] = true
		case *ast.UnionDefinition:
			defined[d.Name.Value] = true
		case *ast.ScalarDefinition:
			defined[d.Name.Value] = true
		default:
			t.Errorf("it defines a %T", d)
		}
	}
	for _, d := range document.Definitions {
		object, ok := d.(*ast.ObjectDefinition)
		if !ok {
			continue
		}
		for _, f := range object.Fields {
			if name := named(f.Type); !defined[name] {
				t.Errorf("%s.%s is a %s, which is not defined", object.Name.Value, f.Name.Value, name)
			}
		}
	}
}

func named(t ast.Type) string {
	switch t := t.(type) {
	case *ast.NonNull:
		return named(t.Type)
	case *ast.List:
		return named(t.Type)
	case *ast.Named:
		return t.Name.Value
	}
	return ""
}

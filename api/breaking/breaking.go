// Package breaking says what a change of the GraphQL schema breaks for clients
// that were written for the released one: ../schema.released.graphql. It reads
// schema definitions and knows no service. Start from Changes.
//
// A release that breaks clients on purpose takes the present schema as the
// released one: go generate ./api/breaking.
package breaking

//go:generate cp ../schema.graphql ../schema.released.graphql

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// Change is one thing that breaks clients.
type Change struct {
	Where string // as in "Query.term(name:)"
	What  string
}

// String writes the change in a line.
func (c Change) String() string { return c.Where + ": " + c.What }

// Changes lists what a client of the schema old may find broken in now, by the
// rules of GraphQL: what is gone, answers that may be null or are of another
// type, arguments that are gone, are of another type or have to be given now. The
// error is of a text that is no valid schema.
func Changes(old, now string) ([]Change, error) {
	before, err := load("the released schema", old)
	if err != nil {
		return nil, err
	}
	after, err := load("the present schema", now)
	if err != nil {
		return nil, err
	}
	var d differences
	for _, name := range slices.Sorted(maps.Keys(before.Types)) {
		if t := before.Types[name]; !t.BuiltIn {
			d.definition(t, after.Types[name])
		}
	}
	return d.found, nil
}

func load(name, text string) (*ast.Schema, error) {
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: name, Input: text})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return schema, nil
}

type differences struct{ found []Change }

func (d *differences) add(where, format string, values ...any) {
	d.found = append(d.found, Change{where, fmt.Sprintf(format, values...)})
}

func (d *differences) definition(old, now *ast.Definition) {
	if now == nil {
		d.add(old.Name, "the type is gone")
		return
	}
	if old.Kind != now.Kind {
		d.add(old.Name, "it was %s and is %s", kindName(old.Kind), kindName(now.Kind))
		return
	}
	for _, name := range old.Interfaces {
		if !slices.Contains(now.Interfaces, name) {
			d.add(old.Name, "it is no longer a %s", name)
		}
	}
	for _, name := range old.Types {
		if !slices.Contains(now.Types, name) {
			d.add(old.Name, "%s is no longer one of it", name)
		}
	}
	for _, v := range old.EnumValues {
		if now.EnumValues.ForName(v.Name) == nil {
			d.add(old.Name+"."+v.Name, "the value is gone")
		}
	}
	input := old.Kind == ast.InputObject
	for _, f := range old.Fields {
		if strings.HasPrefix(f.Name, "__") {
			continue
		}
		d.field(old.Name+"."+f.Name, f, now.Fields.ForName(f.Name), input)
	}
	if !input {
		return
	}
	for _, f := range now.Fields {
		if old.Fields.ForName(f.Name) == nil && f.Type.NonNull && f.DefaultValue == nil {
			d.add(old.Name+"."+f.Name, "it is new and has to be given")
		}
	}
}

func (d *differences) field(where string, old, now *ast.FieldDefinition, input bool) {
	switch {
	case now == nil:
		d.add(where, "the field is gone")
		return
	case input && !fits(old.Type, now.Type), !input && !fits(now.Type, old.Type):
		d.add(where, "it was %s and is %s", old.Type, now.Type)
	}
	for _, a := range old.Arguments {
		at := where + "(" + a.Name + ":)"
		switch b := now.Arguments.ForName(a.Name); {
		case b == nil:
			d.add(at, "the argument is gone")
		case !fits(a.Type, b.Type):
			d.add(at, "it took %s and takes %s", a.Type, b.Type)
		case b.Type.NonNull && a.DefaultValue != nil && b.DefaultValue == nil:
			d.add(at, "it had a default and has to be given")
		}
	}
	for _, b := range now.Arguments {
		if old.Arguments.ForName(b.Name) == nil && b.Type.NonNull && b.DefaultValue == nil {
			d.add(where+"("+b.Name+":)", "it is new and has to be given")
		}
	}
}

// fits says whether whatever is of one type is of the other: a value that is
// never null fits where one may be.
func fits(from, to *ast.Type) bool {
	if to.NonNull && !from.NonNull {
		return false
	}
	if (from.Elem == nil) != (to.Elem == nil) {
		return false
	}
	if from.Elem != nil {
		return fits(from.Elem, to.Elem)
	}
	return from.NamedType == to.NamedType
}

func kindName(k ast.DefinitionKind) string {
	return strings.ToLower(strings.ReplaceAll(string(k), "_", " "))
}

// Command python writes the operations of the Python client from the service's
// schema and the operations of the Go client:
//
//	go run ./internal/python ../api/schema.graphql operations.graphql > python/satgraph_operations.py
package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "python: want the schema and the operations")
		os.Exit(2)
	}
	if err := generate(os.Stdout, os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "python:", err)
		os.Exit(1)
	}
}

func generate(out io.Writer, schemaFile, operationsFile string) error {
	sdl, err := os.ReadFile(schemaFile)
	if err != nil {
		return err
	}
	schema, err := gqlparser.LoadSchema(&ast.Source{Name: schemaFile, Input: string(sdl)})
	if err != nil {
		return err
	}
	text, err := os.ReadFile(operationsFile)
	if err != nil {
		return err
	}
	document, list := gqlparser.LoadQueryWithRules(schema, string(text), rules.NewDefaultRules())
	if len(list) > 0 {
		return list
	}
	w := bufio.NewWriter(out)
	g := &generator{w: w, schema: schema, document: document, enums: map[string]bool{}}
	g.all()
	return w.Flush()
}

type generator struct {
	w        io.Writer
	schema   *ast.Schema
	document *ast.QueryDocument
	enums    map[string]bool
}

func (g *generator) printf(format string, values ...any) { _, _ = fmt.Fprintf(g.w, format, values...) }

func (g *generator) all() {
	var classes, functions strings.Builder
	out := g.w
	g.w = &classes
	for _, f := range g.document.Fragments {
		g.class(f.Name, f.Definition.Description, f.SelectionSet)
	}
	g.w = &functions
	for _, o := range g.document.Operations {
		if o.Operation != ast.Subscription { // which need a WebSocket: not in the standard library
			g.operation(o)
		}
	}
	g.w = out
	g.printf("# Code generated from the GraphQL schema by client/internal/python. DO NOT EDIT.\n")
	g.printf("\"\"\"Types and operations of a satgraph service. Use satgraph_client.Client.\"\"\"\n\n")
	g.printf("from __future__ import annotations\n\nfrom typing import Any, Callable, Literal, Optional, TypedDict\n\n")
	g.printf("Execute = Callable[[str, str, dict[str, Any]], dict[str, Any]]\n\n")
	names := []string{}
	for name := range g.enums {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		var words []string
		for _, v := range g.schema.Types[name].EnumValues {
			words = append(words, fmt.Sprintf("%q", v.Name))
		}
		g.printf("%s = Literal[%s]\n", name, strings.Join(words, ", "))
	}
	g.printf("%s%s", classes.String(), functions.String())
}

// class writes a TypedDict of a selection, those within it first.
func (g *generator) class(name, doc string, set ast.SelectionSet) {
	var b strings.Builder
	outer := g.w
	for _, s := range set {
		f, ok := s.(*ast.Field)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "    %s: %s\n", f.Alias, g.typeOf(f.Definition.Type, name+"_"+f.Alias, f.SelectionSet))
		if d := f.Definition.Description; d != "" {
			fmt.Fprintf(&b, "    \"\"\"%s\"\"\"\n", plain(d))
		}
	}
	g.w = outer
	g.printf("\n\nclass %s(TypedDict):\n    \"\"\"%s\"\"\"\n\n%s", name, plain(doc), b.String())
}

// typeOf is the Python type of a field; one with fields of its own gets a class.
func (g *generator) typeOf(t *ast.Type, name string, set ast.SelectionSet) string {
	if !t.NonNull {
		inner := *t
		inner.NonNull = true
		return "Optional[" + g.typeOf(&inner, name, set) + "]"
	}
	if t.Elem != nil {
		return "list[" + g.typeOf(t.Elem, name, set) + "]"
	}
	switch definition := g.schema.Types[t.NamedType]; {
	case len(set) == 1:
		if spread, ok := set[0].(*ast.FragmentSpread); ok {
			return spread.Name
		}
		fallthrough
	case len(set) > 0:
		g.class(name, definition.Description, set)
		return name
	case definition.Kind == ast.Enum:
		g.enums[t.NamedType] = true
		return t.NamedType
	}
	switch t.NamedType {
	case "Int":
		return "int"
	case "Float":
		return "float"
	case "Boolean":
		return "bool"
	}
	return "str" // ids, texts, times in ISO 8601
}

var upper = regexp.MustCompile(`[A-Z]`)

func snake(name string) string {
	return upper.ReplaceAllStringFunc(name, func(s string) string { return "_" + strings.ToLower(s) })
}

// operation writes a function that runs one operation and returns its data.
func (g *generator) operation(o *ast.OperationDefinition) {
	result := strings.ToUpper(o.Name[:1]) + o.Name[1:] + "Data"
	g.class(result, "What "+snake(o.Name)+" returns.", o.SelectionSet)
	var arguments, values []string
	for _, v := range o.VariableDefinitions {
		arguments = append(arguments, fmt.Sprintf("%s: %s", snake(v.Variable), g.typeOf(v.Type, "", nil)))
		if !v.Type.NonNull {
			arguments[len(arguments)-1] += " = None"
		}
		values = append(values, fmt.Sprintf("%q: %s", v.Variable, snake(v.Variable)))
	}
	text := g.text(o)
	g.printf("\n\ndef %s(execute: Execute, %s) -> %s:\n", snake(o.Name), strings.Join(arguments, ", "), result)
	g.printf("    return execute(  # type: ignore[return-value]\n        %q,\n        \"\"\"%s\"\"\",\n        {%s},\n    )\n", o.Name, text, strings.Join(values, ", "))
}

// text is an operation's document, with the fragments that it uses.
func (g *generator) text(o *ast.OperationDefinition) string {
	source := o.Position.Src.Input
	blocks := regexp.MustCompile(`(?ms)^(query|mutation|fragment) (\w+).*?^}$`).FindAllStringSubmatch(source, -1)
	byName := map[string]string{}
	for _, b := range blocks {
		byName[b[1]+" "+b[2]] = regexp.MustCompile(`(?m)^\s*#.*\n`).ReplaceAllString(b[0], "")
	}
	spread := regexp.MustCompile(`\.\.\.(\w+)`)
	texts := []string{byName[string(o.Operation)+" "+o.Name]}
	used := map[string]bool{}
	for i := 0; i < len(texts); i++ {
		for _, s := range spread.FindAllStringSubmatch(texts[i], -1) {
			if !used[s[1]] {
				used[s[1]] = true
				texts = append(texts, byName["fragment "+s[1]])
			}
		}
	}
	return strings.Join(texts, "\n")
}

func plain(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	text = strings.ReplaceAll(text, `\`, `\\`)
	if strings.HasSuffix(text, `"`) {
		text += " "
	}
	return strings.ReplaceAll(text, `"""`, `'''`)
}

//go:generate go test . -run ^TestSchemaFile$ -count 1 -args -update

package api

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/graphql-go/graphql"
)

// SDL writes the service's schema in the schema definition language of the
// GraphQL specification, sorted by name, with all descriptions.
func (s *Service) SDL() string {
	var w sdl
	for _, name := range slices.Sorted(maps.Keys(s.schema.TypeMap())) {
		if strings.HasPrefix(name, "__") || slices.Contains([]string{"Boolean", "Float", "ID", "Int", "String"}, name) {
			continue
		}
		if w.Len() > 0 {
			w.WriteByte('\n')
		}
		w.write(s.schema.TypeMap()[name])
	}
	return w.String()
}

// sdl writes definitions.
type sdl struct{ strings.Builder }

func (w *sdl) line(format string, values ...any) {
	w.WriteString(fmt.Sprintf(format, values...) + "\n")
}

func (w *sdl) write(t graphql.Type) {
	w.describe("", t.Description())
	switch t := t.(type) {
	case *graphql.Object:
		w.line("type %s%s {", t.Name(), implements(t.Interfaces()))
		fields := t.Fields()
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			w.field(fields[name])
		}
		w.WriteString("}\n")
	case *graphql.Interface:
		w.line("interface %s {", t.Name())
		fields := t.Fields()
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			w.field(fields[name])
		}
		w.WriteString("}\n")
	case *graphql.Enum:
		w.line("enum %s {", t.Name())
		values := slices.SortedFunc(slices.Values(t.Values()), func(a, b *graphql.EnumValueDefinition) int { return strings.Compare(a.Name, b.Name) })
		for _, v := range values {
			w.describe("  ", v.Description)
			w.line("  %s%s", v.Name, deprecated(v.DeprecationReason))
		}
		w.WriteString("}\n")
	case *graphql.Union:
		names := make([]string, len(t.Types()))
		for i, member := range t.Types() {
			names[i] = member.Name()
		}
		w.line("union %s = %s", t.Name(), strings.Join(names, " | "))
	case *graphql.Scalar:
		w.line("scalar %s", t.Name())
	default:
		panic(fmt.Sprintf("the schema has a %T, which SDL does not write", t))
	}
}

func (w *sdl) field(f *graphql.FieldDefinition) {
	w.describe("  ", f.Description)
	w.WriteString("  " + f.Name)
	if len(f.Args) > 0 {
		w.WriteString("(\n")
		arguments := slices.SortedFunc(slices.Values(f.Args), func(a, b *graphql.Argument) int { return strings.Compare(a.Name(), b.Name()) })
		for _, a := range arguments {
			w.describe("    ", a.Description())
			w.WriteString("    " + a.Name() + ": " + a.Type.String())
			if a.DefaultValue != nil {
				w.WriteString(" = " + literal(a.Type, a.DefaultValue))
			}
			w.WriteByte('\n')
		}
		w.WriteString("  )")
	}
	w.line(": %v%s", f.Type, deprecated(f.DeprecationReason))
}

// describe writes a description as a block string.
func (w *sdl) describe(indent, description string) {
	if description == "" {
		return
	}
	description = strings.ReplaceAll(description, `"""`, `\"""`)
	if strings.HasSuffix(description, `"`) || strings.HasSuffix(description, `\`) {
		description += " "
	}
	w.line(`%s"""%s"""`, indent, description)
}

func implements(list []*graphql.Interface) string {
	names := make([]string, len(list))
	for i, one := range list {
		names[i] = one.Name()
	}
	if len(names) == 0 {
		return ""
	}
	return " implements " + strings.Join(names, " & ")
}

func deprecated(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(" @deprecated(reason: %q)", reason)
}

// literal writes a default value.
func literal(t graphql.Type, v any) string {
	if inner, ok := t.(*graphql.NonNull); ok {
		return literal(inner.OfType, v)
	}
	if e, ok := t.(*graphql.Enum); ok {
		return fmt.Sprint(e.Serialize(v))
	}
	if s, ok := v.(string); ok {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprint(v)
}

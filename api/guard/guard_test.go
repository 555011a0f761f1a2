package guard

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/graphql-go/graphql/language/parser"
)

func TestScanKeepsTokensAndPositions(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", `{ a(b: 1) }`, `{ a(b: 1) }`},
		{"commas are blanks", "{a,b,}", "{a b }"},
		{"comment", "{ a # b {\n c }", "{ a      \n c }"},
		{"comment with multi-byte characters, byte for byte", "# é{\n{a}", "    " + " \n{a}"},
		{"byte order mark", "\uFEFF{a}", "   {a}"},
		{"hash in a string", `{a(b:"# {[(")}`, `{a(b:"# {[(")}`},
		{"escaped quote", `{a(b:"\"{")}`, `{a(b:"\"{")}`},
		{"escaped backslash at the end", `{a(b:"\\")}`, `{a(b:"\\")}`},
		{"empty string", `{a(b:"")}`, `{a(b:"")}`},
		{"block string", "{a(b:\"\"\"{ \" \"\" #\n \\\"\"\" [\"\"\")}", "{a(b:\"\"\"{ \" \"\" #\n \\\"\"\" [\"\"\")}"},
		{"numbers", `{a(b:-0.5e+10 c:0 d:12)}`, `{a(b:-0.5e+10 c:0 d:12)}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Scan(c.in, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestScanRefusesWhatIsNoDocument(t *testing.T) {
	for _, c := range []struct {
		name, in     string
		line, column int
	}{
		{"empty", "", 0, 0},
		{"only a comment", "# nothing", 0, 0},
		{"not UTF-8", "{a\xff}", 0, 0},
		{"never closed", "{a{b}", 1, 6},
		{"closed too often", "{a}}", 1, 4},
		{"closed by another bracket", "{a(b:[1)}", 1, 8},
		{"string over a line end", "{a(b:\"x\n\")}", 1, 6},
		{"string that does not end", `{a(b:"x)}`, 1, 6},
		{"backslash at the very end", `{a(b:"x\`, 1, 6},
		{"block string that does not end", "{a(b:\"\"\"x\"\")}", 1, 6},
		{"control character", "{a\x00}", 1, 3},
		{"two points", "{..a}", 1, 2},
		{"leading zero", "{a(b:012)}", 1, 6},
		{"number glued to a name", "{a(b:1x)}", 1, 6},
		{"question mark on line 2", "{a\n?}", 2, 1},
		{"after a carriage return and line feed", "{a\r\n  ?}", 2, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Scan(c.in, Limits{})
			var syntax *SyntaxError
			if !errors.As(err, &syntax) {
				t.Fatalf("got %v, want a SyntaxError", err)
			}
			if syntax.Line != c.line || syntax.Column != c.column {
				t.Errorf("at %d:%d, want %d:%d (%v)", syntax.Line, syntax.Column, c.line, c.column, err)
			}
		})
	}
}

func TestScanLimits(t *testing.T) {
	limits := Limits{QueryBytes: 1000, Tokens: 60, Depth: 4, Aliases: 2, Directives: 2}
	for _, c := range []struct{ name, in, what string }{
		{"at every limit", `{x:a y:b{c @skip(if:true) @include(if:[1])}}`, ""},
		{"bytes", "{a}" + strings.Repeat(" ", 998), "bytes"},
		{"tokens", "{" + strings.Repeat("a ", 59) + "}", "tokens"},
		{"tokens just fit", "{" + strings.Repeat("a ", 58) + "}", ""},
		{"braces", "{a{b{c{d{e}}}}}", "levels of nesting"},
		{"lists in arguments", "{a(b:[[[1]]])}", "levels of nesting"},
		{"objects in arguments", "{a(b:{c:{d:{e:1}}})}", "levels of nesting"},
		{"list types", "query($a:[[[[Int]]]]){a}", "levels of nesting"},
		{"brackets never closed", strings.Repeat("{", 50), "levels of nesting"},
		{"aliases", "{x:a y:a z:a}", "aliases"},
		{"colons in arguments are no aliases", "{a(b:1 c:2 d:{e:1})}", ""},
		{"directives", "{a @x @y @z}", "directives"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Scan(c.in, limits)
			checkLimit(t, err, c.what)
		})
	}
}

func TestCheck(t *testing.T) {
	limits := Limits{Depth: 6, Selections: 40, FieldPairs: 10, Introspection: 300}
	sizes := Sizes{"types": 10, "fields": 5}
	for _, c := range []struct{ name, in, what string }{
		{"plain", "{a{b{c}}}", ""},
		{"fragments", "{...A} fragment A on T{b ...B} fragment B on T{c}", ""},
		{"unknown fragment is for validation", "{...Nowhere}", ""},
		{"depth through fragments", "{a{b{...A}}} fragment A on T{c{d{...B}}} fragment B on T{e{f{g}}}", "levels of nesting"},
		{"fragments in fragments are depth too", "{...A}" + chain(8), "levels of nesting"},
		{"doubling fragments", "{...A} fragment A on T{...B ...B} fragment B on T{...C ...C} fragment C on T{...D ...D} fragment D on T{...E ...E} fragment E on T{a}", "fields after expanding fragments"},
		{"doubling fragments that nobody uses", "{a} fragment A on T{x{...B} y{...B}} fragment B on T{x{...C} y{...C}} fragment C on T{x{...D} y{...D}} fragment D on T{a b c d e f g}", "fields after expanding fragments"},
		{"five equal fields make ten pairs", "{" + strings.Repeat("a ", 5) + "}", ""},
		{"six equal fields make fifteen", "{" + strings.Repeat("a ", 6) + "}", "fields with the same response name"},
		{"equal below equal", "{a{b b b} a{b b b}}", "fields with the same response name"},
		{"equal by alias", "{" + strings.Repeat("a:x ", 6) + "}", "fields with the same response name"},
		{"equal through fragments", "{a b a ...A} fragment A on T{a b a ...B} fragment B on T{a b a}", "fields with the same response name"},
		{"introspection", "{__schema{types{name fields{name}}}}", ""},
		{"circular introspection", "{__schema{types{fields{type{fields{name}}}}}}", "introspection values"},
		{"many introspections", "{a:__schema{types{fields{name}}} b:__schema{types{fields{name}}} c:__schema{types{fields{name}}} d:__schema{types{fields{name}}} e:__schema{types{fields{name}}} f:__schema{types{fields{name}}} g:__schema{types{fields{name}}}  h:__schema{types{fields{name}}}}", "introspection values"},
	} {
		t.Run(c.name, func(t *testing.T) {
			document, err := parser.Parse(parser.ParseParams{Source: c.in})
			if err != nil {
				t.Fatal(err)
			}
			checkLimit(t, Check(document, limits, sizes), c.what)
		})
	}
}

func TestCheckFindsCycles(t *testing.T) {
	for _, in := range []string{
		"{...A} fragment A on T{...A}",
		"{...A} fragment A on T{...B} fragment B on T{a ...A}",
		"{...A} fragment A on T{x{y{...A}}}",
		"{a} fragment A on T{... on T{...A}}",
	} {
		document, err := parser.Parse(parser.ParseParams{Source: in})
		if err != nil {
			t.Fatal(err)
		}
		var syntax *SyntaxError
		if err := Check(document, Limits{}, nil); !errors.As(err, &syntax) {
			t.Errorf("%s: got %v, want a SyntaxError", in, err)
		}
	}
}

func TestCheckRefusesTypeDefinitions(t *testing.T) {
	document, err := parser.Parse(parser.ParseParams{Source: "type A { b: Int }"})
	if err != nil {
		t.Fatal(err)
	}
	var syntax *SyntaxError
	if err := Check(document, Limits{}, nil); !errors.As(err, &syntax) {
		t.Errorf("got %v, want a SyntaxError", err)
	}
}

func TestCheckJSON(t *testing.T) {
	for _, c := range []struct {
		in string
		ok bool
	}{
		{`{"a":[1,{"b":2}]}`, true},
		{`{"a":"[[[[{{{{"}`, true},
		{`{"a":"\"[[[["}`, true},
		{`{"a":[[[1]]]}`, false},
		{`{"a":{"b":{"c":{}}}}`, false},
		{strings.Repeat("[", 100000), false},
		{`"unfinished \`, true},
		{``, true},
	} {
		if err := CheckJSON([]byte(c.in), 3); (err == nil) != c.ok {
			t.Errorf("%.40s: got %v", c.in, err)
		}
	}
}

// FuzzScan holds that a document that passes has the same length, the same
// line ends and, read again, the same tokens; and that the parser survives it.
func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`query Q($a:[Int!]=[1]){x:term(id:"\u00e9"){...F @skip(if:$a)}} fragment F on T{name}`,
		"# é ü a #é\n{a}", "\"\"\"\\\"\"\"\"\"\"", "{a(b:-1.5e3)}", "\uFEFF{a}", "#éa#é\r\n{b c}",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		clean, err := Scan(in, Limits{})
		if err != nil {
			return
		}
		if len(clean) != len(in) {
			t.Fatalf("%d bytes became %d", len(in), len(clean))
		}
		again, err := Scan(clean, Limits{})
		if err != nil || again != clean {
			t.Fatalf("second scan of %q: %q, %v", clean, again, err)
		}
		document, err := parser.Parse(parser.ParseParams{Source: clean})
		if err != nil {
			return
		}
		_ = Check(document, Limits{}, nil)
	})
}

func chain(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, " fragment %c on T{...%c}", 'A'+i, 'A'+i+1)
	}
	return b.String() + fmt.Sprintf(" fragment %c on T{a}", 'A'+n)
}

func checkLimit(t *testing.T, err error, what string) {
	t.Helper()
	if what == "" {
		if err != nil {
			t.Fatalf("got %v, want no error", err)
		}
		return
	}
	var limit *LimitError
	if !errors.As(err, &limit) {
		t.Fatalf("got %v, want a LimitError on %s", err, what)
	}
	if limit.What != what {
		t.Errorf("limit on %q, want %q", limit.What, what)
	}
}

package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"
)

// ErrConfig is what every error of Load wraps.
var ErrConfig = errors.New("the configuration cannot be used")

// Problem is one thing that is wrong.
type Problem struct {
	Key    string `json:"key,omitempty"`
	Value  string `json:"value,omitempty"` // empty for a secret
	Source string `json:"source"`          // where it was given
	Why    string `json:"why"`             // and what would be right
}

func (p Problem) String() string {
	what := p.Key
	if len(what) > 80 || strings.ContainsFunc(what, func(r rune) bool { return !unicode.IsPrint(r) }) {
		what = fmt.Sprintf("%.80q", what)
	}
	if p.Value != "" {
		what += fmt.Sprintf(" = %.80q", p.Value)
	}
	if what != "" {
		what += " "
	}
	return fmt.Sprintf("%s(%s): %s", what, p.Source, p.Why)
}

// Error names every problem of a configuration. It wraps ErrConfig.
type Error struct{ Problems []Problem }

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(ErrConfig.Error())
	for _, p := range e.Problems {
		b.WriteString("\n  " + p.String())
	}
	return b.String()
}

// Unwrap gives ErrConfig.
func (e *Error) Unwrap() error { return ErrConfig }

// Effective is a setting as it counts.
type Effective struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"` // "default", or where it was given
}

// masked stands for a secret that is set.
const masked = "(secret)"

// Input is where values come from.
type Input struct {
	File   string                          // a YAML file, or "" for none
	Lookup func(env string) (string, bool) // as os.LookupEnv
	Known  []string                        // further keys that a file may hold, which are of other commands
}

// env looks a name up; what is set to nothing counts as not set.
func (in *Input) env(name string) string {
	value, _ := in.Lookup(name)
	return value
}

// entry is what a file says of one key.
type entry struct {
	texts []string
	line  int
	used  bool
}

// Load puts each setting's value where it belongs and says where it came from.
// The error is an *Error that names everything that is wrong; then what was
// right has been put all the same.
func (t Table) Load(in Input) ([]Effective, error) {
	l := loading{in: in}
	l.readFile()
	out := make([]Effective, 0, len(t.all()))
	for _, s := range t.all() {
		out = append(out, l.settle(s))
	}
	l.unknown(t)
	if len(l.problems) > 0 {
		return out, &Error{l.problems}
	}
	return out, nil
}

type loading struct {
	in       Input
	file     map[string]*entry
	order    []string // of the file's keys
	problems []Problem
}

func (l *loading) problem(key, value, source, format string, args ...any) {
	l.problems = append(l.problems, Problem{Key: key, Value: value, Source: source, Why: fmt.Sprintf(format, args...)})
}

// settle finds the value of one setting and puts it.
func (l *loading) settle(s *Setting) Effective {
	texts, source, found := l.find(s)
	e := Effective{Key: s.Key, Value: s.initial, Source: "default"}
	if !found {
		return e
	}
	e.Value, e.Source = strings.Join(texts, ", "), source
	if s.kind == "list" {
		e.Value = "[" + e.Value + "]"
	}
	if s.secret {
		e.Value = masked
	}
	if err := s.put(texts); err != nil {
		shown := strings.Join(texts, ", ")
		if s.secret {
			shown = ""
		}
		l.problem(s.Key, shown, source, "%v", err)
	}
	return e
}

// find looks for a setting in the flags, in the environment and in the file.
func (l *loading) find(s *Setting) (texts []string, source string, found bool) {
	inFile, byFile := l.file[s.Key], l.file[s.Key+"-file"]
	for _, e := range []*entry{inFile, byFile} {
		if e != nil {
			e.used = true
		}
	}
	if len(s.given) > 0 {
		return s.given, "flag --" + s.flagName(), true
	}
	value, name := l.in.env(s.Env), l.in.env(s.Env+"_FILE")
	inEnv, byEnv := value != "", name != ""
	switch {
	case inEnv && byEnv:
		l.problem(s.Key, "", "environment", "%s and %s_FILE are both set; keep one", s.Env, s.Env)
		return nil, "", false
	case inEnv:
		return s.split(value), "environment " + s.Env, true
	case byEnv:
		return l.fromFile(s, name, "environment "+s.Env+"_FILE")
	case inFile != nil && byFile != nil:
		l.problem(s.Key, "", l.at(byFile), "%s and %s-file are both set; keep one", s.Key, s.Key)
		return nil, "", false
	case inFile != nil:
		if s.kind != "list" && len(inFile.texts) != 1 {
			l.problem(s.Key, "", l.at(inFile), "it takes one value and not a list")
			return nil, "", false
		}
		return inFile.texts, l.at(inFile), true
	case byFile != nil && len(byFile.texts) == 1:
		name := byFile.texts[0]
		if !filepath.IsAbs(name) { // beside the configuration
			name = filepath.Join(filepath.Dir(l.in.File), name)
		}
		return l.fromFile(s, name, l.at(byFile))
	case byFile != nil:
		l.problem(s.Key+"-file", "", l.at(byFile), "it takes the name of one file")
	}
	return nil, "", false
}

// split reads a list as the environment gives it.
func (s *Setting) split(text string) []string {
	if s.kind != "list" {
		return []string{text}
	}
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' })
}

// longestFile is the size of a configuration, or of a value's own file.
const longestFile = 1 << 20

func (l *loading) fromFile(s *Setting, name, source string) (texts []string, from string, found bool) {
	data, err := readShort(name)
	if err != nil {
		l.problem(s.Key, name, source, "%v", err)
		return nil, "", false
	}
	return s.split(strings.TrimSpace(string(data))), source + ": " + name, true
}

func readShort(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		if p, ok := errors.AsType[*os.PathError](err); ok {
			return nil, fmt.Errorf("the file cannot be read: %w", p.Err)
		}
		return nil, err
	}
	defer f.Close() //nolint:errcheck // read only
	data, err := io.ReadAll(io.LimitReader(f, longestFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the file cannot be read: %w", errors.Unwrap(err))
	case len(data) > longestFile:
		return nil, fmt.Errorf("the file has more than %d bytes", longestFile)
	}
	return data, nil
}

func (l *loading) at(e *entry) string { return fmt.Sprintf("%s, line %d", l.in.File, e.line) }

// readFile reads the YAML file: a mapping of keys to values or lists of values.
func (l *loading) readFile() {
	l.file = map[string]*entry{}
	if l.in.File == "" {
		return
	}
	data, err := readShort(l.in.File)
	if err != nil {
		l.problem("", "", l.in.File, "%v", err)
		return
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		l.problem("", "", l.in.File, "it is not YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	if len(document.Content) == 0 {
		return // nothing but comments
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		l.problem("", "", l.in.File, "it must be a list of lines such as \"addr: 127.0.0.1:8642\"")
		return
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		e := &entry{line: key.Line}
		if l.file[key.Value] != nil {
			l.problem(key.Value, "", l.at(e), "it stands twice; it also stands in line %d", l.file[key.Value].line)
			continue
		}
		var ok bool
		if e.texts, ok = scalars(value); !ok {
			l.problem(key.Value, "", l.at(e), "its value must be a word, a number or a list of these")
			continue
		}
		l.file[key.Value] = e
		l.order = append(l.order, key.Value)
	}
}

func scalars(n *yaml.Node) ([]string, bool) {
	switch n.Kind {
	case yaml.ScalarNode:
		if n.Tag == "!!null" {
			return []string{""}, true
		}
		return []string{n.Value}, true
	case yaml.SequenceNode:
		out := []string{}
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return nil, false
			}
			out = append(out, c.Value)
		}
		return out, true
	default: // a mapping, or an alias, which could grow without bound
		return nil, false
	}
}

// unknown names the file's keys that are no setting's, with the nearest that is.
func (l *loading) unknown(t Table) {
	known := slices.Clone(l.in.Known)
	for _, s := range t.all() {
		known = append(known, s.Key)
	}
	for _, key := range l.order {
		e := l.file[key]
		base := strings.TrimSuffix(key, "-file")
		if e.used || slices.Contains(known, key) || slices.Contains(known, base) {
			continue
		}
		why := "there is no such setting"
		if near := nearest(key, known); near != "" {
			why += fmt.Sprintf("; did you mean %q?", near)
		}
		l.problem(key, "", l.at(e), "%s", why)
	}
}

// UnknownEnv lists the names in an environment (of lines NAME=value) that look
// like settings and are none, each with the nearest that is one, or "". others
// are names that have another use.
func (t Table) UnknownEnv(environ, others []string) (out [][2]string) {
	known := slices.Clone(others)
	for _, s := range t.all() {
		known = append(known, s.Env, s.Env+"_FILE")
	}
	for _, line := range environ {
		name, _, _ := strings.Cut(line, "=")
		if strings.HasPrefix(name, Prefix) && !slices.Contains(known, name) {
			out = append(out, [2]string{name, nearest(name, known)})
		}
	}
	return out
}

// nearest finds the word that takes the fewest edits, "" where all are far.
func nearest(word string, known []string) string {
	const longest = 100
	if len(word) > longest {
		return ""
	}
	best, at := "", max(2, len(word)/2)+1
	for _, k := range known {
		if d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k)); d < at {
			best, at = k, d
		}
	}
	return best
}

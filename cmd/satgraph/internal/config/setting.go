package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Prefix begins the names of settings in the environment.
const Prefix = "SATGRAPH_"

// Value is what a setting can hold.
type Value interface {
	string | bool | int | float64 | time.Duration | []string
}

// Setting is one row of the table.
type Setting struct {
	Key  string // its name in the file, and as a flag
	Env  string // its name in the environment
	Help string // what it is, and the default where that is no plain value

	flag    string // its name as a flag, where that is not Key
	secret  bool
	noFlag  bool
	kind    string // as the help shows it
	initial string // the default as text
	put     func(texts []string) error
	given   []string // by flag
}

// New makes a setting whose value goes to into, which holds the default from
// now on. What a check refuses is a problem of the setting; its error says what
// would be right.
func New[T Value](key string, into *T, initial T, help string, checks ...func(T) error) *Setting {
	*into = initial
	s := &Setting{Key: key, Env: Prefix + strings.ToUpper(strings.ReplaceAll(key, "-", "_")), Help: help}
	s.kind, s.initial = kindOf(initial), show(initial)
	s.put = func(texts []string) error {
		v, err := parse[T](texts)
		if err != nil {
			return err
		}
		for _, check := range checks {
			if err := check(v); err != nil {
				return err
			}
		}
		*into = v
		return nil
	}
	return s
}

// Secret makes a setting that no flag gives, since other users see those, and
// that is never shown.
func (s *Setting) Secret() *Setting {
	s.secret, s.noFlag = true, true
	return s
}

// WithoutFlag makes a setting that only the environment and the file give.
func (s *Setting) WithoutFlag() *Setting {
	s.noFlag = true
	return s
}

// AsFlag sets the name as a flag, where a command has a shorter one.
func (s *Setting) AsFlag(name string) *Setting {
	s.flag = name
	return s
}

// From sets the name in the environment, where it is one that others know too.
func (s *Setting) From(env string) *Setting {
	s.Env = env
	return s
}

func (s *Setting) flagName() string {
	if s.flag != "" {
		return s.flag
	}
	return s.Key
}

// Group is a part of the table.
type Group struct {
	Title    string
	Settings []*Setting
}

// Table is all settings of a command.
type Table []Group

func (t Table) all() []*Setting {
	var out []*Setting
	for _, g := range t {
		out = append(out, g.Settings...)
	}
	return out
}

// Keys lists the settings' names.
func (t Table) Keys() []string {
	var out []string
	for _, s := range t.all() {
		out = append(out, s.Key)
	}
	return out
}

// With is the table and those settings of another whose names it has not.
func (t Table) With(other Table) Table {
	out, known := slices.Clone(t), t.Keys()
	for _, g := range other {
		more := Group{Title: g.Title}
		for _, s := range g.Settings {
			if !slices.Contains(known, s.Key) {
				more.Settings = append(more.Settings, s)
			}
		}
		if len(more.Settings) > 0 {
			out = append(out, more)
		}
	}
	return out
}

// AddFlags gives a command the flags of the table.
func (t Table) AddFlags(flags *pflag.FlagSet) {
	for _, s := range t.all() {
		if s.noFlag {
			continue
		}
		f := flags.VarPF(flagValue{s}, s.flagName(), "", s.Help)
		if f.DefValue = s.initial; f.DefValue == "[]" {
			f.DefValue = ""
		}
		if s.kind == "bool" {
			f.NoOptDefVal = "true"
		}
	}
}

// flagValue takes any text, so that Load names everything that is wrong at once.
type flagValue struct{ s *Setting }

func (v flagValue) Set(text string) error {
	v.s.given = append(v.s.given, text)
	return nil
}

func (v flagValue) Type() string { return v.s.kind }

func (v flagValue) String() string {
	if v.s == nil {
		return ""
	}
	return strings.Join(v.s.given, ", ")
}

func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "bool"
	case int:
		return "int"
	case float64:
		return "number"
	case time.Duration:
		return "duration"
	case []string:
		return "list"
	}
	return "string"
}

func show(v any) string {
	switch v := v.(type) {
	case []string:
		return "[" + strings.Join(v, ", ") + "]"
	case time.Duration: // 30s, and not 30m0s
		text := v.String()
		if short, ok := strings.CutSuffix(text, "m0s"); ok {
			text = short + "m"
		}
		if short, ok := strings.CutSuffix(text, "h0m"); ok {
			text = short + "h"
		}
		return text
	}
	return fmt.Sprint(v)
}

// parse reads the texts of one setting: several for a list, one for the others.
func parse[T Value](texts []string) (v T, err error) {
	text := ""
	if len(texts) > 0 {
		text = strings.TrimSpace(texts[len(texts)-1]) // of a flag given twice the last counts
	}
	switch into := any(&v).(type) {
	case *string:
		*into = text
	case *[]string:
		*into = slices.Clone(texts)
	case *bool:
		if *into, err = strconv.ParseBool(text); err != nil {
			err = errors.New("it is neither true nor false")
		}
	case *int:
		if *into, err = strconv.Atoi(text); err != nil {
			err = errors.New("it is not a whole number")
		}
	case *float64:
		if *into, err = strconv.ParseFloat(text, 64); err != nil {
			err = errors.New("it is not a number")
		}
	case *time.Duration:
		if *into, err = time.ParseDuration(text); err != nil {
			err = errors.New("it is not a duration; write it as in 90s, 15m or 12h")
		}
	}
	return v, err
}

// Min refuses what is less.
func Min[T int | float64 | time.Duration](least T) func(T) error {
	return func(v T) error {
		if v < least || v != v { // not a number
			return fmt.Errorf("it must be at least %s", show(least))
		}
		return nil
	}
}

// Max refuses what is more.
func Max[T int | float64 | time.Duration](most T) func(T) error {
	return func(v T) error {
		if v > most {
			return fmt.Errorf("it must be at most %s", show(most))
		}
		return nil
	}
}

// OneOf refuses all other words.
func OneOf(words ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(words, v) {
			return nil
		}
		return fmt.Errorf("it must be one of %s", strings.Join(words, ", "))
	}
}

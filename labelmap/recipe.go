package labelmap

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Op is what a recipe's node does with its arguments.
type Op string

// The operations.
const (
	OpSource     Op = "source"     // the voxels that a Source picks
	OpUnion      Op = "union"      // in any argument
	OpIntersect  Op = "intersect"  // in every argument
	OpDifference Op = "difference" // in the first and in none of the others
	// OpFirst takes the first argument whose file a scan has: one of several
	// channels or of several versions of a file.
	OpFirst Op = "first"
	// OpMidplane keeps the argument's voxels on one side of the scan's middle
	// sagittal plane; OpComponent those of the components that lie mostly there.
	// Both guess a side that nobody drew: Risk must say what can go wrong.
	OpMidplane  Op = "midplane"
	OpComponent Op = "component"
)

// Source picks voxels of a scan's raw files.
type Source struct {
	// File is a path pattern inside the scan's folder ("{case}" is the scan's
	// id); empty for the dataset's usual label file.
	File string `json:"file,omitempty"`
	// Channel of a 4-D file, from 0; -1 for a file without channels.
	Channel int `json:"channel"`
	// Values are the voxel values taken; a voxel in any range is.
	Values []Range `json:"values"`
	// Label is the key of the raw label that this is, where one names it.
	Label string `json:"label,omitempty"`
}

// Range is the values above Low and up to High; the ends count as OpenLow says:
// [Low, High] normally, (Low, High] with OpenLow. One value is [v, v].
//
// As text, and in JSON, it is what String writes.
type Range struct {
	Low, High float64
	OpenLow   bool
}

// MarshalText writes the range as String does.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what String writes. Errors wrap ErrRecipe.
func (r *Range) UnmarshalText(text []byte) (err error) {
	if *r, err = parseRange(string(text)); err != nil {
		err = fmt.Errorf("%w: %w", ErrRecipe, err)
	}
	return err
}

// Value is the range of a single value.
func Value(v float64) Range { return Range{Low: v, High: v} }

// Holds says whether v lies in the range. NaN lies in none.
func (r Range) Holds(v float64) bool {
	return (v > r.Low || v == r.Low && !r.OpenLow) && v <= r.High
}

// String writes the range as "3", "3..5" or ">55..70"; an open end is left out.
func (r Range) String() string {
	num := func(v float64) string {
		if math.IsInf(v, 0) {
			return ""
		}
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	low := num(r.Low)
	if r.OpenLow {
		low = ">" + low
	}
	if r.Low == r.High && !r.OpenLow {
		return low
	}
	return low + ".." + num(r.High)
}

// Expr is a recipe's tree of operations.
type Expr struct {
	Op     Op      `json:"op"`
	Args   []Expr  `json:"args,omitempty"`
	Source *Source `json:"source,omitempty"` // for OpSource
	Side   string  `json:"side,omitempty"`   // "left" or "right", for the side splits
}

// Recipe says how a dataset's raw files make one corpus class.
type Recipe struct {
	Class    string `json:"class"`
	Modality string `json:"modality,omitempty"` // empty: every modality of the dataset
	Expr     Expr   `json:"expr"`
	// Complete says whether the class is whole; Missing names the parts that the
	// dataset does not have.
	Complete bool     `json:"complete"`
	Missing  []string `json:"missing,omitempty"`
	// Definition is what the dataset means by the class where datasets differ:
	// "includes tumour and cyst".
	Definition string `json:"definition,omitempty"`
	Risk       string `json:"risk,omitempty"` // of a side split
	Reason     string `json:"reason,omitempty"`
}

// ErrRecipe marks a recipe that cannot be carried out.
var ErrRecipe = errors.New("invalid recipe")

// Limits of a recipe.
const (
	maxRecipeDepth = 16
	maxRecipeNodes = 10_000
)

// Validate checks a recipe's form. Errors wrap ErrRecipe and name the class.
func (r *Recipe) Validate() error {
	if strings.TrimSpace(r.Class) == "" {
		return fmt.Errorf("%w: it makes no class", ErrRecipe)
	}
	nodes := 0
	if err := r.Expr.validate(r, 0, &nodes); err != nil {
		return fmt.Errorf("%w for %q: %w", ErrRecipe, r.Class, err)
	}
	if r.Complete && len(r.Missing) > 0 {
		return fmt.Errorf("%w for %q: complete, and yet %s is missing", ErrRecipe, r.Class, strings.Join(r.Missing, ", "))
	}
	return nil
}

func (e *Expr) validate(r *Recipe, depth int, nodes *int) error {
	*nodes++
	if depth > maxRecipeDepth || *nodes > maxRecipeNodes {
		return fmt.Errorf("more than %d deep or %d operations", maxRecipeDepth, maxRecipeNodes)
	}
	if (e.Op == OpSource) != (e.Source != nil) {
		return fmt.Errorf("a source goes with the operation %q and no other", OpSource)
	}
	want := 1
	switch e.Op {
	case OpSource:
		if len(e.Args) > 0 {
			return fmt.Errorf("a source has no arguments")
		}
		return e.Source.validate()
	case OpUnion, OpFirst:
	case OpIntersect, OpDifference:
		want = 2
	case OpMidplane, OpComponent:
		if e.Side != "left" && e.Side != "right" {
			return fmt.Errorf("%s needs the side left or right, not %q", e.Op, e.Side)
		}
		if r.Risk == "" {
			return fmt.Errorf("%s guesses a side: the recipe must state the risk", e.Op)
		}
		if len(e.Args) != 1 {
			return fmt.Errorf("%s takes one argument, not %d", e.Op, len(e.Args))
		}
	default:
		return fmt.Errorf("unknown operation %q", e.Op)
	}
	if len(e.Args) < want {
		return fmt.Errorf("%s needs %d arguments or more, not %d", e.Op, want, len(e.Args))
	}
	for i := range e.Args {
		if err := e.Args[i].validate(r, depth+1, nodes); err != nil {
			return err
		}
	}
	return nil
}

func (s *Source) validate() error {
	if len(s.Values) == 0 {
		return fmt.Errorf("a source without values")
	}
	for _, v := range s.Values {
		if math.IsNaN(v.Low) || math.IsNaN(v.High) || v.Low > v.High {
			return fmt.Errorf("the range %s holds nothing", v)
		}
	}
	if s.Channel < -1 {
		return fmt.Errorf("channel %d", s.Channel)
	}
	if strings.Contains(s.File, "\x00") || slices.Contains(strings.Split(s.File, "/"), "..") || strings.HasPrefix(s.File, "/") {
		return fmt.Errorf("the file %q lies outside the scan's folder", s.File)
	}
	return nil
}

// Sources returns the sources of an expression from left to right.
func (e *Expr) Sources() []*Source {
	if e.Source != nil {
		return []*Source{e.Source}
	}
	var out []*Source
	for i := range e.Args {
		out = append(out, e.Args[i].Sources()...)
	}
	return out
}

// String writes the expression for people; ParseExpr reads it again.
func (e *Expr) String() string {
	part := func(a *Expr) string {
		if a.Op == OpSource || a.Op == OpMidplane || a.Op == OpComponent {
			return a.String()
		}
		return "(" + a.String() + ")"
	}
	join := func(sep string) string {
		parts := make([]string, len(e.Args))
		for i := range e.Args {
			parts[i] = part(&e.Args[i])
		}
		return strings.Join(parts, sep)
	}
	switch e.Op {
	case OpSource:
		return e.Source.String()
	case OpUnion:
		return join(" + ")
	case OpIntersect:
		return join(" & ")
	case OpDifference:
		return join(" - ")
	case OpFirst:
		return "first of " + join(", ")
	case OpMidplane:
		return e.Side + " of the middle of " + join("")
	case OpComponent:
		return e.Side + " components of " + join("")
	default:
		return string(e.Op)
	}
}

// String writes the source as "file#channel{values}", the file in quotes where
// it could be misread.
func (s *Source) String() string {
	var b strings.Builder
	if plainFile(s.File) {
		b.WriteString(s.File)
	} else {
		b.WriteString(strconv.Quote(s.File))
	}
	if s.Channel >= 0 {
		fmt.Fprintf(&b, "#%d", s.Channel)
	}
	b.WriteByte('{')
	for i, v := range s.Values {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.String())
	}
	b.WriteByte('}')
	return b.String()
}

// equal compares what recipes do; reasons do not count.
func (r *Recipe) equal(q *Recipe) bool {
	if r == nil || q == nil {
		return r == q
	}
	return strings.EqualFold(r.Class, q.Class) && r.Modality == q.Modality && r.Expr.equal(&q.Expr)
}

func (e *Expr) equal(f *Expr) bool {
	if e.Op != f.Op || e.Side != f.Side || len(e.Args) != len(f.Args) || (e.Source == nil) != (f.Source == nil) {
		return false
	}
	if s, t := e.Source, f.Source; s != nil &&
		(s.File != t.File || s.Channel != t.Channel || !slices.Equal(s.Values, t.Values)) {
		return false
	}
	for i := range e.Args {
		if !e.Args[i].equal(&f.Args[i]) {
			return false
		}
	}
	return true
}

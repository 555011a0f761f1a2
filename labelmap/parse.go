package labelmap

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ParseExpr reads an expression as Expr.String writes it:
//
//	{1, 2} - {3}                      values of the usual label file
//	lesion.nii.gz{1} + #2{>0.5..}     another file; a channel; an open range
//	first of a.nii{1}, b.nii{1}       the first file that a scan has
//	left of the middle of {4}         a side split
//
// Operators of one level must be the same; parentheses group. File names with
// spaces, braces or "#" stand in double quotes. Errors wrap ErrRecipe and say
// where.
func ParseExpr(text string) (Expr, error) {
	p := &exprParser{text: text}
	e, err := p.expr(0)
	if err == nil {
		if p.space(); p.at < len(text) {
			err = p.fail("something is left over")
		}
	}
	return e, err
}

type exprParser struct {
	text string
	at   int
}

func (p *exprParser) fail(why string) error {
	return fmt.Errorf("%w: %q, at %d: %s", ErrRecipe, p.text, p.at+1, why)
}

func (p *exprParser) space() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

// take steps over word, if it is next.
func (p *exprParser) take(word string) bool {
	p.space()
	if !strings.HasPrefix(p.text[p.at:], word) {
		return false
	}
	p.at += len(word)
	return true
}

// operators by their sign in text.
var operators = []struct {
	sign string
	op   Op
}{{"+", OpUnion}, {"&", OpIntersect}, {"-", OpDifference}}

func (p *exprParser) expr(depth int) (Expr, error) {
	if depth > maxRecipeDepth {
		return Expr{}, p.fail("too deep")
	}
	if p.take("first of ") {
		return p.list(depth)
	}
	first, err := p.term(depth)
	if err != nil {
		return Expr{}, err
	}
	e, chained := first, false
	for {
		op := p.operator()
		if op == "" {
			return e, nil
		}
		if !chained {
			e, chained = Expr{Op: op, Args: []Expr{first}}, true
		}
		next, err := p.term(depth)
		if err != nil {
			return Expr{}, err
		}
		e.Args = append(e.Args, next)
		if sign := p.peekOperator(); sign != "" && sign != op {
			return Expr{}, p.fail("mixed operators need parentheses")
		}
	}
}

func (p *exprParser) peekOperator() Op {
	at := p.at
	op := p.operator()
	p.at = at
	return op
}

func (p *exprParser) operator() Op {
	for _, o := range operators {
		if p.take(o.sign) {
			return o.op
		}
	}
	return ""
}

// list reads the arguments of OpFirst.
func (p *exprParser) list(depth int) (Expr, error) {
	e := Expr{Op: OpFirst}
	for {
		arg, err := p.term(depth)
		if err != nil {
			return Expr{}, err
		}
		e.Args = append(e.Args, arg)
		if !p.take(",") {
			return e, nil
		}
	}
}

func (p *exprParser) term(depth int) (Expr, error) {
	if p.take("(") {
		e, err := p.expr(depth + 1)
		if err == nil && !p.take(")") {
			err = p.fail("want )")
		}
		return e, err
	}
	for _, side := range []string{"left", "right"} {
		for _, split := range []struct {
			words string
			op    Op
		}{{" of the middle of ", OpMidplane}, {" components of ", OpComponent}} {
			if p.take(side + split.words) {
				if depth > maxRecipeDepth {
					return Expr{}, p.fail("too deep")
				}
				arg, err := p.term(depth + 1)
				return Expr{Op: split.op, Side: side, Args: []Expr{arg}}, err
			}
		}
	}
	return p.source()
}

func (p *exprParser) source() (Expr, error) {
	p.space()
	s := &Source{Channel: -1}
	if strings.HasPrefix(p.text[p.at:], `"`) {
		quoted, err := strconv.QuotedPrefix(p.text[p.at:])
		if err != nil {
			return Expr{}, p.fail("a quoted file name without its end")
		}
		p.at += len(quoted)
		if s.File, err = strconv.Unquote(quoted); err != nil {
			return Expr{}, p.fail("a malformed file name")
		}
	} else {
		n := p.fileEnd()
		s.File = p.text[p.at : p.at+n]
		p.at += n
	}
	if strings.HasPrefix(p.text[p.at:], "#") {
		n := strings.IndexByte(p.text[p.at:], '{')
		if n < 0 {
			return Expr{}, p.fail("want {values} behind the channel")
		}
		channel, err := strconv.Atoi(p.text[p.at+1 : p.at+n])
		if err != nil || channel < 0 {
			return Expr{}, p.fail("a channel is a number from 0")
		}
		s.Channel = channel
		p.at += n
	}
	if !strings.HasPrefix(p.text[p.at:], "{") {
		return Expr{}, p.fail("want {values}")
	}
	n := strings.IndexByte(p.text[p.at:], '}')
	if n < 0 {
		return Expr{}, p.fail("want } behind the values")
	}
	for part := range strings.SplitSeq(p.text[p.at+1:p.at+n], ",") {
		r, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return Expr{}, p.fail(err.Error())
		}
		s.Values = append(s.Values, r)
	}
	p.at += n + 1
	return Expr{Op: OpSource, Source: s}, nil
}

// placeholder is replaced by the id of a scan in a file's name.
const placeholder = "{case}"

// plainFile says whether a file name needs no quotes.
func plainFile(name string) bool {
	return !strings.ContainsAny(strings.ReplaceAll(name, placeholder, ""), "\" {}#()+&,") && !strings.HasPrefix(name, "-")
}

// fileEnd is the length of the plain file name that is next.
func (p *exprParser) fileEnd() int {
	rest := p.text[p.at:]
	for n := 0; n < len(rest); n++ {
		switch {
		case strings.HasPrefix(rest[n:], placeholder):
			n += len(placeholder) - 1
		case strings.IndexByte("\" {}#()+&,", rest[n]) >= 0:
			return n
		}
	}
	return len(rest)
}

// parseRange reads "3", "3..5", ">55..70", ">0.5..", "..7".
func parseRange(text string) (Range, error) {
	bad := fmt.Errorf("%q is neither a value nor a range (1..3, >0.5..)", text)
	low, high, ranged := strings.Cut(text, "..")
	var r Range
	low, r.OpenLow = strings.CutPrefix(low, ">")
	if !ranged {
		high = low
		if r.OpenLow {
			return r, bad
		}
	}
	var err error
	if r.Low, err = bound(low, -1, ranged); err != nil {
		return r, bad
	}
	if r.High, err = bound(high, 1, ranged); err != nil {
		return r, bad
	}
	return r, nil
}

// bound reads one end of a range; an open end is infinite.
func bound(text string, sign int, open bool) (float64, error) {
	if text == "" && open {
		return math.Inf(sign), nil
	}
	v, err := strconv.ParseFloat(text, 64)
	if err == nil && (math.IsNaN(v) || math.IsInf(v, 0)) {
		err = ErrRecipe
	}
	return v, err
}

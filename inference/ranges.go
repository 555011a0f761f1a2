package inference

import (
	"fmt"
	"strings"
)

// readRange reads "ribs 3 to 5", "T10-L2", "L5/S1 disc", "segment V of the
// liver".
func (p *parser) readRange(text string, words []word, _ int) ([]item, bool) {
	n, ok := readNumbers(words)
	if !ok {
		return nil, false
	}
	if n.bad != "" {
		return []item{{text: text, bad: n.bad}}, true
	}
	if len(n.levels) > 0 {
		return p.levels(text, n)
	}
	if n.noun == "" {
		return nil, false
	}
	var out []item
	for _, x := range n.nums {
		items, ok := p.number(n.noun, x)
		if !ok && len(n.nums) > 1 && len(out) > 0 {
			items = []item{{text: fmt.Sprintf("%s %d", n.noun, x), bad: fmt.Sprintf("no term of the tree is %s %d", n.noun, x)}}
			ok = true
		}
		if !ok {
			return nil, false
		}
		out = append(out, items...)
	}
	return out, true
}

// number reads one numbered structure, as the tree spells it.
func (p *parser) number(noun string, n int) ([]item, bool) {
	for _, name := range namesOf(noun, n) {
		if p.known(name) {
			return []item{{text: name}}, true
		}
	}
	return nil, false
}

// levels reads levels of the spine. With "disc" they are what lies between two;
// without a noun, two neighbours joined by a stroke may be either.
func (p *parser) levels(text string, n numbered) ([]item, bool) {
	noun, side := strings.TrimSpace(n.noun), ""
	for _, s := range []string{"left", "right"} {
		if rest, ok := strings.CutPrefix(noun, s+" "); ok {
			noun, side = rest, s
		}
	}
	switch noun {
	case "disc", "disk", "discs", "disks", "intervertebral disc", "intervertebral discs", "intervertebral disk", "intervertebral disks", "ivd", "ivds",
		"disc space", "disc spaces", "intervertebral space":
		return p.discs(text, n.levels), true
	case "":
		// Between C1 and C2 there is no disc.
		if a := n.levels; n.ranged && !n.worded && len(a) == 2 && a[0] > 1 {
			return []item{{text: text, mean: []string{discName(p, a[0], a[1]), a[0].name(p), a[1].name(p)}}}, true
		}
		fallthrough
	case "vertebra", "vertebrae", "vertebras", "vertebral body", "vertebral bodies", "vertebral level", "vertebral levels", "spine", "spinal", "body", "bodies",
		"thoracic vertebrae", "lumbar vertebrae", "cervical vertebrae", "thoracic vertebra", "lumbar vertebra", "cervical vertebra",
		"thoracic spine", "lumbar spine", "cervical spine", "of spine", "of the spine", "sacral vertebra", "sacral vertebrae", "vertebrae of the spine":
		out := make([]item, len(n.levels))
		for i, l := range n.levels {
			out[i] = item{text: l.name(p)}
			if side != "" {
				out[i].bad = "a vertebra has no " + side + " term"
			}
		}
		return out, true
	}
	var out []item
	for _, l := range n.levels {
		ok := false
		for _, name := range []string{l.String() + " " + noun, noun + " " + l.String(), l.vertebra() + " " + noun, noun + " of " + l.vertebra()} {
			if p.known(name) {
				out, ok = append(out, item{text: name}), true
				break
			}
		}
		if !ok {
			return nil, false
		}
	}
	return out, true
}

// name is the vertebra's name in the tree.
func (l level) name(p *parser) string {
	if l == levelL6 && !p.known(l.vertebra()) {
		return "lumbar vertebrae 6 (l6)" // as the corpus spells it
	}
	if s := l.String() + " vertebra"; !p.known(l.vertebra()) && p.known(s) {
		return s
	}
	return l.vertebra()
}

// discs lists the discs between the first level and the last.
func (p *parser) discs(text string, levels []level) []item {
	if len(levels) == 1 {
		return []item{{text: text, bad: fmt.Sprintf("a disc lies between two vertebrae: say which lies next to %s", levels[0])}}
	}
	var out []item
	for i := 1; i < len(levels); i++ {
		out = append(out, item{text: discName(p, levels[i-1], levels[i])})
	}
	return out
}

func discName(p *parser, a, b level) string {
	name := fmt.Sprintf("%v-%v disc", a, b)
	for _, s := range []string{
		name, fmt.Sprintf("intervertebral disc %v-%v", a, b), fmt.Sprintf("intervertebral disk %v-%v", a, b),
		fmt.Sprintf("intervertebral disc between %v and %v", a, b),
	} {
		if p.known(s) {
			return s
		}
	}
	return name
}

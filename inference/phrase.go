package inference

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"satgraph/graph"
)

var (
	reArticle  = regexp.MustCompile(`(?i)^(?:the|a|an|this|these|those|that|my|his|her|patient's|of)\s+`)
	reWhole    = regexp.MustCompile(`(?i)^(?:entire|whole|complete|full|total|all|any|all of|all the|visible|some|only|just)\s+(?:of\s+)?(?:the\s+)?`)
	reEach     = regexp.MustCompile(`(?i)^(?:each|every|individual|single|separate)\s+(?:of\s+the\s+|one\s+of\s+the\s+|single\s+|individual\s+)?(.+)$`)
	reEachTail = regexp.MustCompile(`(?i)^(?:all\s+)?(?:the\s+)?(.+?)\s+(?:individually|separately|one by one|each)$`)
	reSelector = regexp.MustCompile(`(?i)^(?:(?:all|every|each|any)\s+)?(?:of\s+)?(?:the\s+)?(?:direct\s+|immediate\s+|main\s+)?` +
		`(child|children|sub-?parts?|parts?|components?|constituents?|sub-?structures?|sub-?divisions?|sub-?regions?|pieces|` +
		`descendants?|sub-?tree|everything below|everything under|anything below|all below|kinds?|types?|sub-?types?|sub-?classes)\s+(?:of\s+)?(?:the\s+)?(.+)$`)
	reWithin = regexp.MustCompile(`(?i)^(?:all|everything|anything|whatever|what|what's|(?:all\s+|every\s+)?(?:the\s+)?(?:structures?|anatomy|contents?|things?|stuff))` +
		`\s+(?:(?:that|which|what)\s+)?(?:is\s+|are\s+|lies\s+|lie\s+|contained\s+|found\s+|located\s+)?(?:in|inside|within|of|from)\s+(?:the\s+)?(.+)$`)
	reBody   = regexp.MustCompile(`(?i)^(?:everything|anything|all|all (?:the )?(?:structures|anatomy|classes|of it|of them)|(?:the )?(?:whole|entire) (?:body|scan|anatomy))(?: you (?:can|know))?$`)
	reOrgans = regexp.MustCompile(`(?i)^(?:all|every|each|all of)?\s*(?:the\s+)?(.+?)(?:\s+(?:of|in|from|within|inside|on)\s+(?:the\s+|this\s+)?(.+))?$`)
	reIts    = regexp.MustCompile(`(?i)^(?:(?:all|everything|each)\s+(?:of\s+)?)?(?:its|their|his|her)\s+(.+)$`)
	reOwn    = regexp.MustCompile(`(?i)^(?:the\s+)?(.+?)'s?\s+(.+)$`)
	reRisk   = regexp.MustCompile(`(?i)^(?:(?:all|the)\s+)*(?:(.+)\s+)?(?:organs? at risk|oars?)(?:\s+(?:(?:of|in|for|within)\s+)?(?:the\s+)?(.+))?$`)
	reFirst  = regexp.MustCompile(`(?i)^(?:the\s+)?(left\s+|right\s+)?(first|upper|top|last|lower|bottom)\s+(\w+)\s+(.+)$`)
)

// sides are the ways to say a side, before or behind a name.
var (
	reSideFront = regexp.MustCompile(`(?i)^(?:the\s+)?(left|right|both|two|bilateral|left and right|right and left|lt|rt|l|r)(?:[- ]?(?:sided|side|hand side|lateral))?\.?(?:\s+of)?\s+(?:the\s+)?(.+)$`)
	reSideBack  = regexp.MustCompile(`(?i)^(.+?)(?:,?\s+(?:on|at|of|from)\s+(?:the\s+|its\s+)?(left|right|both|either)(?:(?:[- ]hand)?[- ]+sides?)?|\s*[(,]\s*(left|right|both|l|r|lt|rt|bilateral|both sides)\s*\)?|\s+(left|right|bilaterally|both sides))$`)
)

func sideWord(w string) string {
	switch strings.ToLower(w) {
	case "left", "lt", "l":
		return "left"
	case "right", "rt", "r":
		return "right"
	default:
		return "both"
	}
}

// kindWords are the words for kinds of structures, as places.tsv has them.
var kindWords = map[string]string{
	"organ": "organ", "organs": "organ", "viscera": "organ", "viscus": "organ",
	"structure": "any", "structures": "any", "anatomy": "any", "contents": "any", "content": "any", "parts": "any",
	"bone": "bone", "bones": "bone", "bony structures": "bone", "skeleton": "bone",
	"muscle": "muscle", "muscles": "muscle", "musculature": "muscle",
	"vessel": "vessel", "vessels": "vessel", "blood vessels": "vessel", "blood vessel": "vessel", "vasculature": "vessel",
	"artery": "artery", "arteries": "artery", "vein": "vein", "veins": "vein",
	"nerve": "nerve", "nerves": "nerve", "gland": "gland", "glands": "gland",
	"cartilage": "cartilage", "cartilages": "cartilage", "joint": "joint", "joints": "joint",
	"ligament": "ligament", "ligaments": "ligament", "lymph node": "lymph", "lymph nodes": "lymph",
	"tissue": "tissue", "tissues": "tissue", "cavity": "space", "cavities": "space",
	"tumor": "tumor", "tumors": "tumor", "tumour": "tumor", "tumours": "tumor", "cancer": "tumor", "cancers": "tumor",
	"lesion": "finding", "lesions": "finding", "finding": "finding", "findings": "finding", "pathology": "finding",
	"pathologies": "finding", "abnormality": "finding", "abnormalities": "finding", "disease": "finding", "diseases": "finding",
	"mass": "tumor", "masses": "tumor", "metastases": "tumor", "neoplasm": "tumor", "neoplasms": "tumor",
}

// adjectives are the words that stand for an organ or a region in names.
var adjectives = map[string]string{
	"cardiac": "heart", "renal": "kidney", "hepatic": "liver", "pulmonary": "lung", "cerebral": "brain", "encephalic": "brain",
	"splenic": "spleen", "pancreatic": "pancreas", "gastric": "stomach", "colonic": "colon", "colorectal": "colon", "rectal": "rectum",
	"duodenal": "duodenum", "esophageal": "esophagus", "oesophageal": "esophagus", "tracheal": "trachea", "bronchial": "bronchus",
	"thymic": "thymus", "thyroidal": "thyroid gland", "adrenal": "adrenal gland", "suprarenal": "adrenal gland",
	"prostatic": "prostate", "uterine": "uterus", "vesical": "urinary bladder", "biliary": "gallbladder", "aortic": "aorta",
	"femoral": "femur", "humeral": "humerus", "tibial": "tibia", "scapular": "scapula", "clavicular": "clavicle", "costal": "rib",
	"sternal": "sternum", "sacral": "sacrum", "mandibular": "mandible", "ocular": "eyeball", "mammary": "breast",
	"cerebellar": "cerebellum", "hippocampal": "hippocampus", "thalamic": "thalamus", "laryngeal": "larynx",
	"myocardial": "myocardium", "ventricular": "ventricle", "atrial": "heart atrium", "meniscal": "meniscus", "cranial": "skull",
}

// read reads one piece. last are the items of the piece before, whose selector
// reaches over "and".
func (p *parser) read(pc piece, last []item) []item {
	if pc.quoted {
		return []item{{text: pc.text}}
	}
	if m := reIts.FindStringSubmatch(pc.text); m != nil && len(last) > 0 {
		return p.its(m[1], last)
	}
	p.work = 0
	items, ok := p.readText(pc.text, 0)
	if len(items) == 0 {
		return nil
	}
	if pc.sep == "and" && len(last) > 0 && !pc.except && items[0].sel == self && items[0].side == "" {
		switch before := last[len(last)-1]; before.sel {
		case self, members:
		case within:
			if p.names.place(items[0].text) || !ok {
				items[0].sel, items[0].kind = within, before.kind
			}
		default:
			items[0].sel = before.sel
		}
	}
	return items
}

// its reads "liver and its tumors": what belongs to the items before.
func (p *parser) its(text string, last []item) []item {
	lower := strings.ToLower(strings.TrimSpace(text))
	var out []item
	for _, it := range last {
		if it.sel != self {
			return []item{{text: text, bad: "it is not clear what \"its\" means here"}}
		}
		switch lower {
		case "children", "direct children":
			out = append(out, item{sel: children, text: it.text})
		case "parts", "components", "subparts", "substructures":
			out = append(out, item{sel: parts, text: it.text})
		case "descendants", "subtree":
			out = append(out, item{sel: descendants, text: it.text})
		default:
			out = append(out, item{text: text, of: it.text})
		}
	}
	return out
}

// readText reads the text of one piece. ok is false when no term is so called;
// then the one item has the text as it stands. The items are the caller's.
func (p *parser) readText(text string, depth int) (items []item, ok bool) {
	if done, found := p.parts[text]; found {
		return slices.Clone(done.items), done.ok
	}
	p.work++
	items, ok = p.readAnew(text, depth)
	if p.work < maxWork {
		p.parts[text] = reading{slices.Clone(items), ok}
	}
	return items, ok
}

func (p *parser) readAnew(text string, depth int) (items []item, ok bool) {
	text = strings.TrimSpace(text)
	if text == "" {
		return nil, false
	}
	one := func(it item) []item { return []item{it} }
	bare := strings.Trim(text, `"' `)
	for range 3 {
		rest := strings.TrimSpace(reArticle.ReplaceAllString(bare, ""))
		if p.names.whole(bare) || rest == bare || rest == "" {
			break
		}
		bare = rest
	}
	if items, ok := p.readGroup(bare, depth); ok {
		return items, true
	}
	if items, ok := p.readAll(bare, depth); ok {
		return items, true
	}
	if _, ok := asLevel(strings.ToLower(bare)); ok {
		if items, ok := p.readRange(bare, split(bare), depth); ok {
			return items, true
		}
	}
	if kind := kindWords[strings.ToLower(bare)]; (kind == "organ" || kind == "any") && !p.names.whole(bare) {
		return one(item{sel: within, kind: kind, text: bodyPlace}), true
	}
	if p.known(bare) {
		// The muscles of the back are a term that no class draws, and the pelvic
		// bones are more than "a pelvic bone": what lies there is meant.
		if !p.names.whole(bare) && depth == 0 {
			if items, ok := p.readKind(bare, nil, maxDepth); ok && p.names.place(items[0].text) {
				return items, true
			}
		}
		return one(item{text: bare}), true
	}
	if bare == "" {
		return nil, false
	}
	fail := one(item{text: bare})
	words := split(bare)
	if depth >= maxDepth || p.work > maxWork || len(words) > maxPieceWords || len(words) == 0 {
		return fail, false
	}
	for _, try := range []func(string, []word, int) ([]item, bool){
		p.readRisk, p.readBody, p.readSelector, p.readEach, p.readWithin, p.readSide, p.readCount, p.readRange, p.readKind,
		p.readBrackets, p.readAdjective, p.readOwner, p.readLocated, p.readShort, p.readWhole, p.readRow,
	} {
		if items, ok := try(bare, words, depth); ok {
			return items, true
		}
	}
	return fail, false
}

// readGroup reads a text that a table says to be several structures, as "liver
// segments". Those that the tree does not have are said to be lost.
func (p *parser) readGroup(text string, depth int) ([]item, bool) {
	query, note, ok := p.names.group(text)
	if !ok || depth >= maxDepth {
		return nil, false
	}
	var out []item
	for name := range strings.SplitSeq(query, ",") {
		name = strings.TrimSpace(name)
		items, ok := p.readText(name, depth+1)
		if !ok {
			items = []item{{text: name, bad: "it belongs to the " + text + ", and neither the tree nor a class has it"}}
		}
		out = append(out, items...)
	}
	for i := range out {
		out[i].note = join(note, out[i].note)
	}
	return out, true
}

// reCounted finds a count before a plural, which says how many there are and not
// which: "all eight segments", "the 12 ribs". Two are left and right.
var reCounted = regexp.MustCompile(`(?i)^(?:all\s+(?:of\s+)?(?:the\s+)?(?:\d+|two|` + words3to12 + `)|(?:the\s+)?(?:` + words3to12 + `))\s+([a-z].*)$`)

const words3to12 = `three|four|five|six|seven|eight|nine|ten|eleven|twelve`

func (p *parser) readAll(text string, depth int) ([]item, bool) {
	m := reCounted.FindStringSubmatch(text)
	if m == nil || depth >= maxDepth || p.names.whole(text) {
		return nil, false
	}
	head, _, _ := strings.Cut(m[1], " of ")
	plural := slices.ContainsFunc(strings.Fields(strings.ToLower(head)), func(w string) bool { return graph.Normalize(w) != w })
	if _, ok := readNumbers(split(m[1])); ok || !plural {
		return nil, false
	}
	return p.readText(m[1], depth+1)
}

// readLocated reads "nodules in the left lung" as "lung nodule", where no such
// finding is known on a side alone.
func (p *parser) readLocated(text string, _ []word, _ int) ([]item, bool) {
	m := reLocated.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	if name := m[2] + " " + m[1]; p.known(name) {
		return []item{{text: name}}, true
	}
	bare := withoutSide(m[2])
	if name := bare + " " + m[1]; bare != m[2] && bare != "" && p.known(name) {
		return []item{{text: name, note: fmt.Sprintf("%q is known of both sides together only: take what lies in the %s", m[1], m[2])}}, true
	}
	return nil, false
}

var reLocated = regexp.MustCompile(`(?i)^(.+?)\s+(?:in|of|within|inside|on|at)\s+(?:the\s+|this\s+)?(.+)$`)

// readShort reads an abbreviation within a phrase by what it may mean: "LV
// myocardium". It must mean one thing there.
func (p *parser) readShort(text string, words []word, _ int) ([]item, bool) {
	if len(words) < 2 {
		return nil, false
	}
	for i, w := range words {
		short := text[w.start:w.end]
		if short != strings.ToUpper(short) || len(short) < 2 || isNumeric(w.text) {
			continue
		}
		before, after := say(text, words[:i]), say(text, words[i+1:])
		var found []string
		for _, name := range p.names.meanings(short) {
			for _, read := range []string{before + " " + name + " " + after, before + " " + after + " of " + name} {
				if read = strings.TrimSpace(read); p.known(read) {
					found = append(found, read)
					break
				}
			}
		}
		if len(found) == 1 || len(found) > 1 && p.names.same(found) {
			return []item{{text: found[0], note: fmt.Sprintf("%q is read as %q", text, found[0])}}, true
		}
	}
	return nil, false
}

func (p *parser) readRisk(text string, _ []word, _ int) ([]item, bool) {
	m := reRisk.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	return []item{{text: text, bad: "which organs are at risk is decided by the treatment plan: ask for them by name, or for those of the head and neck, brain, thorax, abdomen or pelvis"}}, true
}

func (p *parser) readBody(text string, _ []word, _ int) ([]item, bool) {
	if reBody.MatchString(text) {
		return []item{{sel: within, text: bodyPlace}}, true
	}
	return nil, false
}

func (p *parser) readSelector(text string, _ []word, depth int) ([]item, bool) {
	m := reSelector.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	sel := children
	switch w := strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(m[1])); {
	case strings.HasPrefix(w, "desc"), strings.HasPrefix(w, "subtree"), strings.HasSuffix(w, "below"), strings.HasSuffix(w, "under"):
		sel = descendants
	case strings.HasPrefix(w, "kind"), strings.HasPrefix(w, "type"), strings.HasPrefix(w, "subtype"), strings.HasPrefix(w, "subclass"):
		sel = kinds
	case !strings.HasPrefix(w, "child"):
		sel = parts
	}
	return p.around(sel, m[2], depth)
}

// around applies a selector to what a text means.
func (p *parser) around(sel selector, text string, depth int) ([]item, bool) {
	items, ok := p.readText(text, depth+1)
	for i := range items {
		if items[i].sel == self && items[i].bad == "" {
			items[i].sel = sel
		}
	}
	// What is asked of an unknown structure is unknown too, and said so of the
	// structure.
	return items, ok || len(items) == 1
}

func (p *parser) readEach(text string, _ []word, depth int) ([]item, bool) {
	for _, re := range []*regexp.Regexp{reEach, reEachTail} {
		m := re.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		if items, ok := p.readText(m[1], depth+1); ok {
			for i := range items {
				if items[i].sel == self && items[i].side != "both" {
					items[i].sel = members
				}
			}
			return items, true
		}
	}
	return nil, false
}

func (p *parser) readWithin(text string, _ []word, depth int) ([]item, bool) {
	m := reWithin.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	return p.inside("", m[1], depth)
}

// inside reads the name of a region, and asks for what lies in it.
func (p *parser) inside(kind, text string, depth int) ([]item, bool) {
	if p.names.place(text) {
		return []item{{sel: within, kind: kind, text: text}}, true
	}
	if m := reSideFront.FindStringSubmatch(text); m != nil && p.names.place(m[2]) {
		return []item{{sel: within, kind: kind, text: m[2], side: sideWord(m[1])}}, true
	}
	items, ok := p.readText(text, depth+1)
	if !ok {
		return nil, false
	}
	for i := range items {
		if items[i].sel != self {
			return nil, false
		}
		items[i].sel, items[i].kind = within, kind
	}
	return items, true
}

func (p *parser) readSide(text string, _ []word, depth int) ([]item, bool) {
	var side, rest string
	if m := reSideFront.FindStringSubmatch(text); m != nil {
		side, rest = sideWord(m[1]), m[2]
	} else if m := reSideBack.FindStringSubmatch(text); m != nil {
		side, rest = sideWord(m[2]+m[3]+m[4]), m[1]
	} else {
		return nil, false
	}
	if side != "both" && p.known(side+" "+rest) {
		return []item{{text: side + " " + rest}}, true
	}
	items, ok := p.readText(rest, depth+1)
	if !ok {
		return nil, false
	}
	for i := range items {
		it := &items[i]
		switch {
		case it.side != "" && it.side != side:
			return nil, false // the left of the right
		case it.sel == self && it.kind == "" && side != "both" && p.known(side+" "+it.text):
			it.text = side + " " + it.text
		default:
			it.side = side
		}
	}
	return items, true
}

// counts are how many of a kind a body has, for "the last two ribs".
var counts = map[string]int{"rib": 12, "cervical vertebra": 7, "thoracic vertebra": 12, "lumbar vertebra": 5, "sacral vertebra": 5}

func (p *parser) readCount(text string, _ []word, _ int) ([]item, bool) {
	m := reFirst.FindStringSubmatch(text)
	if m == nil {
		return nil, false
	}
	n, ok := asNumber(strings.ToLower(m[3]))
	most := counts[graph.Normalize(withoutSide(m[4]))]
	if !ok || n < 1 || n > most {
		return nil, false
	}
	first := 1
	switch strings.ToLower(m[2]) {
	case "last", "lower", "bottom":
		first = most - n + 1
	}
	var out []item
	for i := first; i < first+n; i++ {
		items, ok := p.number(m[1]+m[4], i)
		if !ok {
			return nil, false
		}
		out = append(out, items...)
	}
	return out, true
}

// readKind reads "bones of the right hand", "abdominal organs".
func (p *parser) readKind(text string, _ []word, depth int) ([]item, bool) {
	if m := reOrgans.FindStringSubmatch(text); m != nil && m[2] != "" {
		head := strings.ToLower(strings.TrimPrefix(strings.ToLower(m[1]), "all "))
		if kind, ok := kindWords[head]; ok {
			if name := reArticle.ReplaceAllString(m[2], "") + " " + head; p.known(name) && p.names.drawn(name) { // vessels in the liver
				return []item{{text: name}}, true
			}
			if items, ok := p.inside(kind, m[2], depth); ok {
				return items, true
			}
		}
		// The bones of the hand may be a name by now ("hand bones").
	}
	text = reWhole.ReplaceAllString(text, "")
	words := split(text)
	for n := 2; n >= 1; n-- {
		if len(words) < n {
			continue
		}
		kind, ok := kindWords[strings.ToLower(say(text, words[len(words)-n:]))]
		if !ok {
			continue
		}
		region := say(text, words[:len(words)-n])
		if region == "" {
			if kind == "organ" || kind == "any" {
				return []item{{sel: within, kind: kind, text: bodyPlace}}, true
			}
			return nil, false
		}
		if kind == "vessel" && !p.names.place(region) { // renal vessels
			var out []item
			for _, name := range []string{region + " artery", region + " vein"} {
				if p.known(name) {
					out = append(out, item{text: name})
				}
			}
			if len(out) > 0 {
				return out, true
			}
		}
		if items, ok := p.inside(kind, region, depth); ok {
			return items, true
		}
		if noun, ok := adjectives[strings.ToLower(region)]; ok {
			if isFindingKind(kind) && p.known(noun+" "+say(text, words[len(words)-n:])) {
				return nil, false // a renal tumor is a name
			}
			return p.inside(kind, noun, depth)
		}
	}
	return nil, false
}

// readBrackets reads "hippocampus (left)", "kidney (cortex)", "left ventricle
// (LV)".
func (p *parser) readBrackets(text string, _ []word, depth int) ([]item, bool) {
	before, rest, ok := strings.Cut(text, "(")
	inner, after, closed := strings.Cut(rest, ")")
	before, inner = strings.TrimSpace(before), strings.TrimSpace(inner)
	if !ok || before == "" || inner == "" || closed && strings.TrimSpace(after) != "" {
		return nil, false
	}
	if name := before + " " + inner; p.known(name) {
		return []item{{text: name}}, true
	}
	items, ok := p.readText(before, depth+1)
	if !ok || !p.known(inner) {
		return nil, false
	}
	for i := range items {
		items[i].note = join(items[i].note, "what stands in brackets ("+inner+") is taken for another name of it")
	}
	return items, true
}

// readAdjective reads "hepatic tumor" as "liver tumor".
func (p *parser) readAdjective(text string, words []word, depth int) ([]item, bool) {
	for _, w := range words {
		noun, ok := adjectives[w.text]
		if !ok {
			continue
		}
		read := strings.TrimSpace(text[:w.start] + noun + text[w.end:])
		if items, ok := p.readText(read, depth+2); ok {
			for k := range items {
				items[k].note = join(items[k].note, `"`+text+`" is read as "`+read+`"`)
			}
			return items, true
		}
	}
	return nil, false
}

// readOwner reads "the heart's chambers".
func (p *parser) readOwner(text string, _ []word, depth int) ([]item, bool) {
	m := reOwn.FindStringSubmatch(text)
	if m == nil || !strings.Contains(text, "'") {
		return nil, false
	}
	if name := m[1] + " " + m[2]; p.known(name) {
		return []item{{text: name}}, true
	}
	return p.readText(m[2]+" of "+m[1], depth+1)
}

func (p *parser) readWhole(text string, _ []word, depth int) ([]item, bool) {
	rest := strings.TrimSpace(reWhole.ReplaceAllString(text, ""))
	if rest == text || rest == "" {
		return nil, false
	}
	return p.readText(rest, depth+1)
}

// readRow reads names in a row without anything between them ("liver spleen
// kidney"), if each is drawn by a class.
func (p *parser) readRow(text string, words []word, _ int) ([]item, bool) {
	var out []item
	for i := 0; i < len(words); {
		n := min(len(words)-i, 4)
		for ; n > 0; n-- {
			if name := say(text, words[i:i+n]); p.known(name) && p.names.drawn(name) {
				out = append(out, item{text: name, note: "names in a row are read as a list"})
				break
			}
		}
		if n == 0 {
			return nil, false
		}
		i += n
	}
	return out, len(out) > 1
}

package suggest

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"satgraph/graph"
)

// reading is one way to understand what is written.
type reading struct {
	text     string
	quality  float64 // how sure the reading is, up to 1
	reason   string  // empty for the label as written
	told     bool    // words that were left out say what a short name means
	partial  bool    // a word was left out that nothing explains
	atLevel  bool    // of what was left out a level of the spine is all
	evidence evidence
	sort     string // name of the sort of structure that the label says it is
}

// beforeComma is the reason of a reading that leaves out what follows a comma.
const beforeComma = "without what follows the comma"

// leastNamed is how many letters must stay where initials are left out.
const leastNamed = 4

// leastShort is how many letters an abbreviation has that tables know and behind
// which initials may stand; unsureInitials how sure it is that letters are initials
// which are an abbreviation too.
const (
	leastShort     = 2
	unsureInitials = 0.81
)

// maxName is the longest name that is read; longer ones are no names.
const maxName = 400

var (
	reExtension   = regexp.MustCompile(`(?i)(\.seg)?\.(nii(\.gz)?|nrrd|mha|mhd|dcm|stl|png|npz?)$`)
	reWrapper     = regexp.MustCompile(`(?i)^(?:` + wrapBefore + `)[ _\-.:]+|[ _\-.]+(?:` + wrapBehind + `)$`)
	reMargin      = regexp.MustCompile(`(?i)[ _\-]?prv[ _\-]?\d*(mm)?$|^prv[ _\-]+`)
	reParcel      = regexp.MustCompile(`(?i)^(?:ctx|wm)[-_. ](lh|rh)[-_. ](.+)$`)
	reHemi        = regexp.MustCompile(`(?i)^(lh|rh)[-_. ](.+)$`)
	rePrefix      = regexp.MustCompile(`^([AVNM])_([A-Za-z].*)$`)
	reSpaced      = regexp.MustCompile(`(?i)\b(th|[tlcs]) +(\d{1,2})\b`)
	reGerman      = regexp.MustCompile(`(?i)\b(bwk|lwk|hwk|bw|lw|hw|th) ?(\d{1,2})\b`)
	reCavity      = regexp.MustCompile(`(?i)\b(blood )?(cavity|cav|pool|chamber)\b`)
	reDisc        = regexp.MustCompile(`(?i)\b([ctl])(\d{1,2}) ?[/-] ?(\d{1,2})\b`)
	reValue       = regexp.MustCompile(`(?i)^(?:label|lbl|roi|organ|class|segment|seg|structure|id)?[ _\-]*\d{1,5}[_\-:. ]+|^\s*[\[(]?\d{1,5}[\])]?\s*[:=.,_\- ][:=.,_\- ]*|\s*[\[(]\s*\d{1,5}\s*[\])]$`)
	reCount       = regexp.MustCompile(`(?i)[_\- ](?:v|gr|grade[ _]?)?\d{1,3}$|#\d{1,3}$`)
	reCase        = regexp.MustCompile(`(?i)^(?:sub|subj|subject|case|pat|patient|pt|scan|study|exam|series|ses|img|image|vol)[ _\-]?\d+[ _\-]+`)
	reMillimetres = regexp.MustCompile(`(?i)(?:[_ ]*(?:\+|\bplus|\bexp|\bmargin)[_ ]*|[_ ]+)\d{1,2} ?[mc]m$`)
	reAround      = regexp.MustCompile(`(?i)(?:\+|\bplus|\bexp\w*|\bmargin)[ _]*\d{1,2}(?:[.,]\d)? ?[mc]m$`)
	reLess        = regexp.MustCompile(`(?i)[ _]*(?:-|_not_?|\bminus|\bnot|\bless|\bex(?:cl)?|\bohne|\bsans)[ _\-]*(?:i?gtv|ctv|ptv|itv|igtv|target|tumou?r)s?[a-z]?\d*$`)
	reWithout     = regexp.MustCompile(`(?i)[ _]+(?:no|not|without|w/?o|ohne|sans|sin|senza|excl\w*|minus)[ _]*(?:tumou?rs?|lesions?|cysts?|mass(?:es)?|mets?|vessels?)$|[ _]+(?:ohne|zonder|utan|bez)[ _]+\pL{4,}$|[ _]+o\.?[ _]+(?:(?:nieren)?becken|pyelon|zysten?|gef(?:ä|ae)(?:ß|ss)e?|hilus|tumor|luft|inhalt)$`)
	reTargetOf    = regexp.MustCompile(`(?i)^i?gtv[ _\-]+(?:of )?(\pL{3,}.*)$`) // the tumour of an organ
	reDotted      = regexp.MustCompile(`^(?:\pL\.){1,4}\pL\.?$`)
	reLatinSide   = regexp.MustCompile(`^(\pL{4,}.*)[ _.]([GD])$`)
	reStation     = regexp.MustCompile(`^[A-Za-z]{0,2}\d{1,2}[ _\-.:]+(\p{Han}.*)$`) // the number of a station before a name
	reOpenAside   = regexp.MustCompile(`[（(][^（()）]*[）)]?\s*$`)
	reSpace       = regexp.MustCompile(`^(?:Spc|Strct|Surf)_`)
	reSideCount   = regexp.MustCompile(`(?i)^(\pL{4,})[ _\-]([lr])\d$`)
	reHanNumber   = regexp.MustCompile(`(\p{Han})[ _]?[vV]?\d{1,3}$`)
	reHanKind     = regexp.MustCompile(`^(.*\p{Han})[ _]?([AVNM])(\p{Han}*)$`) // the sort of structure by its English letter
	reMatter      = regexp.MustCompile(`(?i)[ _]+(gm|wm|gr[ae]y matter|white matter)$`)
	reDashes      = regexp.MustCompile(`^((?:left|right|[lr])?[ _\-]?[A-Za-z0-9]{2,6})-{2,}(\pL{3}.*)$`)
	reLevelBody   = regexp.MustCompile(`(?i)^(.*?)\bvb ?(t|c|l|s)h? ?0?(\d{1,2})$`)
	reLevelWord   = regexp.MustCompile(`(?i)\b([ctls])\d{1,2}(?:[ _/\-]?[ctls]?\d{1,2})?\b`)
	reNumbered    = regexp.MustCompile(`^([\p{L}]{4,})\d{1,2}$`)
	reJunk        = regexp.MustCompile(`(?i)^(?:z{2,}|x{2,}|y{2,}|[zx]_+|_+)[_\- ]*`)
	reDate        = regexp.MustCompile(`[_\- ](?:(?:19|20)\d{2}(?:[_\-]?\d{2}){0,2}|(?:[012]\d|3[01])(?:0\d|1[012])(?:\d{2}|\d{4})?|(?:0\d|1[012])(?:[012]\d|3[01])|\d{1,2}\.\d{1,2}\.?(?:\d{2}|\d{4})?)$`)
	reBilateral   = regexp.MustCompile(`(?i)[ _\-]+(?:b/l|bil|bilat\w*|bds|bd|beidseits)\.?$`)
	reHanSide     = regexp.MustCompile(`^(.*\p{Han})[ _]?([LRlr])$`)
	reHanRemark   = regexp.MustCompile(`^(.*\p{Han})(?:[ _\-]\p{Han}{1,2}|[新旧改])$`)
	reHanInitials = regexp.MustCompile(`(\p{Han})[ _]?[A-Za-z]{2,3}$`)
	reMatterFirst = regexp.MustCompile(`(?i)^(gm|wm|gr[ae]y matter|white matter)[ _]+`)
	reTract       = regexp.MustCompile(`(?i)\b(tracts?|fascicul\w+|funicul\w+|columns?|peduncle|lemniscus|radiation|commissure|capsule)\b`)
	reInitials    = regexp.MustCompile(`[_\- ](?:[A-Z]{2}\d?|[a-z]{2})$`)
	reOtherHand   = regexp.MustCompile(`(?i)(?:^|[ _\-.])(?:ipsi|[ck]ontra)(?:lat(?:eral\w*)?)?(?:$|[ _\-.])`)
	reHandEnd     = regexp.MustCompile(`(?i)^(\p{L}{3,})[ _\-]?(\d{1,2})([lr])$`)
	reCapsFirst   = regexp.MustCompile(`^([A-Z]{2,4})([a-z]{3,})$`)
	reSequence    = regexp.MustCompile(`(?i)[ _\-]+(?:t1|t2)?[ _\-]?(?:t1|t1w|t1c|t1ce|t1gd|t2|t2w|flair|dwi|adc|dce|swi|stir|mpr|mprage|mri|mr|ct|cbct|pet|us|suv[ _]?\d*)$`) // what it was drawn on
	reNumber      = regexp.MustCompile(`(?i)^(?:\d+[ab]?|[ivx]+[ab]?)$`)
	reRange       = regexp.MustCompile(`(?i)^(.*?)\b([ctl]?)(\d{1,2})\s*(?:-|–|to|bis|a)\s*([ctl]?)(\d{1,2})\b(.*)$`)
	reLetter      = regexp.MustCompile(`^([LRlr])([A-Za-z][a-z]{2,})$`)
	reMidSide     = regexp.MustCompile(`^(.*\pL{3,})[ _\-.]+(L|R|l|r|Lt|Rt|LT|RT|lt|rt|li|re)[ _\-.]+(\pL{3,}.*)$`)
	reGlued       = regexp.MustCompile(`(?i)^(left|right|lt|rt)([a-z]{3,}(?:[ _\-.].*)?)$`)
	reCounted     = regexp.MustCompile(`(?i)(rib|vert(ebrae?)?|segm?e?n?t?|tooth|dis[ck]|level|zone|lobule|branch|finger|toe|digit|bone|node|station|area|type|grade|fragment|part|\b[ctls])s?[_\- ]*\d{1,2}$`)
	reInside      = regexp.MustCompile(`^(?:[^()]*\d[^()]*|\pL{1,4}[ _]*)\((\pL[^()]{5,})\)\s*$`) // a name behind a code
	reAlso        = regexp.MustCompile(`^([\pL ]+) \([\pL ]{6,}\)$`)
	reAside       = regexp.MustCompile(`\s*\([^()]*\)\s*`)
	reQualified   = regexp.MustCompile(`(?i),? +(\w+) (division|part|portion|subdivision)$`)
	reVessel      = regexp.MustCompile(`(?i)\b[avnm]\b`)
	reRibSide     = regexp.MustCompile(`(?i)^(.*\b(?:ribs?|costa|rippe|costal cartilage))[ _\-.]?([LR])[ _\-.]?(\d{1,2})$`)
	reGluedDisc   = regexp.MustCompile(`(?i)^(.*[ctls]\d{1,2})(dis[ck]|ivd|vb|body|pedicle|lamina|facet)$`)
	reLastDisc    = regexp.MustCompile(`(?i)\b(L[56])[ _/\-]*S(1?)\b`)
	reLevelSeg    = regexp.MustCompile(`(?i)\bse?gm?[. _\-]*(\d+[ab]?|[IVX]+[ab]?)\b`)
	reVertebral   = regexp.MustCompile(`(?i)\b([CTLS]\d{1,2}) (?:vertebral body|body|vb|corpus)\b|\bvb ([CTLS]\d{1,2})\b`)
)

var hanKinds = map[string]string{"A": "动脉", "V": "静脉", "N": "神经", "M": "肌"}

var germanLevels = map[string]string{"bwk": "T", "bw": "T", "th": "T", "lwk": "L", "lw": "L", "hwk": "C", "hw": "C"}

// readings are the ways to read a label's name, surest first.
func (v *vocabulary) readings(name string) []reading {
	text := strings.TrimSpace(reExtension.ReplaceAllString(strings.TrimSpace(name), ""))
	text = strings.ReplaceAll(text, "%20", " ")
	if len(text) > maxName {
		return nil
	}
	out := []reading{{text: text, quality: 1}}
	if m := reHanKind.FindStringSubmatch(text); m != nil {
		text = m[1] + hanKinds[m[2]] + m[3]
		out = []reading{{text: text, quality: 0.97, reason: m[2] + " stands for " + hanKinds[m[2]]}}
	}
	add := func(text, reason string, quality float64) {
		text = strings.Join(strings.Fields(text), " ")
		for _, r := range out {
			if text == "" || r.text == text {
				return
			}
		}
		out = append(out, reading{text: text, quality: quality, reason: reason})
	}
	if m := reParcel.FindStringSubmatch(text); m != nil {
		v.parcel(m[1], m[2], add)
	} else if m := reHemi.FindStringSubmatch(text); m != nil {
		v.parcel(m[1], m[2], add)
	}
	apart := split(text)
	if apart != text {
		add(apart, "", 0.995)
	}
	if t := reLevelSeg.ReplaceAllString(apart, "segment $1"); t != apart {
		add(t, "seg for segment", 0.98)
		apart = t
	}
	if bare := unwrap(apart); bare != apart {
		add(bare, "without words that name no structure", 0.98)
		apart = bare
	}
	if bare := v.remarksOff(apart); bare != apart {
		add(bare, "without remarks on how it was drawn", 0.97)
		apart = bare
	}
	if plain := separated(text); v.remarksOff(plain) != plain {
		add(split(v.remarksOff(plain)), "without remarks on how it was drawn", 0.97)
	}
	if t := acronymOff(text); t != "" {
		add(t, "without the abbreviation beside it", 0.97)
		apart = t
	}
	if m := reDashes.FindStringSubmatch(text); m != nil {
		side, _ := handed(split(m[1]))
		add(string(side)+" "+split(m[2]), "without the abbreviation before the dashes", 0.97)
	}
	if m := reAlso.FindStringSubmatch(text); m != nil && len(strings.Fields(m[1])) > 1 {
		add(m[1], "without the other name in parentheses", 0.99)
	}
	if m := reLevelBody.FindStringSubmatch(apart); m != nil {
		add(m[1]+" "+m[2]+m[3], "the body of the vertebra", 0.93)
	}
	if m := reMidSide.FindStringSubmatch(text); m != nil {
		add(m[2]+" "+split(m[1]+" "+m[3]), "the side between the words", 0.97)
	}
	if m := reRibSide.FindStringSubmatch(text); m != nil {
		add(m[2]+" "+split(m[1])+" "+m[3], "the letter before the number is the side", 0.98)
	}
	if m := rePrefix.FindStringSubmatch(text); m != nil {
		kind := map[string]string{"A": "artery", "V": "vein", "N": "nerve", "M": "muscle"}[m[1]]
		before := len(out)
		add(split(m[2])+" "+kind, m[1]+"_ stands for "+kind, 0.97)
		add(split(m[2]), m[1]+"_ stands for "+kind, 0.96)
		for i := before; i < len(out); i++ {
			out[i].sort = strings.Replace(kind, "muscle", "muscle organ", 1)
		}
	}
	if t := reMargin.ReplaceAllString(text, ""); t != text {
		add(split(t), "a planning margin (PRV) around it", 0.9)
	}
	if t := reMillimetres.ReplaceAllString(text, ""); t != text {
		add(split(reMargin.ReplaceAllString(t, "")), "without its margin", 0.9)
	}
	if t := reWithout.ReplaceAllString(split(text), ""); t != split(text) {
		add(t, "without what is in it", 0.85)
	}
	if t := lessTarget(text); t != text {
		add(split(t), "without the target volume", 0.8)
	}
	if t := reGerman.ReplaceAllStringFunc(apart, germanLevel); t != apart {
		add(t, "German level of the spine", 0.98)
	}
	if t := reSpaced.ReplaceAllString(apart, "$1$2"); t != apart {
		add(t, "", 0.99)
	}
	if reDotted.MatchString(text) {
		add(strings.ReplaceAll(text, ".", ""), "initials", 0.97)
	}
	spaced := strings.ReplaceAll(text, "_", " ")
	if t := reGluedDisc.ReplaceAllString(spaced, "$1 $2"); t != spaced {
		add(t, "", 0.99)
		spaced = t
	}
	if t := reDisc.ReplaceAllString(spaced, "$1$2-$1$3"); t != spaced {
		add(t, "", 0.99)
	}
	if t := reLastDisc.ReplaceAllString(spaced, "$1-S1"); t != spaced {
		add(t, "the last disc", 0.98)
	}
	if t := reVertebral.ReplaceAllString(apart, "$1$2"); t != apart {
		add(t, "the body of the vertebra", 0.93)
	}
	if t := reCavity.ReplaceAllString(apart, " "); t != apart {
		add(t, "the cavity is the chamber", 0.97)
	}
	written := len(out)
	for _, words := range []string{apart, separated(text)} {
		if t, why := v.expand(words); why != "" {
			add(t, why, 0.96)
			if last := &out[len(out)-1]; last.reason == why {
				last.evidence = byShort
			}
		}
	}
	for i := range out {
		out[i].told = reCavity.MatchString(split(text))
		if i < written && len(out) > written && reVessel.MatchString(apart) && out[i].sort == "" {
			out[i].quality *= otherSort
		}
	}
	return out
}

// otherSort is how sure a reading is that leaves out what sort of structure is
// meant: "renal a" is no "renal".
const otherSort = 0.8

// loose are readings that leave out what says nothing in most labels: the voxel
// value, a count, a remark in parentheses.
func (v *vocabulary) loose(name string, readings func(string) []reading) []reading {
	text := strings.TrimSpace(reExtension.ReplaceAllString(strings.TrimSpace(name), ""))
	if len(text) > maxName {
		return nil
	}
	var out []reading
	add := func(t, reason string, quality float64) {
		if t = strings.TrimSpace(t); t == "" || t == text || graph.SideOf(t) != graph.SideOf(text) {
			return
		}
		for _, r := range readings(t) {
			r.quality *= quality
			r.reason = strings.Trim(reason+", "+r.reason, ", ")
			out = append(out, r)
		}
	}
	add(reValue.ReplaceAllString(text, ""), "without its value", 0.95)
	add(reJunk.ReplaceAllString(text, ""), "without letters that sort it last", 0.95)
	add(reCase.ReplaceAllString(text, ""), "without the case that it belongs to", 0.95)
	v.matter(text, add)
	if head, tail, ok := strings.Cut(text, ","); ok && len(strings.Fields(tail)) > 1 {
		if side := graph.SideOf(text); side != graph.SideOf(head) {
			head += " " + string(side)
		}
		add(head, beforeComma, 0.85)
	}
	for numbered := text; !counted(numbered); {
		bare := reCount.ReplaceAllString(numbered, "")
		if bare == numbered {
			break
		}
		add(bare, "without its number", 0.93)
		numbered = bare
	}
	if strings.ContainsFunc(text, isHan) {
		add(reStation.ReplaceAllString(text, "$1"), "without its number", 0.93)
		add(reHanNumber.ReplaceAllString(text, "$1"), "without its number", 0.93)
		add(reHanRemark.ReplaceAllString(text, "$1"), "without the remark", 0.88)
		add(reHanInitials.ReplaceAllString(text, "$1"), "without initials", 0.9)
		if m := reHanSide.FindStringSubmatch(text); m != nil {
			out = append(out, reading{text: string(handWords[strings.ToLower(m[2])]) + " " + m[1], quality: 0.95, reason: "the letter behind the name is the side"})
		}
	}
	add(reBilateral.ReplaceAllString(text, ""), "of both sides", 0.95)
	add(reOpenAside.ReplaceAllString(text, ""), "without the remark", 0.9)
	if t := reNumbered.ReplaceAllString(text, "$1"); t != text && !counted(text) {
		add(t, "without its number", 0.93)
	}
	add(reDate.ReplaceAllString(text, ""), "without its date", 0.93)
	add(reSequence.ReplaceAllString(text, ""), "without the images that it was drawn on", 0.93)
	undated := reDate.ReplaceAllString(text, "")
	if m := reInitials.FindString(undated); m != "" && !v.saysMore(m[1:]) {
		quality := 0.88
		if v.means(m[1:]) { // they may be more
			quality = unsureInitials
		}
		if bare := strings.TrimSuffix(undated, m); len(bare) > leastNamed || len(bare) >= leastShort && v.means(bare) {
			add(bare, "without initials", quality)
		}
	}
	add(v.tailOff(text), "without remarks, version and initials", 0.85)
	if t := v.plainFinding(text); t != text {
		add(t, "without how it looks", 0.9)
	}
	if t := rangeOf(text); t != "" {
		out = append(out, reading{text: t, quality: 0.8, reason: "several of them"})
	}
	if m := reHandEnd.FindStringSubmatch(text); m != nil {
		out = append(out, reading{text: m[3] + " " + m[1] + " " + m[2], quality: 0.95, reason: "the letter behind the number is the side"})
	}
	if m := reCapsFirst.FindStringSubmatch(text); m != nil && !v.known[strings.ToLower(m[1][len(m[1])-1:]+m[2])] {
		add(m[1]+" "+m[2], "run together", 0.95)
	}
	if parts := v.apart(text); parts != "" {
		if bare := unwrap(parts); bare != parts {
			out = append(out, reading{text: bare, quality: 0.9, reason: "run together, without words that name no structure"})
		}
		out = append(out, reading{text: parts, quality: 0.92, reason: "run together"})
	}
	if m := reLetter.FindStringSubmatch(v.remarksOff(separated(text))); m != nil && (v.known[strings.ToLower(m[2])] || v.shorts[strings.ToLower(m[2])].meaning != "") {
		out = append(out, reading{text: m[1] + " " + m[2], quality: 0.92, reason: "the first letter is the side"})
	}
	if m := reGlued.FindStringSubmatch(text); m != nil && !v.known[strings.ToLower(strings.Fields(separated(text))[0])] {
		out = append(out, reading{text: m[1] + " " + split(m[2]), quality: 0.92, reason: "run together"})
	}
	add(reAside.ReplaceAllString(text, " "), "without the remark", 0.9)
	if m := reInside.FindStringSubmatch(text); m != nil {
		add(split(m[1]), "the name in parentheses", 0.93)
	}
	if side, rest := handed(split(text)); side != graph.Unsided && diseased(text) {
		out = append(out, reading{text: strings.Join(rest, " "), quality: 0.8, reason: "on whichever side"})
	}
	for _, t := range v.unglued(text) {
		for _, r := range readings(t) {
			out = append(out, reading{text: r.text, quality: 0.92 * r.quality, reason: "run together", evidence: r.evidence})
		}
	}
	for _, r := range slices.Clone(out) {
		if t := v.apart(r.text); t != "" {
			out = append(out, reading{text: t, quality: 0.95 * r.quality, reason: strings.Trim(r.reason+", run together", ", ")})
		}
	}
	if m := reLatinSide.FindStringSubmatch(text); m != nil {
		out = append(out, reading{text: map[string]string{"G": "left", "D": "right"}[m[2]] + " " + split(m[1]), quality: 0.82, reason: m[2] + " is a side in French or Spanish"})
	}
	whole := len(out)
	v.level(text, add)
	levels := len(out)
	if t, reason := v.unknownOff(text); t != "" {
		add(t, reason, unexplained)
	}
	if t, parts := v.divisionOff(text); t != "" {
		add(t, "a part of it: "+parts, unexplained+0.02)
	}
	for i := range out {
		out[i].partial, out[i].atLevel = i >= whole, i >= whole && i < levels
		out[i].evidence = byLoose
	}
	return out
}

// otherHand says whether a name tells its side by another's and states none.
func otherHand(name string) bool {
	rest := reOtherHand.ReplaceAllString(name, " ")
	if rest == name {
		return false
	}
	side, _ := handed(split(rest))
	return side == graph.Unsided
}

// counted says whether a name ends in a number that tells one of several.
func counted(name string) bool {
	return name != "" && strings.IndexByte("0123456789", name[len(name)-1]) >= 0 && reCounted.MatchString(name)
}

// lessTarget leaves out the target volume that was taken off a structure.
func lessTarget(text string) string {
	if lower := strings.ToLower(text); !strings.Contains(lower, "tv") && !strings.Contains(lower, "tum") && !strings.Contains(lower, "target") {
		return text // for speed
	}
	return reLess.ReplaceAllString(text, "")
}

func isHan(r rune) bool { return unicode.Is(unicode.Han, r) }

// matter reads "insula left GM" as the structure, and "frontal lobe WM" as its
// white matter or, less surely, the structure.
func (v *vocabulary) matter(text string, add func(text, reason string, quality float64)) {
	if m := reMatterFirst.FindString(text); m != "" {
		if bare := text[len(m):]; reTract.MatchString(bare) || !strings.HasPrefix(strings.ToLower(m), "w") {
			add(split(bare), "of "+strings.TrimSpace(m), 0.93)
		} else {
			add("white matter of "+split(bare), m+" is white matter", 0.96)
		}
	}
	m := reMatter.FindStringSubmatch(text)
	if m == nil {
		return
	}
	bare := strings.TrimSpace(text[:len(text)-len(m[0])])
	if strings.HasPrefix(strings.ToLower(m[1]), "w") {
		add("white matter of "+split(bare), m[1]+" is white matter", 0.96)
		add(bare, "its white matter", 0.74)
		return
	}
	add(bare, "its gray matter", 0.93)
}

// leastUnknown is how many letters a word must have that is left out because
// nothing knows it; capitals is how many letters an abbreviation has at most.
const (
	leastUnknown = 3
	capitals     = 4
)

// unexplained is how sure a reading is that leaves out a word: enough to be
// offered, where the rest is a name, and never to be accepted unseen.
const unexplained = 0.66

// unknownOff leaves out the one word that neither tree nor tables know, which
// may say where in the structure, in which state, or whose it is. It is empty
// where there is none, or several.
func (v *vocabulary) unknownOff(text string) (rest, reason string) {
	words := strings.Fields(split(text))
	if reSpace.MatchString(text) {
		return "", "" // beside anything but the structure
	}
	var unknown, short []int
	for i, w := range words {
		lower := strings.ToLower(w)
		switch {
		case v.foreign[lower], diseased(w):
			return "", ""
		case len(w) < leastUnknown || strings.ContainsFunc(w, func(r rune) bool { return !unicode.IsLetter(r) || r > unicode.MaxLatin1 }), v.known[lower], v.means(w):
		case len(w) <= capitals && w == strings.ToUpper(w):
			short = append(short, i)
		default:
			unknown = append(unknown, i)
		}
	}
	if len(unknown) == 0 {
		unknown = short
	}
	if len(unknown) != 1 || len(words) < 2 {
		return "", ""
	}
	at := unknown[0]
	rest = strings.Join(slices.Concat(words[:at], words[at+1:]), " ")
	_, bare := handed(rest)
	if len(bare) == 1 && (len(bare[0]) < 2 || v.generic[bare[0]]) || strings.Trim(strings.Join(bare, ""), "0123456789") == "" {
		return "", ""
	}
	return rest, "without " + strconv.Quote(words[at]) + ", which nothing explains"
}

// divisionOff leaves out words for a part that has no name of its own.
func (v *vocabulary) divisionOff(text string) (rest, parts string) {
	var kept, dropped []string
	for w := range strings.FieldsSeq(split(text)) {
		if v.divisions[strings.ToLower(w)] {
			dropped = append(dropped, w)
		} else {
			kept = append(kept, w)
		}
	}
	if _, bare := handed(strings.Join(kept, " ")); len(dropped) == 0 || len(bare) == 0 || len(bare) == 1 && (len(bare[0]) < 2 || v.generic[bare[0]]) {
		return "", ""
	}
	return strings.Join(kept, " "), strings.Join(dropped, " ")
}

// levelWords say a region of the spine.
var levelWords = map[string]string{"c": "cervical", "t": "thoracic", "l": "lumbar", "s": "sacral"}

// level reads what lies at a level of the spine, "facet L5S1", as one of its
// region or of any.
func (v *vocabulary) level(text string, add func(text, reason string, quality float64)) {
	m := reLevelWord.FindStringSubmatch(text)
	if m == nil {
		return
	}
	bare := strings.TrimSpace(reLevelWord.ReplaceAllString(text, " "))
	if _, rest := handed(split(bare)); len(rest) == 0 || len(strings.Join(rest, "")) <= leastNamed && v.contexts[key(strings.Join(rest, " "))] == nil {
		return
	}
	add(levelWords[strings.ToLower(m[1])]+" "+bare, "one of its region", 0.85)
	add(bare, "at whichever level", 0.8)
}

// saysMore says whether two letters at the end of a name are more than
// somebody's initials; in capitals they mostly are no more.
func (v *vocabulary) saysMore(w string) bool {
	return isSideWord(w) || w == strings.ToLower(w) && v.means(w)
}

// means says whether the tables know a word.
func (v *vocabulary) means(w string) bool {
	lower := strings.ToLower(w)
	_, short := v.shorts[lower]
	return short || isSideWord(w) || v.contexts[lower] != nil || v.cortex[lower] != "" || v.remarks[lower]
}

// rangeOf reads a range of ribs or of vertebrae that are no neighbours ("ribs
// 1-12", "T1-T12") as what they are; empty for other names.
func rangeOf(text string) string {
	m := reRange.FindStringSubmatch(strings.ReplaceAll(text, "_", " "))
	if m == nil {
		return ""
	}
	first, _ := strconv.Atoi(m[3])
	last, _ := strconv.Atoi(m[5])
	if last < first+2 || m[4] != "" && !strings.EqualFold(m[2], m[4]) {
		return ""
	}
	side, rest := handed(m[1] + " " + m[6])
	what := strings.Join(rest, " ")
	switch part := map[string]string{"c": "cervical vertebra", "t": "thoracic vertebra", "l": "lumbar vertebra"}[strings.ToLower(m[2])]; {
	case part != "" && (what == "" || strings.HasPrefix(what, "vertebra") || what == "spine"):
		return part
	case m[2] == "" && (what == "rib" || what == "costa"):
		return strings.TrimSpace(string(side) + " rib")
	}
	return ""
}

var handWords = map[string]graph.Laterality{
	"lef": graph.Left, "rig": graph.Right, "righ": graph.Right,
	"l": graph.Left, "lt": graph.Left, "lh": graph.Left, "r": graph.Right, "rt": graph.Right, "rh": graph.Right, "li": graph.Left, "re": graph.Right,
}

// handed separates the side that a label states from the rest, as words; a
// letter counts at either end.
func handed(text string) (graph.Laterality, []string) {
	side, rest := graph.SplitSide(text)
	words := strings.Fields(rest)
	if side != graph.Unsided || len(words) < 2 {
		return side, words
	}
	if s, ok := handWords[words[len(words)-1]]; ok {
		return s, words[:len(words)-1]
	}
	if s, ok := handWords[words[0]]; ok {
		return s, words[1:]
	}
	return side, words
}

// separated turns separators into spaces and leaves words that are run together.
func separated(text string) string {
	return strings.Join(strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" _-.,;:()[]#", r) }), " ")
}

func germanLevel(s string) string {
	m := reGerman.FindStringSubmatch(s)
	return germanLevels[strings.ToLower(m[1])] + m[2]
}

// Words around a name that say nothing of the structure.
const (
	wrapBefore = "the|oar|roi|seg|organ|structure|label|mask|normal|healthy"
	wrapBehind = "mask|seg|segmentation|label|roi|oar|contour|whole|all|total|blood cavity|blood pool|cavity blood|region|area|final|copy|edited|corrected|manual|auto|primary|primaries"
)

// wrappers are their words, of which a name that reWrapper matches begins or ends
// with one.
var wrappers = strings.FieldsFunc(wrapBefore+"|"+wrapBehind, func(r rune) bool { return r == '|' || r == ' ' })

// wrapped says whether reWrapper can match at all, for speed.
func wrapped(text string) bool {
	const seps = " _-.:"
	first, last := text, text
	if i := strings.IndexAny(text, seps); i >= 0 {
		first, last = text[:i], text[strings.LastIndexAny(text, seps)+1:]
	}
	return slices.ContainsFunc(wrappers, func(w string) bool { return strings.EqualFold(w, first) || strings.EqualFold(w, last) })
}

// unwrap takes off words around a name that say nothing of the structure.
func unwrap(text string) string {
	for wrapped(text) {
		bare := strings.TrimSpace(reWrapper.ReplaceAllString(text, ""))
		if bare == "" || bare == text || reNumber.MatchString(bare) {
			return text
		}
		text = bare
	}
	return text
}

// split parts words that are run together ("OpticNrv", "LLung", "KidneyL") and
// turns separators into spaces. "IVC" and "T12" stay whole.
func split(text string) string {
	runes := []rune(text)
	var b strings.Builder
	for i, r := range runes {
		if r == '_' || r == '-' || r == '.' || r == ',' || r == ';' || r == ':' || r == '(' || r == ')' || r == '[' || r == ']' || r == '#' {
			b.WriteByte(' ')
			continue
		}
		if i > 0 && unicode.IsUpper(r) {
			before := runes[i-1]
			after := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if unicode.IsLower(before) || unicode.IsUpper(before) && after {
				b.WriteByte(' ')
			}
		}
		b.WriteRune(r)
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// parcel reads a cortical parcel of FreeSurfer.
func (v *vocabulary) parcel(side, rest string, add func(text, reason string, quality float64)) {
	hand := "left"
	if strings.EqualFold(side, "rh") {
		hand = "right"
	}
	key := strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "", " ", "").Replace(rest))
	if p, ok := v.parcels[key]; ok {
		add(hand+" "+p.meaning, "FreeSurfer's parcel: "+p.reason, 0.97)
		return
	}
	add(hand+" "+split(rest), side+" is the "+hand+" hemisphere", 0.95)
}

// longestShort is the number of words of the longest phrase in the table of
// short words.
const longestShort = 3

// expand writes shortened words out.
func (v *vocabulary) expand(text string) (string, string) {
	words := strings.Fields(text)
	var out, why []string
	for i := 0; i < len(words); {
		n := min(longestShort, len(words)-i)
		for ; n > 0; n-- {
			k := strings.ToLower(strings.Join(words[i:i+n], " "))
			s, ok := v.shorts[k]
			if !ok || len(words) == 1 && len(k) < 3 {
				continue
			}
			out = append(out, s.meaning)
			why = append(why, k+" for "+s.meaning)
			break
		}
		if n == 0 {
			out = append(out, words[i])
			n = 1
		}
		i += n
	}
	return strings.Join(out, " "), strings.Join(why, ", ")
}

// key is a label's name as the tables spell labels.
func key(name string) string { return strings.Join(graph.Words(split(name)), " ") }

package grounding

import (
	"slices"
	"strings"
)

func set(words string) map[string]bool {
	out := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		out[word] = true
	}
	return out
}

var (
	// filler neither begins nor ends a name.
	filler = set(`a an the of in on at to from by for with without within into and or but is are was were be been
		this that these those there it its as no not any all both bilateral bilaterally either neither each
		also otherwise than then again via per along about over under near between if may can should could`)
	// general are names of terms that alone say nothing of a place.
	general = set(`body bodies wall walls gland glands duct ducts cortex medulla vessel vessels vein veins artery arteries
		root roots tail base tip apex region area space cavity part parts organ organs tissue tissues structure structures
		system surface node nodes lobe lobes segment segments zone layer margin border limb membrane tube fluid
		nerve nerves muscle muscles ligament joint process sulcus gyrus tract canal foramen fissure head cell cells blood
		air view section plane image images study scan contrast arch bulb neck trunk pole shaft cap disc disk foot hand`)
	// shortNames are names of three letters that are no other word.
	shortNames = set("rib eye ear lip")
)

// operations take a structure away.
var operations = map[string]string{
	"cholecystectomy": "gallbladder", "splenectomy": "spleen", "nephrectomy": "kidney", "hysterectomy": "uterus",
	"prostatectomy": "prostate", "appendectomy": "vermiform appendix", "appendicectomy": "vermiform appendix",
	"thyroidectomy": "thyroid gland", "cystectomy": "urinary bladder", "gastrectomy": "stomach", "pneumonectomy": "lung",
	"adrenalectomy": "adrenal gland", "pancreatectomy": "pancreas", "colectomy": "colon", "oophorectomy": "ovary",
	"orchiectomy": "testis", "orchidectomy": "testis",
}

// signs are words for findings, in the singular and in all forms.
var signs = func() map[string]string {
	out := map[string]string{}
	for _, row := range []string{
		"cyst cysts cystic", "mass masses", "nodule nodules nodular", "lesion lesions", "tumor tumors tumour tumours", "neoplasm neoplasms",
		"fracture fractures fractured", "effusion effusions", "stone stones calculus calculi", "hydronephrosis hydronephrotic",
		"calcification calcifications calcified", "atelectasis atelectatic", "consolidation consolidations", "opacity opacities",
		"pneumothorax pneumothoraces", "aneurysm aneurysms aneurysmal", "dissection dissections", "thrombus thrombosis thrombi",
		"embolism emboli embolus", "stenosis stenoses stenotic", "dilatation dilation dilated", "enlargement enlarged",
		"hemorrhage haemorrhage hemorrhages haemorrhages", "hematoma haematoma hematomas haematomas", "abscess abscesses",
		"collection collections", "edema oedema", "infarct infarcts infarction", "metastasis metastases", "hernia hernias herniation",
		"obstruction obstructed", "inflammation inflamed", "fibrosis fibrotic", "steatosis", "laceration lacerations",
		"emphysema emphysematous", "adenopathy lymphadenopathy",
	} {
		forms := strings.Fields(row)
		for _, form := range forms {
			out[form] = forms[0]
		}
	}
	return out
}()

func sign(w token) (string, bool) {
	word, ok := signs[w.text]
	return word, ok && !w.mark
}

// sideOf reads a word that states a side.
func sideOf(word string) string {
	switch word {
	case "left", "left-sided", "leftsided", "lt":
		return Left
	case "right", "right-sided", "rightsided", "rt":
		return Right
	case "both", "bilateral", "bilaterally", "bilat":
		return Both
	}
	return ""
}

func isSide(word string) bool { return sideOf(word) != "" }

// between may stand between a side and what it is said of.
var between = set(`small large tiny moderate mild minimal trace simple new old chronic acute subtle sided side the of lower upper mid distal proximal
	medial lateral anterior posterior multiple few several scattered non-obstructing nonobstructing obstructing`)

// statedSide is the side that words beside words[from:to] state.
func statedSide(words []token, from, to int) string {
	for i := from - 1; i >= max(0, from-4) && !words[i].mark; i-- {
		if side := sideOf(words[i].text); side != "" {
			if side != Both && otherSideBefore(words[:i], side) {
				return Both
			}
			return side
		}
		if !between[words[i].text] {
			break
		}
	}
	// "effusion on the right", "kidneys bilaterally", "(left)"
	i := to
	for i < len(words) && i < to+3 && (words[i].text == "on" || words[i].text == "the" || words[i].text == "(") {
		i++
	}
	if i < len(words) && !words[i].mark {
		side := sideOf(words[i].text)
		behind := i+1 == len(words) || words[i+1].mark || words[i+1].text == "side" || filler[words[i+1].text]
		if side != "" && (behind || i > to) {
			return side
		}
	}
	return ""
}

// sideWithin is the side that a name states though its term has none.
func sideWithin(words []token) string {
	side := ""
	for _, w := range words {
		if s := sideOf(w.text); s != "" {
			if side != "" && s != side {
				return Both
			}
			side = s
		}
	}
	return side
}

// otherSideBefore says that words end in "left and", where side is right.
func otherSideBefore(words []token, side string) bool {
	n := len(words)
	if n < 2 || !slices.Contains([]string{"and", "or", "/", "&"}, words[n-1].text) {
		return false
	}
	before := sideOf(words[n-2].text)
	return before != "" && before != Both && before != side
}

// A phrase of several words that says something of what stands behind or before
// it.
type trigger struct {
	words  []string
	status Status
}

func triggers(status Status, phrases string) []trigger {
	var out []trigger
	for line := range strings.SplitSeq(phrases, "\n") {
		if words := strings.Fields(line); len(words) > 0 {
			out = append(out, trigger{words, status})
		}
	}
	return out
}

var (
	// pseudo triggers negate nothing that is there.
	pseudo = triggers(Affirmed, `no change
		no interval change
		no significant change
		no significant interval change
		no increase
		no interval increase
		no decrease
		no definite change
		not only
		not certain
		without change
		without significant change
		no longer than`)
	before = slices.Concat(triggers(Negated, `no
		without
		negative for
		free of
		no evidence of
		absence of
		denies
		rules out
		ruled out for
		never
		nor
		neither
		not demonstrate
		not show
		absent
		resolution of`), triggers(Uncertain, `possible
		possibly
		probable
		probably
		likely
		suspected
		suspicious for
		suspicion of
		concerning for
		questionable
		question of
		may represent
		might represent
		could represent
		cannot exclude
		cannot rule out
		can not exclude
		not excluded`))
	behind = slices.Concat(triggers(Negated, `absent
		is absent
		not seen
		are absent
		not identified
		not present
		not demonstrated
		not visible
		not visualized
		not visualised
		no longer seen
		no longer visible
		is ruled out
		ruled out
		resolved
		has resolved
		is resolved
		have resolved`), triggers(Uncertain, `cannot be excluded
		can not be excluded
		not excluded
		is suspected
		are suspected
		is possible
		is likely`))
	// gone says of a structure before it that it is not there.
	gone = triggers(Missing, `absent
		is absent
		not seen
		are absent
		not identified
		not visualized
		not visualised
		not visible
		not present`)
	// taken says, with such words before it, that a structure was taken out.
	taken  = set("removed resected absent")
	manner = set("is are has have been was were surgically congenitally now status post")
	// ends closes the scope of a trigger.
	ends = set("but however except although though aside apart which whereas while yet otherwise ; :")
)

// match is how many of words the trigger covers at their beginning.
func (t trigger) match(words []token) int {
	if len(words) < len(t.words) {
		return 0
	}
	for i, w := range t.words {
		if words[i].text != w {
			return 0
		}
	}
	return len(t.words)
}

func longestTrigger(list []trigger, words []token) (n int, status Status) {
	for _, t := range list {
		if k := t.match(words); k > n {
			n, status = k, t.status
		}
	}
	return n, status
}

// A scope says of each word of a sentence what the triggers before it make of it.
type scope struct {
	words  []token
	status []Status
	direct []bool // a negation stands right before the word, or an article between
}

// scopes follows the triggers through a sentence.
func scopes(words []token) *scope {
	s := &scope{words: words, status: make([]Status, len(words)), direct: make([]bool, len(words))}
	now, fresh, left := Affirmed, false, 0
	for i := 0; i < len(words); {
		if ends[words[i].text] || words[i].text == "." {
			now, fresh = Affirmed, false
		}
		if n, _ := longestTrigger(pseudo, words[i:]); n > 0 {
			for range n {
				s.status[i] = now
				i++
			}
			continue
		}
		if n, status := longestTrigger(before, words[i:]); n > 0 {
			now, fresh, left = status, true, reach
			for range n {
				s.status[i] = now
				i++
			}
			continue
		}
		if left--; left < 0 {
			now = Affirmed
		}
		s.status[i] = now
		s.direct[i] = fresh && now == Negated
		if words[i].text != "the" && words[i].text != "a" && !isSide(words[i].text) {
			fresh = false
		}
		if words[i].text == "," || words[i].text == "or" || words[i].text == "and" {
			left = reach // a list goes on
		}
		i++
	}
	return s
}

// reach is how many words a trigger reaches, unless a list goes on.
const reach = 8

// of is the status of what stands at words[from:to].
func (s *scope) of(from, to int) Status {
	status := s.status[from]
	for i := to; i < len(s.words) && i < to+5; i++ {
		if s.words[i].mark && s.words[i].text != "(" || ends[s.words[i].text] || s.words[i].text == "and" || s.words[i].text == "with" {
			break
		}
		if n, found := longestTrigger(behind, s.words[i:]); n > 0 {
			return found
		}
	}
	return status
}

// gone says that the structure at words[from:to] is said not to be there.
func (s *scope) gone(from, to int) bool {
	i := to
	for i < len(s.words) && manner[s.words[i].text] {
		i++
	}
	if i < len(s.words) && taken[s.words[i].text] {
		return true
	}
	for _, at := range []int{to, i} {
		if n, _ := longestTrigger(gone, s.words[at:]); n > 0 {
			return true
		}
	}
	if !s.direct[from] {
		return false
	}
	return to == len(s.words) || slices.Contains([]string{".", ";", "is", "are", "seen", "identified", "visualized", "visualised"}, s.words[to].text)
}

// clauses says where the clauses of a sentence begin.
func clauses(words []token, from int) []int {
	out := []int{from}
	for _, w := range words {
		if w.text == "," || ends[w.text] {
			out = append(out, w.to)
		}
	}
	return out
}

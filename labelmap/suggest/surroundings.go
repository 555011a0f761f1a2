package suggest

import (
	"slices"
	"strings"
	"sync"

	"satgraph/graph"
	"satgraph/labelmap"
)

// surelyAbout is the share of a list that must lie where such a term does.
const surelyAbout = 0.5

// surroundings are what the rest of a list, its dataset's name and the scan say
// of where a label lies.
type surroundings struct {
	tree     *graph.Tree
	organs   map[string]int // unsided terms that other labels clearly are
	total    int
	keys     map[string]bool // of the labels, as the tables spell them
	named    []string        // terms that dataset, region and context name
	regions  map[string]float64
	sorts    map[string]float64 // the share of vessels, bones, muscles, nerves
	modality string
	// around are ids of the places around the brain; brainAlone says that the list
	// names it and none of them.
	around     []string
	brainAlone bool
	pinyin     bool     // it is written in pinyin
	held       sync.Map // of bool: what holds said of a term
}

// regionNames are the regions by which candidates are told apart.
var regionNames = []string{"brain", "head", "neck", "heart", "thoracic segment of trunk", "abdomen", "pelvis", "vertebral column", "upper limb", "lower limb"}

// sortNames are the sorts of structures that lists are often of.
var sortNames = []string{"blood vessel", "bone element", "muscle organ", "nerve", "lymph node"}

func (e *Engine) survey(labels []labelmap.RawLabel, alone []answer) *surroundings {
	s := &surroundings{tree: e.tree, organs: map[string]int{}, keys: map[string]bool{}, regions: map[string]float64{}, sorts: map[string]float64{}}
	said := map[string]bool{}
	for i := range labels {
		l := &labels[i]
		s.keys[key(l.Name)] = true
		if s.modality == "" {
			s.modality = l.Modality
		}
		for _, text := range []string{l.Region, l.Context, l.Dataset} {
			if text != "" && !said[text] {
				said[text] = true
				s.named = append(s.named, e.named(text)...)
			}
		}
		if reParcel.MatchString(l.Name) && !said["brain"] {
			said["brain"] = true
			s.named = append(s.named, e.named("brain")...)
		}
	}
	s.around, s.pinyin = ids(e.tree, around), inPinyinMostly(alone)
	if brain, ok := one(e.tree, "brain"); ok {
		s.brainAlone = slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, brain) }) &&
			!slices.ContainsFunc(s.named, func(id string) bool { return slices.Contains(s.around, id) })
	}
	s.count(e, alone, func(c *candidate) bool { return !c.short })
	if e.coherent(alone) { // a list of abbreviations: they speak for one another
		s.count(e, alone, func(c *candidate) bool { return c.short })
	}
	for _, sort := range e.sorts {
		of := 0
		for id, n := range s.organs {
			if s.tree.IsDescendant(id, sort, graph.IsA) {
				of += n
			}
		}
		if of > 0 {
			s.sorts[sort] = float64(of) / float64(s.total)
		}
	}
	for _, r := range e.regions {
		in := 0
		for id, n := range s.organs {
			if s.under(id, r) {
				in += n
			}
		}
		share := float64(in) / float64(max(s.total, 1))
		if slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, r) }) {
			share = max(share, 0.9)
		}
		s.regions[r] = share
	}
	return s
}

// coherent says whether half of a list, and two labels at least, are
// abbreviations of structures of one region.
func (e *Engine) coherent(alone []answer) bool {
	const least = 2
	in := map[string]int{}
	for k := range alone {
		ranked := alone[k].ranked()
		if len(ranked) == 0 || !ranked[0].short || !evident(ranked) {
			continue
		}
		for _, r := range e.regions {
			if ranked[0].id == r || e.tree.IsDescendant(ranked[0].id, r) {
				in[r]++
			}
		}
	}
	for region, n := range in {
		if n >= least && 2*n >= len(alone) || n >= leastInHeart && e.name(region) == "heart" {
			return true
		}
	}
	return false
}

// leastInHeart is how many abbreviations of its parts speak for one another in any
// list: no other place is so small and has so many.
const leastInHeart = 3

// count counts the structures that labels evidently are, of those that suit.
func (s *surroundings) count(e *Engine, alone []answer, suits func(c *candidate) bool) {
	for k := range alone {
		ranked := alone[k].ranked()
		if alone[k].several != "" || len(ranked) == 0 || !suits(ranked[0]) || !evident(ranked) {
			continue
		}
		id := ranked[0].id
		if base, ok := e.tree.Base(id); ok {
			id = base
		}
		s.organs[id]++
		s.total++
	}
}

// evident says whether the best candidate is well found, and the less well the
// farther from the next.
func evident(ranked []*candidate) bool {
	gap := 1.0
	if len(ranked) > 1 {
		gap = ranked[0].score - ranked[1].score
	}
	return ranked[0].score >= 0.9 && gap >= 0.01 || ranked[0].score >= 0.85 && gap >= 0.1
}

// regionWords are words for regions that name no single term of the tree.
var regionWords = map[string][]string{
	"thorax": {"thoracic segment of trunk"}, "chest": {"thoracic segment of trunk"}, "thoracic": {"thoracic segment of trunk"},
	"spine": {"vertebral column"}, "spinal": {"vertebral column"}, "cardiac": {"heart"}, "abdominal": {"abdomen"},
	"pelvic": {"pelvis"}, "prostate": {"prostate gland"}, "airway": {"thoracic segment of trunk"}, "bronchial": {"thoracic segment of trunk"}, "jaw": {"jaw region", "head"},
	"dental": {"jaw region", "head"}, "knee": {"lower limb"}, "ankle": {"lower limb"}, "foot": {"lower limb"}, "thigh": {"lower limb"}, "calf": {"lower limb"}, "leg": {"lower limb"},
	"hand": {"upper limb"}, "wrist": {"upper limb"}, "elbow": {"upper limb"}, "shoulder": {"upper limb"}, "arm": {"upper limb"}, "breast": {"thoracic segment of trunk"},
	"thalamic": {"thalamus"}, "thalamu": {"thalamus"}, "cerebellar": {"cerebellum"}, "hippocampal": {"hippocampus"}, "coronary": {"heart"}, "orbit": {"head"}, "retinal": {"retina"},
	"neck": {"neck"}, "laryngeal": {"neck"}, "larynx": {"neck"}, "lumbar": {"vertebral column"}, "vertebral": {"vertebral column"}, "gynecological": {"pelvis"}, "uterine": {"pelvis"}, "hepatic": {"liver"}, "renal": {"kidney"},
}

// named finds the structures that a free text names.
func (e *Engine) named(text string) []string {
	var out []string
	for _, w := range graph.Words(text) {
		for _, name := range regionWords[w] {
			if id, ok := one(e.tree, name); ok {
				out = append(out, id)
			}
		}
	}
	words := strings.Fields(split(text))
	for n := 3; n >= 1; n-- {
		for i := 0; i+n <= len(words); i++ {
			phrase := strings.Join(words[i:i+n], " ")
			if len(phrase) < 4 {
				continue
			}
			if id, ok := one(e.tree, phrase); ok {
				out = append(out, id)
			} else if hits := e.search(phrase, 1); n == 1 && len(hits) > 0 && hits[0].Score >= 0.8 && e.isTrained(hits[0].ID) {
				out = append(out, hits[0].ID)
			}
		}
	}
	return out
}

// under says whether a term is another, or lies in it by any relation.
func (s *surroundings) under(id, above string) bool {
	return id == above || s.tree.IsDescendant(id, above)
}

// holds says whether the list is about a structure.
func (s *surroundings) holds(where string) bool {
	if known, ok := s.held.Load(where); ok {
		return known.(bool)
	}
	about := s.about(where)
	s.held.Store(where, about)
	return about
}

// aboutAlso is how many labels of a long list make it one about a structure too.
const aboutAlso = 6

func (s *surroundings) about(where string) bool {
	if slices.ContainsFunc(s.named, func(id string) bool { return s.under(id, where) }) {
		return true
	}
	n := 0
	for id, k := range s.organs {
		if s.under(id, where) {
			n += k
		}
	}
	return n >= 2 && 10*n >= 3*s.total || n >= 1 && 2*n >= s.total || n >= aboutAlso
}

// affinity is how much of the list lies in the same region as a term: 1 for all
// of it, -1 when nothing is known.
func (s *surroundings) affinity(id string) float64 {
	best := -1.0
	for r, share := range s.regions {
		if s.under(id, r) {
			best = max(best, share)
		}
	}
	return best
}

// surelyHolds says whether a term lies in what the list is said to be about, or
// where most of it lies.
func (s *surroundings) surelyHolds(id string) bool {
	if len(s.named) == 0 {
		return s.affinity(id) >= surelyAbout
	}
	return slices.ContainsFunc(s.named, func(named string) bool { return s.under(id, named) })
}

// likeMost says whether a term is of the sort that most of the list is of: an
// artery among arteries.
func (s *surroundings) likeMost(id string) bool {
	const most, least = 0.6, 3
	if s.total < least {
		return false
	}
	for sort, share := range s.sorts {
		if share >= most && s.tree.IsDescendant(id, sort, graph.IsA) {
			return true
		}
	}
	return false
}

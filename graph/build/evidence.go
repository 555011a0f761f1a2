package build

import (
	"regexp"
	"strings"
)

// weight is how strongly a cross-reference says "human anatomy", by the
// vocabulary it points to. EHDAA2 (the human embryo) counts nothing.
var weight = map[string]int{
	"FMA":    4, // Foundational Model of Anatomy: human adults only
	"TAXON":  4, // TAXON:9606, stated to be human
	"SCTID":  3, // SNOMED CT, clinical
	"UMLS":   2,
	"NCIT":   2, // NCI Thesaurus, clinical
	"MESH":   2,
	"RadLex": 2,
	"GAID":   1,
	"HBA":    1, // Allen human brain atlas
	"DHBA":   1, // Allen developing human brain atlas, adult part
	"EFO":    1,
	"BTO":    1,
	"CALOHA": 1,
}

// evidence sums the weights of the vocabularies among the cross-references;
// several references to one vocabulary count once.
func evidence(xrefs []string) int {
	seen := map[string]bool{}
	sum := 0
	for _, x := range xrefs {
		prefix, _, _ := strings.Cut(x, ":")
		if !seen[prefix] {
			seen[prefix] = true
			sum += weight[prefix]
		}
	}
	return sum
}

// notHumanAdult matches names of embryonic structures and of animals' parts.
var notHumanAdult = regexp.MustCompile(`(?i)` + strings.Join([]string{
	`\bembryo(nic)?\b`, `\bextraembryonic\b`, `\bpresumptive\b`, `\bprimordium\b`, `\banlage\b`,
	`\bplacod(e|al)\b`, `\bblastema\b`, `\bbud\b`, `\bneural (crest|plate|tube|fold|keel|rod)\b`,
	`\bmesenchyme\b`, `\bsomit(e|ic)\b`, `\brhombomere\b`, `\bneuromere\b`, `\bprosomere\b`,
	`\bmyotome\b`, `\bsclerotome\b`, `\bdermomyotome\b`, `\brudiment\b`, `\bpre-?cartilage\b`,
	`\bpre-?muscle\b`, `\bcondensation\b`, `\bcardinal vein\b`, `\bvitelline\b`, `\byolk\b`,
	`\bpharyngeal (arch|pouch|cleft|groove|membrane)\b`, `\bnotochord`, `\bgastrula\b`, `\bblastula\b`, `\bmorula\b`,
	`(ecto|meso|endo)derm\b`, `-derived structure\b`, `\bgonadal ridge\b`, `\bbranchial\b`, `\bgill\b`,
	`\bfins?\b`, `\bfeathers?\b`, `\bbeak\b`, `\bwing\b`, `\bantenna\b`, `\bcrop\b`, `\bgizzard\b`,
	`\bcartilage element\b`, `\bendochondral element\b`, `\bswim bladder\b`, `\bfootplate\b`, `\bhandplate\b`, `\bstage( [0-9]+)?$`,
}, "|"))

// adult holds adult structures whose names the patterns would take for
// embryonic ones.
var adult = strings.NewReplacer("taste bud", "", "terminal end bud", "", "lamina terminalis of neural tube", "") //nolint:misspell // Latin

func embryonicOrForeign(name string) bool { return notHumanAdult.MatchString(adult.Replace(name)) }

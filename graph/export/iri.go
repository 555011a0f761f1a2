package export

import (
	"net/url"
	"strings"
)

// bases are where the ids of vocabularies resolve.
var bases = map[string]string{
	"UBERON":  "http://purl.obolibrary.org/obo/UBERON_",
	"FMA":     "http://purl.org/sig/ont/fma/fma",
	"CL":      "http://purl.obolibrary.org/obo/CL_",
	"BTO":     "http://purl.obolibrary.org/obo/BTO_",
	"EFO":     "http://www.ebi.ac.uk/efo/EFO_",
	"HP":      "http://purl.obolibrary.org/obo/HP_",
	"SCTID":   "http://snomed.info/id/",
	"SCT":     "http://snomed.info/id/",
	"UMLS":    "http://linkedlifedata.com/resource/umls/id/",
	"MESH":    "http://id.nlm.nih.gov/mesh/",
	"NCIT":    "http://purl.obolibrary.org/obo/NCIT_",
	"RadLex":  "http://www.radlex.org/RID/",
	"EHDAA2":  "http://purl.obolibrary.org/obo/EHDAA2_",
	"SATG":    "https://w3id.org/satgraph/",
	"BIRNLEX": "http://uri.neuinfo.org/nif/nifstd/birnlex_",
}

// IRI is the web name of a term's id: that of its vocabulary where it is known,
// else one under SATG. An id that is a web name stays as it is.
func IRI(id string) string {
	if strings.HasPrefix(id, "http://") || strings.HasPrefix(id, "https://") {
		if u, err := url.Parse(id); err == nil {
			return u.String()
		}
	}
	prefix, local, ok := strings.Cut(id, ":")
	if base, known := bases[prefix]; ok && known && local != "" {
		return base + url.PathEscape(local)
	}
	return bases["SATG"] + "id/" + url.PathEscape(id)
}

package suggest

import (
	"testing"

	"satgraph/labelmap"
)

// Each general rule by labels of its own, beside others of their list.
func TestRules(t *testing.T) {
	e := engine(t)
	for _, c := range []struct {
		rule, region string
		labels       []string
		want         string // of the first; empty for no answer
		accept       bool   // with a score of Accept or more
	}{
		{"a lone letter matches nothing beside other words", "brain", []string{"XQ_R", "brainstem"}, "", false},
		{"a label names its own place", "", []string{"prostate PZ"}, "peripheral zone of prostate", false},
		{"the nearer place wins", "chest", []string{"lingula", "trachea"}, "lingula of left lung", false},
		{"segments of the liver are no lobes", "abdomen", []string{"liver seg 4b", "spleen"}, "segment IVb of liver", true},
		{"a tooth by its number", "jaws", []string{"36", "mandible"}, "lower first secondary molar tooth", true},
		{"a number is no tooth elsewhere", "abdomen", []string{"36", "liver"}, "", false},
		{"a label that asks gets no answer", "abdomen", []string{"spleen?", "liver"}, "", false},
		{"a word that nothing explains", "abdomen", []string{"aorta quuxly", "liver"}, "aorta", false},
		{"a word for something else is no such word", "abdomen", []string{"aorta stent", "liver"}, "", false},
		{"an abbreviation of a field that no other label speaks for", "abdomen", []string{"sma", "GDA", "liver"}, "superior mesenteric artery", true},
		{"an abbreviation of a field alone", "abdomen", []string{"GDA", "liver", "spleen"}, "gastroduodenal artery", false},
		{"abbreviations of a field that speak for one another", "knee", []string{"ACL", "PCL", "MCL", "femur"}, "anterior cruciate ligament of knee joint", true},
		{"a name of TG-263", "", []string{"Musc_Constrict_S"}, "superior pharyngeal constrictor", true},
		{"a word of the corpus cut off", "abdomen", []string{"duo", "liver", "spleen"}, "duodenum", false},
		{"shortened words run together, and a side", "neck", []string{"rtprtdgland", "mandible"}, "right parotid gland", false},
		{"letters that shorten several classes alike", "abdomen", []string{"lfxrtq", "spleen"}, "", false},
		{"a finding with a reader's initials", "abdomen", []string{"tumor_MK", "liver"}, "liver tumor", false},
		{"a finding far from most of the list", "", []string{"tumor", "LV", "RV", "kidney"}, "", false},
		{"a word of the corpus without vowels", "chest", []string{"Hrt", "lung", "sternum"}, "heart", false},
		{"an abbreviation known elsewhere", "heart", []string{"BL", "left ventricle", "aorta"}, "", false},
		{"a term's own name before an abbreviation", "inner ear", []string{"scala tympani", "cochlea"}, "scala tympani", true},
		{"initials of a term of the list's place", "brain", []string{"medbrp_L", "hippocampus"}, "", false},
		{"gray matter of a structure", "brain", []string{"insula left GM", "hippocampus"}, "left insula", true},
		{"an abbreviation of another place", "chest", []string{"GBM", "lung", "heart"}, "brain tumor", false},
		{"files of a case", "head", []string{"case-12_midbrain_v2.nii.gz", "pons"}, "midbrain", true},
		{"a numbered sort of structure", "forearm", []string{"muscle 7", "ulnar nerve"}, "", false},
		{"a whole before its part", "head", []string{"eye_cornea", "mandible"}, "cornea", true},
		{"the abbreviation of a lobe before its gyrus", "brain", []string{"TL fusiform gyrus R", "pons"}, "right fusiform gyrus", true},
		{"a place that does not hold the structure", "abdomen", []string{"liver cornea", "spleen"}, "", false},
		{"both sides, one by a letter", "abdomen", []string{"kidney_left_R", "liver"}, "", false},
		{"two letters among nothing that is clear", "", []string{"SC", "spleen", "femur", "C"}, "", false},
		{"words of another language cut off", "brain", []string{"mesencef.", "cervello"}, "midbrain", false},
		{"words of another language cut off one by one", "chest", []string{"derrame pleur der", "pulmón"}, "pleural effusion", false},
		{"a lone letter is no side beside a side", "brain", []string{"sup frontal g R", "pons"}, "right superior frontal gyrus", true},
		{"an abbreviation beside a side in another language", "head", []string{"NO G", "mandible"}, "left optic nerve", false},
		{"a part of a vertebra in another language", "spine", []string{"apophyse épineuse L4", "L5"}, "spinous process of vertebra", false},
		{"a compound cut off", "pelvis", []string{"Bauchspeich.", "rectum"}, "pancreas", false},
		{"the images that it was drawn on", "pelvis", []string{"Prostata_T2", "rectum"}, "prostate gland", false},
		{"white matter before a tract", "spinal cord", []string{"WM left tectospinal tract", "ventral horn"}, "tectospinal tract", false},
		{"two cut words run together, and initials", "foot", []string{"latcunfrm L JB", "talus"}, "left lateral cuneiform bone", false},
		{"cut words in another order", "foot", []string{"cuneifrm latrl", "talus"}, "lateral cuneiform bone", false},
		{"a word without vowels in another language", "neck", []string{"Schildknrpl", "Kehlkopf"}, "thyroid cartilage", false},
		{"one known word of names of several", "vessels", []string{"plaque", "aorta"}, "", false},
		{"known words are not made of others' letters", "abdomen", []string{"mesh", "liver"}, "", false},
		{"a word that nearly all labels begin with", "abdomen", []string{"ACME_v2_KID_RT", "ACME_v2_LIVER", "ACME_v3_SPLEEN", "ACME_v2_AORTA", "ACME_v2_GB"}, "right kidney", true},
		{"a word of anatomy that all labels begin with", "thighs", []string{"muscle_sartorius", "muscle_gracilis", "muscle_semitendinosus", "muscle_biceps_femoris", "muscle_rectus_femoris"}, "sartorius muscle", true},
		{"a sort of structure by its letter behind Chinese", "upper abdomen", []string{"脾A", "肝", "胰腺"}, "splenic artery", true},
		{"a version behind Chinese", "upper abdomen", []string{"脾v2", "肝"}, "spleen", true},
		{"letters that changed places in another language", "brain", []string{"Klienhirn", "Hirnstamm"}, "cerebellum", false},
		{"initials behind an abbreviation", "knee", []string{"pcl jm", "acl", "patella"}, "posterior cruciate ligament of knee joint", false},
		{"a side that is told by another's", "chest", []string{"lung ipsi", "heart"}, "", false},
		{"a side beside another's", "chest", []string{"lung_lt_ipsi", "heart"}, "left lung", true},
		{"a remark behind Chinese", "neck", []string{"右腮腺新", "下颌骨"}, "right parotid gland", true},
		{"another name in parentheses", "jaws", []string{"Upper Right Third Molar (Wisdom Tooth)", "mandible"}, "upper third secondary molar tooth", false},
		{"a place before a comma", "chest", []string{"Airway, bronchus intermedius", "lung"}, "bronchus intermedius", true},
		{"a segment of the liver in Chinese", "liver", []string{"S5段", "肝"}, "right anterior inferior segment of liver", true},
		{"an abbreviation before Chinese", "heart", []string{"LV心肌", "左心房"}, "left ventricle myocardium", true},
		{"letters behind a name that may be initials or say more", "heart", []string{"myoc VG", "aorte", "OG"}, "myocardium", false},
		{"a disc run together with its level", "spine", []string{"L4L5disc", "sacrum"}, "intervertebral disk L4-L5", true},
		{"a side by a letter of the language of a cut word", "neck", []string{"parotdia E", "mandibula"}, "left parotid gland", false},
		{"a date behind a name in Chinese", "pelvis", []string{"直肠 0412", "膀胱"}, "rectum", true},
		{"a cut word with a number", "abdomen", []string{"Gallenbl. 3", "Leber"}, "gall bladder", false},
		{"both sides by a sign", "chest", []string{"lungs b/l", "heart"}, "lung", true},
		{"a word of the tree without vowels", "wrist", []string{"lunt", "capitate"}, "lunate bone", false},
		{"beginnings of two words run together", "orbit", []string{"latrect", "eyeball"}, "lateral rectus extra-ocular muscle", false},
		{"beginnings run together of another place", "abdomen", []string{"latrect", "liver"}, "", false},
		{"initials behind a foreign name and its side", "abdomen", []string{"Niere li_MK", "Leber"}, "left kidney", true},
		{"an adjective of a vessel behind its side", "artery", []string{"r_subclavian", "aorta"}, "right subclavian artery", false},
		{"a placeholder with a remark", "", []string{"seg1_new", "liver"}, "", false},
		{"a name in parentheses behind a code", "abdomen", []string{"Zone_10_R_(Right_Common_Iliac_Artery)", "aorta"}, "right common iliac artery", true},
		{"a name before parentheses", "chest", []string{"SPINALCORD (THORAX)", "lung"}, "spinal cord", true},
		{"a cartilage that begins as a helper of planning", "neck", []string{"Ringknorpel", "Kehlkopf"}, "cricoid cartilage", true},
		{"a helper of planning", "neck", []string{"ring_ptv", "larynx"}, "", false},
		{"a kidney without what is in it, in German", "abdomen", []string{"Niere re o. Becken", "Leber"}, "right kidney", true},
		{"a lobe of the lung in a German ward", "chest", []string{"UL li", "Herz"}, "lower lobe of left lung", true},
		{"a cut word that begins a longer one too", "abdomen", []string{"Nierenst.", "Leber"}, "kidney stone", false},
		{"Chinese in Latin letters", "head", []string{"shishenjing_L", "brainstem"}, "left optic nerve", true},
		{"Chinese of two syllables in Latin letters", "abdomen", []string{"zuo shen", "liver"}, "left kidney", false},
		{"a syllable among Chinese in Latin letters", "abdomen", []string{"wei", "zuoshen", "ganzang", "dannang"}, "stomach", true},
		{"a syllable alone", "abdomen", []string{"wei", "liver"}, "", false},
		{"a number among the stations of lymph nodes", "chest", []string{"5", "7", "4R", "10L"}, "subaortic lymph node", false},
		{"a number with a word is no station", "chest", []string{"rib 5 l", "7", "4R", "sternum"}, "left rib 5", true},
		{"a left artery is no fifth nerve", "neck", []string{"L-VA", "R-VA", "basilar artery"}, "left vertebral artery", false},
		{"a bronchus among bronchi of segments", "airways", []string{"RUL", "RB1", "RB6", "trachea"}, "lobar bronchus of right lung cranial lobe", false},
		{"a place and no structure", "", []string{"upper wall"}, "", false},
		{"a name that is a place and a sort", "", []string{"medial nucleus"}, "medial vestibular nucleus", false},
	} {
		var list []labelmap.RawLabel
		for _, l := range c.labels {
			list = append(list, labelmap.RawLabel{Dataset: "D", Region: c.region, Name: l})
		}
		r := e.Suggest(list, 5)[0]
		got, score := "", 0.0
		if !r.Abstained {
			got, score = r.Suggestions[0].Name, r.Suggestions[0].Score
		}
		if got != c.want || (score >= Accept) != c.accept {
			t.Errorf("%s: %q: %q with %.2f, want %q (accepted: %v); %s %v", c.rule, c.labels[0], got, score, c.want, c.accept, r.Why, r.Suggestions)
		}
	}
}

package phantom

// tissue is a code of the tissue map. The codes are disjoint and complete: every voxel has exactly one.
type tissue uint16

const (
	airOutside tissue = iota
	skin
	subcutaneousFat
	muscle
	visceralFat
	boneCortex
	ribBone
	cartilage
	vertebraCortex
	vertebraMarrow
	disc
	spinalCanal
	boneMarrow
	lungLUL
	lungLLL
	lungRUL
	lungRML
	lungRLL
	vesselLUL
	vesselLLL
	vesselRUL
	vesselRML
	vesselRLL
	tracheaAir
	tracheaWall
	esophagus
	mediastinalFat
	heartFat
	pericardium
	lvBlood
	lvMyocardium
	rvBlood
	rvWall
	laBlood
	laWall
	raBlood
	raWall
	pulmonaryVein
	aortaBlood
	aortaWall
	aortaCalcium
	pulmonaryArtery
	superiorVenaCava
	inferiorVenaCava
	neckVessel
	iliacArtery
	iliacVein
	portalVein
	azygos
	diaphragm
	liverTissue
	liverVessel
	gallbladder
	spleenTissue
	stomachWall
	stomachFluid
	stomachGas
	kidneyLeftCortex
	kidneyLeftMedulla
	kidneyRightCortex
	kidneyRightMedulla
	renalSinus
	adrenalLeft
	adrenalRight
	pancreas
	duodenum
	smallBowel
	bowelFluid
	bowelGas
	colonWall
	colonFaeces
	colonGas
	bladder
	prostateUterus
	thyroid
	breast
	psoas
	autochthon
	armBone
	tablePad
	tableShell
	metal
	kidneyLeftCyst
	kidneyRightCyst
	ribMarrow
	tissueCount
)

// tissueNames are the words of phantom.json.
var tissueNames = [tissueCount]string{
	"air", "skin", "subcutaneous fat", "muscle", "visceral fat", "bone cortex", "rib cortex", "cartilage",
	"vertebra cortex", "vertebra marrow", "intervertebral disc", "spinal canal", "bone marrow",
	"left lung upper lobe", "left lung lower lobe", "right lung upper lobe", "right lung middle lobe", "right lung lower lobe",
	"vessel of left lung upper lobe", "vessel of left lung lower lobe", "vessel of right lung upper lobe", "vessel of right lung middle lobe", "vessel of right lung lower lobe",
	"trachea lumen", "trachea wall", "esophagus", "mediastinal fat", "epicardial fat", "pericardium",
	"left ventricle blood", "left ventricle myocardium", "right ventricle blood", "right ventricle wall",
	"left atrium blood", "left atrium wall", "right atrium blood", "right atrium wall", "pulmonary vein",
	"aorta blood", "aorta wall", "aorta calcification", "pulmonary artery", "superior vena cava", "inferior vena cava", "neck vessel",
	"iliac artery", "iliac vein", "portal vein", "azygos vein", "diaphragm", "liver", "liver vessel", "gallbladder", "spleen",
	"stomach wall", "stomach fluid", "stomach gas", "left kidney cortex", "left kidney medulla", "right kidney cortex", "right kidney medulla", "renal sinus",
	"left adrenal gland", "right adrenal gland", "pancreas", "duodenum", "small bowel", "small bowel fluid", "small bowel gas",
	"colon wall", "colon faeces", "colon gas", "urinary bladder", "prostate or uterus", "thyroid gland", "breast", "psoas", "autochthon", "arm bone",
	"table pad", "table shell", "metal", "left kidney cyst", "right kidney cyst", "rib marrow",
}

// class is a structure of the corpus and the tissues that make it up.
type class struct {
	name  string
	codes []tissue
}

// modelClasses are the structures the demo model learns; the names are the corpus' own.
var modelClasses = []class{
	{"heart", []tissue{lvBlood, lvMyocardium, rvBlood, rvWall, laBlood, laWall, raBlood, raWall}},
	{"left heart atrium", []tissue{laBlood, laWall}},
	{"right heart atrium", []tissue{raBlood, raWall}},
	{"left heart ventricle", []tissue{lvBlood}},
	{"right heart ventricle", []tissue{rvBlood, rvWall}},
	{"myocardium", []tissue{lvMyocardium}},
	{"aorta", []tissue{aortaBlood, aortaWall, aortaCalcium}},
	{"pulmonary artery", []tissue{pulmonaryArtery}},
	{"left lung", []tissue{lungLUL, lungLLL, vesselLUL, vesselLLL}},
	{"right lung", []tissue{lungRUL, lungRML, lungRLL, vesselRUL, vesselRML, vesselRLL}},
	{"left lung upper lobe", []tissue{lungLUL, vesselLUL}},
	{"left lung lower lobe", []tissue{lungLLL, vesselLLL}},
	{"right lung upper lobe", []tissue{lungRUL, vesselRUL}},
	{"right lung middle lobe", []tissue{lungRML, vesselRML}},
	{"right lung lower lobe", []tissue{lungRLL, vesselRLL}},
	{"liver", []tissue{liverTissue, liverVessel}},
	{"spleen", []tissue{spleenTissue}},
	{"left kidney", []tissue{kidneyLeftCortex, kidneyLeftMedulla, kidneyLeftCyst}},
	{"right kidney", []tissue{kidneyRightCortex, kidneyRightMedulla, kidneyRightCyst}},
	{"stomach", []tissue{stomachWall, stomachFluid, stomachGas}},
	{"vertebrae", []tissue{vertebraCortex, vertebraMarrow}},
	{"rib", []tissue{ribBone, ribMarrow}},
}

// extraClasses are further structures of the corpus that a phantom happens to hold.
var extraClasses = []class{
	{"trachea", []tissue{tracheaAir, tracheaWall}},
	{"esophagus", []tissue{esophagus}},
	{"inferior vena cava", []tissue{inferiorVenaCava}},
	{"gallbladder", []tissue{gallbladder}},
	{"left adrenal gland", []tissue{adrenalLeft}},
	{"right adrenal gland", []tissue{adrenalRight}},
	{"pancreas", []tissue{pancreas}},
	{"duodenum", []tissue{duodenum}},
	{"colon", []tissue{colonWall, colonFaeces, colonGas}},
	{"urinary bladder", []tissue{bladder}},
}

// ModelClasses returns the names of the corpus classes the demo model is trained on, in a fixed order.
func ModelClasses() []string {
	names := make([]string, len(modelClasses))
	for i, c := range modelClasses {
		names[i] = c.name
	}
	return names
}

"""The classes of the demo model, the wordings they are trained with, and the CT numbers of tissues.

Class names are the corpus' own and are what the bundle's manifest lists.
Tissue names are those of the phantoms' phantom.json.
"""

from __future__ import annotations

import numpy as np

# Class name -> further wordings that training mixes in.
CLASSES: dict[str, list[str]] = {
    "heart": ["whole heart", "cardiac", "the heart", "cor", "heart organ"],
    "left heart atrium": [
        "left atrium",
        "left atrium of heart",
        "left cardiac atrium",
        "heart atrium left",
        "atrium sinistrum",
    ],
    "right heart atrium": [
        "right atrium",
        "right atrium of heart",
        "right cardiac atrium",
        "heart atrium right",
        "atrium dextrum",
    ],
    "left heart ventricle": [
        "left ventricle",
        "left ventricle of heart",
        "left cardiac ventricle",
        "heart ventricle left",
    ],
    "right heart ventricle": [
        "right ventricle",
        "right ventricle of heart",
        "right cardiac ventricle",
        "heart ventricle right",
    ],
    "myocardium": ["heart muscle", "left ventricle myocardium", "left ventricular myocardium", "heart myocardium"],
    "aorta": ["the aorta", "aortic", "aorta artery"],
    "pulmonary artery": ["pulmonary trunk", "artery of lung", "the pulmonary artery"],
    "left lung": ["lung left", "left-sided lung", "the left lung", "whole left lung"],
    "right lung": ["lung right", "right-sided lung", "the right lung", "whole right lung"],
    "left lung upper lobe": ["upper lobe of left lung", "left upper lobe", "left upper lung lobe"],
    "left lung lower lobe": ["lower lobe of left lung", "left lower lobe", "left lower lung lobe"],
    "right lung upper lobe": ["upper lobe of right lung", "right upper lobe", "right upper lung lobe"],
    "right lung middle lobe": ["middle lobe of right lung", "right middle lobe", "right middle lung lobe"],
    "right lung lower lobe": ["lower lobe of right lung", "right lower lobe", "right lower lung lobe"],
    "liver": ["the liver", "hepatic", "whole liver", "hepar"],
    "spleen": ["the spleen", "splenic", "whole spleen", "lien"],
    "left kidney": ["kidney left", "left-sided kidney", "the left kidney"],
    "right kidney": ["kidney right", "right-sided kidney", "the right kidney"],
    "stomach": ["the stomach", "gastric", "whole stomach"],
    "vertebrae": ["vertebra", "spine", "vertebral column", "spinal vertebrae", "the vertebrae"],
    "rib": ["ribs", "the ribs", "costal bone", "rib bone"],
}

# Words the vocabulary holds beyond the training prompts, so that a near wording is not all single letters.
EXTRA_WORDS = """
abdominal anterior arch ascending bladder body bone bowel brachiocephalic brain caval cervical chamber colon costa
descending duodenum esophagus gallbladder gland head hepatis hip iliac inferior intestine l1 l2 l3 l4 l5 large lateral lobe
lumbar medial muscle neck pancreas portal posterior prostate sacrum segment small soft superior thoracic thymus thyroid
tissue tract trachea urinary uterus vein vena cava vessel wall adrenal and in structure system
""".split()


def vocabulary_texts() -> list[str]:
    """Returns every text whose words the vocabulary must hold."""
    return [*CLASSES, *(s for forms in CLASSES.values() for s in forms), *EXTRA_WORDS]


PHASES = ("none", "arterial", "portal", "late", "cardiac", "pulmonary")
PHASE_WEIGHTS = (0.34, 0.14, 0.2, 0.1, 0.14, 0.08)

# Blood and parenchyma by phase: (lowest, highest) HU. Members of one group share their value but for a little jitter.
_BY_PHASE: dict[str, tuple[tuple[float, float], ...]] = {
    #              none        arterial    portal      late        cardiac     pulmonary
    "left blood": ((32, 55), (220, 420), (120, 190), (80, 130), (280, 520), (90, 380)),
    "right blood": ((32, 55), (70, 320), (115, 190), (80, 130), (60, 420), (250, 600)),
    "svc": ((32, 55), (100, 600), (115, 190), (80, 130), (60, 700), (250, 900)),
    "ivc": ((30, 52), (40, 120), (95, 180), (80, 130), (40, 150), (40, 130)),
    "portal": ((30, 52), (45, 140), (140, 200), (85, 130), (45, 140), (40, 100)),
    "myocardium": ((35, 58), (70, 130), (80, 130), (65, 110), (75, 140), (55, 120)),
    "liver": ((35, 68), (50, 85), (85, 130), (70, 105), (50, 85), (45, 80)),
    "spleen": ((38, 58), (80, 160), (100, 140), (75, 105), (70, 160), (50, 120)),
    "cortex": ((25, 42), (110, 220), (150, 230), (120, 200), (90, 220), (50, 160)),
    "medulla": ((22, 40), (40, 100), (120, 220), (120, 220), (40, 100), (30, 80)),
    "sinus": ((-60, 15), (-60, 20), (-60, 40), (-40, 500), (-60, 20), (-60, 20)),
    "bladder": ((-5, 20), (-5, 20), (-5, 25), (0, 600), (-5, 20), (-5, 20)),
    "gland": ((20, 50), (50, 110), (70, 130), (55, 95), (45, 110), (40, 80)),
    "wall": ((20, 50), (35, 100), (50, 120), (45, 90), (35, 100), (30, 80)),
    "muscle": ((35, 65), (45, 70), (50, 80), (50, 75), (40, 72), (40, 70)),
}

# The group of a tissue, by name, and a shift against the group's value.
_GROUPS: dict[str, tuple[str, float]] = {
    "left ventricle blood": ("left blood", 0), "left atrium blood": ("left blood", 0), "left atrium wall": ("myocardium", 10),
    "pulmonary vein": ("left blood", 0), "aorta blood": ("left blood", 0), "aorta wall": ("wall", 5),
    "iliac artery": ("left blood", -10), "neck vessel": ("left blood", -10), "right ventricle blood": ("right blood", 0),
    "right atrium blood": ("right blood", 0), "pulmonary artery": ("right blood", 0), "superior vena cava": ("svc", 0),
    "azygos vein": ("ivc", 0), "inferior vena cava": ("ivc", 0), "iliac vein": ("ivc", -10), "portal vein": ("portal", 0),
    "liver vessel": ("portal", -5), "left ventricle myocardium": ("myocardium", 0), "right ventricle wall": ("myocardium", -5),
    "right atrium wall": ("myocardium", -5), "liver": ("liver", 0), "spleen": ("spleen", 0), "left kidney cortex": ("cortex", 0),
    "right kidney cortex": ("cortex", 0), "left kidney medulla": ("medulla", 0), "right kidney medulla": ("medulla", 0),
    "renal sinus": ("sinus", 0), "urinary bladder": ("bladder", 0), "left adrenal gland": ("gland", 0),
    "right adrenal gland": ("gland", 0), "pancreas": ("gland", 0), "thyroid gland": ("gland", 60), "prostate or uterus": ("gland", 0),
    "duodenum": ("wall", 0), "small bowel": ("wall", 0), "stomach wall": ("wall", 0), "colon wall": ("wall", 0), "esophagus": ("wall", 0),
    "trachea wall": ("wall", 0), "diaphragm": ("muscle", -5), "muscle": ("muscle", 0), "psoas": ("muscle", 0), "autochthon": ("muscle", -5),
}  # fmt: skip

# Tissues that no phase changes: (lowest, highest) HU.
_FIXED: dict[str, tuple[float, float]] = {
    "air": (-1024, -985), "skin": (-60, 60), "subcutaneous fat": (-125, -85), "visceral fat": (-120, -75),
    "mediastinal fat": (-120, -65), "epicardial fat": (-115, -55), "breast": (-110, 20), "bone cortex": (350, 1100), "rib cortex": (250, 800),
    "cartilage": (50, 220), "vertebra cortex": (180, 600), "vertebra marrow": (60, 280), "intervertebral disc": (45, 120),
    "spinal canal": (0, 55), "bone marrow": (-40, 300), "rib marrow": (30, 350), "arm bone": (250, 1000), "pericardium": (0, 60),
    "trachea lumen": (-1010, -960), "aorta calcification": (250, 1000), "gallbladder": (-10, 35), "stomach fluid": (-20, 90),
    "stomach gas": (-1000, -850), "small bowel fluid": (-20, 80), "small bowel gas": (-1000, -700), "colon faeces": (-200, 110),
    "colon gas": (-1000, -800), "table pad": (-990, -800), "table shell": (-600, 250), "metal": (1000, 3000),
    "left kidney cyst": (-5, 25), "right kidney cyst": (-5, 25),
}  # fmt: skip


def paint_table(names: dict[int, str], rng: np.random.Generator, random_share: float = 0.2) -> np.ndarray:
    """Draws one CT number for every tissue code of a scan.

    names maps code to tissue name; unknown names are treated as soft tissue.
    The result is a float32 array indexed by code. In a share random_share of
    the draws all soft tissues are drawn apart from one another, so that the
    network cannot lean on contrast alone.
    """
    table = np.zeros(max(names) + 1, np.float32)
    phase = rng.choice(len(PHASES), p=PHASE_WEIGHTS)
    group = {k: rng.uniform(*v[phase]) for k, v in _BY_PHASE.items()}
    lung = rng.uniform(-920, -680)
    random = rng.random() < random_share
    for code, name in names.items():
        if name.startswith("vessel of"):
            hu = rng.uniform(-250, 50) + (0.4 * group["right blood"] if rng.random() < 0.8 else 0)
        elif "lung" in name:
            hu = lung + rng.normal(0, 25)
            if rng.random() < 0.03:
                hu = rng.uniform(-600, 30)  # consolidated or collapsed
        elif name in _FIXED:
            hu = rng.uniform(*_FIXED[name])
        else:
            key, shift = _GROUPS.get(name, ("wall", 0))
            hu = group[key] + shift + rng.normal(0, 5 if phase == 0 else 9)
        if random and hu > -150 and name not in ("air", "metal"):
            hu = rng.uniform(-60, 380) if hu < 300 else rng.uniform(150, 1000)
        table[code] = hu
    return table

"""Samples are what inference would see: finite, normalised, zero beyond the scan, labels on the image's grid."""

import numpy as np
import pytest
import torch

from satgraph_training import classes, sampler

PATCH = (32, 32, 64)
NAMES = {0: "air", 1: "muscle", 2: "liver", 3: "left lung upper lobe", 4: "vertebra marrow", 5: "left ventricle blood"}


@pytest.fixture
def phantom() -> sampler.Phantom:
    codes = torch.zeros(60, 50, 90, dtype=torch.uint8)
    codes[8:52, 8:42, 2:88] = 1
    for code, (x, y, z) in {2: (34, 20, 40), 3: (16, 20, 60), 4: (28, 12, 10), 5: (26, 22, 62)}.items():
        codes[x : x + 12, y : y + 12, z : z + 20] = code
    meta = {"tissues": {str(c): {"name": n} for c, n in NAMES.items()},
            "classes": {"liver": [2], "left lung": [3], "vertebrae": [4], "heart": [5]}}  # fmt: skip
    box = (np.array([30.0, 30, 100]), np.array([200.0, 160, 300]))
    boxes = dict.fromkeys(("body", "heart", "lungs", "kidneys", "liver", "spine"), box)
    return sampler.Phantom(codes, np.array([4.0, 4, 4]), NAMES, sampler.membership(meta), boxes)


def test_membership(phantom: sampler.Phantom) -> None:
    rows = list(classes.CLASSES)
    assert phantom.member.shape == (len(rows), 6)
    assert phantom.member[rows.index("liver")].tolist() == [0, 0, 1, 0, 0, 0]
    assert phantom.member[rows.index("spleen")].sum() == 0


def test_draw(phantom: sampler.Phantom) -> None:
    seen = set()
    for seed in range(12):
        image, codes = sampler.draw(phantom, (6, 6, 6), PATCH, np.random.default_rng(seed))
        again, _ = sampler.draw(phantom, (6, 6, 6), PATCH, np.random.default_rng(seed))
        assert torch.equal(image, again)
        assert image.shape == codes.shape == PATCH
        assert bool(torch.isfinite(image).all())
        assert float(image.abs().max()) < 60
        assert bool((codes[image == 0] == 0).all())  # padding has no labels
        seen |= set(codes.unique().tolist())
    assert seen == set(NAMES)


def test_phases_differ() -> None:
    values = [classes.paint_table(NAMES, np.random.default_rng(s), random_share=0)[5] for s in range(60)]
    assert min(values) < 70 and max(values) > 250


def test_wordings_have_vocabulary() -> None:
    from satgraph_training.text import Tokenizer, build_vocab

    tokenizer = Tokenizer(build_vocab(classes.vocabulary_texts()))
    for text in classes.vocabulary_texts():
        assert tokenizer.unk not in tokenizer.encode(text), text

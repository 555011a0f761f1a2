"""Loads the official-format fixtures and reproduces their numbers."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from satgraph_training import checkpoint, text, vision

SHARED = Path(os.environ.get("SATGRAPH_SHARED", Path(__file__).resolve().parents[3] / "shared"))
SAT = SHARED / "fixtures" / "sat-tiny"


@pytest.fixture
def sat() -> Path:
    if not SAT.is_dir():
        message = f"no shared fixtures at {SAT} (set SATGRAPH_SHARED)"
        if os.environ.get("SATGRAPH_REQUIRE_SHARED") == "1":
            pytest.fail(message)
        pytest.skip(message)
    return SAT


@pytest.mark.parametrize("variant", ["nano", "pro"])
def test_vision(sat: Path, variant: str) -> None:
    folder = sat / variant
    _, state = checkpoint.load(folder / "vision.pth")
    model = vision.Maskformer(vision.VisionConfig.from_state(state)).eval()
    model.load_state_dict(state, strict=True)

    image = torch.from_numpy(np.load(folder / "image.npy")).expand(-1, 3, -1, -1, -1)
    files = sorted(folder.glob("queries_*.npy"))
    queries = torch.from_numpy(np.concatenate([np.load(f) for f in files]))
    with torch.no_grad():
        _, memory, key = model.features(image)
        logits = model(image, queries)
    np.testing.assert_allclose(memory.numpy(), np.load(folder / "memory.npy").transpose(1, 0, 2), atol=1e-5)
    np.testing.assert_allclose((key - memory)[:1].numpy(), np.load(folder / "pos.npy").transpose(1, 0, 2), atol=2e-6)
    np.testing.assert_allclose(logits.numpy(), np.load(folder / "logits.npy"), atol=5e-4)


@pytest.mark.parametrize("variant", ["nano", "pro"])
def test_vision_layout(sat: Path, variant: str) -> None:
    """What we write has the official keys, in the official order, with the official shapes."""
    folder = sat / variant
    _, state = checkpoint.load(folder / "vision.pth")
    model = vision.Maskformer(vision.VisionConfig.from_state(state))
    got = [f"{k}\t{tuple(v.shape)}" for k, v in checkpoint.to_official(model.state_dict()).items()]
    want = [line.rsplit("\t", 1)[0] for line in (folder / "keys.txt").read_text().splitlines()]
    assert sorted(got) == sorted(want)


@pytest.mark.parametrize("name", ["text_encoder.pth", "text_encoder_with_extras.pth"])
def test_text(sat: Path, name: str) -> None:
    _, state = checkpoint.load(sat / name)
    heads = json.loads((sat / "biolord" / "config.json").read_text())["num_attention_heads"]
    model = text.TextEncoder(text.TextConfig.from_state(state, heads)).eval()
    model.load_state_dict(state, strict=True)

    prompts = json.loads((sat / "text" / "prompts.json").read_text())["prompts"]
    ids = torch.from_numpy(np.load(sat / "text" / "input_ids_batch.npy")).long()
    mask = torch.from_numpy(np.load(sat / "text" / "attention_mask_batch.npy")).long()
    want = np.load(sat / "text" / "embeddings.npy")
    with torch.no_grad():
        for code in range(4):
            modality = torch.full((len(prompts),), code)
            np.testing.assert_allclose(model(ids, mask, modality).numpy(), want[code], atol=5e-5)


def test_tokenizer(sat: Path) -> None:
    tokenizer = text.Tokenizer.load(sat / "biolord" / "vocab.txt")
    for prompt in json.loads((sat / "text" / "prompts.json").read_text())["prompts"]:
        if any(s in prompt["text"] for s in ("<s>", "</s>", "<mask>", "<pad>", "<unk>")):
            continue  # literal specials are no prompts of the demo model
        assert tokenizer.encode(prompt["text"]) == prompt["input_ids"], prompt["text"]

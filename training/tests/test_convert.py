"""`satgraph model convert` on checkpoints in the official layout: valid ONNX, and what the networks give is kept."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import checkpoint_from_bundle
from satgraph_training import checkpoint, text, vision

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "models" / "demo"
NAMES = ("backbone", "decoder", "text")


@pytest.fixture(scope="session")
def satgraph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not shutil.which("go"):
        pytest.fail("go is needed to build satgraph")
    program = tmp_path_factory.mktemp("bin") / "satgraph"
    subprocess.run(["go", "build", "-o", program, "./cmd/satgraph"], cwd=ROOT, check=True)
    return program


def convert(satgraph: Path, folder: Path, out: Path, *flags: str) -> dict:
    """Converts vision.pth and text_encoder.pth of a folder and returns the manifest."""
    subprocess.run(
        [satgraph, "model", "convert", "--vision", folder / "vision.pth", "--text", folder / "text_encoder.pth",
         "--vocab", folder / "biolord" / "vocab.txt", "-o", out, "--no-self-test", *flags],
        check=True, env=os.environ | {"GOMAXPROCS": "2"},
    )  # fmt: skip
    return json.loads((out / "manifest.json").read_text())


def sessions(bundle: Path) -> dict[str, onnxruntime.InferenceSession]:
    return {
        n: onnxruntime.InferenceSession(bundle / f"{n}.onnx", providers=["CPUExecutionProvider"]) for n in NAMES
    }


def logits(bundle: Path, image: np.ndarray, prompts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the embeddings and the logits of prompts, in CT."""
    run = sessions(bundle)
    ids, mask = text.Tokenizer.load(bundle / "vocab.txt").batch(prompts)
    feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "modality": np.zeros(len(prompts), np.int64)}
    (queries,) = run["text"].run(["embeddings"], feed)
    seen = ["features", "memory", "key"]
    values = run["backbone"].run(seen, {"image": image})
    (out,) = run["decoder"].run(["logits"], dict(zip(seen, values)) | {"queries": queries[None]})
    return queries, out


@pytest.fixture
def random_pair(tmp_path: Path) -> Path:
    """A pair of random networks of odd sizes, in the official layout."""
    torch.manual_seed(3)
    folder = tmp_path / "random"
    cfg = vision.VisionConfig(
        features=(5, 6, 7, 8, 9, 10), encoder_convs=(1, 2, 3, 1, 2, 1), decoder_convs=(2, 1, 1, 3, 2),
        query_dim=40, projection_hidden=11, mask_hidden=13, mid_hidden=(3, 4, 5), layers=2, ffn=17,
    )  # fmt: skip
    vocab = text.build_vocab(["left kidney", "liver"])
    words = text.TextConfig(vocab=len(vocab), hidden=24, layers=2, heads=3, intermediate=19, query_dim=40)
    checkpoint.save(folder / "vision.pth", 1, vision.Maskformer(cfg).state_dict())
    checkpoint.save(folder / "text_encoder.pth", 1, text.TextEncoder(words).state_dict())
    text.write_tokenizer(folder / "biolord", vocab, words)
    return folder


@pytest.mark.parametrize("flags", [(), ("--fp16",)])
def test_random_pair(satgraph: Path, random_pair: Path, tmp_path: Path, flags: tuple[str, ...]) -> None:
    bundle = tmp_path / "bundle"
    manifest = convert(satgraph, random_pair, bundle, "--patch", "64,96,64", *flags)
    for name in NAMES:
        onnx.checker.check_model(bundle / f"{name}.onnx", full_check=True)

    _, state = checkpoint.load(random_pair / "vision.pth")
    network = vision.Maskformer(vision.VisionConfig.from_state(state)).eval()
    network.load_state_dict(state)
    _, state = checkpoint.load(random_pair / "text_encoder.pth")
    words = text.TextEncoder(text.TextConfig.from_state(state)).eval()
    words.load_state_dict(state)
    count = sum(p.numel() for p in network.parameters()), sum(p.numel() for p in words.parameters())
    assert (manifest["parameters"]["vision"], manifest["parameters"]["text"]) == count

    # A patch as large as the model's and a smaller one; odd tokens in each axis.
    for patch in ((64, 96, 64), (32, 64, 32)):
        image = torch.randn(1, 1, *patch, generator=torch.Generator().manual_seed(1)).expand(-1, 3, -1, -1, -1)
        prompts = ["left kidney", "liver"]
        queries, out = logits(bundle, image.numpy(), prompts)
        ids, mask = text.Tokenizer.load(bundle / "vocab.txt").batch(prompts)
        with torch.no_grad():
            want_queries = words(ids, mask, torch.zeros(2, dtype=torch.long))
            want = network(image, want_queries)
        tolerance = 0.05 if flags else 5e-4
        np.testing.assert_allclose(queries, want_queries.numpy(), atol=tolerance if flags else 5e-5)
        np.testing.assert_allclose(out, want.numpy(), atol=tolerance * max(1, float(want.abs().max()) / 10))


def test_parts_of_two_trainings(satgraph: Path, random_pair: Path, tmp_path: Path) -> None:
    """Each part notes its pair; parts of two are refused, and nothing is written."""
    for name, pair in (("vision", "a"), ("text_encoder", "b")):
        step, state = checkpoint.load(random_pair / f"{name}.pth")
        checkpoint.save(random_pair / f"{name}.pth", step, state, pair=pair)
    with pytest.raises(subprocess.CalledProcessError) as refused:
        convert(satgraph, random_pair, tmp_path / "bundle")
    assert refused.value.returncode == 3
    assert not (tmp_path / "bundle").exists()


def test_demo_model(satgraph: Path, tmp_path: Path) -> None:
    """The demo model's checkpoint gives the demo model's logits."""
    folder, bundle = tmp_path / "checkpoint", tmp_path / "bundle"
    checkpoint_from_bundle.rebuild(DEMO, folder)
    manifest = json.loads((DEMO / "manifest.json").read_text())
    convert(satgraph, folder, bundle, "--patch", ",".join(map(str, manifest["patch"])), "--fp16")
    rng = np.random.default_rng(5)
    image = rng.standard_normal((1, 1, *manifest["patch"]), np.float32).repeat(3, 1)
    prompts = [p["name"] for p in manifest["prompts"]][:5]
    for got, want in zip(logits(bundle, image, prompts), logits(DEMO, image, prompts)):
        np.testing.assert_allclose(got, want, atol=0.05)
        assert ((got > 0) != (want > 0)).mean() < 1e-4

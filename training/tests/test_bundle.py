"""The hand-written ONNX graphs against the PyTorch modules, and their determinism."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch

import checkpoint_from_bundle
from satgraph_training import bundle, checkpoint
from satgraph_training.text import TextConfig, TextEncoder, Tokenizer, build_vocab
from satgraph_training.vision import Maskformer, VisionConfig

PATCH = (64, 32, 96)


def session(data: bytes) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])


def halved(module: torch.nn.Module) -> torch.nn.Module:
    """Rounds the weights to what the bundle stores."""
    module.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in module.state_dict().items()}
    )
    return module.eval()


def test_vision_parity() -> None:
    torch.manual_seed(0)
    cfg = VisionConfig((8, 8, 12, 16, 20, 24), (1, 1, 2, 2, 1, 1), (1, 2, 1, 1, 1), 48, 40, 24)
    model = halved(Maskformer(cfg))
    data = [f(model.state_dict(), cfg, PATCH, "x") for f in (bundle.backbone, bundle.decoder)]
    assert data == [f(model.state_dict(), cfg, PATCH, "x") for f in (bundle.backbone, bundle.decoder)]
    image = torch.randn(1, 3, *PATCH)
    for n in (1, 5):
        queries = torch.randn(n, 48)
        with torch.no_grad():
            want = model(image, queries)
        names = ["features", "memory", "key"]
        feed = dict(zip(names, session(data[0]).run(names, {"image": image.numpy()})))
        (got,) = session(data[1]).run(None, {**feed, "queries": queries.numpy()[None]})
        np.testing.assert_allclose(got, want.numpy(), atol=5e-4)


def test_text_parity() -> None:
    torch.manual_seed(0)
    vocab = build_vocab(["left kidney", "liver", "right heart atrium"])
    model = halved(TextEncoder(TextConfig(vocab=len(vocab), hidden=32, intermediate=48, query_dim=24)))
    run = session(bundle.text(model.state_dict(), model.cfg, "x"))
    for prompts in (["liver"], ["left kidney", "liver", "right heart atrium, seen " + "very " * 60]):
        ids, mask = Tokenizer(vocab).batch(prompts)
        modality = torch.arange(len(prompts))
        with torch.no_grad():
            want = model(ids, mask, modality)
        (got,) = run.run(None, {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "modality": modality.numpy()})
        np.testing.assert_allclose(got, want.numpy(), atol=5e-5)


def test_round_trip(tmp_path: Path) -> None:
    """Checkpoint to bundle to checkpoint to bundle gives the same bytes."""
    torch.manual_seed(0)
    vision = Maskformer(VisionConfig((8, 8, 12, 16, 20, 24), query_dim=48, projection_hidden=40, mask_hidden=24))
    vocab = build_vocab(["left kidney", "liver"])
    words = TextEncoder(TextConfig(vocab=len(vocab), hidden=32, heads=4, intermediate=48, query_dim=48, pooler=False))
    prompts = [{"name": n, "modalities": ["ct"]} for n in ("liver", "left kidney")]
    extra = {"training": {"steps": 7, "minutes": 1.0}}

    checkpoint.save(tmp_path / "a" / "vision.pth", 7, vision.state_dict())
    _, state = checkpoint.load(tmp_path / "a" / "vision.pth")
    args = (vocab, (8, 4), [6.0, 6.0, 6.0], PATCH, prompts, "1", extra)
    bundle.write(tmp_path / "b", state, words.state_dict(), *args)

    rebuilt = checkpoint_from_bundle.rebuild(tmp_path / "b", tmp_path / "c")
    assert rebuilt == 7
    _, state = checkpoint.load(tmp_path / "c" / "vision.pth")
    _, text_state = checkpoint.load(tmp_path / "c" / "text_encoder.pth")
    bundle.write(tmp_path / "d", state, text_state, *args)
    for name in ("backbone.onnx", "decoder.onnx", "text.onnx", "vocab.txt", "manifest.json"):
        assert (tmp_path / "b" / name).read_bytes() == (tmp_path / "d" / name).read_bytes(), name

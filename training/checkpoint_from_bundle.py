#!/usr/bin/env python3
"""Rebuilds checkpoints in the official layout from a bundle of export_onnx.py.

The graphs' initializers carry the state dict's own names, so nothing is lost
but what inference never reads: norm1 of the decoder layers (written back as
the identity) and the deep-supervision heads. Values are the bundle's float16
values as float32.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper

from satgraph_training import checkpoint
from satgraph_training.text import TextConfig, Tokenizer, write_tokenizer


def weights(path: Path) -> dict[str, torch.Tensor]:
    """Returns the named weights of a graph; constants are left out."""
    graph = onnx.load(path).graph
    return {
        i.name: torch.from_numpy(numpy_helper.to_array(i).copy()).float()
        for i in graph.initializer
        if not i.name.startswith("const_")
    }


def rebuild(bundle: Path, out: Path) -> int:
    """Writes vision.pth, text_encoder.pth, biolord/ and model.json; returns the step."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    vision = weights(bundle / "backbone.onnx") | weights(bundle / "decoder.onnx")
    for key in [k for k in vision if k.endswith(".norm2.weight")]:
        vision[key.replace("norm2.weight", "norm1.weight")] = torch.ones_like(vision[key])
        vision[key.replace("norm2.weight", "norm1.bias")] = torch.zeros_like(vision[key])
    words = weights(bundle / "text.onnx")
    positions = words["text_tower.biolord.embeddings.position_embeddings.weight"].shape[0]
    words["text_tower.biolord.embeddings.position_ids"] = torch.arange(positions)[None]
    step = int(manifest["training"]["steps"])
    checkpoint.save(out / "vision.pth", step, vision, pair=manifest["pair"])
    checkpoint.save(out / "text_encoder.pth", step, words, pair=manifest["pair"])
    write_tokenizer(out / "biolord", Tokenizer.load(bundle / "vocab.txt").vocab, TextConfig.from_state(words))
    meta = {k: manifest[k] for k in ("spacing", "patch")} | {
        "heads": manifest["heads"], "step": step, "minutes": manifest["training"]["minutes"],
        "classes": [q["name"] for q in manifest["prompts"]],
    }  # fmt: skip
    (out / "model.json").write_text(json.dumps(meta, indent=2) + "\n")
    return step


def main() -> None:
    """Reads the command line."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bundle", type=Path, required=True)
    p.add_argument("--out", type=Path, required=True)
    args = p.parse_args()
    print(f"{args.out}: step {rebuild(args.bundle, args.out)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Exports checkpoints in the official layout to a model bundle (manifest.json and three ONNX files)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from satgraph_training import bundle, checkpoint
from satgraph_training.text import Tokenizer


def main() -> None:
    """Reads a training folder and writes a bundle folder."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument(
        "--run", type=Path, required=True, help="folder with vision.pth, text_encoder.pth, biolord/ and model.json"
    )
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--version", default="0.1.0")
    p.add_argument("--settings", type=Path, help="JSON: class name -> further fields of its prompt in the manifest")
    args = p.parse_args()

    meta = json.loads((args.run / "model.json").read_text())
    _, vision = checkpoint.load(args.run / "vision.pth")
    _, words = checkpoint.load(args.run / "text_encoder.pth")
    vocab = Tokenizer.load(args.run / "biolord" / "vocab.txt").vocab
    heads = json.loads((args.run / "biolord" / "config.json").read_text())["num_attention_heads"]
    settings = json.loads(args.settings.read_text()) if args.settings else {}
    prompts = [{"name": name, "modalities": ["ct"], **settings.get(name, {})} for name in meta["classes"]]
    manifest = bundle.write(
        args.out, vision, words, vocab, (meta["heads"], heads), meta["spacing"], tuple(meta["patch"]), prompts, args.version,
        {"training": {"steps": meta["step"], "minutes": meta["minutes"], "data": "synthetic phantoms, generator version 1"}},
    )  # fmt: skip
    print(f"{args.out}: step {meta['step']}, {sum(manifest['bytes'].values()) / 1e6:.2f} MB, pair {manifest['pair']}")


if __name__ == "__main__":
    main()

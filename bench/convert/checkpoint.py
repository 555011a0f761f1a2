#!/usr/bin/env python3
"""Writes a random checkpoint pair in the official layout: full-size SAT-Nano or SAT-Pro and their text encoder.

The networks are those of training/ (no official code); only the sizes are the official ones. The vocabulary has the
official length, with the special tokens in the places they have there and made-up words after them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
from satgraph_training import checkpoint, text, vision  # noqa: E402

SIZES = {
    "nano": vision.VisionConfig(
        features=(64, 64, 128, 256, 512, 768), encoder_convs=(2,) * 6, decoder_convs=(2,) * 5,
        query_dim=768, projection_hidden=768, mask_hidden=256, mid_hidden=(256, 384, 512), ffn=2048,
    ),
    "pro": vision.VisionConfig(
        features=(128, 128, 256, 512, 1024, 1536), encoder_convs=(3,) * 6, decoder_convs=(3,) * 5,
        query_dim=768, projection_hidden=1536, mask_hidden=384, mid_hidden=(384, 512, 512), ffn=2048,
    ),
}  # fmt: skip
VOCABULARY = 30527


def vocabulary() -> list[str]:
    """Returns the special tokens where the official vocabulary has them, and words w0, w1 ... elsewhere."""
    words = ["<s>", "<pad>", "</s>", "<unk>", "[PAD]"]
    words += [f"[unused{i}]" for i in range(99)] + ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words += [prefix + chr(c) for prefix in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    words += [f"w{i}" for i in range(VOCABULARY - 1 - len(words))]
    return [*words, "<mask>"]


def main() -> None:
    """Writes vision.pth, text_encoder.pth and biolord/."""
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", choices=sorted(SIZES), default="nano")
    p.add_argument("--out", type=Path, required=True)
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()

    torch.manual_seed(args.seed)
    network = vision.Maskformer(SIZES[args.size])
    cfg = text.TextConfig(
        vocab=VOCABULARY, hidden=768, layers=12, heads=12, intermediate=3072, query_dim=SIZES[args.size].query_dim
    )
    words = text.TextEncoder(cfg)
    checkpoint.save(args.out / "vision.pth", 1, network.state_dict())
    checkpoint.save(args.out / "text_encoder.pth", 1, words.state_dict())
    text.write_tokenizer(args.out / "biolord", vocabulary(), cfg)
    for name, model in (("vision", network), ("text", words)):
        print(f"{name}: {sum(q.numel() for q in model.parameters()) / 1e6:.1f}M parameters")


if __name__ == "__main__":
    main()

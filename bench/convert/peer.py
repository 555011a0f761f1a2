#!/usr/bin/env python3
"""Runs the checkpoint in PyTorch on the patch that main.go runs, compares the logits and prints both as one table."""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
from satgraph_training import checkpoint, text, vision  # noqa: E402

PROMPTS = ["w1 w2", "w300", "w4 w5 w6 w7"]  # as in main.go


def main() -> None:
    """Reads the command line."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--checkpoint", type=Path, required=True)
    p.add_argument("--ours", type=Path, required=True, help="what main.go printed")
    p.add_argument("--logits", type=Path, required=True, help="what main.go wrote")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--patch", default="288,288,96")
    args = p.parse_args()
    torch.set_num_threads(args.threads)

    _, state = checkpoint.load(args.checkpoint / "vision.pth")
    network = vision.Maskformer(vision.VisionConfig.from_state(state)).eval()
    network.load_state_dict(state)
    _, state = checkpoint.load(args.checkpoint / "text_encoder.pth")
    words = text.TextEncoder(text.TextConfig.from_state(state)).eval()
    words.load_state_dict(state)
    del state
    h, w, d = (np.arange(int(n), dtype=np.float64) for n in args.patch.split(","))
    image = np.sin(0.11 * h)[:, None, None] + np.sin(0.07 * w)[None, :, None] + np.sin(0.05 * d)[None, None, :]
    image = torch.from_numpy(image.astype(np.float32))[None, None].expand(-1, 3, -1, -1, -1)
    ids, mask = text.Tokenizer.load(args.checkpoint / "biolord" / "vocab.txt").batch(PROMPTS)
    with torch.no_grad():
        queries = words(ids, mask, torch.zeros(len(PROMPTS), dtype=torch.long))
        before, start = os.times(), time.perf_counter()
        logits = network(image, queries)
        wall, after = time.perf_counter() - start, os.times()
    cpu = after.user + after.system - before.user - before.system
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6

    ours = json.loads(args.ours.read_text())
    got = np.fromfile(args.logits, np.float32).reshape(logits.shape)
    want = logits.numpy()
    print(f"logits from {want.min():.1f} to {want.max():.1f}; largest difference {np.abs(got - want).max():.1e}")
    print(f"PyTorch {torch.__version__}: {wall:.1f} s wall, {cpu:.1f} s of processor, {peak:.1f} GB at the peak")
    print(f"satgraph: {ours['wall_s']:.1f} s wall, {ours['cpu_s']:.1f} s of processor, {ours['peak_gb']:.1f} GB at the peak")
    print(f"ratios: {wall / ours['wall_s']:.2f}x the speed by wall, {cpu / ours['cpu_s']:.2f}x by processor time, "
          f"{ours['peak_gb'] / peak:.2f}x the memory")  # fmt: skip


if __name__ == "__main__":
    main()

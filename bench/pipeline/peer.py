#!/usr/bin/env python3
"""The plain way to run SAT: PyTorch and MONAI, from the paper's description of inference.

Every window goes through the network, sigmoid probabilities times a Gaussian are added into an accumulator of the
volume's full size for every class, the Gaussian into another; their ratio is sampled at the scan's voxels, and each
class above 0.5 is saved as a NIfTI. No official code. Prints one line of JSON: seconds, the peak of resident memory in
bytes, and the voxels of all masks.

    peer.py prepare SCAN
    peer.py stitch SCAN TEMPLATES.npy CLASSES OUT     the model's logits are given: template c % len for class c
    peer.py whole SCAN VISION.pth QUERIES.npy PATCH OUT
    peer.py model DIR                                 writes vision.pth, text_encoder.pth, biolord/ of random weights
"""

from __future__ import annotations

import json
import math
import os
import sys
import time
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from torch.nn import functional as F

torch.set_num_threads(len(os.sched_getaffinity(0)))
torch.set_grad_enabled(False)
SPACING = (1.0, 1.0, 3.0)


def prepare(path: str):
    """RAS, 1x1x3 mm, cropped to what is above 0, clipped and standardised, as SAT's loader."""
    from monai import transforms as T

    chain = T.Compose([
        T.LoadImage(image_only=True, dtype=np.float32), T.EnsureChannelFirst(), T.Orientation(axcodes="RAS"),
        T.Spacing(pixdim=SPACING, mode="bilinear"), T.CropForeground(),
    ])  # fmt: skip
    image = chain(path)
    affine = np.asarray(image.affine, dtype=np.float64)
    x = torch.clip(image.as_tensor(), -500, 1000)
    x = (x - x.mean()) / x.std(unbiased=False)
    return x[0], affine


def windows(shape, patch):
    """Half-overlapping patches; the last is moved back to end with the volume."""
    along = []
    for n, p in zip(shape, patch):
        step = p // 2
        starts = [i * step for i in range(max(math.ceil(n / step) - 1, 1))]
        along.append([(s, s + p) if s + p <= n else (max(n - p, 0), n) for s in starts])
    return [(a, b, c) for a in along[0] for b in along[1] for c in along[2]]


def gaussian(patch):
    axes = []
    for n in patch:
        d = np.arange(n) - n // 2
        axes.append(np.exp(-0.5 * (d / (n / 8)) ** 2))
    g = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
    g = (g / g.max() * 10).astype(np.float16).astype(np.float32)
    g[g == 0] = g[g > 0].min()
    return torch.from_numpy(g)


def stitch(image, patch, classes, logits_of):
    """Full-size sums for every class; logits_of(window) gives (N,H,W,D)."""
    total = torch.zeros(classes, *image.shape)
    weight = torch.zeros(classes, *image.shape)
    g = gaussian(patch)
    for (a, b), (c, d), (e, f) in windows(image.shape, patch):
        cut = torch.zeros(patch)
        cut[: b - a, : d - c, : f - e] = image[a:b, c:d, e:f]
        p = torch.sigmoid(logits_of(cut))[:, : b - a, : d - c, : f - e]
        w = g[: b - a, : d - c, : f - e]
        total[:, a:b, c:d, e:f] += p * w
        weight[:, a:b, c:d, e:f] += w
    return total.div_(weight)


def save(prob, affine, scan: str, out: Path) -> int:
    """Samples each class at the scan's voxels and saves what is above one half."""
    source = nib.load(scan)
    shape = source.shape
    move = np.linalg.inv(affine) @ source.affine
    # voxel (i,j,k) of the scan in voxels of the model's grid, then in torch's [-1, 1], last axis first
    n = np.array(prob.shape[1:])
    scale = np.diag([*(2 / n), 1.0])
    scale[:3, 3] = 1 / n - 1
    i, j, k = np.meshgrid(*(np.arange(s) for s in shape), indexing="ij")
    grid = (scale @ move @ np.stack([i.ravel(), j.ravel(), k.ravel(), np.ones(i.size)]))[:3]
    grid = torch.from_numpy(grid[::-1].T.reshape(1, *shape, 3).astype(np.float32))
    inside = (grid.abs() <= 1).all(-1)[0]
    voxels = 0
    for c in range(prob.shape[0]):
        p = F.grid_sample(prob[c][None, None], grid, mode="bilinear", padding_mode="border", align_corners=False)[0, 0]
        mask = ((p > 0.5) & inside).numpy().astype(np.uint8)
        voxels += int(mask.sum())
        nib.save(nib.Nifti1Image(mask, source.affine), out / f"class_{c}.nii.gz")
    return voxels


def processor() -> float:
    """Seconds of processor time of this process so far."""
    use = os.times()
    return use.user + use.system


def report(start: float, voxels: int = 0, before: float | None = None) -> None:
    seconds = time.perf_counter() - start
    spent = 0 if before is None else processor() - before
    peak = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak, "voxels": voxels, "processor": spent}))


def main() -> None:
    mode, args = sys.argv[1], sys.argv[2:]
    if mode == "model":
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
        make_model(Path(args[0]))
        return
    if mode == "whole":
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "training"))
        from satgraph_training import checkpoint, vision

        scan, weights, queries, patch, out = args
        _, state = checkpoint.load(Path(weights))
        model = vision.Maskformer(vision.VisionConfig.from_state(state))
        model.load_state_dict(state)
        model.eval()
        q = torch.from_numpy(np.load(queries))
        patch = tuple(int(p) for p in patch.split(","))
        start, before = time.perf_counter(), processor()
        image, affine = prepare(scan)
        prob = stitch(image, patch, len(q), lambda x: model(x[None, None].repeat(1, 3, 1, 1, 1), q[None])[0])
        report(start, save(prob, affine, scan, Path(out)), before)
        return
    start = time.perf_counter()
    image, affine = prepare(args[0])
    if mode == "prepare":
        report(start)
        return
    templates, classes, out = torch.from_numpy(np.load(args[1])), int(args[2]), Path(args[3])
    logits = templates[torch.arange(classes) % len(templates)]
    start = time.perf_counter()
    prob = stitch(image, tuple(templates.shape[1:]), classes, lambda x: logits)
    report(start, save(prob, affine, args[0], out))


def make_model(out: Path) -> None:
    """SAT-Nano's structure at a quarter of its width, with random weights."""
    from satgraph_training import checkpoint, text, vision

    torch.manual_seed(1)
    network = vision.Maskformer(vision.VisionConfig(
        features=(16, 16, 32, 64, 128, 192), encoder_convs=(2,) * 6, decoder_convs=(2,) * 5, query_dim=192,
        projection_hidden=192, mask_hidden=64, mid_hidden=(64, 96, 128), ffn=512,
    ))  # fmt: skip
    letters = [prefix + chr(c) for prefix in ("", "##") for c in range(ord("a"), ord("z") + 1)]
    words = [*"<s> <pad> </s> <unk> [PAD] [UNK] [CLS] [SEP] [MASK]".split(), *letters, "<mask>"]
    cfg = text.TextConfig(vocab=len(words), hidden=96, layers=2, heads=4, intermediate=192, query_dim=192)
    checkpoint.save(out / "vision.pth", 1, network.state_dict())
    checkpoint.save(out / "text_encoder.pth", 1, text.TextEncoder(cfg).state_dict())
    text.write_tokenizer(out / "biolord", words, cfg)


if __name__ == "__main__":
    main()

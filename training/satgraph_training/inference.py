"""Reference inference with a bundle: what the product does, in a page of NumPy and PyTorch.

Used to score checkpoints. Only images whose axes are parallel to the patient's
are taken (phantoms are); rotated scans are the product's business.
"""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import onnxruntime
import torch
from scipy import ndimage
from torch.nn import functional as F

from .sampler import CLIP
from .text import MODALITIES, Tokenizer


class Bundle:
    """An opened bundle folder."""

    def __init__(self, folder: Path, threads: int = 2):
        self.manifest = json.loads((folder / "manifest.json").read_text())
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.run = {
            n: onnxruntime.InferenceSession(str(folder / f"{n}.onnx"), options, providers=["CPUExecutionProvider"])
            for n in ("backbone", "decoder", "text")
        }
        self.tokenizer = Tokenizer.load(folder / "vocab.txt")
        self.patch = tuple(self.manifest["patch"])

    def encode(self, prompts: list[str], modality: str = "ct") -> np.ndarray:
        """Returns the embeddings (N, C) of prompts."""
        ids, mask = self.tokenizer.batch([p.lower() for p in prompts])
        code = np.full(len(prompts), MODALITIES[modality], np.int64)
        feed = {"input_ids": ids.numpy(), "attention_mask": mask.numpy(), "modality": code}
        return self.run["text"].run(None, feed)[0]

    def logits(self, patch: np.ndarray, queries: np.ndarray) -> np.ndarray:
        """Returns the logits (N, H, W, D) of one normalised patch (H, W, D)."""
        image = np.repeat(patch[None, None].astype(np.float32), 3, 1)
        names = ["features", "memory", "key"]
        feed = dict(zip(names, self.run["backbone"].run(names, {"image": image})))
        return self.run["decoder"].run(None, {**feed, "queries": queries[None]})[0][0]


def resample(data: np.ndarray, offset: np.ndarray, step: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reads data (X, Y, Z) trilinearly at offset + step * index (voxels); outside, the border's value."""
    axes = []
    for n, o, s, m in zip(data.shape, offset, step, shape):
        at = torch.arange(m, dtype=torch.float32) * float(s) + float(o)
        axes.append(at * (2.0 / max(n - 1, 1)) - 1)
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], -1)[None]
    source = torch.from_numpy(np.ascontiguousarray(data, np.float32))[None, None]
    return F.grid_sample(source, grid, mode="bilinear", padding_mode="border", align_corners=True)[0, 0].numpy()


def _starts(n: int, patch: int) -> list[int]:
    step = patch // 2
    return sorted({min(i * step, max(0, n - patch)) for i in range(max(-(-n // step) - 1, 1))})


def _gaussian(patch: tuple[int, ...]) -> np.ndarray:
    axes = [np.exp(-0.5 * ((np.arange(n) - n // 2) / (n / 8)) ** 2) for n in patch]
    g = axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
    return np.maximum(g / g.max(), 1e-3).astype(np.float32)


def probabilities(bundle: Bundle, volume: np.ndarray, queries: np.ndarray) -> np.ndarray:
    """Returns the probabilities (N, X, Y, Z) of a normalised volume by half-overlapping Gaussian windows."""
    total = np.zeros((len(queries), *volume.shape), np.float32)
    weight = np.zeros(volume.shape, np.float32)
    gauss = _gaussian(bundle.patch)
    starts = [_starts(n, p) for n, p in zip(volume.shape, bundle.patch)]
    for x in starts[0]:
        for y in starts[1]:
            for z in starts[2]:
                at = tuple(slice(s, s + p) for s, p in zip((x, y, z), bundle.patch))
                part = volume[at]
                fill = tuple(slice(0, n) for n in part.shape)
                patch = np.zeros(bundle.patch, np.float32)
                patch[fill] = part
                logits = bundle.logits(patch, queries)[(slice(None), *fill)]
                total[(slice(None), *at)] += gauss[fill] / (1 + np.exp(-logits))
                weight[at] += gauss[fill]
    return total / weight


def segment(bundle: Bundle, image: nib.Nifti1Image, prompts: list[str]) -> tuple[np.ndarray, nib.Nifti1Image]:
    """Returns masks (N, X, Y, Z) on the grid of the RAS-oriented image, and that image."""
    image = nib.as_closest_canonical(image)
    data = np.asarray(image.dataobj, np.float32)
    own = nib.affines.voxel_sizes(image.affine)
    want = np.asarray(bundle.manifest["spacing"], float)
    shape = tuple(int(n) for n in np.rint((np.array(data.shape) - 1) * own / want + 1))
    spaced = resample(data, np.zeros(3), want / own, shape)
    inside = spaced > 0
    box = []
    for a in range(3):
        hit = np.flatnonzero(inside.any(axis=tuple(b for b in range(3) if b != a)))
        box.append(slice(int(hit[0]), int(hit[-1]) + 1))
    cropped = spaced[tuple(box)].clip(*CLIP)
    cropped = (cropped - cropped.mean()) / cropped.std()
    low = np.array([b.start for b in box])
    out = np.zeros((len(prompts), *data.shape), bool)
    prob = probabilities(bundle, cropped, bundle.encode(prompts))
    near = []  # positions up to half a voxel outside the model's grid still belong to it
    for a in range(3):
        at = np.arange(data.shape[a]) * own[a] / want[a] - low[a]
        near.append((at >= -0.5) & (at <= cropped.shape[a] - 0.5))
    valid = near[0][:, None, None] & near[1][None, :, None] & near[2][None, None, :]
    settings = {p["name"]: p for p in bundle.manifest["prompts"]}
    ml = abs(float(np.linalg.det(image.affine[:3, :3]))) / 1000
    for i, prompt in enumerate(prompts):
        rules = settings.get(prompt, {})
        if rules.get("keep_largest_component"):
            parts, count = ndimage.label(prob[i] > 0.5)
            if count > 1:
                largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
                prob[i][(parts != largest) & (parts > 0)] = 0
        if prob[i].max() > 0.5:
            out[i] = (resample(prob[i], -low.astype(float), own / want, data.shape) > 0.5) & valid
            if out[i].sum() * ml < rules.get("min_volume_ml", 0):
                out[i] = False
    return out, image

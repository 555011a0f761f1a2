"""Training samples drawn from a pool of phantom tissue maps.

A sample is a random scan of a random phantom (pose, shape, field of view,
contrast, table, noise), prepared exactly as at inference and cut to one patch.
Nothing here reads a real scan.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .classes import CLASSES, paint_table

CLIP = (-500.0, 1000.0)
AIR = -1000.0


@dataclass
class Phantom:
    """One tissue map of the pool.

    codes is (X, Y, Z) uint8 in RAS order with spacing in mm; names maps codes
    to tissues; member is (classes, codes) with 1 where a tissue belongs to a
    class. boxes hold the (low, high) corners in mm of the parts the fields of
    view are laid around.
    """

    codes: Tensor
    spacing: np.ndarray
    names: dict[int, str]
    member: Tensor
    boxes: dict[str, tuple[np.ndarray, np.ndarray]]


def membership(meta: dict) -> Tensor:
    """Returns the (classes, codes) table of phantom.json in the order of CLASSES."""
    size = max(int(c) for c in meta["tissues"]) + 1
    table = torch.zeros(len(CLASSES), size)
    for row, name in enumerate(CLASSES):
        for code in meta["classes"].get(name, []):
            table[row, int(code)] = 1
    return table


def tissue_file(folder: Path) -> Path:
    """Returns the tissue map of a phantom folder, compressed or not."""
    plain = folder / "tissues.nii"
    return plain if plain.exists() else folder / "tissues.nii.gz"


def load_phantom(folder: Path) -> Phantom:
    """Reads one folder of `satgraph phantom`."""
    meta = json.loads((folder / "phantom.json").read_text())
    image = nib.as_closest_canonical(nib.load(tissue_file(folder)))
    codes = np.ascontiguousarray(np.asarray(image.dataobj).astype(np.uint8))
    spacing = nib.affines.voxel_sizes(image.affine)
    names = {int(c): t["name"] for c, t in meta["tissues"].items()}
    boxes = {}
    groups = {
        "body": [c for c, n in names.items() if n not in ("air", "table pad", "table shell", "arm bone")],
        "heart": meta["classes"]["heart"],
        "lungs": meta["classes"]["left lung"] + meta["classes"]["right lung"],
        "kidneys": meta["classes"]["left kidney"] + meta["classes"]["right kidney"],
        "liver": meta["classes"]["liver"],
        "spine": meta["classes"]["vertebrae"],
    }
    for name, members in groups.items():
        lut = np.zeros(256, bool)
        lut[members] = True
        inside = lut[codes]
        low, high = np.zeros(3), np.array(codes.shape, float)
        for axis in range(3):
            hit = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
            if len(hit):
                low[axis], high[axis] = hit[0], hit[-1] + 1
        boxes[name] = (low * spacing, high * spacing)
    return Phantom(torch.from_numpy(codes), spacing, names, membership(meta), boxes)


def _smooth_noise(shape: tuple[int, ...], cells: tuple[int, ...], rng: torch.Generator) -> Tensor:
    """Returns trilinearly interpolated noise of unit variance at its nodes."""
    nodes = torch.randn((1, 1, *cells), generator=rng)
    return F.interpolate(nodes, size=shape, mode="trilinear", align_corners=True)[0, 0]


def _rotation(angles: np.ndarray) -> np.ndarray:
    m = np.eye(3)
    for axis, a in enumerate(angles):
        i, j = [(1, 2), (0, 2), (0, 1)][axis]
        r = np.eye(3)
        r[i, i] = r[j, j] = math.cos(a)
        r[i, j], r[j, i] = -math.sin(a), math.sin(a)
        m = m @ r
    return m


def field_of_view(p: Phantom, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws the box of a scan: its centre in the phantom and its size, both in mm."""
    low, high = p.boxes["body"]
    lungs, kidneys, heart, liver = (p.boxes[k] for k in ("lungs", "kidneys", "heart", "liver"))
    centre, size = (low + high) / 2, high - low + rng.uniform(10, 80, 3)
    kind = rng.choice(
        ["torso", "chest", "abdomen", "upper", "slab", "heart", "organ"], p=[0.15, 0.19, 0.13, 0.12, 0.13, 0.18, 0.10]
    )
    if kind == "torso":
        z0, z1 = low[2] + rng.uniform(-10, 120), high[2] - rng.uniform(-10, 60)
    elif kind == "chest":
        z0, z1 = lungs[0][2] + rng.normal(-35, 35), lungs[1][2] + rng.normal(20, 20)
    elif kind == "abdomen":
        z0, z1 = low[2] + rng.uniform(0, 120), liver[1][2] + rng.normal(20, 40)
    elif kind == "upper":
        z0, z1 = kidneys[0][2] + rng.normal(-30, 40), lungs[0][2] + rng.normal(70, 50)
    else:
        middle = rng.uniform(low[2] + 60, high[2] - 30)
        half = rng.uniform(20, 100)
        z0, z1 = middle - half, middle + half
    if kind == "heart":
        centre = (heart[0] + heart[1]) / 2 + rng.normal(0, 14, 3)
        size = np.array([rng.uniform(140, 260), 0, rng.uniform(90, 280)])
        size[1] = size[0] * rng.uniform(0.85, 1.15)
        return centre, size
    if kind == "organ":
        a, b = p.boxes[rng.choice(["liver", "spine", "kidneys", "lungs"])]
        centre = rng.uniform(a, b)
        size = np.array([rng.uniform(150, 330), rng.uniform(150, 330), rng.uniform(60, 300)])
        return centre, size
    z1 = max(z1, z0 + 40)
    centre[2], size[2] = (z0 + z1) / 2, z1 - z0
    if rng.random() < 0.3:  # a scan field narrower than the body
        size[:2] = rng.uniform(250, 420) * rng.uniform(0.95, 1.05, 2)
    centre[:2] += rng.normal(0, 12, 2)
    return centre, size


def draw(
    p: Phantom, spacing: tuple[float, float, float], patch: tuple[int, int, int], rng: np.random.Generator
) -> tuple[Tensor, Tensor]:
    """Draws one sample.

    Returns the normalised patch (H, W, D) float32, zero-padded at the far end
    of each axis, and the tissue codes of the same shape (0, air, in the padding).
    """
    gen = torch.Generator().manual_seed(int(rng.integers(2**62)))
    step = np.asarray(spacing) * rng.uniform(0.97, 1.03, 3)
    centre, size = field_of_view(p, rng)
    shape = tuple(int(n) for n in np.clip(np.ceil(size / step), 4, 2.2 * np.array(patch) + 24))

    # Output voxel -> phantom voxel, in the normalised coordinates of grid_sample.
    matrix = _rotation(np.deg2rad(rng.normal(0, 6, 3))) @ np.diag(
        1 / (rng.uniform(0.85, 1.18) * rng.uniform(0.9, 1.1, 3))
    )
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in shape]
    vox = torch.tensor(matrix * step / p.spacing[:, None], dtype=torch.float32)
    mid = torch.tensor(centre / p.spacing - 0.5, dtype=torch.float32)
    scale = torch.tensor([2.0 / (n - 1) for n in p.codes.shape])
    coords = []
    warp = rng.random() < 0.75
    strength = rng.uniform(2, 9)
    cells = tuple(int(c) for c in np.clip(np.array(shape) * step / rng.uniform(50, 110) + 2, 2, 12))
    for a in range(3):
        c = (mid[a] + vox[a, 0] * axes[0][:, None, None] + vox[a, 1] * axes[1][None, :, None]) + vox[a, 2] * axes[2][
            None, None, :
        ]
        if warp:
            c = c + _smooth_noise(shape, cells, gen) * float(strength / p.spacing[a])
        coords.append(c * scale[a] - 1)
    grid = torch.stack(coords[::-1], -1)[None]

    table = paint_table(p.names, rng)
    names = p.names
    if rng.random() < 0.25:  # no table under the patient
        for code, name in names.items():
            if name.startswith("table"):
                table[code] = table[0]
    lut = torch.from_numpy(table)
    source = p.codes[None, None]
    codes = F.grid_sample(source.float(), grid, mode="nearest", padding_mode="zeros", align_corners=True)[0, 0].long()
    if rng.random() < 0.55:
        painted = (lut - AIR)[source.long()]
        hu = F.grid_sample(painted, grid, mode="bilinear", padding_mode="zeros", align_corners=True)[0, 0] + AIR
    else:
        hu = lut[codes]

    hu = _degrade(hu, rng, gen)
    if rng.random() < 0.2:  # round reconstruction field
        radius = rng.uniform(0.9, 1.08) * min(shape[0], shape[1]) / 2
        outside = (axes[0][:, None] ** 2 + axes[1][None, :] ** 2) > radius**2
        hu[outside] = -1024.0 if rng.random() < 0.6 else -3024.0
        codes[outside] = 0

    inside = hu > 0
    window = []
    for a in range(3):
        hit = torch.nonzero(inside.flatten(0, 1).any(0) if a == 2 else inside.any(2).any(1 - a)).flatten()
        window.append(slice(int(hit[0]), int(hit[-1]) + 1) if len(hit) else slice(0, shape[a]))
    hu, codes = hu[tuple(window)].clamp(*CLIP), codes[tuple(window)]
    hu = (hu - hu.mean()) / hu.std(unbiased=False).clamp(min=1e-3)

    cut = []
    for n, want in zip(hu.shape, patch):
        free = max(0, n - want)
        start = int(rng.choice([0, free, rng.integers(free + 1)], p=[0.2, 0.2, 0.6]))
        cut.append(slice(start, start + want))
    hu, codes = hu[tuple(cut)], codes[tuple(cut)]
    image, labels = torch.zeros(patch), torch.zeros(patch, dtype=torch.uint8)
    fill = tuple(slice(0, n) for n in hu.shape)
    image[fill], labels[fill] = hu, codes.to(torch.uint8)
    return image, labels


def _degrade(hu: Tensor, rng: np.random.Generator, gen: torch.Generator) -> Tensor:
    """Adds texture, streaks of low frequency, thick slices and noise."""
    shape = hu.shape
    soft = (hu > -300).float()
    cells = tuple(max(2, int(n / rng.uniform(1.5, 4))) for n in shape)
    hu = hu + soft * _smooth_noise(shape, cells, gen) * float(rng.uniform(0, 18))
    if rng.random() < 0.3:
        low = tuple(max(2, int(n / 16)) for n in shape)
        hu = hu + soft * _smooth_noise(shape, low, gen) * float(rng.uniform(0, 12))
    bone = (hu > 220).float()
    hu = hu + bone * torch.randn(shape, generator=gen) * float(rng.uniform(0, 90))
    for axis in range(3):  # partial volume
        chance = 0.5 if axis == 2 else 0.25
        if rng.random() < chance and shape[axis] > 3:
            w = float(rng.uniform(0.05, 0.33))
            kernel = torch.tensor([w, 1 - 2 * w, w])
            view = [1, 1, 1, 1, 1]
            view[2 + axis] = 3
            pad = [0, 0, 0, 0, 0, 0]
            pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = 1
            x = F.pad(hu[None, None], pad, mode="replicate")
            n = shape[axis]
            hu = sum(kernel[i] * x.narrow(2 + axis, i, n) for i in range(3))[0, 0]
    return hu + torch.randn(shape, generator=gen) * float(abs(rng.normal(0, 22)) + 2)


class Pool(torch.utils.data.IterableDataset):
    """An endless stream of samples; phantoms that appear in the folder later are taken in while it runs."""

    def __init__(
        self, folders: list[Path], spacing: tuple[float, ...], patch: tuple[int, int, int], seed: int, first: int = 0
    ):
        self.folders, self.spacing, self.patch, self.seed, self.first = folders, spacing, patch, seed, first

    def _scan(self, known: set[Path]) -> list[Path]:
        found = sorted(f.parent for folder in self.folders for f in folder.glob("*/phantom.json"))
        return [f for f in found if f not in known]

    def __iter__(self):
        info = torch.utils.data.get_worker_info()
        torch.set_num_threads(1)
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        pool: list[Phantom] = []
        known: set[Path] = set()
        waiting: list[Path] = []
        count = self.first + worker
        while True:
            if not waiting and (not pool or (count // workers) % 50 == 0):
                waiting = self._scan(known)
            for _ in range(4 if len(pool) >= 8 else 8):
                if waiting:
                    folder = waiting.pop()
                    known.add(folder)
                    try:
                        pool.append(load_phantom(folder))
                    except (OSError, EOFError, ValueError, nib.filebasedimages.ImageFileError):
                        known.discard(folder)  # still being written
            if not pool:
                raise RuntimeError(f"no phantoms in {self.folders}")
            rng = np.random.default_rng([self.seed, count])
            p = pool[rng.integers(len(pool))]
            image, codes = draw(p, self.spacing, self.patch, rng)
            yield image, codes, p.member
            count += workers

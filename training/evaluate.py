#!/usr/bin/env python3
"""Scores a bundle on phantoms at their own spacing: Dice per class, and what is drawn where a class is absent."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from satgraph_training.inference import Bundle, segment
from satgraph_training.sampler import tissue_file


def main() -> None:
    """Prints one line a class and the mean."""
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--bundle", type=Path, required=True)
    p.add_argument(
        "--phantoms", type=Path, required=True, help="folder of `satgraph phantom` (never the training pool)"
    )
    p.add_argument("--count", type=int, default=0, help="at most so many phantoms")
    p.add_argument("--min-ml", type=float, default=2.0, help="a class with less than this in view is not scored")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--json", type=Path, help="write the figures here as well")
    args = p.parse_args()

    bundle = Bundle(args.bundle, args.threads)
    names = [q["name"] for q in bundle.manifest["prompts"]]
    dice: dict[str, list[float]] = {n: [] for n in names}
    ghosts: dict[str, list[float]] = {n: [] for n in names}
    folders = sorted(f.parent for f in args.phantoms.glob("*/phantom.json"))
    folders = folders[: args.count or None]
    began = time.monotonic()
    for folder in folders:
        meta = json.loads((folder / "phantom.json").read_text())
        path = folder / "image.nii"
        masks, image = segment(bundle, nib.load(path if path.exists() else folder / "image.nii.gz"), names)
        codes = np.asarray(nib.as_closest_canonical(nib.load(tissue_file(folder))).dataobj).astype(np.int64)
        ml = abs(float(np.linalg.det(image.affine[:3, :3]))) / 1000
        for name, mask in zip(names, masks):
            lut = np.zeros(65536, bool)
            lut[meta["classes"].get(name, [])] = True
            truth = lut[codes]
            size = int(truth.sum())
            if size * ml >= args.min_ml:
                dice[name].append(2 * float((mask & truth).sum()) / (size + int(mask.sum())))
            elif size == 0:
                ghosts[name].append(float(mask.sum()) * ml)
    seconds = time.monotonic() - began

    rows, means = {}, []
    print(f"{len(folders)} phantoms, {seconds / max(1, len(folders)):.1f} s each")
    print(f"{'class':24s} {'n':>3s} {'mean':>6s} {'worst':>6s}   absent: n, median mL, worst mL")
    for n in names:
        d, g = dice[n], ghosts[n]
        row = {"scored": len(d), "absent": len(g)}
        if d:
            row |= {"dice": round(float(np.mean(d)), 4), "worst": round(min(d), 4)}
            means.append(float(np.mean(d)))
        if g:
            row |= {"ghost_median_ml": round(float(np.median(g)), 2), "ghost_worst_ml": round(max(g), 2)}
        rows[n] = row
        print(f"{n:24s} {len(d):3d} {row.get('dice', float('nan')):6.3f} {row.get('worst', float('nan')):6.3f}"
              f"   {len(g):3d} {row.get('ghost_median_ml', 0):7.2f} {row.get('ghost_worst_ml', 0):7.2f}")  # fmt: skip
    print(f"mean over classes {np.mean(means):.4f}")
    if args.json:
        args.json.write_text(
            json.dumps({"phantoms": len(folders), "mean": round(float(np.mean(means)), 4), "classes": rows}, indent=1)
            + "\n"
        )


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""The plain way to standardise a scan and keep its masks: MONAI and NumPy, from the description of SAT's loader.

Prints one line of JSON: seconds, the peak of resident memory in bytes, and what is said below.

    peer.py standard SCAN LABELS CLASSES OUT   writes OUT/image.npy and OUT/masks.npy (classes, H, W, D; one byte each)
    peer.py pack MASKS.npy OUT.npz             packs the masks; bytes: of the result
    peer.py read MASKS.npy|MASKS.npz           reads all masks; voxels: how many are set
    peer.py classes DIR                        reads DIR/*.whole.npy and DIR/*.box.npy; whole, box: seconds of one, the
                                               median of seven rounds; voxels: how many are set in the whole ones
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def standard(image: str, labels: str, classes: int, out: Path) -> None:
    import torch
    from monai import transforms as T

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    chain = T.Compose([
        T.LoadImaged(keys=["image", "label"], image_only=True, dtype=np.float32),
        T.EnsureChannelFirstd(keys=["image", "label"]),
        T.Orientationd(keys=["image", "label"], axcodes="RAS"),
        T.Spacingd(keys=["image", "label"], pixdim=(1, 1, 3), mode=("bilinear", "nearest")),
        T.CropForegroundd(keys=["image", "label"], source_key="image"),
    ])  # fmt: skip
    d = chain({"image": image, "label": labels})
    x = torch.clip(d["image"].as_tensor(), -500, 1000)
    x = (x - x.mean()) / x.std(unbiased=False)
    np.save(out / "image.npy", x[0].numpy())
    label = d["label"].as_tensor()[0].numpy()
    np.save(out / "masks.npy", np.stack([label == v for v in range(1, classes + 1)]))


def main() -> None:
    mode, args = sys.argv[1], sys.argv[2:]
    more = {}
    start = time.perf_counter()
    if mode == "standard":
        standard(args[0], args[1], int(args[2]), Path(args[3]))
    elif mode == "pack":
        masks = np.load(args[0])
        start = time.perf_counter()
        np.savez_compressed(args[1], masks=masks)
        more["bytes"] = os.path.getsize(args[1])
    elif mode == "read":
        masks = np.load(args[0])
        if args[0].endswith(".npz"):
            masks = masks["masks"]
        seconds = time.perf_counter() - start
        more["voxels"] = int(sum(np.count_nonzero(m) for m in masks))
        start = time.perf_counter() - seconds
    elif mode == "classes":
        for kind in ("whole", "box"):
            paths = sorted(Path(args[0]).glob(f"*.{kind}.npy"))
            took = []
            for _ in range(8):
                begun = time.perf_counter()
                for path in paths:
                    np.load(path)
                took.append((time.perf_counter() - begun) / len(paths))
            more[kind] = sorted(took[1:])[3]
        more["voxels"] = int(sum(np.count_nonzero(np.load(path)) for path in Path(args[0]).glob("*.whole.npy")))
    seconds = time.perf_counter() - start
    peak = next(int(line.split()[1]) << 10 for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print(json.dumps({"seconds": seconds, "peak": peak, **more}))


if __name__ == "__main__":
    main()

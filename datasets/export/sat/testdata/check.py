"""Reads an export as SAT's training code does: rows, image arrays, and each
label's mask set into its box of an empty volume. Prints what was found.

    check.py FOLDER
"""
import json
import os
import sys

import numpy as np

SAMPLING = {
    "sampling_weight", "pos_label_first_prob", "foreground_crop_prob", "label_based_crop_prob",
    "uncenter_prob", "neg_label_ratio_threshold", "augmentation",
}


# What the training code looks for in a row's modality, the first that fits.
MODALITIES = {"mri": ("t1", "t2", "mri", "flair", "dwi"), "ct": ("ct",), "pet": ("pet",)}


def embed(path, box, shape):
    mask = np.zeros(shape, dtype=bool)
    if box:
        y1, x1, z1, y2, x2, z2 = box
        part = np.load(path)
        assert part.dtype == bool and part.shape == (y2 - y1, x2 - x1, z2 - z1), path
        mask[y1:y2, x1:x2, z1:z2] = part
    return mask


def voxels(mask):
    """Offsets with the first axis fastest."""
    return np.flatnonzero(mask.ravel(order="F")).tolist()


def main():
    os.chdir(sys.argv[1])
    with open("dataset_config.json") as f:
        config = json.load(f)
    found = []
    for split in ("train", "validation", "test"):
        if not os.path.exists(split + ".jsonl"):
            continue
        with open(split + ".jsonl") as f:
            rows = [json.loads(line) for line in f]
        for row in rows:
            assert {"image", "mask"} <= set(row) and ("is_3D" not in row or row["is_3D"] == "3D"), row
            kinds = [kind for kind, words in MODALITIES.items() if any(w in row["modality"].lower() for w in words)]
            assert kinds, "the training code knows no modality " + row["modality"]
            assert SAMPLING <= set(config[row["dataset"]]), row["dataset"]
            image = np.load(row["renorm_image"])
            assert image.dtype == np.float32 and list(image.shape) == row["chwd"], row["renorm_image"]
            assert len(row["label"]) == len(row["renorm_y1x1z1_y2x2z2"])
            masks = {
                label: embed(f"{row['renorm_segmentation_dir']}/{label}.npy", box, image.shape[1:])
                for label, box in zip(row["label"], row["renorm_y1x1z1_y2x2z2"])
            }
            roi = embed(row["renorm_segmentation_dir"] + ".npy", row["roi_y1x1z1_y2x2z2"], image.shape[1:])
            assert (roi == np.any(list(masks.values()), axis=0)).all()
            found.append({
                "split": split,
                "dataset": row["dataset"],
                "id": row["sample_id"],
                "modality": row["modality"],
                "patient": row["patient_id"],
                "image": image.ravel(order="F").tolist(),
                "labels": row["label"],
                "masks": {label: voxels(mask) for label, mask in masks.items()},
            })
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

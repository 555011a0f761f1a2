"""Runs nnU-Net's own integrity check over raw datasets, and prints what its label
manager and its reader make of them: for each case the voxels of each class,
found as the union of the class's labels.

    check.py FOLDER...
"""
import json
import os
import sys

import numpy as np

sys.stdout, out = sys.stderr, sys.stdout  # nnU-Net prints as it goes
from nnunetv2.experiment_planning.verify_dataset_integrity import verify_dataset_integrity
from nnunetv2.imageio.nibabel_reader_writer import NibabelIO
from nnunetv2.utilities.label_handling.label_handling import LabelManager


def main():
    found = {}
    for folder in sys.argv[1:]:
        verify_dataset_integrity(folder, 1)
        with open(os.path.join(folder, "dataset.json")) as f:
            doc = json.load(f)
        manager = LabelManager(doc["labels"], doc.get("regions_class_order"))
        cases = {}
        for side in ("Tr", "Ts"):
            labels = os.path.join(folder, "labels" + side)
            for name in sorted(os.listdir(labels)) if os.path.isdir(labels) else []:
                seg, _ = NibabelIO().read_seg(os.path.join(labels, name))
                case = name[: -len(doc["file_ending"])]
                image, _ = NibabelIO().read_images([os.path.join(folder, "images" + side, case + "_0000.nii.gz")])
                cases[case] = {
                    "side": side,
                    "image": [float(image.sum(dtype=np.float64)), float(image.min()), float(image.max())],
                    # As (z, y, x) in C order, which is the order of the file.
                    "classes": {
                        label: np.flatnonzero(np.isin(seg[0], of)).tolist()
                        for label, of in doc["labels"].items()
                        if label != "background"
                    },
                }
        found[os.path.basename(folder)] = {
            "heads": manager.num_segmentation_heads,
            "regions": manager.has_regions,
            "cases": cases,
        }
    json.dump(found, out)


if __name__ == "__main__":
    main()

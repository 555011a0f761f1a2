"""Loads decathlon datasets with MONAI, lists and images, and prints for each scan
the voxels of each class, found as the union of the class's labels.

    check.py FOLDER...
"""
import json
import os
import sys

import numpy as np
from monai.data import load_decathlon_datalist, load_decathlon_properties
from monai.transforms import LoadImaged


def main():
    found = {}
    load = LoadImaged(keys=["image", "label"])
    for folder in sys.argv[1:]:
        path = os.path.join(folder, "dataset.json")
        props = load_decathlon_properties(path, ["name", "modality", "labels", "numTraining", "numTest"])
        with open(path) as f:
            doc = json.load(f)
        regions = doc.get("regions") or {name: [int(v)] for v, name in props["labels"].items() if v != "0"}
        scans = {}
        for key in ("training", "validation", "test"):
            if not doc.get(key):
                continue
            for item in load_decathlon_datalist(path, data_list_key=key):
                data = load(item)
                image, label = np.asarray(data["image"]), np.asarray(data["label"])
                assert image.shape == label.shape, (image.shape, label.shape)
                scans[os.path.basename(item["image"])] = {
                    "list": key,
                    "image": [float(image.sum(dtype=np.float64)), float(image.min()), float(image.max())],
                    # The first axis fastest, as in the file.
                    "classes": {n: np.flatnonzero(np.isin(label, of).ravel(order="F")).tolist() for n, of in regions.items()},
                }
        found[os.path.basename(folder)] = {"properties": props, "scans": scans}
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()

"""Runs the BIDS validator over an export, then reads scans and segmentations with
nibabel, by the table of labels.

    check.py FOLDER
"""
import csv
import glob
import json
import os
import subprocess
import sys

import nibabel
import numpy as np


def main():
    folder = sys.argv[1]
    tool = os.path.join(os.path.dirname(sys.executable), "bids-validator-deno")
    done = subprocess.run([tool, folder, "--json"], capture_output=True, text=True)
    issues = json.loads(done.stdout)["issues"]["issues"]
    with open(os.path.join(folder, "dseg.tsv"), newline="") as f:
        names = {int(r["index"]): r["name"] for r in csv.DictReader(f, delimiter="\t")}
    scans = []
    for side in sorted(glob.glob(os.path.join(folder, "sub-*", "anat", "*_dseg.json"))):
        with open(side) as f:
            doc = json.load(f)
        labels = nibabel.load(side[: -len(".json")] + ".nii.gz")
        image = nibabel.load(os.path.join(folder, doc["Sources"][0][len("bids::"):]))
        assert image.shape == labels.shape and np.allclose(image.affine, labels.affine)
        voxels, data = np.asarray(labels.dataobj).ravel(order="F"), image.get_fdata()
        scans.append({
            "file": os.path.basename(side),
            "source": doc["Sources"][0],
            "scan": doc["Dataset"] + "/" + doc["Scan"],
            "annotated": doc["AnnotatedClasses"],
            "image": [float(data.sum()), float(data.min()), float(data.max())],
            "classes": {names[v]: np.flatnonzero(voxels == v).tolist() for v in np.unique(voxels).tolist() if v},
        })
    json.dump({"issues": issues, "scans": scans}, sys.stdout)


if __name__ == "__main__":
    main()

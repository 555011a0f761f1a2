"""Validates an export with mlcroissant, loads its record sets, and reads the files
that they name with nibabel.

    check.py FOLDER
"""
import json
import os
import subprocess
import sys

import mlcroissant as mlc
import nibabel
import numpy as np


def plain(record):
    """mlcroissant gives bytes for text, keyed by the field's id."""
    out = {}
    for key, v in record.items():
        v = v.decode() if isinstance(v, bytes) else v
        if isinstance(v, float) and np.isnan(v):
            v = ""  # pandas's word for an empty cell
        out[key.split("/")[-1]] = v.item() if isinstance(v, np.generic) else v
    return out


def main():
    folder = sys.argv[1]
    path = os.path.join(folder, "croissant.json")
    tool = os.path.join(os.path.dirname(sys.executable), "mlcroissant")
    done = subprocess.run([tool, "validate", "--jsonld", path], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stdout + done.stderr)
    dataset = mlc.Dataset(path)
    sets = {name: [plain(r) for r in dataset.records(name)] for name in ("splits", "classes", "scans", "annotations")}
    for scan in sets["scans"]:
        image = nibabel.load(os.path.join(folder, scan["image"]))
        data = image.get_fdata()
        scan["found"] = [float(data.sum()), float(data.min()), float(data.max())]
    for a in sets["annotations"]:
        a["found"] = []
        if a["mask"]:
            mask = nibabel.load(os.path.join(folder, a["mask"]))
            a["found"] = np.flatnonzero(np.asarray(mask.dataobj).ravel(order="F")).tolist()
    json.dump({"log": done.stderr, "version": str(dataset.metadata.ctx.conforms_to.value), "sets": sets}, sys.stdout)


if __name__ == "__main__":
    main()

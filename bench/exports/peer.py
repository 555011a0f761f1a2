"""What bench/exports races against: plain programs that write scans in a format's form, one after another.

Each reads for each scan image.nii and labels.nii, which are not compressed, of the folders below FROM, and prints one
line of JSON: seconds, seconds of processor (work), and the peak of resident memory in bytes.

    peer.py nnunet FROM OUT      image and label map with nibabel
    peer.py croissant FROM OUT   the image, and a mask for each class, with nibabel
    peer.py sat FROM OUT         arrays with NumPy, the masks in their boxes
    peer.py dicomseg FROM OUT SERIES    segmentations with highdicom, of the series in SERIES/SCAN/image: these it does
                                        not write itself
"""

import json
import sys
import time
from pathlib import Path

import nibabel
import numpy as np


def peak():
    """The highest resident size so far, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def read(scan):
    """The image as float32, the labels, and the affine."""
    image, labels = nibabel.load(scan / "image.nii"), nibabel.load(scan / "labels.nii")
    return np.asarray(image.dataobj, np.float32), np.asarray(labels.dataobj), image.affine


def box(mask):
    """The slices of the smallest box around a mask."""
    out = []
    for axis in range(3):
        used = np.flatnonzero(mask.any(axis=tuple(a for a in range(3) if a != axis)))
        out.append(slice(used[0], used[-1] + 1))
    return tuple(out)


def nnunet(scan, out):
    image, labels, affine = read(scan)
    nibabel.save(nibabel.Nifti1Image(image, affine), out / f"{scan.name}_0000.nii.gz")
    nibabel.save(nibabel.Nifti1Image(labels, affine), out / f"{scan.name}.nii.gz")


def croissant(scan, out):
    image, labels, affine = read(scan)
    (out / scan.name).mkdir()
    nibabel.save(nibabel.Nifti1Image(image, affine), out / scan.name / "image.nii.gz")
    for v in np.unique(labels)[1:]:
        nibabel.save(nibabel.Nifti1Image((labels == v).astype(np.uint8), affine), out / scan.name / f"class_{v:03d}.nii.gz")


def sat(scan, out):
    image, labels, _ = read(scan)
    (out / scan.name).mkdir()
    np.save(out / f"{scan.name}.npy", np.ascontiguousarray(image[None]))
    for v in np.unique(labels)[1:]:
        mask = labels == v
        np.save(out / scan.name / f"class {v:03d}.npy", np.ascontiguousarray(mask[box(mask)]))


def dicomseg(scan, out, series):
    import highdicom
    import pydicom
    from highdicom.seg import Segmentation, SegmentDescription
    from pydicom.sr.codedict import codes

    labels = np.asarray(nibabel.load(scan / "labels.nii").dataobj)
    slices = [pydicom.dcmread(path) for path in sorted((series / scan.name / "image").glob("*.dcm"))]
    made = highdicom.AlgorithmIdentificationSequence("eggs", codes.DCM.ArtificialIntelligence, "1")
    described = [
        SegmentDescription(
            int(v), f"class {v:03d}", codes.SCT.Organ, codes.SCT.Liver, highdicom.seg.SegmentAlgorithmTypeValues.AUTOMATIC, made
        )
        for v in np.unique(labels)[1:]
    ]
    Segmentation(
        slices, np.ascontiguousarray(labels.transpose(2, 1, 0)).astype(np.uint8), "BINARY", described,
        highdicom.UID(), 100, highdicom.UID(), 1, "satgraph", "bench", "1", "1",
    ).save_as(out / f"{scan.name}.dcm")  # fmt: skip


def main():
    mode, source, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    start = time.perf_counter()
    out.mkdir()
    for scan in sorted(source.iterdir()):
        if mode == "dicomseg":
            dicomseg(scan, out, Path(sys.argv[4]))
        else:
            {"nnunet": nnunet, "croissant": croissant, "sat": sat}[mode](scan, out)
    print(json.dumps({"seconds": time.perf_counter() - start, "work": time.process_time(), "peak": peak()}))


if __name__ == "__main__":
    main()

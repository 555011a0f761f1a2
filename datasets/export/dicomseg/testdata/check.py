"""Reads exported series with pydicom and their segmentations with highdicom, and
prints for each scan its image and each segment's voxels as offsets on the scan's
own grid, the first axis fastest.

    check.py FOLDER GRIDS.json     {folder: {"Shape": […], "Affine": 4×4 to RAS mm}}
"""
import glob
import json
import os
import sys

import highdicom
import numpy as np
import pydicom

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])


def offsets(world, grid):
    """Offsets of points in LPS mm on a grid."""
    inverse = np.linalg.inv(np.asarray(grid["Affine"]))
    points = (inverse @ LPS @ np.c_[world, np.ones(len(world))].T)[:3].T
    at = np.rint(points).astype(int)
    assert len(at) == 0 or np.abs(points - at).max() < 1e-2, "voxels are not on the grid"
    nx, ny, _ = grid["Shape"]
    return at[:, 0] + nx * (at[:, 1] + ny * at[:, 2])


def read_image(folder, grid):
    out = np.full(int(np.prod(grid["Shape"])), np.nan)
    for path in glob.glob(os.path.join(folder, "image", "*.dcm")):
        d = pydicom.dcmread(path)
        values = d.pixel_array * float(d.RescaleSlope) + float(d.RescaleIntercept)
        row, col = np.array(d.ImageOrientationPatient[:3], float), np.array(d.ImageOrientationPatient[3:], float)
        j, i = np.indices(values.shape)
        world = (
            np.array(d.ImagePositionPatient, float)
            + i.ravel()[:, None] * row * float(d.PixelSpacing[1])
            + j.ravel()[:, None] * col * float(d.PixelSpacing[0])
        )
        out[offsets(world, grid)] = values.ravel()
    assert not np.isnan(out).any(), "a voxel of the scan is in no slice"
    return out.tolist()


def read_segments(path, grid):
    seg = highdicom.seg.segread(path)
    found = []
    for n in seg.segment_numbers:
        d = seg.get_segment_description(n)
        volume = seg.get_volume(segment_numbers=[n])
        at = np.argwhere(np.asarray(volume.array).reshape(volume.spatial_shape) != 0)
        world = (np.asarray(volume.affine) @ np.c_[at, np.ones(len(at))].T)[:3].T
        found.append({
            "label": d.segment_label,
            "type": f"{d.segmented_property_type.scheme_designator}:{d.segmented_property_type.value}",
            "drawn": str(d.algorithm_type.value),
            "voxels": sorted(offsets(world, grid).tolist()),
        })
    return found


def main():
    root = sys.argv[1]
    with open(sys.argv[2]) as f:
        grids = json.load(f)
    out = {}
    for folder, grid in grids.items():
        seg = os.path.join(root, folder, "seg.dcm")
        out[folder] = {
            "image": read_image(os.path.join(root, folder), grid),
            "segments": read_segments(seg, grid) if os.path.exists(seg) else None,
        }
    json.dump(out, sys.stdout)


if __name__ == "__main__":
    main()

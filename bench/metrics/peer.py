"""Dice and surface Dice at 1 mm of every structure of two label maps, with
DeepMind's surface-distance as its documentation shows it.

Prints one JSON object: seconds (wall, reading included), peak (the process's
VmHWM in bytes), dice and nsd (by label).
"""

import json
import sys
import time
import warnings

import nibabel
import numpy
import surface_distance

warnings.simplefilter("ignore")  # it uses old names of scipy's


def peak():
    """The highest resident size so far, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    """Compare the two files named on the command line."""
    start = time.perf_counter()
    images = [nibabel.load(path) for path in sys.argv[1:3]]
    pred, ref = (numpy.asarray(image.dataobj) for image in images)
    spacing = images[1].header.get_zooms()[:3]
    dice, nsd = {}, {}
    for label in numpy.union1d(numpy.unique(pred), numpy.unique(ref)):
        if label == 0:
            continue
        p, r = pred == label, ref == label
        dice[str(label)] = float(surface_distance.compute_dice_coefficient(r, p))
        distances = surface_distance.compute_surface_distances(r, p, [float(s) for s in spacing])
        nsd[str(label)] = float(surface_distance.compute_surface_dice_at_tolerance(distances, 1.0))
    print(json.dumps({"seconds": time.perf_counter() - start, "peak": peak(), "dice": dice, "nsd": nsd}))


if __name__ == "__main__":
    main()

"""Read one NIfTI file with nibabel, as float32, and say what it cost.

Prints one JSON object: seconds (wall, load and get_fdata), cpu (user + system
seconds of the same), peak (the process's VmHWM in bytes), sum (of all voxels,
so that both sides can be seen to have read the same).
"""

import json
import sys
import time

import nibabel
import numpy


def peak():
    """The highest resident size so far, in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def main():
    """Read the file named on the command line."""
    cpu, wall = time.process_time(), time.perf_counter()
    data = nibabel.load(sys.argv[1]).get_fdata(dtype=numpy.float32)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    high = peak()
    print(json.dumps({"seconds": wall, "cpu": cpu, "peak": high, "sum": float(data.sum(dtype=numpy.float64))}))


if __name__ == "__main__":
    main()

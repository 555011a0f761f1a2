"""Read a DICOM segmentation with highdicom and with dcmqi's segimage2itkimage.

Prints one JSON object: for each segment its number, label, codes, the voxels
that either finds, and the RAS affine of dcmqi's file.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import highdicom
import nibabel
import numpy


def code(c):
    """A coded concept as scheme:value."""
    return f"{c.scheme_designator}:{c.value}"


def main():
    """Read the file named on the command line."""
    seg = highdicom.seg.segread(sys.argv[1])
    out = []
    for number in seg.segment_numbers:
        d = seg.get_segment_description(number)
        volume = seg.get_volume(segment_numbers=[number])
        item = {
            "number": int(number),
            "label": d.segment_label,
            "category": code(d.segmented_property_category),
            "type": code(d.segmented_property_type),
            "highdicom": int((numpy.asarray(volume.array) != 0).sum()),
            "affine": numpy.asarray(volume.affine).tolist(),
        }
        out.append(item)
    with tempfile.TemporaryDirectory() as tmp:
        tool = pathlib.Path(sys.executable).parent / "segimage2itkimage"
        done = subprocess.run(
            [str(tool), "--inputDICOM", sys.argv[1], "--outputDirectory", tmp, "--outputType", "nifti"],
            capture_output=True, text=True, check=False,
        )
        if done.returncode:
            sys.exit(done.stdout + done.stderr)
        found = {}
        for meta in sorted(pathlib.Path(tmp).glob("*.json")):
            for group in json.loads(meta.read_text())["segmentAttributes"]:
                for attributes in group:
                    found[attributes["labelID"]] = attributes
        voxels = {}
        for path in sorted(pathlib.Path(tmp).glob("*.nii.gz")):
            image = nibabel.load(path)
            data = numpy.asarray(image.dataobj)
            for value in numpy.unique(data):
                if value:
                    at = numpy.argwhere(data == value)
                    world = nibabel.affines.apply_affine(image.affine, at)
                    voxels[int(value)] = {"n": len(at), "low": world.min(0).tolist(), "high": world.max(0).tolist()}
        for item in out:
            mine = voxels.get(item["number"], {"n": 0})
            item["dcmqi"], item["low"], item["high"] = mine["n"], mine.get("low"), mine.get("high")
            item["dcmqiMeta"] = found.get(item["number"])
    print(json.dumps(out))


if __name__ == "__main__":
    main()

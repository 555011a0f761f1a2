"""Make the files of this folder with SimpleITK 2.5.7: one oblique volume in NIfTI,
NRRD and MetaImage, raw and compressed, with the voxels inside and beside."""

import os
import pathlib

import numpy as np
import SimpleITK as sitk

os.chdir(pathlib.Path(__file__).parent)
image = sitk.GetImageFromArray(np.random.default_rng(0).integers(-1000, 2000, (5, 6, 7)).astype(np.int16))
image.SetSpacing((0.7, 1.3, 2.5))
image.SetOrigin((10, -20, 30.5))
c, s = np.cos(0.3), np.sin(0.3)
tilt = np.array([[1, 0, 0], [0, np.cos(0.2), -np.sin(0.2)], [0, np.sin(0.2), np.cos(0.2)]])
image.SetDirection((np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ tilt).flatten().tolist())
for name in ("a.nii.gz", "gz.nrrd", "gz.nhdr", "z.mha", "z.mhd"):
    sitk.WriteImage(image, name, True)
for name in ("raw.nrrd", "raw.nhdr", "raw.mha", "raw.mhd"):
    sitk.WriteImage(image, name, False)
for name in ("f64.mha", "f64.nrrd"):
    sitk.WriteImage(sitk.Cast(image, sitk.sitkFloat64), name, True)

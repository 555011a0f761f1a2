"""Make the images of this folder with DCMTK's tools (3.6.7): NAME.jpg is the
fragment of a compressed slice, NAME.npy what DCMTK decompresses it to."""

import pathlib
import subprocess
import tempfile

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import generate_fragments

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(1)


def picture(w, h, bits):
    """Waves, flat discs and some noise."""
    y, x = np.mgrid[0:h, 0:w]
    a = 0.5 + 0.35 * np.sin(x / 7) * np.cos(y / 5) + 0.01 * RNG.standard_normal((h, w))
    a[(x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 3) ** 2] = 0.75
    a[x > 0.8 * w] = 0
    return (np.clip(a, 0, 1) * (2**bits - 1)).astype("<u2" if bits > 8 else "u1")


def case(name, w, h, bits, tool, untool, *args):
    """Compress, decompress, and keep both."""
    a = picture(w, h, bits)
    d = Dataset()
    d.file_meta = FileMetaDataset()
    d.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    d.SOPClassUID = d.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    d.SOPInstanceUID = d.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    d.Rows, d.Columns, d.SamplesPerPixel, d.PhotometricInterpretation = h, w, 1, "MONOCHROME2"
    d.BitsAllocated, d.BitsStored, d.HighBit, d.PixelRepresentation = (16 if bits > 8 else 8), bits, bits - 1, 0
    data = a.tobytes()
    d.PixelData = data + b"\0" * (len(data) % 2)
    d["PixelData"].VR = "OW" if bits > 8 else "OB"
    with tempfile.TemporaryDirectory() as t:
        d.save_as(f"{t}/a.dcm", enforce_file_format=True)
        subprocess.run([tool, *args, f"{t}/a.dcm", f"{t}/b.dcm"], check=True)
        subprocess.run([untool, f"{t}/b.dcm", f"{t}/c.dcm"], check=True)
        packed, plain = pydicom.dcmread(f"{t}/b.dcm"), pydicom.dcmread(f"{t}/c.dcm")
    print(name, packed.file_meta.TransferSyntaxUID.name)
    (HERE / f"{name}.jpg").write_bytes(b"".join(list(generate_fragments(packed.PixelData))[1:]))
    out = np.frombuffer(plain.PixelData, a.dtype)[: w * h].reshape(h, w)
    if "near" not in name and "dct" not in name:
        assert (out == a).all(), name
    np.save(HERE / f"{name}.npy", out)


def main():
    """Make all."""
    for p in range(1, 8):
        case(f"lossless-{p}", 41, 23, 12, "dcmcjpeg", "dcmdjpeg", "+el", "+sv", str(p))
    case("lossless-8", 41, 23, 8, "dcmcjpeg", "dcmdjpeg", "+e1")
    case("lossless-16", 41, 23, 16, "dcmcjpeg", "dcmdjpeg", "+e1")
    case("dct-12", 41, 23, 12, "dcmcjpeg", "dcmdjpeg", "+ee", "+q", "90")
    case("dct-8", 41, 23, 8, "dcmcjpeg", "dcmdjpeg", "+eb", "+q", "90")
    for bits in (8, 12, 16):
        case(f"ls-{bits}", 61, 47, bits, "dcmcjpls", "dcmdjpls", "+el")
    case("ls-near", 61, 47, 12, "dcmcjpls", "dcmdjpls", "+en", "+md", "3")
    case("ls-flat", 200, 3, 12, "dcmcjpls", "dcmdjpls", "+el")


if __name__ == "__main__":
    main()

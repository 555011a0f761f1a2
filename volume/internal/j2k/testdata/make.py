"""Make the codestreams of this folder with OpenJPEG's tools (2.5.0), and what
OpenJPEG decodes them to: cases.tsv (name, width, height, sha256 of the samples
as little-endian 32-bit integers) or, where arithmetic may round otherwise, the
samples themselves (NAME.npy)."""

import hashlib
import pathlib
import subprocess
import tempfile

import numpy as np

HERE = pathlib.Path(__file__).parent
RNG = np.random.default_rng(1)


def picture(w, h, bits, signed):
    """Waves, a disc and some noise."""
    y, x = np.mgrid[0:h, 0:w]
    a = 0.5 + 0.35 * np.sin(x / 7) * np.cos(y / 5) + 0.02 * RNG.standard_normal((h, w))
    a += 0.1 * ((x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 3) ** 2)
    return (np.clip(a, 0, 1) * (2**bits - 1)).astype(np.int64) - (2 ** (bits - 1) if signed else 0)


def case(table, name, w, h, bits, signed, *args):
    """Encode, decode, and note what came out."""
    dtype = "<" + ("i" if signed else "u") + ("1" if bits <= 8 else "2")
    with tempfile.TemporaryDirectory() as tmp:
        raw, back, out = f"{tmp}/in.rawl", f"{tmp}/out.rawl", str(HERE / f"{name}.j2k")
        a = picture(w, h, bits, signed)
        a.astype(dtype).tofile(raw)
        size = f"{w},{h},1,{bits},{'s' if signed else 'u'}"
        subprocess.run(["opj_compress", "-i", raw, "-o", out, "-F", size, *args], check=True, capture_output=True)
        subprocess.run(["opj_decompress", "-i", out, "-o", back], check=True, capture_output=True)
        b = np.fromfile(back, dtype).reshape(h, w).astype("<i4")
    if "-I" in args:
        np.save(HERE / f"{name}.npy", b)
        return
    if "-r" not in args or args[args.index("-r") + 1].endswith(",1"):
        assert (a == b).all(), name
    table.write(f"{name}\t{w}\t{h}\t{hashlib.sha256(b.tobytes()).hexdigest()}\n")


def main():
    """Make all."""
    with open(HERE / "cases.tsv", "w", encoding="ascii") as t:
        case(t, "plain", 61, 47, 12, False)
        case(t, "signed16", 40, 33, 16, True)
        case(t, "bits8", 33, 64, 8, False, "-n", "1")
        case(t, "levels", 70, 50, 12, False, "-n", "5")
        case(t, "tiles", 61, 47, 12, False, "-t", "17,13", "-n", "4")
        case(t, "offset", 61, 47, 12, False, "-d", "5,3", "-t", "32,32", "-T", "2,1")
        for p in ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL"):
            case(t, p, 61, 47, 12, False, "-p", p, "-c", "[16,16],[8,8],[8,8]", "-b", "4,8", "-n", "4", "-r", "20,8,1")
        case(t, "precincts", 61, 47, 12, False, "-p", "PCRL", "-c", "[32,16],[16,16]", "-b", "8,8", "-n", "3", "-t", "40,30", "-d", "3,7")
        case(t, "markers", 61, 47, 12, False, "-SOP", "-EPH", "-r", "10,1")
        for m in (1, 2, 4, 8, 16, 32, 63, 5, 9):  # bypass, reset, terminate, causal, …
            case(t, f"mode{m}", 61, 47, 12, False, "-M", str(m), "-r", "12,4,1")
        case(t, "lossy", 61, 47, 12, False, "-r", "6")
        case(t, "one", 1, 1, 12, False, "-n", "1")
        case(t, "row", 37, 1, 12, False, "-n", "1")
        case(t, "irreversible", 61, 47, 12, False, "-I")
        case(t, "irreversible-lossy", 61, 47, 16, True, "-I", "-r", "10")


if __name__ == "__main__":
    main()

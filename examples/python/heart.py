"""Sends a CT scan to a satgraph service, has the children of the heart segmented,
prints what was found with its volume, and keeps the masks.

    python3 examples/python/heart.py --url http://127.0.0.1:8642 --scan scan.nii.gz --masks masks

A token for the service is taken from $SATGRAPH_TOKEN.
"""

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "client" / "python"))

from satgraph_client import Client  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description="segment the children of the heart")
    parser.add_argument("--url", default="http://127.0.0.1:8642")
    parser.add_argument("--scan", required=True)
    parser.add_argument("--of", default="heart", help="the term whose children are segmented")
    parser.add_argument("--masks", help="folder for the masks; none are kept without it")
    asked = parser.parse_args()

    client = Client(asked.url, token=os.environ.get("SATGRAPH_TOKEN"))
    image = client.upload(asked.scan)
    job = client.wait(client.segment_children(asked.of, image, "CT")["id"])
    for structure in job["structures"]:
        volume = structure["volumeMl"]
        print(structure["name"], structure["status"], "" if volume is None else f"{volume:.1f} mL", structure["reason"], sep="\t")
        if asked.masks and structure["maskUrl"]:
            os.makedirs(asked.masks, exist_ok=True)
            client.download(structure["maskUrl"], os.path.join(asked.masks, os.path.basename(structure["maskUrl"])))
    print(job["status"], job["notice"], sep="\t")


if __name__ == "__main__":
    main()

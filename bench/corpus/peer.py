"""Reads and indexes a scan list with Python's standard library; prints seconds."""

import collections
import gzip
import json
import sys
import time

began = time.perf_counter()
rows = []
by = {key: collections.defaultdict(list) for key in ("dataset", "image", "patient")}
classes = collections.defaultdict(list)
opener = gzip.open if sys.argv[1].endswith(".gz") else open
with opener(sys.argv[1], "rt", encoding="utf-8") as lines:
    for line in lines:
        row = json.loads(line)
        n = len(rows)
        rows.append(row)
        for key, index in by.items():
            index[row[key]].append(n)
        for label in row["labels"]:
            classes[label.lower()].append(n)
print(time.perf_counter() - began)

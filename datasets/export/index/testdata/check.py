"""Reads the tables with DuckDB and prints them, masks as the offsets of their
voxels.

    check.py FOLDER
"""
import json
import sys

import duckdb
import numpy as np


def table(folder, name):
    got = duckdb.sql(f"SELECT * FROM read_parquet('{folder}/{name}.parquet') ORDER BY id")
    return [dict(zip(got.columns, row)) for row in got.fetchall()]


def main():
    folder = sys.argv[1]
    scans, annotations, classes = (table(folder, n) for n in ("scans", "annotations", "classes"))
    shape = {s["id"]: s["width"] * s["height"] * s["depth"] for s in scans}
    for a in annotations:
        counts = np.asarray(a.pop("counts"))
        inside = np.arange(len(counts)) % 2 == 1
        mask = np.repeat(inside, counts)
        assert len(mask) == shape[a["scan_id"]], (len(mask), a)
        a["mask"] = np.flatnonzero(mask).tolist()
    # What an analyst would ask.
    total = duckdb.sql(
        f"""SELECT c.name, count(*), sum(a.volume_ml)
            FROM '{folder}/annotations.parquet' a
            JOIN '{folder}/classes.parquet' c ON a.class_id = c.id
            JOIN '{folder}/scans.parquet' s ON a.scan_id = s.id
            WHERE s.modality = 'ct' GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    json.dump({"scans": scans, "annotations": annotations, "classes": classes, "totals": total}, sys.stdout)


if __name__ == "__main__":
    main()

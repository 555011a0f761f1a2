"""Validates SSSOM files with the sssom package and writes each again with it.

usage: validate.py TSV JSON OUT_TSV OUT_JSON; prints a JSON document.
"""

import json
import logging
import sys

from sssom.constants import SchemaValidationType
from sssom.parsers import parse_sssom_json, parse_sssom_table
from sssom.validators import validate
from sssom.writers import write_json, write_table

logging.disable(logging.CRITICAL)

tsv, as_json, out_tsv, out_json = sys.argv[1:]
checks = [SchemaValidationType.JsonSchema, SchemaValidationType.PrefixMapCompleteness, SchemaValidationType.StrictCurieFormat]
doc = {"faults": [], "records": []}
for msdf, out, write in (
    (parse_sssom_table(tsv), out_tsv, write_table),
    (parse_sssom_json(as_json), out_json, write_json),
):
    for check, report in validate(msdf, checks, fail_on_error=False).items():
        doc["faults"] += [f"{out}: {check}: {r.message}" for r in report.results]
    doc["records"].append(len(msdf.df))
    with open(out, "w") as f:
        write(msdf, f)
print(json.dumps(doc))

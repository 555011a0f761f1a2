"""The peer of bench/labels: rapidfuzz's WRatio over all names and synonyms.

    peer.py NAMES.tsv LABELS.tsv

NAMES.tsv: term, text. LABELS.tsv: label, the terms that are right (";" between),
doubtful (1) or not (0). Prints seconds and accuracy as one JSON document.
"""

import json
import sys
import time

from rapidfuzz import fuzz, process, utils

THRESHOLD = 90  # of 100, above which an answer counts as given


def rows(path):
    with open(path, encoding="utf8") as f:
        return [line.rstrip("\n").split("\t") for line in f]


def main():
    names = rows(sys.argv[1])
    terms = [t for t, _ in names]
    choices = [utils.default_process(text) for _, text in names]
    labels = rows(sys.argv[2])

    def ranked(label):
        found = process.extract(utils.default_process(label), choices, scorer=fuzz.WRatio, processor=None, limit=20)
        out = []
        for _, score, i in found:
            if terms[i] not in (t for t, _ in out):
                out.append((terms[i], score))
        return out[:5]

    ranked("liver")
    start = time.perf_counter()
    for label in labels[:150]:
        ranked(label[0])
    first = time.perf_counter() - start

    count = dict(answerable=0, first=0, five=0, above=0, wrong=0, doubtful=0, held=0)
    start = time.perf_counter()
    for label, right, doubtful in labels:
        right = set(right.split(";"))
        found = ranked(label)
        hit = bool(found) and found[0][0] in right
        above = bool(found) and found[0][1] >= THRESHOLD
        if doubtful == "1":
            count["doubtful"] += 1
            count["held"] += not above or hit
        else:
            count["answerable"] += 1
            count["first"] += hit
            count["five"] += any(t in right for t, _ in found)
        count["above"] += above
        count["wrong"] += above and not hit
    print(json.dumps(dict(seconds150=first, secondsAll=time.perf_counter() - start, **count)))


main()

"""Processes that tag at the same moment: each some models of its own under one name, and one that all of them tag.

Arguments: the tracking URI or `-`, how many models each tags, and the NOREN_HOME of each. When all are there it prints
`ready`, and they begin when its standard input ends; each prints one JSON line a tag. They are copies of one process
that has imported everything and opened nothing: what they do at once is to open a store and to tag.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import mlflow
import numpy as np
import skops.io
from sklearn.linear_model import Ridge

from noren_bento.tagging.tag import tag_model
from tests.faults.registries import settings_of

assert mlflow
assert skops.io  # imported before the copies are made: it is the tags that are to meet, not the imports
X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())


def tag(home: str, uri: str, *, number: int, tags: int) -> None:
    """Tag, as one of the copies."""
    settings = settings_of(Path(home), None if uri == "-" else uri)
    for name, alpha in [*(("churn", number * tags + one + 1) for one in range(tags)), ("same", 7)]:
        model = Ridge(alpha=float(alpha)).fit(*DATA)
        version = tag_model(model, name, train=DATA, test=DATA, settings=settings)
        # One write a line, which no other copy can come between.
        os.write(1, (json.dumps([str(version), version.digest, alpha]) + "\n").encode())


def main(uri: str, tags: int, homes: list[str]) -> int:
    """Make the copies, let them begin together, and return how many failed."""
    copies = []
    for number, home in enumerate(homes):
        copies.append(os.fork())
        if copies[-1] == 0:
            sys.stdin.read()  # all of them see its end at the same moment
            tag(home, uri, number=number, tags=tags)
            os._exit(0)
    print("ready", flush=True)
    return sum(os.waitpid(copy, 0)[1] != 0 for copy in copies)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2]), sys.argv[3:]))

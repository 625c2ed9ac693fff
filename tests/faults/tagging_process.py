"""A process that tags some models of its own under one name, and one that all its fellows tag too.

Arguments: NOREN_HOME, the tracking URI or `-`, its number, how many models, and a file at whose appearance it begins.
It prints one JSON line a tag.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from noren_bento.tagging.tag import tag_model
from tests.faults.registries import settings_of

X = np.arange(40.0).reshape(-1, 1)
DATA = (X, X.ravel())


def main(home: str, uri: str, *, number: int, tags: int, go: Path) -> None:
    settings = settings_of(Path(home), None if uri == "-" else uri)
    print("ready", flush=True)
    deadline = time.monotonic() + 120
    while not go.exists():
        if time.monotonic() > deadline:
            sys.exit("nobody said go")
        time.sleep(0.001)
    for name, alpha in [*(("churn", number * tags + one + 1) for one in range(tags)), ("same", 7)]:
        model = Ridge(alpha=float(alpha)).fit(*DATA)
        version = tag_model(model, name, train=DATA, test=DATA, settings=settings)
        print(json.dumps([str(version), version.digest, alpha]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], number=int(sys.argv[3]), tags=int(sys.argv[4]), go=Path(sys.argv[5]))

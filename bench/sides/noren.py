"""Noren's side: one `noren.deploy`, as a cell would call it."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from bench.sides.subject import NAME, await_answer, fit, rows_of


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--round", type=int, required=True)
    parser.add_argument("--result", type=Path, required=True)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    fitted = fit(given.model, given.round)
    body = json.dumps({"rows": rows_of(fitted.test[0])}).encode()

    begun = time.perf_counter()
    from noren.ring import Ring, Task
    from noren_bento.settings import load_settings

    settings = load_settings()
    ring = Ring(settings)
    # What noren.deploy does, with the stages' times in hand.
    release = ring.deploy(Task(fitted.model, NAME, fitted.train, fitted.test))
    deployed = time.perf_counter()
    candidate = release.now.candidate

    def is_candidate(answer: object, content: bytes) -> bool:
        return bool(json.loads(content)["model"] == candidate)

    await_answer(settings.port, f"/{NAME}/predict", body, is_wanted=is_candidate)
    ended = time.perf_counter()
    stages = ring.progress.seconds() | {"first answer": ended - deployed}
    given.result.write_text(json.dumps({"stages": stages, "total": ended - begun, "version": candidate}))


if __name__ == "__main__":
    main()

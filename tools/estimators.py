"""Estimators: tags every estimator of scikit-learn that predicts, and more, and writes what came of it into the docs.

`python tools/estimators.py` takes a few minutes. Each model is fitted and tagged here; then one fresh process, which
has fitted nothing, reads every version's files and answers the same rows. Equal means equal to the bit.
"""

from __future__ import annotations

import argparse
import json
import pickle
import platform
import subprocess
import sys
import tempfile
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from models.case import Case
from models.containers import of_containers
from models.other_libraries import of_other_libraries
from models.scikit_learn import of_scikit_learn

from noren_bento.errors import NorenError
from noren_bento.serving.original import flat_predictions
from noren_bento.settings import load_settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.frames import model_input
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles

DOCUMENT = Path(__file__).resolve().parent.parent / "docs" / "estimators.md"


@dataclass(frozen=True, slots=True)
class Row:
    """What came of it."""

    family: str
    name: str
    tagged: str
    """How it is stored; empty where it was refused."""
    equal: str
    """`equal`, or what was different."""
    why: str = ""


def tag_all(home: Path, expected: dict[str, Any]) -> Iterator[tuple[Case, str, str]]:
    """Tag each case: (case, how it is stored, why not); `expected` is filled with the answers by folder."""
    settings = load_settings({"home": home})
    store = ModelStore(settings)
    for number, case in enumerate([*of_scikit_learn(), *of_containers(), *of_other_libraries()]):
        model, X, y = case.make()
        try:
            tagged = tag_model(model, f"model-{number}", train=(X, y), test=(X, y), settings=settings)
        except NorenError as error:
            yield case, "", str(error)
            continue
        files = store.files(tagged)
        # Copies: where it is given the very array that it was fitted on, BLAS takes another way to the last bit.
        expected[str(files.path)] = flat_predictions(
            model.predict(model_input(files.test(), tagged.signature))
        )
        yield case, files.manifest.serialisation, ""


def load_all(task: Path) -> None:
    """In a fresh process: answer with each version's files; print, by folder, `equal` or what differs, as JSON."""
    expected: dict[str, Any] = pickle.loads(task.read_bytes())  # noqa: S301 -- written by our own parent process
    said = {}
    for folder, answers in expected.items():
        files = VersionFiles(Path(folder))
        try:
            given = flat_predictions(
                files.model().predict(model_input(files.test(), files.manifest.version.signature))
            )
        except Exception as error:  # whatever it is goes into the table
            said[folder] = f"{type(error).__name__}: {error}"
            continue
        same = given.shape == answers.shape and bool((given == answers).all())
        said[folder] = "equal" if same else "different"
    print(json.dumps(said))


def survey() -> list[Row]:
    """Tag here, load there, compare."""
    with tempfile.TemporaryDirectory(prefix="noren-estimators-") as work:
        expected: dict[str, Any] = {}
        rows: list[tuple[Case, str, str, str]] = []
        for case, form, why in tag_all(Path(work) / "home", expected):
            folder = list(expected)[-1] if form else ""
            rows.append((case, form, why, folder))
            print(f"{case.name}: {form or why}", file=sys.stderr, flush=True)
        task = Path(work) / "task.pkl"
        task.write_bytes(pickle.dumps(expected))
        command = [sys.executable, str(Path(__file__)), "--load", str(task)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        said = json.loads(done.stdout.strip().splitlines()[-1])
    return [Row(case.family, case.name, form, said.get(folder, ""), why) for case, form, why, folder in rows]


def render(rows: list[Row]) -> str:
    """The page."""
    good = sum(row.equal == "equal" for row in rows)
    forms = Counter(row.tagged for row in rows if row.tagged)
    names = ("scikit-learn", "skops", "polars", "xgboost", "xgboost-cpu", "lightgbm", "catboost", "flaml")
    told = ", ".join(f"{name} {found}" for name in names if (found := _installed(name)))
    counted = ", ".join(f"{count} stored with {form}" for form, count in forms.most_common())
    lines = [
        "# Which models can be tagged",
        "",
        "Every estimator of scikit-learn that predicts, pipelines over other containers, and estimators of other",
        "libraries: fitted, tagged, read again in a fresh process, and asked the same rows. *Equal* means to the bit.",
        "`python tools/estimators.py` writes this page.",
        "",
        f"**{good} of {len(rows)} answer equally**; {counted}.",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()},",
        f"Python {platform.python_version()}; {told}.",
        "",
        "| from | model | stored with | in a fresh process |",
        "|---|---|---|---|",
    ]
    for row in rows:
        lines.append(f"| {row.family} | {row.name} | {row.tagged or 'refused'} | {row.equal or row.why} |")
    return "\n".join(lines) + "\n"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> None:
    """Write the page, or be the fresh process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    if given.load:
        load_all(given.load)
        return
    DOCUMENT.write_text(render(survey()))
    print(DOCUMENT)


if __name__ == "__main__":
    main()

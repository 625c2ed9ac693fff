"""docs/serving.md's examples, asked of a real worker: each answer is the one that stands below its request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.serving.connections import HEADER_SECONDS, MAX_CONNECTIONS, MAX_HEADER_BYTES
from noren_bento.serving.document import REASONS
from noren_bento.serving.intake import BODY_SECONDS, HELD_BODIES
from noren_bento.serving.middleware import ANSWER_SECONDS, MAX_WAITING, PAGES
from noren_bento.serving.refusal import LARGEST, YEARS
from noren_bento.serving.schema import MAX_ROWS
from noren_bento.serving.worker import Worker
from tests.imports import REPOSITORY
from tests.noren_bento.builds import people
from tests.noren_bento.serving.asking import ask
from tests.noren_bento.serving.folders import write_folder

PAGE = (REPOSITORY / "docs" / "serving.md").read_text()
EXAMPLES = re.findall(
    r"```http\n(\w+) (\S+)\n(.*?)\n\n(.*?)```\n+(?:[^`]*?)```json\n(.*?)```", PAGE, re.DOTALL
)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    X, y = people()
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["home-town"]), (StandardScaler(), ["income", "age"])
    )
    folder = tmp_path_factory.mktemp("contract")
    model = make_pipeline(columns, LogisticRegression()).fit(X, y)
    worker = Worker(write_folder(folder / "model", model, X, y), counts=folder / "counts")
    yield worker
    worker.threads.shutdown()


def rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, list):
        return [rounded(one) for one in value]
    return {name: rounded(one) for name, one in value.items()} if isinstance(value, dict) else value


def test_there_are_examples_of_every_way_to_ask() -> None:
    assert {path for _, path, *_ in EXAMPLES} == {"/predict", "/invocations", "/feedback"}
    assert len(EXAMPLES) == PAGE.count("```http") >= 7


@pytest.mark.parametrize(("method", "path", "head", "body", "expected"), EXAMPLES)
def test_an_example_is_answered_as_the_page_says(
    method: str, path: str, head: str, body: str, expected: str, worker: Worker
) -> None:
    headers = dict(line.split(": ", 1) for line in head.splitlines())
    answer = ask(worker, method, path, content=body.encode(), headers=headers)
    assert rounded(answer.json()) == rounded(json.loads(expected))


def test_every_status_route_and_limit_is_on_the_page() -> None:
    for status, reason in REASONS.items():
        assert f"| {status} |" in PAGE, reason
    for path in ("/predict", "/invocations", "/feedback", "/livez", "/readyz", *PAGES):
        assert f"`{path}`" in PAGE, path
    limits = (MAX_ROWS, MAX_CONNECTIONS, MAX_HEADER_BYTES, MAX_WAITING)
    for limit in (
        *(f"{one:,}" for one in limits),
        f"{LARGEST:g}",
        f"{YEARS[0]} to {YEARS[1]}",
        f"{HELD_BODIES} ×",
    ):
        assert limit in PAGE, limit
    for seconds in (HEADER_SECONDS, BODY_SECONDS, ANSWER_SECONDS):
        assert f"{seconds:.0f} s" in PAGE

"""FAULTS 10: whatever a client sends is answered or refused with a reason, and never counts against the version."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from noren_bento.profile.window import Layout, Window
from noren_bento.serving.counts import read_counts
from noren_bento.serving.door import Door
from noren_bento.serving.middleware import PredictMiddleware, Slot
from noren_bento.serving.worker import Worker
from tests.faults.conftest import Figure
from tests.noren_bento.builds import people
from tests.noren_bento.serving.asking import beyond
from tests.noren_bento.serving.folders import write_folder

ROW = {"income": 50.5, "age": 40, "home-town": "Rome"}
ROUTES = ("/predict", "/invocations", "/feedback")
TYPES = (*("application/json",) * 7, "application/vnd.apache.arrow.stream", "text/csv", "")

plain = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*ROW.values(), 1e400, -(2**63), 2**64, "\0", "\ud800", "41", "NaN", "2026-13-01"])
)
names = st.sampled_from(
    [*ROW, "rows", "inputs", "instances", "dataframe_split", "columns", "data", "request_id"]
)
anything = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
near = st.just(ROW) | st.builds(
    lambda more: ROW | more,
    st.dictionaries(st.sampled_from(list(ROW)) | st.text(max_size=4), plain, max_size=2),
)
"""Rows that are right, or right but for something."""
documents = (
    st.fixed_dictionaries({"rows": st.lists(near, max_size=3)})
    | st.fixed_dictionaries({"dataframe_records": st.lists(near, max_size=3)})
    | st.fixed_dictionaries({"instances": st.lists(near | st.lists(plain, max_size=4), max_size=3)})
    | st.fixed_dictionaries({"request_id": plain, "labels": st.lists(plain, max_size=3)})
    | anything
)


def written(document: Any) -> bytes:
    return json.dumps(document, ensure_ascii=True).encode()


bodies = st.builds(written, documents) | st.binary(max_size=300)
good = st.sampled_from([{"rows": [ROW, ROW]}, {"dataframe_records": [ROW]}, {"instances": [ROW]}]).map(
    written
)
damaged = st.builds(
    lambda body, at, byte: body[: at % (len(body) + 1)] + byte + body[at % (len(body) + 1) + 1 :],
    good | bodies,
    st.integers(0, 500),
    st.binary(max_size=2),
)


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Path]]:
    frame, y = people()
    model = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["income", "age"]), (OneHotEncoder(handle_unknown="ignore"), ["home-town"])
        ),
        LogisticRegression(),
    ).fit(frame, y)
    folder = tmp_path_factory.mktemp("version")
    worker = Worker(write_folder(folder / "model", model, frame, y), counts=folder / "counts")
    yield worker, folder / "counts"
    worker.threads.shutdown()


@pytest.mark.parametrize(
    "examples", [300, pytest.param(10_000, marks=[pytest.mark.soak, pytest.mark.timeout(1800)])]
)
def test_nothing_that_is_sent_is_the_versions_fault(
    examples: int, worker: tuple[Worker, Path], figure: Figure
) -> None:
    served, counts = worker
    slot = Slot()
    slot.worker = served
    app: Any = PredictMiddleware(beyond, slot, 100_000, door=Door())
    layout = Layout(served.predictor.profile)
    served.tally.flush()
    before = Window(layout, read_counts(counts, layout))
    statuses: dict[int, int] = {}

    async def send(path: str, content: bytes, content_type: str) -> httpx.Response:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1"
        ) as client:
            return await client.post(path, content=content, headers={"content-type": content_type})

    with asyncio.Runner() as runner:

        @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.sampled_from(ROUTES), good | bodies | damaged, st.sampled_from(TYPES))
        def send_anything(path: str, content: bytes, content_type: str) -> None:
            response = runner.run(send(path, content, content_type))
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            assert response.status_code == 200 or 400 <= response.status_code < 500
            if "json" in response.headers["content-type"]:
                told = json.loads(response.content, parse_constant=pytest.fail)
                assert response.status_code == 200 or told["error"]

        send_anything()
    served.tally.flush()
    counted = Window(layout, read_counts(counts, layout)) - before
    assert counted.model_errors == 0
    assert counted.client_errors > 0
    assert len(statuses) > 3, "it must come to rows that are taken, and to several refusals"
    assert statuses[200] > examples / 100
    refused = sum(statuses.values()) - statuses[200]
    figure(
        10,
        f"{refused} of {sum(statuses.values())} random requests refused with 4xx, 0 × 5xx, 0 counted as its fault",
    )

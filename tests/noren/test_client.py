"""The client against a real service, and against servers that fail as services do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC

import noren
from noren.client import Client
from noren_bento.errors import NorenError, UnreachableError
from noren_bento.settings import Settings, load_settings
from noren_bento.targets.temporary import serving
from tests.noren_bento.builds import build, numbers, people
from tests.stores import lay_store


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            answer(self)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def respond(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("content-length", str(len(body)))
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.wfile.write(body)


def test_a_busy_service_is_asked_again_under_the_same_request_id() -> None:
    ids: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ids.append(handler.headers["x-request-id"])
        respond(handler, 503 if len(ids) < 3 else 422, b'{"error": "Column \\"a\\" is unknown.", "row": 4}')

    with (
        server(answer) as url,
        Client(url) as client,
        pytest.raises(NorenError, match=r'answered 422: Column "a" is unknown. \(row 4\)'),
    ):
        client.predict({"a": 1})
    assert len(ids) == 3, "a refusal is not asked again"
    assert len(set(ids)) == 1


def test_nobody_at_the_address_is_said_with_what_to_do() -> None:
    with (
        Client("http://127.0.0.1:9/churn", retries=0) as client,
        pytest.raises(UnreachableError, match=r"127.0.0.1:9/churn/predict did not answer .*noren status"),
    ):
        client.predict({"a": 1})


def test_a_token_is_sent_and_a_name_is_asked_at_this_home(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str | None] = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        given.append(handler.headers["authorization"])
        respond(handler, 401, b'{"error": "The token is not right."}')

    with server(answer) as url:
        monkeypatch.setenv("NOREN_PORT", url.rpartition(":")[2])
        with Client("churn", token="s3") as client, pytest.raises(NorenError, match="401: The token"):
            client.predict({"a": 1})
        assert client.url == f"{url}/churn"
        monkeypatch.setenv("NOREN_TOKEN", "from the environment")
        with Client("churn") as client, pytest.raises(NorenError, match="401: The token"):
            client.predict({"a": 1})
    assert given == ["Bearer s3", "Bearer from the environment"]


@pytest.mark.parametrize("rows", [3, [], "text", [1, 2]])
def test_what_is_no_rows_is_named(rows: Any) -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(NorenError, match="Rows are a pandas or"):
        client.predict(rows)


def test_a_name_that_is_not_allowed_is_refused() -> None:
    with pytest.raises(NorenError):
        Client("../churn")


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("home")
    return load_settings({"home": lay_store(home)}, folder=Path("/"))


@pytest.mark.slow
def test_a_model_without_probabilities_gives_its_scores(settings: Settings) -> None:
    X, y = numbers()
    model = LinearSVC().fit(X, y)
    built = build(model, "scored", (X, y), settings)
    with serving(built.path, settings=settings, workers=1) as url, noren.Client(url) as client:
        answers = client.predict(X)
    assert list(answers) == ["prediction", "score", "request_id", "row", "version"]
    assert answers["prediction"].tolist() == model.predict(X).tolist()
    assert answers["score"].tolist() == model.decision_function(X).tolist()
    assert built.runtime == "exact"


@pytest.mark.slow
def test_a_frame_goes_in_and_a_frame_under_its_index_comes_out(settings: Settings) -> None:
    X, y = people()
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["home-town"]), remainder="passthrough"
    )
    model = make_pipeline(encode, LogisticRegression(max_iter=2000)).fit(X, y)
    built = build(model, "asked", (X, y), settings)
    shuffled = X.sample(frac=1, random_state=0).astype({"home-town": "category"})
    expected = model.predict_proba(X.loc[shuffled.index])
    with (
        serving(built.path, settings=settings, workers=1) as url,
        noren.Client(url, batch_rows=150) as client,
    ):
        answers = client.predict(shuffled)
        assert list(answers) == [
            "prediction",
            "probability_no",
            "probability_yes",
            "request_id",
            "row",
            "version",
        ]
        assert answers.index.equals(shuffled.index)
        assert answers["prediction"].tolist() == model.predict(X.loc[shuffled.index]).tolist()
        np.testing.assert_allclose(answers[["probability_no", "probability_yes"]], expected, atol=1e-5)
        assert answers["request_id"].nunique() == 3
        assert answers["row"].max() == 149
        assert set(answers["version"]) == {"asked/1"} == {client.version()}

        few = X.head(3)
        for rows in (pl.from_pandas(few), few.replace({np.nan: None}).to_dict("records")):
            again = client.predict(rows)
            pd.testing.assert_frame_equal(
                again.drop(columns="request_id"), client.predict(few).drop(columns="request_id")
            )
        with pytest.raises(NorenError, match=r'422: .*"income"'):
            client.predict(few.drop(columns="income"))

        request_id = str(answers["request_id"].iloc[0])
        labels = ["yes"] * 150
        client.feedback(request_id, labels)
        client.feedback(request_id, np.array(labels))
        with pytest.raises(NorenError, match="409"):
            client.feedback(request_id, ["no"] * 150)

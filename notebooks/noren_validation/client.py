"""Client: asks the served bento over HTTP as a user would, and measures how long it takes."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from noren_bento.errors import NorenError, UnreachableError
from noren_bento.release.version import Signature
from noren_bento.serving.answers import Answers

TIMEOUT_SECONDS = 20.0
BULK_SIZES = (1, 10, 100, 1000)
BULK_REQUESTS = 12
BULK_SECONDS = 2.0
"""A size is measured for about so long, and left out where one request would take longer."""
PEAK = "noren_worker_peak_memory_bytes"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """What the service said."""

    status: int
    body: dict[str, Any]
    seconds: float
    """From the first byte sent to the last byte read."""


class Client:
    """One kept connection to a served bento; a context manager."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._url = url
        self._prefix = parts.path.rstrip("/")
        self._connection = http.client.HTTPConnection(parts.netloc, timeout=TIMEOUT_SECONDS)

    def predict(self, rows: Sequence[Row]) -> Response:
        """Send rows to POST /predict."""
        return self.send("/predict", json.dumps({"rows": list(rows)}).encode())

    def version(self) -> dict[str, Any]:
        """What GET /version says: model, digest, runtime."""
        return self._ask("GET", "/version", None).body

    def peak_bytes(self) -> int:
        """Most bytes of memory that one worker of the service has had so far, as its metrics page says."""
        page = str(self._ask("GET", "/metrics", None).body.get("text", ""))
        found = [line for line in page.splitlines() if line.startswith(PEAK)]
        if not found:
            raise NorenError(f"{self._url}/metrics does not say {PEAK}. Build the version again.")
        return int(float(found[0].rsplit(" ", 1)[1]))

    def send(self, path: str, body: bytes) -> Response:
        """POST a JSON body; any status is an answer. UnreachableError when there is none."""
        return self._ask("POST", path, body)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes | None) -> Response:
        begun = time.perf_counter()
        try:
            self._connection.request(method, self._prefix + path, body, {"content-type": "application/json"})
            answer = self._connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise UnreachableError(
                f"The served bento at {self._url} did not answer {path}: {error}."
            ) from None
        seconds = time.perf_counter() - begun
        if (answer.getheader("content-type") or "").startswith("text/plain"):
            return Response(answer.status, {"text": content.decode()}, seconds)
        try:
            decoded = json.loads(content or b"{}", parse_constant=_refuse_constant)
        except ValueError as error:
            raise NorenError(
                f"{self._url}{path} answered {answer.status} with what is not JSON: {error}."
            ) from None
        return Response(answer.status, decoded if isinstance(decoded, dict) else {"answer": decoded}, seconds)


def measure_latency(
    client: Client, rows: Sequence[Row], *, requests: int, budget_seconds: float, warm_up: int = 20
) -> list[float]:
    """Return milliseconds of single-row requests, one after the other; rows are taken in turn.

    It ends after `requests`, or when `budget_seconds` are used up and 100 are measured. Raises NorenError at an
    answer other than 200.
    """
    for number in range(warm_up):
        _require_answer(client.predict([rows[number % len(rows)]]))
    deadline = time.monotonic() + budget_seconds
    taken: list[float] = []
    while len(taken) < requests and (time.monotonic() < deadline or len(taken) < 100):
        response = client.predict([rows[len(taken) % len(rows)]])
        taken.append(_require_answer(response).seconds * 1000)
    return taken


@dataclass(frozen=True, slots=True)
class Bulk:
    """How quickly one worker answers bodies of some size, one after the other."""

    rows: int
    """Rows a request."""
    seconds: float
    """The median of several requests."""

    @property
    def rows_per_second(self) -> float:
        """Rows that are answered in a second."""
        return self.rows / self.seconds


def measure_bulk(client: Client, rows: Sequence[Row], *, max_body_bytes: int) -> list[Bulk]:
    """Return what bodies of 1, 10, 100 and 1,000 rows take: those that are allowed, and answered in seconds."""
    measured: list[Bulk] = []
    for size in BULK_SIZES:
        body = list(islice(cycle(rows), size))
        too_large = len(json.dumps({"rows": body})) > max_body_bytes
        too_slow = measured and measured[-1].seconds * size / measured[-1].rows > BULK_SECONDS
        if measured and (too_large or too_slow):
            break
        taken: list[float] = []
        while len(taken) < BULK_REQUESTS and (sum(taken) < BULK_SECONDS or not taken):
            taken.append(_require_answer(client.predict(body)).seconds)
        measured.append(Bulk(size, float(np.median(taken))))
    return measured


def predict_each(client: Client, rows: Sequence[Row], *, batch: int = 200) -> list[Response]:
    """Return one response a row: asked in batches, and one by one where a batch is not answered with 200.

    A row's response holds its own prediction only: `body["predictions"]` has one entry.
    """
    responses: list[Response] = []
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        whole = client.predict(part)
        if whole.status == 200:
            responses += [_pick(whole, place, len(part)) for place in range(len(part))]
        else:
            responses += [client.predict([row]) for row in part]
    return responses


def answers_of(responses: Sequence[Response], signature: Signature) -> Answers:
    """Put the predictions of answered rows together, as a Predictor gives them."""
    dtype: Any = np.float64 if signature.task == "regression" else None
    if signature.target_classes:
        dtype = object  # one target's labels may be text and another's numbers
    predictions = np.array([one.body["predictions"][0] for one in responses], dtype=dtype)
    if predictions.dtype.kind == "U":
        predictions = predictions.astype(object)
    return Answers(predictions, _numbers_of(responses, "probabilities"), _numbers_of(responses, "scores"))


def _numbers_of(responses: Sequence[Response], key: str) -> NDArray[np.float64] | None:
    given = [one.body[key][0] for one in responses if one.body.get(key)]
    return np.array(given, dtype=np.float64) if given else None


def _pick(whole: Response, place: int, rows: int) -> Response:
    lists = {
        key: [values[place]]
        for key, values in whole.body.items()
        if key in ("predictions", "probabilities", "scores")
        and isinstance(values, list)
        and len(values) == rows
    }
    return Response(whole.status, whole.body | lists, whole.seconds / rows)


def _require_answer(response: Response) -> Response:
    if response.status != 200:
        raise NorenError(
            f"The served bento answered {response.status} to valid rows: {str(response.body)[:300]}"
        )
    return response


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")

"""Client: a released model as a function of a frame, from any process that reaches its address."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from noren_bento.errors import NorenError, UnreachableError
from noren_bento.release.version import require_name
from noren_bento.serving.door import TOKEN, token_headers
from noren_bento.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import urllib3

ARROW = "application/vnd.apache.arrow.stream"
BATCH_ROWS = 5_000
RETRIED = (429, 502, 503, 504)
"""Statuses of a service that is busy or on its way up or down: what it was asked may be asked again."""


class Client:
    """Asks one released model over HTTP: a frame in, a frame out.

    `model` is a model's name, which is asked where this NOREN_HOME's Envoy listens, or the address of a model, such as
    `https://models.example/churn`. Without `token` it sends NOREN_TOKEN, where that is set. A request is tried again,
    up to `retries` times with rising pauses, when nobody answered or the answer was 429, 502, 503 or 504: predictions
    change nothing, and a try has the request id of the one before, for the log. Threads may share a client.

        with noren.Client("churn") as churn:
            answers = churn.predict(frame)
    """

    def __init__(
        self,
        model: str,
        *,
        token: str | None = None,
        timeout_seconds: float = 30.0,
        retries: int = 3,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        import urllib3

        if batch_rows < 1:
            raise NorenError(f"A batch has at least 1 row; got batch_rows={batch_rows}.")
        self.url = model.rstrip("/") if "://" in model else _url_of(require_name(model))
        self._batch_rows = batch_rows
        self._headers = token_headers({TOKEN: token} if token else os.environ)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=5.0, read=timeout_seconds),
            retries=urllib3.Retry(
                retries,
                allowed_methods=None,
                status_forcelist=RETRIED,
                backoff_factor=0.2,
                raise_on_status=False,
                redirect=False,
            ),
        )

    def predict(self, rows: pd.DataFrame | Sequence[Mapping[str, Any]] | Mapping[str, Any]) -> pd.DataFrame:
        """Return one row of answers for each row, under the same index, sent in batches.

        Columns: `prediction` (`prediction_0`, … of a model of several targets), `probability_LABEL` for each class
        where the model has probabilities, `score` (`score_0`, …) where it has a `decision_function` instead, and
        `request_id`, `row` (its place in that request) and `version`, which are the row's key in the prediction log
        and for `feedback`. Besides a pandas frame it takes one of polars, a pyarrow table, or rows as dicts. Raises
        NorenError with the service's own words where it refuses a row, and UnreachableError where it does not answer.
        """
        import pandas as pd

        table, index = _table_of(rows)
        parts = [self._ask(part) for part in _batches(table, self._batch_rows)]
        answers = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"prediction": []})
        return answers.set_index(index) if index is not None else answers

    def feedback(self, request_id: str, labels: Sequence[Any]) -> None:
        """Say what was true of the rows of one request, in their order; the same again is the same.

        Raises NorenError where other labels were given before.
        """
        body = json.dumps({"request_id": request_id, "labels": list(labels)}, default=_plain).encode()
        _require_ok(self._send("POST", "/feedback", body, {"content-type": "application/json"}))

    def version(self) -> str:
        """The version that answers; in a canary, one of the two."""
        answer = self._send("GET", "/version", None, {})
        return str(_require_ok(answer)["model"])

    def close(self) -> None:
        """Close its connections."""
        self._pool.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ask(self, table: pa.Table) -> pd.DataFrame:
        request_id = os.urandom(16).hex()
        headers = {"content-type": ARROW, "accept": ARROW, "x-request-id": request_id}
        answer = self._send("POST", "/predict", _stream_of(table), headers)
        if answer.status != 200:
            _require_ok(answer)
        return _frame_of(answer.data)

    def _send(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
    ) -> urllib3.BaseHTTPResponse:
        import urllib3

        try:
            return self._pool.request(
                method, self.url + path, body=body, headers={**self._headers, **headers}
            )
        except urllib3.exceptions.HTTPError as error:
            raise UnreachableError(
                f"{self.url}{path} did not answer ({error}). Is it up? `noren status` tells on its machine."
            ) from None


def _url_of(name: str) -> str:
    settings = load_settings()
    return f"http://{settings.host}:{settings.port}/{name}"


def _table_of(rows: Any) -> tuple[pa.Table, pd.Index[Any] | None]:
    import pandas as pd
    import pyarrow as pa

    if isinstance(rows, Mapping):
        rows = [rows]
    if isinstance(rows, pd.DataFrame):
        plain = rows.astype(dict.fromkeys(rows.select_dtypes("category").columns, object))
        return pa.Table.from_pandas(plain, preserve_index=False), rows.index
    if isinstance(rows, pa.Table):
        return rows, None
    if hasattr(rows, "to_arrow"):
        return rows.to_arrow(), None
    if isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        return pa.Table.from_pylist([dict(row) for row in rows]), None
    raise NorenError(
        f"Rows are a pandas or polars frame, a pyarrow table or a list of dicts; got {type(rows).__name__}."
    )


def _batches(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for start in range(0, table.num_rows, rows):
        yield table.slice(start, rows)


def _stream_of(table: pa.Table) -> bytes:
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def _frame_of(body: bytes) -> pd.DataFrame:
    import numpy as np
    import pandas as pd
    import pyarrow as pa

    table = pa.ipc.open_stream(body).read_all()
    about = table.schema.metadata
    columns = _spread("prediction", table["predictions"], None)
    if "probabilities" in table.column_names:
        columns |= _spread("probability", table["probabilities"], json.loads(about.get(b"classes", b"null")))
    if "scores" in table.column_names:
        columns |= _spread("score", table["scores"], None)
    columns["request_id"] = about[b"request_id"].decode()
    columns["row"] = np.arange(table.num_rows)
    columns["version"] = about[b"model"].decode()
    return pd.DataFrame(columns)


def _spread(name: str, values: pa.ChunkedArray, labels: Sequence[Any] | None) -> dict[str, Any]:
    """One column, or one for each place of a list, called by its label or its number."""
    import pyarrow as pa

    if not pa.types.is_fixed_size_list(values.type):
        return {name: values.to_pandas()}
    width = values.type.list_size
    flat = values.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, width)
    return {f"{name}_{label}": flat[:, place] for place, label in enumerate(labels or range(width))}


def _require_ok(answer: urllib3.BaseHTTPResponse) -> dict[str, Any]:
    told: dict[str, Any] = {}
    with suppress(ValueError):
        decoded = json.loads(answer.data)
        told = decoded if isinstance(decoded, dict) else {}
    if answer.status != 200:
        words = told.get("error") or answer.data[:300].decode(errors="replace")
        row = f" (row {told['row']})" if "row" in told else ""
        raise NorenError(f"{answer.geturl() or 'The service'} answered {answer.status}: {words}{row}")
    return told


def _plain(value: Any) -> Any:
    """NumPy's numbers as Python's."""
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} is no label")

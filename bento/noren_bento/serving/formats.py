"""Formats: how rows and answers are written. A request is decoded by one, its answer encoded by one."""

from __future__ import annotations

from typing import Any, Protocol

import msgspec

from noren_bento.serving.answers import Answers
from noren_bento.serving.columns import Columns
from noren_bento.serving.invocations import Invocations
from noren_bento.serving.schema import Schema

JSON = (b"content-type", b"application/json")


class Format(Protocol):
    """One way to write rows and answers."""

    content_type: tuple[bytes, bytes]
    """The answer's header."""

    def decode(self, body: bytes) -> Columns:
        """Read a request's rows; raises Refusal."""

    def encode(self, answers: Answers, request_id: str) -> bytes:
        """Write an answer."""


class RowsFormat:
    """`{"rows": [{column: value, …}, …]}`, answered with the version, predictions and probabilities or scores."""

    content_type = JSON

    def __init__(self, schema: Schema, version: str) -> None:
        self.decode = schema.decode
        self._version = version

    def encode(self, answers: Answers, request_id: str) -> bytes:
        """Write `{"model", "predictions", "probabilities"?, "scores"?, "request_id"}`."""
        document: dict[str, Any] = {"model": self._version, "predictions": answers.predictions.tolist()}
        if answers.probabilities is not None:
            document["probabilities"] = answers.probabilities.tolist()
        if answers.scores is not None:
            document["scores"] = answers.scores.tolist()
        document["request_id"] = request_id
        return _ENCODE(document)


class MlflowFormat:
    """MLflow's scoring formats, answered as MLflow's server does."""

    content_type = JSON

    def __init__(self, schema: Schema) -> None:
        self.decode = Invocations(schema).decode

    def encode(self, answers: Answers, request_id: str) -> bytes:
        """Write `{"predictions"}`."""
        return _ENCODE({"predictions": answers.predictions.tolist()})


_ENCODE = msgspec.json.Encoder().encode

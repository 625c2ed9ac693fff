"""The Arrow format: bulk rows in and answers out, without a digit of text."""

from __future__ import annotations

from noren_bento.serving.answers import Answers
from noren_bento.serving.arrow.answer import write_answers
from noren_bento.serving.arrow.columns import columns_of_stream
from noren_bento.serving.columns import Columns
from noren_bento.serving.schema import Schema

ARROW_TYPE = b"application/vnd.apache.arrow.stream"


class ArrowFormat:
    """Arrow IPC streams whose columns are the model's, in any order."""

    content_type = (b"content-type", ARROW_TYPE)

    def __init__(self, schema: Schema, version: str) -> None:
        self._schema = schema
        self._version = version

    def decode(self, body: bytes) -> Columns:
        """Read a stream; raises Refusal."""
        return columns_of_stream(body, self._schema)

    def encode(self, answers: Answers, request_id: str) -> bytes:
        """Write a stream."""
        return write_answers(
            answers, model=self._version, request_id=request_id, classes=self._schema.classes
        )

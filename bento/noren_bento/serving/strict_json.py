"""Strict JSON: a body becomes a document, or a Refusal that says why it is none."""

from __future__ import annotations

import json
from typing import Any

from noren_bento.serving.refusal import Refusal, quote


class Repeated(dict[str, Any]):
    """An object in which a key is given twice. JSON lets its reader choose one; here its sender is told."""

    __slots__ = ("key",)

    def __init__(self, pairs: list[tuple[str, Any]], key: str) -> None:
        super().__init__(pairs)
        self.key = key


def read_json(body: bytes) -> Any:
    """Read UTF-8 JSON; raises Refusal. NaN and Infinity come through as floats, so that their place can be named.

    >>> read_json(b'{"rows": []}')
    {'rows': []}
    >>> read_json(b'{"a": 1, "a": 2}').key
    'a'
    """
    try:
        return json.loads(body.decode(), object_pairs_hook=_object_of)
    except RecursionError:
        raise Refusal("The body is nested too deeply.", status=400) from None
    except UnicodeDecodeError as error:
        raise Refusal(f"The body is not JSON: byte {error.start} is not UTF-8.", status=400) from None
    except ValueError as error:
        raise Refusal(f"The body is not JSON: {error}.", status=400) from None


def require_unrepeated(document: dict[str, Any]) -> None:
    """Raise Refusal when a key of this object is given twice."""
    if isinstance(document, Repeated):
        raise Refusal(f"The body holds {quote(document.key)} twice; send it once.")


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
    return Repeated(pairs, twice)

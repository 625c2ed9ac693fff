"""Labels: what turned out to be true of a request's rows, as `/feedback` takes it for one signature."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from noren_bento.release.version import Label, Signature
from noren_bento.serving.refusal import Refusal, listed, named_type, quote
from noren_bento.serving.request_id import GIVEN
from noren_bento.serving.schema import MAX_ROWS
from noren_bento.serving.strict_json import read_json, require_unrepeated

KEYS = ("request_id", "labels")


@dataclass(frozen=True, slots=True)
class Labels:
    """The labels of one request, in the order of its rows."""

    request_id: str
    values: tuple[Any, ...]
    """One a row: a label, None where it is not known, or a tuple of these where there are several targets."""


def read_labels(body: bytes, signature: Signature) -> Labels:
    """Read `{"request_id", "labels"}`; raises Refusal. A class that the model does not know is taken: it may be new.

    >>> signature = Signature((), "classification", classes=("no", "yes"))
    >>> read_labels(b'{"request_id": "abc", "labels": ["yes", null]}', signature).values
    ('yes', None)
    >>> read_labels(b'{"request_id": "abc", "labels": [1]}', signature)
    Traceback (most recent call last):
    noren_bento.serving.refusal.Refusal: The label of row 0 must be a string, not a number. The classes are: no, yes.
    """
    document = read_json(body)
    if not isinstance(document, dict):
        raise Refusal(f'The body must be {{"request_id", "labels"}}, not {named_type(document)}.')
    require_unrepeated(document)
    if (unknown := next((name for name in document if name not in KEYS), None)) is not None:
        raise Refusal(f"The body holds {quote(unknown)}; it takes request_id and labels.")
    request_id, labels = document.get("request_id"), document.get("labels")
    if not isinstance(request_id, str) or not GIVEN.fullmatch(request_id.encode(errors="surrogatepass")):
        raise Refusal(
            '"request_id" must be the id of an answered request: 1 to 128 visible ASCII characters.'
        )
    if not isinstance(labels, list) or not labels or all(label is None for label in labels):
        raise Refusal(
            '"labels" must be a list of one label a row, null where it is not known; one must be known.'
        )
    if len(labels) > MAX_ROWS:
        raise Refusal(f"There are {len(labels)} labels; a request has at most {MAX_ROWS} rows.", status=413)
    return Labels(request_id, tuple(_value(label, signature, row) for row, label in enumerate(labels)))


def _value(label: Any, signature: Signature, row: int) -> Any:
    if not signature.targets:
        return _label(label, signature.classes, row, "")
    if label is None:
        return None
    if not isinstance(label, list) or len(label) != len(signature.targets):
        raise Refusal(
            f"The label of row {row} must be a list of one value for each of {listed(signature.targets)}.",
            row=row,
        )
    classes = signature.target_classes or ((),) * len(label)
    return tuple(
        _label(one, known, row, f" for {target}")
        for one, known, target in zip(label, classes, signature.targets, strict=True)
    )


def _label(label: Any, classes: tuple[Label, ...], row: int, target: str) -> Any:
    if label is None:
        return None
    wanted = {named_type(known) for known in classes} or {"a number"}
    if named_type(label) not in wanted:
        hint = f" The classes are: {listed(classes)}." if classes else ""
        raise Refusal(
            f"The label of row {row}{target} must be {' or '.join(sorted(wanted))}, not {named_type(label)}.{hint}",
            row=row,
        )
    if isinstance(label, float) and not math.isfinite(label):
        raise Refusal(f"The label of row {row}{target} is {label}; send null where it is not known.", row=row)
    if isinstance(label, str) and any("\ud800" <= letter <= "\udfff" for letter in label):
        raise Refusal(f"The label of row {row}{target} holds half a surrogate pair.", row=row)
    if isinstance(label, int) and abs(label) >= 1 << 63:
        raise Refusal(f"The label of row {row}{target} is larger than 64 bits hold.", row=row)
    return label

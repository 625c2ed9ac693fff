"""Secrets that cannot be masked: those inside the model and the modules that travel with it. They are refused."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.masking import MASK
from noren_bento.tagging.description import read_parameters
from noren_bento.tagging.secrets.secrets import Secrets, is_telling
from noren_bento.tagging.secrets.shapes import find_secrets, is_secret_name

MOST_ITEMS = 1_000
"""A larger container is data, such as a vocabulary."""
DEPTH = 6
FIX = "Read it where it is needed, such as os.environ['NAME'], not before, then fit and tag again."


def require_no_secrets(model: Any, modules: Iterable[Path], secrets: Secrets) -> None:
    """Raise NorenError where the model or a module that travels with it holds a secret.

    Whoever has the version, its bento or its image would have the secret.
    """
    for place, name, value in _texts(model):
        if value.strip() and _is_secret(name, value, secrets):
            raise NorenError(
                f"{place} of this {type(model).__name__} holds a secret, and each copy of the model would carry it. "
                + FIX
            )
    for path in modules:
        for file in sorted([path] if path.is_file() else path.rglob("*.py")):
            _require_clean(file, secrets)


def _is_secret(name: str, value: str, secrets: Secrets) -> bool:
    return secrets.mask_value(name, value) != value if is_secret_name(name) else _stands_out(value, secrets)


def _stands_out(text: str, secrets: Secrets) -> bool:
    """Whether a text has a secret in it by what it is, not only by the name before it."""
    found = [
        span for span in find_secrets(text) if not span.by_name or is_telling(text[span.start : span.end])
    ]
    return bool(found) or any(one in text for one in secrets.known)


def _require_clean(file: Path, secrets: Secrets) -> None:
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines, start=1):
        if MASK not in line and _stands_out(line, secrets):
            raise NorenError(
                f"{file.name}, line {number}, holds a secret, and this module travels with the model. {FIX}"
            )


def _texts(model: Any) -> Iterator[tuple[str, str, str]]:
    """Place, name and text of each text in the parameters and attributes of a model and of what it is made of."""
    parameters = read_parameters(model)
    for name, value in parameters.items():
        yield from _walk(f"The parameter {name!r}", name, value, DEPTH)
    for place, part in (("", model), *parameters.items()):
        if hasattr(part, "get_params") or not place:
            for name, value in getattr(part, "__dict__", {}).items():
                where = f"{place}.{name}".lstrip(".")
                yield from _walk(f"The attribute {where!r}", name, value, DEPTH)


def _walk(place: str, name: str, value: Any, depth: int) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str):
        yield place, name, value
    elif depth and isinstance(value, Mapping) and len(value) <= MOST_ITEMS:
        for key, one in value.items():
            yield from _walk(f"{place} ({key!r:.40})", str(key), one, depth - 1)
    elif depth and isinstance(value, list | tuple) and len(value) <= MOST_ITEMS:
        for one in value:
            yield from _walk(place, name, one, depth - 1)

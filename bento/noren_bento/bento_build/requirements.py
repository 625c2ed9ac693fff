"""Requirements of a bento: what serving imports and all that it needs, pinned to the installed versions."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from noren_bento.errors import NorenError
from noren_bento.serving.manifest import Runtime

SERVING = ("bentoml", "httptools", "msgspec", "numpy", "uvloop")
ENGINES: dict[Runtime, tuple[str, ...]] = {
    "exact": (),
    "onnx": ("onnxruntime",),
    "arrays": ("cloudpickle", "scikit-learn", "skops"),
    "sklearn": ("cloudpickle", "pandas", "scikit-learn", "skops"),
}
"""What each engine imports beyond `SERVING`."""


def pin_requirements(names: Iterable[str], given: Iterable[str] = ()) -> tuple[str, ...]:
    """Pin these distributions and everything that they require to what is installed here.

    `given` are pins that were recorded when the model was fitted; they win over what is installed. A whole set is
    pinned because a bento lives long: a later release of something far down must not change or break it.
    Raises NorenError for what is not installed.

    >>> [pin.partition("==")[0] for pin in pin_requirements(["msgspec"])]
    ['msgspec']
    """
    fixed = {canonicalize_name(Requirement(pin).name): pin for pin in given}
    found: dict[str, str] = {}
    waiting = [Requirement(name) for name in (*names, *(Requirement(pin).name for pin in given))]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found and not requirement.extras:
            continue
        installed = _installed(requirement.name)
        if installed is None:
            if name in fixed:
                found[name] = fixed[name]
                continue
            raise NorenError(
                f"{requirement.name} is not installed here, but serving needs it. Install it and build again."
            )
        found[name] = fixed.get(name, f"{name}=={re.sub(r'[+].*', '', installed.version)}")
        waiting += _needs(installed, requirement.extras)
    return tuple(found[name] for name in sorted(found))


def _installed(name: str) -> metadata.Distribution | None:
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def _needs(installed: metadata.Distribution, extras: set[str]) -> list[Requirement]:
    needed = []
    for text in installed.requires or ():
        requirement = Requirement(text)
        wanted = [{"extra": extra} for extra in ("", *extras)]
        if requirement.marker is None or any(requirement.marker.evaluate(extra) for extra in wanted):
            needed.append(requirement)
    return needed

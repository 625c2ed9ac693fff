"""What a clean process could not do, in words that say what is missing, where, and what to do."""

from __future__ import annotations

import difflib
import functools
import importlib.util
import os
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.tagging.inspect import is_installed, source_of


class Failure(msgspec.Struct):
    """What went wrong in the clean process, as it reports it."""

    stage: str
    """`load` or `predict`."""
    kind: str
    """The exception's class."""
    text: str
    missing: str
    """Full name of the module that could not be imported, or nothing."""
    place: str
    """File, line and function, or nothing."""
    subject: str
    """What the exception is about: a file, a key."""
    refused: dict[str, str]
    """Top-level modules that were asked for and are not recorded, each with the module that asked."""


def explain(failure: Failure, model: Any, *, own_modules: tuple[str, ...]) -> NorenError:
    """Make the one error that the user reads."""
    name = type(model).__name__
    does = "load" if failure.stage == "load" else "predict"
    start = f"{name} works here, but does not {does} in a clean process, as it will be where it is served: "
    if failure.missing:
        return NorenError(start + _missing(failure, own_modules))
    where = f" ({failure.place})" if failure.place else ""
    if failure.kind in ("FileNotFoundError", "NotADirectoryError") and failure.subject:
        return NorenError(
            f"{start}it opens {failure.subject!r}{where}, which is on this machine only. "
            "Read the file when the model is fitted, and keep what it holds in an attribute."
        )
    if failure.kind == "KeyError" and failure.subject in os.environ:
        return NorenError(
            f"{start}it reads the environment variable {failure.subject}{where}, which services are not given. "
            "Keep its value in a parameter of the model, unless it is a secret."
        )
    return NorenError(f"{start}{failure.kind}: {failure.text.rstrip('.')}{where}. {advise(failure.refused)}")


def advise(refused: dict[str, str]) -> str:
    """What may make a clean process differ from this one, and what to do about it."""
    found = [_config_advice(), _refusal_advice(refused)]
    return " ".join(filter(None, found)) or (
        "Keep all that it needs in attributes that fit sets: in the clean process no notebook variable, no patched "
        "library and no later edit of a module exists. If you edited a module since, restart the kernel and fit again."
    )


def _config_advice() -> str:
    """scikit-learn's global configuration is the notebook's own, and changes what models answer."""
    sklearn = sys.modules.get("sklearn")
    if sklearn is None:
        return ""
    config = sklearn.get_config()
    plain = {"assume_finite": False, "transform_output": "default", "enable_metadata_routing": False}
    plain |= {"array_api_dispatch": False}
    changed = [
        f"{name}={config[name]!r}" for name, value in plain.items() if config.get(name, value) != value
    ]
    if not changed:
        return ""
    return (
        f"This notebook has called sklearn.set_config({', '.join(changed)}), which holds in this process only. "
        "Set it on the model instead, as in pipeline.set_output(transform='pandas'), and fit again."
    )


def _refusal_advice(refused: dict[str, str]) -> str:
    installed = [f"{top} (asked for by {by})" for top, by in refused.items() if _distribution(top)]
    if not installed:
        return ""
    return (
        f"Installed here and not among the version's requirements: {', '.join(installed[:5])}. If it needs one, "
        "import that in a module of yours and tag --with the module: what carried modules import is recorded."
    )


def _missing(failure: Failure, own_modules: tuple[str, ...]) -> str:
    top = failure.missing.partition(".")[0]
    where = f"{failure.place} imports" if failure.place else "it imports"
    if top in own_modules:
        near = difflib.get_close_matches(failure.missing, own_modules, n=1)
        return (
            f"{where} {failure.missing}, which the carried {top!r} does not hold. "
            f"Tag --with the whole package folder{f' of {near[0]}' if near else ''}."
        )
    if distribution := _distribution(top):
        return (
            f"{where} {failure.missing}, of {distribution} {metadata.version(distribution)}, which is installed here "
            "and not among the version's requirements. Write the import at the top of a module of yours that you tag "
            "--with: what carried modules import is recorded."
        )
    if not is_installed(top) and _can_be_found(top):
        flags = " ".join(
            f"--with {one}" for one in (*(source_of(name) for name in own_modules), source_of(top))
        )
        return f"{where} {failure.missing}, a module beside the notebook, which is not carried. Tag {flags}."
    return (
        f"{where} {failure.missing}, which is neither installed here nor carried. Install what provides it, "
        "or tag --with its source, and fit again."
    )


def _can_be_found(top: str) -> bool:
    if top in sys.modules:
        return True
    try:
        return importlib.util.find_spec(top) is not None
    except (ImportError, ValueError):
        return False


@functools.cache
def _distribution(top: str) -> str:
    """The installed distribution that provides a module, or nothing."""
    spec_known = sys.modules.get(top)
    origin = getattr(spec_known, "__file__", None)
    if origin is not None and "-packages" not in Path(origin).as_posix():
        return ""
    found = metadata.packages_distributions().get(top)
    return found[0] if found else ""

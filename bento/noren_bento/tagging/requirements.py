"""The libraries that a model's classes come from, pinned to what is installed here."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from noren_bento.errors import NorenError
from noren_bento.tagging.digest import Reference

DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "yaml": "PyYAML",
    "cv2": "opencv-python",
}
"""Known names of packages whose distribution is called differently: reading all installed metadata takes 0.3 s."""


def read_requirements(
    references: Iterable[Reference], own_modules: Iterable[str], *, always: Iterable[str] = ()
) -> tuple[str, ...]:
    """Return pinned requirements, such as `scikit-learn==1.9.1`, sorted; `always` names further distributions.

    What a class inherits from counts: an estimator of XGBoost needs scikit-learn, which XGBoost does not require.
    Raises NorenError for a package that was installed from a folder, which no other machine can install.
    """
    own = {*own_modules, *sys.stdlib_module_names, *sys.builtin_module_names}
    tops = {module.partition(".")[0] for reference in references for module in _modules_of(reference)} - own
    names = {_distribution(top) for top in tops} | set(always)
    for name in names:
        _require_published(name)
    return tuple(sorted((f"{name}=={metadata.version(name)}" for name in names), key=str.lower))


def read_output_libraries(model: Any) -> list[str]:
    """Names of the libraries that `set_output` lets a part of the model make frames with."""
    held = [model]
    if hasattr(model, "get_params"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held += model.get_params(deep=True).values()
    configs = [getattr(one, "_sklearn_output_config", None) for one in held]
    found = {str(config.get("transform")) for config in configs if isinstance(config, dict)}
    return sorted(found & {"pandas", "polars"})


def _modules_of(reference: Reference) -> set[str]:
    """The module that a reference names, and those of the classes that it inherits from."""
    found: Any = sys.modules.get(reference.module)
    for name in filter(None, reference.qualname.split(".")):
        found = getattr(found, name, None)
    bases = found.__mro__ if isinstance(found, type) else ()
    return {reference.module, *(base.__module__ for base in bases)}


@functools.cache
def _require_published(name: str) -> None:
    """Raise where a distribution comes from a folder; warn where it comes from an address instead of an index."""
    source = json.loads(metadata.distribution(name).read_text("direct_url.json") or "{}")
    pin = f"{name}=={metadata.version(name)}"
    if "dir_info" in source:
        raise NorenError(
            f"The model needs {name}, which was installed from the folder {source['url']}: {pin} can be installed "
            "nowhere else. Publish it to a package index and install it from there, or tag --with its package folder."
        )
    if source:
        warnings.warn(
            f"The model needs {name}, which was installed from {source['url'].partition('?')[0]}. It is recorded as "
            f"{pin}: see that the index from which services are installed has it.",
            stacklevel=2,
        )


@functools.cache
def _distribution(module: str) -> str:
    for name in (DISTRIBUTIONS.get(module, module), module.replace("_", "-")):
        try:
            return metadata.distribution(name).metadata["Name"]
        except metadata.PackageNotFoundError:
            continue
    found = metadata.packages_distributions().get(module)
    if not found:
        raise NorenError(
            f"The model needs {module!r}, and no installed distribution provides it. "
            "Tag --with its source, or install it."
        )
    return found[0]

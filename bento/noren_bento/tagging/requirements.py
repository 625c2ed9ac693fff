"""The libraries that a model's classes come from, pinned to what is installed here."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from importlib import metadata

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
    """Return pinned requirements, such as `scikit-learn==1.9.1`, sorted; `always` names further distributions."""
    own = {*own_modules, *sys.stdlib_module_names, *sys.builtin_module_names}
    tops = {reference.module.partition(".")[0] for reference in references} - own
    names = {_distribution(top) for top in tops} | set(always)
    return tuple(sorted((f"{name}=={metadata.version(name)}" for name in names), key=str.lower))


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

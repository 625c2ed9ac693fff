"""Noren: from a notebook cell to a canary in production, and back.

Load the magics with `%load_ext noren`; each of them is the same call as the function of its name here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from noren.api import (
        approve,
        build,
        canary,
        card,
        deploy,
        down,
        drift,
        predictions,
        promote,
        release,
        releases,
        rollback,
        status,
        tag,
        up,
        validate,
    )
    from noren.client import Client
    from noren.handle import Release
    from noren_bento.errors import NorenError
    from noren_bento.release.plan import Plan, Step
    from noren_validation.checks import check

__all__ = [
    "Client",
    "NorenError",
    "Plan",
    "Release",
    "Step",
    "approve",
    "build",
    "canary",
    "card",
    "check",
    "deploy",
    "down",
    "drift",
    "predictions",
    "promote",
    "release",
    "releases",
    "rollback",
    "status",
    "tag",
    "up",
    "validate",
]

# Looked up on first use, so that `import noren` is quick and touches nothing.
_HOMES = {
    "NorenError": "noren_bento.errors",
    "Plan": "noren_bento.release.plan",
    "Step": "noren_bento.release.plan",
    "Client": "noren.client",
    "Release": "noren.handle",
    "check": "noren_validation.checks",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'noren' has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "noren.api")), name)

    globals()[name] = value
    return value


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics: `%load_ext noren`."""
    from noren.cards import register_cards  # noqa: PLC0415
    from noren.magics import NorenMagics  # noqa: PLC0415

    register_cards(shell)
    shell.register_magics(NorenMagics)

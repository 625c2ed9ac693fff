"""The bento's tag: BentoML's names are narrower than ours (lower case, 63 characters, no sign at the end)."""

from __future__ import annotations

import hashlib
import re

from noren_bento.release.version import ModelVersion

PLAIN = re.compile(r"^[a-z0-9]([a-z0-9._-]{0,38}[a-z0-9])?$")
SEPARATOR = "--"


def tag_of(version: ModelVersion) -> str:
    """Return the bento's tag, `name:number`.

    Names that BentoML does not take as they are get sixteen digits of their SHA-256, behind a separator that no
    plain name holds; so no two names share a tag. The bento's manifest says which version it holds.

    >>> from noren_bento.release.version import Signature
    >>> tag_of(ModelVersion("churn", 3, "", Signature((), "regression")))
    'churn:3'
    >>> tag_of(ModelVersion("Churn", 3, "", Signature((), "regression")))
    'churn--2b58f5107fd0ed21:3'
    """
    return f"{_name_of(version.name)}:{version.number}"


def _name_of(name: str) -> str:
    if PLAIN.match(name) and SEPARATOR not in name:
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name.lower())[:32].strip("-")
    return f"{readable}{SEPARATOR}{hashlib.sha256(name.encode()).hexdigest()[:16]}"

"""Mask: executed notebooks and kernel logs without secrets, before anything of them is written, judged or shown."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from noren_bento.tagging.secrets.secrets import Secrets, read_secrets
from noren_validation.declaration import source_of

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf")


def read_notebook_secrets(path: Path) -> Secrets:
    """Return what is secret in a run of this notebook: the environment's secrets, and what its own cells assign."""
    try:
        cells = json.loads(path.read_bytes()).get("cells", [])
        sources = [source_of(cell) for cell in cells]
    except (OSError, ValueError, AttributeError):  # papermill will say what is wrong with it
        sources = []
    return read_secrets(os.environ).learn(*sources)


def mask_notebook(notebook: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    """Return an executed notebook with the secrets masked in cells, outputs, tracebacks and metadata."""
    masked: dict[str, Any] = secrets.mask_tree(
        {key: value for key, value in notebook.items() if key != "cells"}
    )
    return {"cells": [_mask_cell(cell, secrets) for cell in notebook.get("cells", ())], **masked}


def mask_log(path: Path, secrets: Secrets) -> None:
    """Mask what a kernel wrote to its log, once it has ended."""
    if not path.is_file():
        return
    text = path.read_text(encoding="utf-8", errors="replace")
    if (masked := secrets.mask(text)) != text:
        path.write_text(masked, encoding="utf-8")


def _mask_cell(cell: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    outputs = [_mask_output(output, secrets) for output in cell.get("outputs", ())]
    rest = secrets.mask_tree({key: value for key, value in cell.items() if key not in ("source", "outputs")})
    return {
        **rest,
        "source": secrets.mask(source_of(cell)),
        **({"outputs": outputs} if "outputs" in cell else {}),
    }


def _mask_output(output: Mapping[str, Any], secrets: Secrets) -> dict[str, Any]:
    plain = {key: value for key, value in output.items() if key not in ("data", "text", "traceback")}
    masked: dict[str, Any] = secrets.mask_tree(plain)
    if "text" in output:
        masked["text"] = secrets.mask(_joined(output["text"]))
    if "traceback" in output:
        masked["traceback"] = secrets.mask("\n".join(map(str, output["traceback"]))).split("\n")
    if "data" in output:
        masked["data"] = {kind: _mask_data(kind, value, secrets) for kind, value in output["data"].items()}
    return masked


def _mask_data(kind: str, value: Any, secrets: Secrets) -> Any:
    if kind in _PICTURES:  # base64: masking would only damage it
        return value
    return secrets.mask(_joined(value)) if kind.startswith(("text/", "image/")) else secrets.mask_tree(value)


def _joined(value: Any) -> str:
    """A text that the format allows to be a list of lines."""
    return "".join(map(str, value)) if isinstance(value, list) else str(value)

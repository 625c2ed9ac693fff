"""Notebooks for tests: cells of code, as nbformat's JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

DIGEST = "d" * 64
START = (
    "from noren_validation import check, declare\n"
    "from noren_validation.checks import prove_digest\n"
    f"declare('a', 'b')\nprove_digest('m/1', {DIGEST!r})"
)


def notebook_of(*cells: str, service: bool = False) -> dict[str, Any]:
    """A notebook that was never run, with a parameters cell first."""
    sources = ("subject = ''", *cells)
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": f"cell-{place}",
                "metadata": {} if place else {"tags": ["parameters"]},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
            for place, source in enumerate(sources)
        ],
        "metadata": {
            "kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"},
            "language_info": {"name": "python"},
            "noren": {"service": service},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def write_notebook(path: Path, *cells: str, service: bool = False) -> Path:
    path.write_text(json.dumps(notebook_of(*cells, service=service)))
    return path


def executed(*cells: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """A notebook as papermill leaves it: sources with their outputs, every cell run."""
    notebook = notebook_of(*(source for source, _ in cells))
    for count, cell in enumerate(notebook["cells"], start=1):
        cell["execution_count"] = count
    for cell, (_, outputs) in zip(notebook["cells"][1:], cells, strict=True):
        cell["outputs"] = outputs
    return notebook


def display(mime: str, payload: object) -> dict[str, Any]:
    return {"output_type": "display_data", "metadata": {}, "data": {mime: payload}}

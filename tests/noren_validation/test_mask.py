"""An executed notebook without secrets."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from noren_bento.tagging.secrets.secrets import Secrets
from noren_validation.bundle import VERDICT_MIME
from noren_validation.mask import mask_log, mask_notebook, read_notebook_secrets
from tests.noren_validation.notebook_of import DIGEST, display, executed, write_notebook

SECRET = "hunter2-xyz"
TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"


def masked(source: str, *outputs: dict[str, Any]) -> dict[str, Any]:
    return mask_notebook(executed((source, list(outputs))), Secrets(frozenset({SECRET})))


def test_a_secret_is_masked_in_every_kind_of_output_and_in_the_source() -> None:
    trace = [f"\x1b[31mValueError\x1b[39m: {SECRET}", f"login(\x1b[33m'{TOKEN}'\x1b[39m)"]
    notebook = masked(
        f"login('{SECRET}')",
        {"output_type": "stream", "name": "stdout", "text": [f"a {SECRET} ", f"{SECRET}\n"]},
        {"output_type": "error", "ename": "ValueError", "evalue": SECRET, "traceback": trace},
        display("text/html", f"<b>{SECRET}</b>"),
        display("text/plain", [f"'{TOKEN}'"]),
        display("image/svg+xml", f"<svg>{SECRET}</svg>"),
        display("application/json", {"a": [SECRET], SECRET: 1, "password": "abc"}),
        display(VERDICT_MIME, {"format": 1, "check": "a", "value": 1, "because": f"with {SECRET}"}),
    )
    written = json.dumps(notebook)
    assert SECRET not in written
    assert TOKEN not in written
    assert '"abc"' not in written
    assert notebook["cells"][1]["outputs"][0]["text"] == "a *** ***\n"


def test_what_holds_no_secret_is_left_as_it_is() -> None:
    picture = base64.b64encode(bytes(range(256)) * 50).decode()
    outputs = [display("image/png", picture), display("text/plain", f"digest {DIGEST}")]
    notebook = executed(("subject.prove_digest()", outputs))
    assert mask_notebook(notebook, Secrets(frozenset({SECRET}))) == notebook


def test_what_the_notebook_itself_assigns_and_the_environment_holds_is_known(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("CHURN_API_TOKEN", "environment-9")
    path = write_notebook(tmp_path / "a.ipynb", f"password = '{SECRET}'")
    assert read_notebook_secrets(path).mask(f"{SECRET} environment-9") == "*** ***"
    assert read_notebook_secrets(tmp_path / "missing.ipynb").mask("environment-9") == "***"


def test_a_kernels_log_is_masked(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_bytes(b"\xff " + SECRET.encode())
    mask_log(log, Secrets(frozenset({SECRET})))
    assert log.read_text() == "\ufffd ***"
    mask_log(tmp_path / "none.log", Secrets())

"""Pip's settings, said to uv: where packages come from, as the user has set it for pip in files or in the environment.

uv makes the services' environments in seconds, but reads neither pip.conf nor PIP_* variables.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from noren_bento.errors import NorenError
from noren_bento.masking import mask_credentials

LIST_SECONDS = 60.0
IN_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
    "timeout": "UV_HTTP_TIMEOUT",
}
_SECTIONS = ("global", "install", ":env:")
"""Of a pip.conf, and the environment: what holds for `pip install`, the later over the earlier."""
_INDEXES = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")


@dataclass(frozen=True, slots=True)
class UvSettings:
    """How uv is called."""

    environment: dict[str, str]
    options: tuple[str, ...]
    """Of `uv pip install`. Indexes are never among them: options are seen by all users of a machine."""


def list_pip_settings(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is set for `pip install` here: the site's, the user's and the environment's settings, merged by pip.

    Without pip in this environment there are none but the environment's. Raises NorenError where pip cannot read its
    own files.
    """
    if find_spec("pip") is None:
        return _of_environment(environ)
    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        listed = subprocess.run(
            command, env=dict(environ), capture_output=True, text=True, timeout=LIST_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise NorenError(
            f"`pip config list` did not end within {LIST_SECONDS:.0f} s. Run it yourself to see what it waits for."
        ) from None
    if listed.returncode:
        said = mask_credentials((listed.stderr.strip().splitlines() or ["no reason given"])[-1])
        raise NorenError(f"pip cannot read its settings: {said}. `pip config debug` lists its files.")
    return read_pip_settings(listed.stdout.splitlines())


def read_pip_settings(lines: Iterable[str]) -> dict[str, str]:
    """Read what `pip config list` prints.

    >>> read_pip_settings(["global.timeout='60'", "install.find-links='/a'", ":env:.timeout='9'", "wheel.cert='x'"])
    {'timeout': '9', 'find-links': '/a'}
    """
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for line in lines:
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if equals and section in found:
            # pip takes its time-out under two names.
            found[section][key.removeprefix("default-")] = str(ast.literal_eval(value))
    return {key: value for section in _SECTIONS for key, value in found[section].items()}


def say_to_uv(pip: Mapping[str, str], environ: Mapping[str, str]) -> UvSettings:
    """Say pip's settings in uv's words; what the environment says to uv itself wins.

    >>> say_to_uv({"extra-index-url": "https://a https://b", "no-color": "1"}, {"UV_INDEX": "https://c"})
    UvSettings(environment={'UV_INDEX': 'https://c'}, options=())
    >>> say_to_uv({"find-links": "/", "no-index": "1"}, {})
    UvSettings(environment={'UV_FIND_LINKS': '/'}, options=('--no-index',))
    """
    said = {variable: _in_uv(name, pip.get(name, "").strip()) for name, variable in IN_UV.items()}
    variables = {variable: value for variable, value in said.items() if value}
    own_index = any(environ.get(variable) for variable in _INDEXES)
    if own_index or _is_true(pip.get("no-index", "")):
        variables = {name: value for name, value in variables.items() if name not in _INDEXES}
    if "UV_INDEX" in variables:
        # pip takes a version from whichever index has it, uv asks only the first index that knows the name.
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    # uv has no variable for this one.
    options = ("--no-index",) if _is_true(pip.get("no-index", "")) and not own_index else ()
    return UvSettings({**variables, **environ}, options)


def _in_uv(name: str, value: str) -> str:
    """One setting's value; pip separates several by white space, new lines included."""
    if name == "find-links":
        # pip leaves a folder out that is not there, uv ends.
        links = [link if "://" in link else os.path.expanduser(link) for link in value.split()]
        return ",".join(link for link in links if "://" in link or os.path.exists(link))
    return " ".join(value.split()) if name in ("extra-index-url", "trusted-host") else value


def _is_true(value: str) -> bool:
    """As pip reads a switch."""
    return value.strip().lower() in ("y", "yes", "t", "true", "on", "1")


def _of_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {f"PIP_{name.upper().replace('-', '_')}": name for name in (*IN_UV, "no-index")}
    names["PIP_DEFAULT_TIMEOUT"] = "timeout"
    return {names[variable]: value for variable, value in environ.items() if variable in names}

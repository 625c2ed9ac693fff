"""Install Noren for development into the environment that runs this, from where pip is set to take packages.

uv does in seconds what takes pip minutes, but it does not read pip's configuration: so it is told. Where uv cannot
do with those settings, pip does it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping

WHAT = ("--constraint", "constraints.txt", "--editable", ".[dev]")
_IN_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "proxy": "ALL_PROXY",
    "trusted-host": "UV_INSECURE_HOST",
}


def read_settings(lines: Iterable[str]) -> dict[str, str]:
    """Read what `pip config list` prints; the environment wins over files, as it does for pip.

    >>> read_settings(["global.timeout='60'", ":env:.timeout='9'", "install.find-links='/a\\\\n/b'"])
    {'timeout': '9', 'find-links': '/a\\n/b'}
    """
    settings = {}
    for line in sorted(lines, key=lambda line: line.startswith(":env:")):
        name, equals, value = line.partition("=")
        if equals and name.rpartition(".")[0] in ("global", "install", ":env:"):
            settings[name.rpartition(".")[2]] = str(ast.literal_eval(value))
    return settings


def uv_variables(settings: Mapping[str, str]) -> dict[str, str]:
    """Say the same to uv.

    >>> uv_variables({"find-links": "/ /not-there", "disable-pip-version-check": "1"})
    {'UV_FIND_LINKS': '/', 'UV_INDEX_STRATEGY': 'unsafe-best-match'}
    """
    variables = {_IN_UV[name]: value for name, value in settings.items() if name in _IN_UV}
    if "UV_FIND_LINKS" in variables:
        # uv ends where a folder is missing; pip looks elsewhere.
        given = variables.pop("UV_FIND_LINKS").split()
        if there := [one for one in given if "://" in one or os.path.isdir(one)]:
            variables["UV_FIND_LINKS"] = ",".join(there)
    # pip takes the best version of all indexes, uv that of the first index that knows the name.
    return variables | {"UV_INDEX_STRATEGY": "unsafe-best-match"}


def main() -> int:
    """Install; return the exit code."""
    pip = (sys.executable, "-m", "pip")
    listed = subprocess.run([*pip, "config", "list"], capture_output=True, text=True, check=True)
    fetched = subprocess.run(
        [*pip, "install", "--quiet", "--constraint", "constraints.txt", "uv"], check=False
    )
    if fetched.returncode == 0:
        settings = read_settings(listed.stdout.splitlines())
        environment = uv_variables(settings) | os.environ
        uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", *WHAT]
        uv += ["--no-index"] if settings.get("no-index", "").lower() in ("1", "true", "yes", "on") else []
        done = subprocess.run(uv, env=environment, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return 0
        words = (done.stderr.strip().splitlines() or ["no reason given"])[-1].strip()
        print(f"uv could not install ({words}); pip does it now, which takes minutes", flush=True)
    return subprocess.run([*pip, "install", "--quiet", *WHAT], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

"""Inherited: which of the caller's environment variables a process gets. All others may be secrets of the caller's."""

from __future__ import annotations

from collections.abc import Mapping

from noren_bento.serving.door import OPEN, TOKEN

NAMES = frozenset(
    {
        *("PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TMPDIR", "TZ", "LD_LIBRARY_PATH"),
        *("PYTHONUTF8", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "BENTOML_DO_NOT_TRACK"),
        *("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),  # where uv keeps its cache and settings
    }
)
PREFIXES = ("LC_", "NOREN_", "SSL_")
SUFFIX = "_proxy"
"""In either case: `https_proxy`, `NO_PROXY`."""
INSTALLERS = ("PIP_", "UV_")
"""Prefixes of what says where packages come from, sometimes with a password: for making environments only."""
STORES = ("AWS_", "AZURE_", "DATABRICKS_", "GOOGLE_", "MLFLOW_", "PG")
"""Prefixes of what opens tracking and artefact stores: for control only, which writes aliases there."""
DROPPED = frozenset(
    {
        # Of one process only.
        *("NOREN_MASTER", "NOREN_CALLER", "NOREN_RUN_FOLDER", "NOREN_SUPERVISOR_SOCKET"),
        *("NOREN_LOG", "NOREN_FEEDBACK"),
        # It may hold a password, and whoever needs it reads the home's settings.
        "NOREN_TRACKING_URI",
    }
)
"""Ours, and still not handed on."""


def for_service(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a version's service may see.

    >>> for_service({"PATH": "/bin", "GITHUB_TOKEN": "secret", "https_proxy": "http://p", "NOREN_PORT": "8620"})
    {'PATH': '/bin', 'https_proxy': 'http://p', 'NOREN_PORT': '8620'}
    """
    return {name: value for name, value in environ.items() if _is_plain(name)}


def for_passing_service(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a service for a while may see: only this process asks it, on a port that nobody else knows."""
    return {name: value for name, value in for_service(environ).items() if name not in (TOKEN, OPEN)}


def for_launch(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what making an environment may see: packages that are built run their own code.

    >>> for_launch({"PIP_INDEX_URL": "http://packages", "AWS_SECRET_ACCESS_KEY": "secret"})
    {'PIP_INDEX_URL': 'http://packages'}
    """
    return {name: value for name, value in environ.items() if _is_plain(name) or name.startswith(INSTALLERS)}


def for_supervisor(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what supervisord gets: what any of its children needs; `launch` leaves out what is control's."""
    given = (*INSTALLERS, *STORES)
    return {name: value for name, value in environ.items() if _is_plain(name) or name.startswith(given)}


def _is_plain(name: str) -> bool:
    if name in DROPPED:
        return False
    return name in NAMES or name.startswith(PREFIXES) or name.lower().endswith(SUFFIX)

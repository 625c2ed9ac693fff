"""Image: what `bentoml containerize` makes of a bento: a small base, no compiler, no root, a health check.

It is made in three stages. Packages are installed in one that is thrown away, with the installer and what it keeps; the
service is rehearsed there too. The last one has the base, the environment, what Python compiled of it, and the bento.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import sys
from typing import Any

BASE = "python:{}.{}-slim"
READY = (
    "import os, urllib.request as web; "
    "port = os.environ.get('PORT') or os.environ.get('BENTOML_PORT') or '3000'; "
    "web.urlopen('http://127.0.0.1:' + port + '/readyz', timeout=3)"
)
HEALTH = (
    f'HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-c", "{READY}"]'
)
COMPILED = "ENV PYTHONPYCACHEPREFIX=/app/compiled"
"""One folder for all compiled Python, the standard library's too: `python:…-slim` comes without."""
INDEXES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX")
"""Where packages come from, as `--opt build-arg=…` says; nothing of it is in the image, nor in its history."""
PACKAGES = "\n".join(
    ["true", HEALTH, COMPILED, "FROM base-container AS packages", *(f"ARG {name}" for name in INDEXES)]
)
LAST = """\
rm -rf /app/compiled && find /app/.venv -name __pycache__ -prune -exec rm -rf {} +
COPY . ./
RUN cd src && python -m compileall -q . && python -m noren_bento.serving.rehearsal
FROM base-container
COPY --from=packages --chown=0:0 /app /app
ENV VIRTUAL_ENV=/app/.venv
ENV PATH=/app/.venv/bin:${PATH}
ENV BENTOML_HOME=/tmp/bentoml"""
"""What BentoML keeps while it serves goes where a container that is read-only otherwise may write."""
ENVIRONMENT = {
    "BENTOML_DO_NOT_TRACK": "true",  # exactly this word; "1" is not honoured
    # One thread a prediction: more only get into each other's way on single rows.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""What a bento sets wherever it is served; the target sets the same."""


def make_image() -> Any:
    """Describe the container image of a bento. BentoML adds the requirements, and the user `bentoml` that runs it.

    Everything is pinned and comes as a wheel, so that the compiler and git that BentoML installs by default would
    only make the image larger, and easier to attack.
    """
    from bentoml.images import Image

    class Staged(Image):  # type: ignore[misc]  # BentoML has no types
        def freeze(self, *given: Any, **named: Any) -> Any:
            """Write the Dockerfile: the last stage begins when all requirements are known, and not before."""
            self.run(LAST)
            return super().freeze(*given, **named)

    # BentoML installs compilers on the distributions that it knows by name, this one's own base image included.
    image = Staged(
        base_image=BASE.format(*sys.version_info[:2]), distro="as it is", lock_python_packages=False
    )
    # BentoML has no word for a stage or a health check, and writes each command after `RUN `, as it is.
    return image.run(PACKAGES)

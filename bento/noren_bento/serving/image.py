"""Image: what `bentoml containerize` makes of a bento: a small base, no compiler, no root, a health check."""

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

    # BentoML installs compilers on the distributions that it knows by name, this one's own base image included.
    image = Image(
        base_image=BASE.format(*sys.version_info[:2]), distro="as it is", lock_python_packages=False
    )
    # BentoML has no word for a health check, and writes each command after `RUN `, as it is.
    return image.run(f"true\n\n{HEALTH}")

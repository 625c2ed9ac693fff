"""The process that runs `bentoml.build`: it changes the working directory and caches services by module name.

Started early, so that it imports BentoML while the model is compiled; it begins when its order arrives on
standard input.
"""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec

from noren_bento.errors import NorenError

PACKAGE_SECONDS = 120.0
NOT_PASSED = ("PYTHONPATH", "NOREN_WORKERS")
"""The number of workers would be written into the bento, and the same version were another bento by it."""


class Order(msgspec.Struct, frozen=True):
    """What is to be packed."""

    source: str
    """Folder of service.py, noren_bento/ and model/."""
    name: str
    number: str
    labels: dict[str, str]
    requirements: tuple[str, ...]


class Packer:
    """A child that packs one bento into a BENTOML_HOME of its own."""

    def __init__(self, home: Path) -> None:
        environment = {key: value for key, value in os.environ.items() if key not in NOT_PASSED}
        environment |= {
            "BENTOML_HOME": str(home),
            "BENTOML_DO_NOT_TRACK": "true",
            "BENTOML_BUNDLE_LOCAL_BUILD": "false",
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "noren_bento.bento_build.package"],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def pack(self, order: Order) -> Path:
        """Pack and return the bento's folder; raises NorenError with what BentoML said."""
        try:
            output, problem = self._child.communicate(msgspec.json.encode(order), timeout=PACKAGE_SECONDS)
        except subprocess.TimeoutExpired:
            raise NorenError(f"BentoML did not build within {PACKAGE_SECONDS:.0f} s. Try again.") from None
        if self._child.returncode:
            words = problem.decode(errors="replace").strip().splitlines()[-3:]
            raise NorenError(
                f"BentoML could not build {order.name}:{order.number}: {' / '.join(words)[-800:]}"
            )
        return Path(json.loads(output.splitlines()[-1])["path"])

    def close(self) -> None:
        """End the child where it still runs."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.communicate()


def main() -> None:
    """Wait for the order, pack, say where."""
    import bentoml

    text = sys.stdin.buffer.read()
    if not text:
        return
    order = msgspec.json.decode(text, type=Order)
    bento = bentoml.build(
        "service:service",
        name=order.name,
        version=order.number,
        labels=order.labels,
        build_ctx=order.source,
        include=["service.py", "measured.json", "noren_bento/**", "model/**"],
        python={"packages": list(order.requirements), "lock_packages": False},
    )
    sys.stdout.write("\n" + json.dumps({"path": bento.path}) + "\n")


if __name__ == "__main__":
    main()

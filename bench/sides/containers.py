"""Containers: images of bentos, built with `bentoml containerize` and run with podman, in a storage of their own."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bench.sides.bases import NoContainersError, ensure_base
from noren_bento.bento_build.pip_settings import list_pip_settings
from noren_bento.serving.image import BASE, INDEXES

BUILD_SECONDS = 900.0
MOST = 4096
"""Open files and processes of a container, where the machine allows as many."""
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
PARTS = {
    "compilers": r"apt-get",
    "installer": r"pip install uv",
    "packages": r"uv venv|uv .*pip install| in /app",
    "bento": r"COPY .* in \./? ?$",
}
"""What a layer is, by the instruction that made it; the rest is the user, the folders, the entry point's mode."""


@dataclass(frozen=True, slots=True)
class Layers:
    """Bytes of an image, as they lie on the disk and as a registry keeps them."""

    plain: dict[str, int]
    packed: dict[str, int]


@dataclass(frozen=True, slots=True)
class Container:
    """One that runs."""

    podman: Podman
    id: str

    def is_healthy(self) -> bool:
        """Run the image's own health check once."""
        return self.podman.call("healthcheck", "run", self.id, check=False).returncode == 0

    def execute(self, *command: str) -> str:
        """Output of a command in it, as the image's user."""
        return self.podman.call("exec", self.id, *command).stdout

    def end(self, seconds: int = 20) -> int:
        """Send SIGTERM, and SIGKILL after so many seconds; return the exit code."""
        self.podman.call("stop", "--time", str(seconds), self.id)
        return int(self.podman.call("inspect", self.id, "--format", "{{.State.ExitCode}}").stdout)

    def log(self) -> str:
        """What it wrote."""
        done = self.podman.call("logs", self.id)
        return done.stdout + done.stderr

    def processes(self) -> list[psutil.Process]:
        """Its processes, as this machine sees them."""
        first = psutil.Process(int(self.podman.call("inspect", self.id, "--format", "{{.State.Pid}}").stdout))
        return [first, *first.children(recursive=True)]


@dataclass(frozen=True, slots=True)
class Podman:
    """Podman with a storage and settings that are this measurement's."""

    folder: Path
    environment: Mapping[str, str]

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run podman; its own words are shown where it fails."""
        return self._run(["podman", *arguments], check=check)

    def containerize(self, bentos: Path, tag: str, *options: str, name: str = "") -> str:
        """Build a bento's image as its users do, and return its name; raises NoContainersError with what was said."""
        name = name or f"localhost/{tag}"
        command = [sys.executable, "-m", "bentoml", "containerize", tag, "--backend", "podman", "-t", name]
        given = [
            part for option in ("network=host", *_index_options(), *options) for part in ("--opt", option)
        ]
        # bentoml ends with 0 where the image could not be built.
        done = self._run([*command, *given], environment={"BENTOML_HOME": str(bentos)}, check=False)
        if self.call("image", "exists", name, check=False).returncode:
            raise NoContainersError(f"{tag} could not be built: {(done.stdout + done.stderr)[-3000:]}")
        return name

    @contextmanager
    def running(self, image: str, *options: str) -> Iterator[Container]:
        """Run a container while the block runs; it is removed afterwards."""
        container = Container(self, self.call("run", "--detach", *options, image).stdout.strip())
        try:
            yield container
        finally:
            self.call("rm", "--force", "--time", "5", container.id)

    def layers(self, image: str, base: str) -> Layers:
        """Bytes of an image by what they are for; those of its base are the base's."""
        below = len(json.loads(self.call("inspect", base, "--format", "{{json .RootFS.Layers}}").stdout))
        plain: dict[str, int] = {}
        packed: dict[str, int] = {}
        with tempfile.TemporaryDirectory(dir=self.folder) as work:
            self.call("save", "--format", "docker-dir", "--compress", "--output", work, image)
            for number, (file, instruction) in enumerate(_saved_layers(Path(work))):
                part = "base" if number < below else _part_of(instruction)
                packed[part] = packed.get(part, 0) + file.stat().st_size
                plain[part] = plain.get(part, 0) + _unpacked_bytes(file)
        return Layers(plain, packed)

    def _run(
        self, command: list[str], *, environment: Mapping[str, str] | None = None, check: bool
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            env={**self.environment, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=BUILD_SECONDS,
            check=False,
        )
        if check and done.returncode:
            raise NoContainersError(
                f"{' '.join(command[:3])} ended with {done.returncode}: {done.stderr[-2000:]}"
            )
        return done


@contextmanager
def open_podman() -> Iterator[Podman]:
    """Podman with an empty storage, which is gone afterwards; raises NoContainersError where none can run here."""
    if shutil.which("podman") is None:
        raise NoContainersError("podman is not installed")
    with tempfile.TemporaryDirectory(prefix="noren-images-") as folder:
        podman = Podman(Path(folder), _write_settings(Path(folder)))
        try:
            ensure_base(podman.call, python_image())
            podman.call("run", "--rm", "--network", "host", python_image(), "true")
            yield podman
        finally:
            podman.call("system", "reset", "--force", check=False)


def python_image() -> str:
    """The base of the images that are built here."""
    return BASE.format(*sys.version_info[:2])


def _write_settings(folder: Path) -> dict[str, str]:
    storage, settings = folder / "storage.conf", folder / "containers.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/images"\nrunroot = "{folder}/run"\n'
    )
    # Podman asks for more than a machine's own limits may allow.
    limits = (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC))
    ulimits = [f"{name}={_half_of(limit)}:{_half_of(limit)}" for name, limit in limits]
    # bentoml hands on one volume and no more.
    volumes = [f"{file}:{place}:ro" for place, file in _trusting(folder).items()]
    settings.write_text(
        f"[containers]\ndefault_ulimits = {json.dumps(ulimits)}\nvolumes = {json.dumps(volumes)}\n"
    )
    return {
        **os.environ,
        "CONTAINERS_CONF": str(settings),
        "CONTAINERS_STORAGE_CONF": str(storage),
        # Images in the OCI format have no health check.
        "BUILDAH_FORMAT": "docker",
    }


def _trusting(folder: Path) -> dict[str, Path]:
    """Files by their places in a container, by which pip and uv trust whom pip trusts here."""
    certificates = list_pip_settings(os.environ).get("cert")
    if not certificates:
        return {}
    uv, pip = folder / "uv.toml", folder / "pip.conf"
    uv.write_text("native-tls = true\n")
    pip.write_text(f"[global]\ncert = {CERTIFICATES}\n")
    return {"/etc/uv/uv.toml": uv, "/etc/pip.conf": pip, CERTIFICATES: Path(certificates)}


def _index_options() -> tuple[str, ...]:
    index = list_pip_settings(os.environ).get("index-url")
    return tuple(f"build-arg={name}={index}" for name in INDEXES) if index else ()


def _half_of(limit: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return MOST if hard == resource.RLIM_INFINITY else min(MOST, hard // 2)


def _saved_layers(folder: Path) -> Iterator[tuple[Path, str]]:
    """Each layer's file with the instruction that made it, from the lowest up."""
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_bytes())
    config = json.loads((folder / manifest["config"]["digest"].partition(":")[2]).read_bytes())
    made_by = [entry.get("created_by", "") for entry in config["history"] if not entry.get("empty_layer")]
    for layer, instruction in zip(manifest["layers"], made_by, strict=True):
        yield folder / layer["digest"].partition(":")[2], instruction


def _part_of(instruction: str) -> str:
    return next((part for part, pattern in PARTS.items() if re.search(pattern, instruction)), "rest")


def _unpacked_bytes(file: Path) -> int:
    with gzip.open(file) as layer:
        return sum(len(piece) for piece in iter(lambda: layer.read(1 << 20), b""))

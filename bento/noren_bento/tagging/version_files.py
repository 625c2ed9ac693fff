"""VersionFiles: typed, checked access to the folder of one tagged version."""

# ruff: noqa: PLC0415 -- heavy libraries are imported where they are used

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from noren_bento.errors import NorenError
from noren_bento.profile.profile import Profile, profile_from_json
from noren_bento.release.version import ModelVersion
from noren_bento.tagging.cost import COST, Cost, cost_from_json
from noren_bento.tagging.description import Description, description_from_json
from noren_bento.tagging.frames import restore_frame
from noren_bento.tagging.lineage.lineage import CELLS, DIFF, Lineage, lineage_from_json
from noren_bento.tagging.modules import make_importable
from noren_bento.tagging.search_results import SEARCH
from noren_bento.tagging.serialise import FILES, Format, read_model, require_sha256

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
"""Number of the folder's layout. Raise it when a reader of the old number would misread the new one."""

MANIFEST = "noren.json"
NUMBER = "number.json"
"""Written when the registry has given the number: the only file that the manifest does not list."""
MODULES = "modules"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What `noren.json` records of a version: its identity and each file's SHA-256."""

    format: int
    version: ModelVersion
    """With number 0 when it is read from `noren.json` alone: the number is the registry's."""
    serialisation: Format
    files: dict[str, str]
    """SHA-256 by path within the folder."""


def manifest_to_json(manifest: Manifest) -> bytes:
    """Write a manifest as JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def manifest_from_json(data: bytes) -> Manifest:
    """Read a manifest; raises NorenError where it is damaged or of a later format."""
    try:
        number = json.loads(data)["format"]
        if number != FORMAT:
            raise NorenError(
                f"This version has the folder format {number!r}; this Noren reads {FORMAT}. "
                "Use the Noren that wrote it, or tag the model again."
            )
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
        raise NorenError(f"{MANIFEST} is damaged ({error}). Tag the model again.") from None


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of one version. Each is compared with its recorded SHA-256 before it is read."""

    path: Path
    manifest_digest: str | None = None
    """SHA-256 of `noren.json` as the registry knows it; None where nobody has asked the registry."""

    @property
    def manifest(self) -> Manifest:
        """What the folder records of itself, without the number."""
        try:
            data = (self.path / MANIFEST).read_bytes()
        except OSError:
            raise NorenError(
                f"{self.path} holds no version: {MANIFEST} is not there. "
                "Ask the model store for the folder: ModelStore(settings).folder(version)."
            ) from None
        if self.manifest_digest is not None and hashlib.sha256(data).hexdigest() != self.manifest_digest:
            raise NorenError(
                f"{self.path / MANIFEST} is not the one that was registered. Nothing was loaded. "
                "Find out who changed it, then tag the model again under a new name."
            )
        return manifest_from_json(data)

    @property
    def version(self) -> ModelVersion:
        """The version whose files these are."""
        try:
            number = int(json.loads((self.path / NUMBER).read_bytes())["number"])
        except (OSError, ValueError, KeyError, TypeError):
            raise NorenError(
                f"{self.path} has no number yet: it was not registered to the end. Ask the model store for the folder."
            ) from None
        return replace(self.manifest.version, number=number)

    def model(self) -> Any:
        """Load the model as it was fitted. Its own modules become importable in this process."""
        manifest = self.manifest
        form = manifest.serialisation
        self.modules()
        own = make_importable(self.path, manifest.files)
        return read_model(self.path, form, sha256=_recorded(manifest, FILES[form]), own_modules=own)

    def profile(self) -> Profile:
        """What inputs and outputs looked like on the reference rows."""
        return profile_from_json(self._read("profile.json"))

    def reference(self) -> pd.DataFrame:
        """Rows of the training data, at most 10,000, with the dtypes that the model was fitted on."""
        return self._frame("reference.parquet")

    def reference_y(self) -> pd.Series[Any] | pd.DataFrame:
        """The target of the reference rows, a frame where there are several; empty for tasks without a target."""
        return self._target("reference_y.parquet")

    def test(self) -> pd.DataFrame:
        """The test data's columns."""
        return self._frame("test.parquet")

    def test_y(self) -> pd.Series[Any] | pd.DataFrame:
        """The test data's target, a frame where there are several; empty for tasks without a target."""
        return self._target("test_y.parquet")

    def example(self) -> list[dict[str, Any]]:
        """A few rows as a request's `rows` hold them."""
        rows: list[dict[str, Any]] = json.loads(self._read("input_example.json"))["rows"]
        return rows

    def metrics(self) -> dict[str, float]:
        """The standard metrics on the test data, by name; on the training data's reference rows after `training_`."""
        return {name: float(value) for name, value in json.loads(self._read("metrics.json")).items()}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """Ends of the metrics' 95 % bootstrap intervals, by the metric's name, where there is one."""
        found = json.loads(self._read("intervals.json"))
        return {name: (float(low), float(high)) for name, (low, high) in found.items()}

    def description(self) -> Description:
        """What the model is: its class, what it is made of, the parameters that are not the defaults."""
        return description_from_json(self._read("description.json"))

    def cost(self) -> Cost:
        """What the original model costs: bytes, latency, memory, beside what the settings required; `.advice` helps."""
        return cost_from_json(self._read(COST))

    def search(self) -> pd.DataFrame | None:
        """What the search tried that found the model, the best first; None where it was not searched for."""
        import pandas as pd

        return pd.read_parquet(self._checked(SEARCH)) if SEARCH in self.manifest.files else None

    def lineage(self) -> Lineage:
        """Where the version comes from."""
        return lineage_from_json(self._read("lineage.json"))

    def cells(self) -> str:
        """Source of the cells that ran before the tag, in the percent format; empty where it came from no notebook."""
        return self._read_optional(CELLS)

    def diff(self) -> str:
        """What differed from the lineage's commit, as `git diff` shows it; empty where nothing did."""
        return self._read_optional(DIFF)

    def modules(self) -> tuple[Path, ...]:
        """The user's modules that travel with the version: files and package folders, checked."""
        manifest = self.manifest
        prefix = f"{MODULES}/"
        names = [name for name in manifest.files if name.startswith(prefix)]
        for name in names:
            require_sha256(self._inside(name), manifest.files[name])
        self._require_listed(names)
        tops = dict.fromkeys(name.removeprefix(prefix).split("/")[0] for name in names)
        return tuple(self.path / MODULES / top for top in tops)

    def _require_listed(self, modules: list[str]) -> None:
        """Raise where something lies beside the modules: whoever has that folder on its path would import it."""
        there = [path for path in (self.path / MODULES).rglob("*") if not path.is_dir() or path.is_symlink()]
        for path in there:
            if path.relative_to(self.path).as_posix() not in modules:
                raise NorenError(
                    f"{path} was put there after the model was tagged. Nothing was loaded. "
                    "Find out who did, then remove it, or tag the model again."
                )

    def _read(self, name: str) -> bytes:
        return self._checked(name).read_bytes()

    def _read_optional(self, name: str) -> str:
        return self._read(name).decode() if name in self.manifest.files else ""

    def _checked(self, name: str) -> Path:
        path = self._inside(name)
        require_sha256(path, _recorded(self.manifest, name))
        return path

    def _inside(self, name: str) -> Path:
        path = (self.path / name).resolve()
        if not path.is_relative_to(self.path.resolve()):
            raise NorenError(
                f"{MANIFEST} of {self.path} names {name!r}, outside its folder. Tag the model again."
            )
        return path

    def _frame(self, name: str) -> pd.DataFrame:
        import pandas as pd

        return restore_frame(pd.read_parquet(self._checked(name)), self.manifest.version.signature)

    def _target(self, name: str) -> pd.Series[Any] | pd.DataFrame:
        import pandas as pd

        found = pd.read_parquet(self._checked(name))
        if self.manifest.version.signature.targets:
            return found
        return found.get("y", pd.Series(dtype=float, name="y"))


def _recorded(manifest: Manifest, name: str) -> str:
    if name not in manifest.files:
        raise NorenError(f"{MANIFEST} lists no {name}. Tag the model again.")
    return manifest.files[name]

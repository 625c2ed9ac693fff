"""Home: where everything of one NOREN_HOME lies, and the refusal of places where it must not lie."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
import unicodedata
from dataclasses import dataclass
from pathlib import Path

import psutil

from noren_bento.errors import NorenError
from noren_bento.settings import Settings

# A unix socket's path must fit into sockaddr_un: 108 bytes on Linux, 104 on macOS, one of them the end mark.
# supervisord binds it under a name that is longer by a dot and its process id.
_SOCKET_PATH_LIMIT = 95
_NETWORK_FILE_SYSTEMS = frozenset(
    {
        *(
            "nfs",
            "nfs4",
            "cifs",
            "smb3",
            "smbfs",
            "afpfs",
            "9p",
            "drvfs",
        ),  # the last two: Windows drives in WSL
        *("afs", "beegfs", "ceph", "glusterfs", "gpfs", "lustre"),
        *("fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs"),
    }
)


@dataclass(frozen=True, slots=True)
class Home:
    """The places of one installation."""

    settings: Settings

    @property
    def path(self) -> Path:
        """NOREN_HOME."""
        return self.settings.home

    @property
    def run(self) -> Path:
        """What lives as long as the processes."""
        return self.settings.run_folder

    @property
    def mark(self) -> str:
        """What the processes of this home carry in their environment."""
        return hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]

    @property
    def sockets(self) -> Path:
        """Folder of the unix sockets: under `run`, or, where that path is too long for one, a private one in /tmp."""
        if len(os.fsencode(self.run / "supervisor.sock")) <= _SOCKET_PATH_LIMIT:
            return self.run
        return Path(tempfile.gettempdir()) / f"noren-{os.getuid()}-{self.mark}"

    @property
    def supervisor_socket(self) -> Path:
        """supervisord's XML-RPC."""
        return self.sockets / "supervisor.sock"

    @property
    def control_socket(self) -> Path:
        """The control process's HTTP API."""
        return self.sockets / "control.sock"

    @property
    def envoy_socket(self) -> Path:
        """Envoy's admin interface, which has no authentication of its own."""
        return self.sockets / "envoy.sock"

    @property
    def url(self) -> str:
        """Where users send requests."""
        return f"http://{self.settings.host}:{self.settings.port}"

    def version_folder(self, version: str) -> Path:
        """Logs, counts and state of one version's service."""
        return self.run / "versions" / version.replace("/", "-")

    @property
    def predictions(self) -> Path:
        """The prediction logs: `NAME/NUMBER/date=DAY/*.parquet`."""
        return self.path / "predictions"

    def feedback(self, name: str) -> Path:
        """The labels of one model's requests, of all its versions."""
        return self.path / "feedback" / f"{name}.db"

    def prepare(self) -> None:
        """Make the folders, private to this user; raise where they cannot work."""
        self._require_plain()
        self._require_local()
        try:
            # A home that is there already keeps its mode: whom its owner lets in is the owner's business.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.run.mkdir(mode=0o700, exist_ok=True)
            self.run.chmod(0o700)
            self.sockets.mkdir(mode=0o700, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.path):
                pass
        except OSError as error:
            raise NorenError(
                f"NOREN_HOME {self.path} cannot be written: {error.strerror}. Set NOREN_HOME to a folder of yours."
            ) from None
        found = self.sockets.lstat()
        if stat.S_ISLNK(found.st_mode):
            raise NorenError(f"{self.sockets} is a link; it must be a folder. Remove it and try again.")
        if found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise NorenError(
                f"{self.sockets} belongs to somebody else or is open to others. Remove it and try again."
            )

    def _require_local(self) -> None:
        kind = _file_system(self.path)
        if kind in _NETWORK_FILE_SYSTEMS:
            raise NorenError(
                f"NOREN_HOME {self.path} lies on a network file system ({kind}), where sockets and SQLite fail. "
                "Set NOREN_HOME to a folder on a local disk."
            )

    def _require_plain(self) -> None:
        for name, path in (("NOREN_HOME", self.path), ("NOREN_ENVIRONMENTS", self.settings.environments)):
            # Cc: control characters. Cs: bytes that are no text here, which JSON and Envoy refuse.
            if any(unicodedata.category(character) in ("Cc", "Cs") for character in str(path)):
                raise NorenError(
                    f"{name} {str(path)!r} has a control character, or a byte that is no text, in its path, which "
                    f"configuration files cannot carry. Set {name} to a path without."
                )


def _file_system(path: Path) -> str:
    """The kind of file system that this path is on, or would be when it is made; empty where that is not known."""
    real = path.resolve()
    kind, longest = "", -1
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        # Of two at the same place the later one hides the other.
        if real.is_relative_to(mount) and len(mount.parts) >= longest:
            kind, longest = part.fstype, len(mount.parts)
    return kind

"""Where a home may lie, and what is said where it may not."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from noren_bento.errors import NorenError
from noren_bento.home import Home
from noren_bento.settings import load_settings


def home_at(path: Path | str, **arguments: object) -> Home:
    return Home(load_settings({"home": path, **arguments}, environ={}, folder=Path("/")))


def test_its_folders_are_private(tmp_path: Path) -> None:
    home = home_at(tmp_path / "new" / "home")
    home.prepare()
    home.prepare()
    assert (home.path.stat().st_mode & 0o777, home.run.stat().st_mode & 0o777) == (0o700, 0o700)


def test_a_home_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    home_at(tmp_path).prepare()
    assert tmp_path.stat().st_mode & 0o777 == 0o750


@pytest.mark.parametrize("place", ["/proc/noren", "/sys"])
def test_a_home_that_cannot_be_written_is_said(place: str) -> None:
    # Nobody can write there, root neither.
    with pytest.raises(
        NorenError, match=rf"NOREN_HOME {place} cannot be written: .*Set NOREN_HOME to a folder"
    ):
        home_at(place).prepare()


def test_a_home_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NorenError, match=r"cannot be written: File exists\. Set NOREN_HOME"):
        home_at(tmp_path / "file").prepare()


@pytest.mark.parametrize("kind", ["nfs4", "9p", "fuse.sshfs"])
def test_a_network_file_system_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    # No machine that tests run on has one, so the table of mounts is made up.
    mounts = [("/", "ext4"), (tmp_path / "net", "autofs"), (tmp_path / "net", kind), ("/net", "nfs")]
    table = [SimpleNamespace(mountpoint=str(place), fstype=kind) for place, kind in mounts]
    monkeypatch.setattr(psutil, "disk_partitions", lambda all: table)
    (tmp_path / "net").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "net")
    for place in (tmp_path / "net" / "home", tmp_path / "link" / "home"):
        with pytest.raises(NorenError, match=rf"lies on a network file system \({kind}\).*a local disk"):
            home_at(place).prepare()
        assert not place.exists()
    home_at(tmp_path / "network").prepare()


@pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "a\udcffb"])
def test_a_path_that_no_configuration_file_can_carry_is_refused(tmp_path: Path, name: str) -> None:
    for arguments in ({"path": tmp_path / name}, {"path": tmp_path, "environments": tmp_path / name}):
        with pytest.raises(NorenError, match="has a control character, or a byte that is no text"):
            home_at(**arguments).prepare()  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_sockets_of_a_long_path_lie_in_a_private_folder_of_the_machine(tmp_path: Path) -> None:
    home = home_at(tmp_path / ("long" * 25))
    home.prepare()
    try:
        assert home.sockets.parent == Path(tempfile.gettempdir())
        assert home.sockets.stat().st_mode & 0o777 == 0o700
        assert len(os.fsencode(home.supervisor_socket)) < 95
        assert home.sockets != home_at(tmp_path / ("long" * 26)).sockets, "each home has its own"
        home.sockets.chmod(0o755)
        with pytest.raises(NorenError, match=r"open to others\. Remove it"):
            home.prepare()
    finally:
        home.sockets.rmdir()
    home.sockets.symlink_to(tmp_path)
    try:
        with pytest.raises(NorenError, match=r"is a link; it must be a folder"):
            home.prepare()
    finally:
        home.sockets.unlink()


def test_a_home_keeps_its_mark_and_its_versions_folders_apart(tmp_path: Path) -> None:
    one, other = home_at(tmp_path / "one"), home_at(tmp_path / "other")
    assert one.mark == home_at(tmp_path / "one").mark != other.mark
    assert one.version_folder("churn/3") == tmp_path / "one" / "run" / "versions" / "churn-3"

"""What git says of the working folder."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from noren_bento.tagging.lineage import commit
from noren_bento.tagging.lineage.commit import read_checkout


def git(folder: Path, *arguments: str) -> str:
    who = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who |= {
        f"GIT_{role}_{part}": "ana@example.com"
        for role in ("AUTHOR", "COMMITTER")
        for part in ("NAME", "EMAIL")
    }
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments],
        env={**os.environ, **who},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "features.py").write_text("ratio = 1\n")
    (tmp_path / ".gitignore").write_text("*.csv\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "begin")
    return tmp_path


def test_a_clean_checkout_has_a_commit_a_branch_and_no_diff(repository: Path) -> None:
    (repository / "data.csv").write_text("ignored")
    checkout = read_checkout(repository)
    assert checkout
    assert checkout.commit.sha == git(repository, "rev-parse", "HEAD")
    assert (checkout.commit.branch, checkout.commit.dirty, checkout.commit.remote) == ("main", False, "")
    assert checkout.diff == ""


def test_what_differs_is_in_the_diff_from_a_folder_below_too(repository: Path) -> None:
    (repository / "below").mkdir()
    (repository / "features.py").write_text("ratio = 2\n")
    git(repository, "add", "features.py")  # staged is not committed
    checkout = read_checkout(repository / "below")
    assert checkout
    assert checkout.commit.dirty
    assert "-ratio = 1\n+ratio = 2\n" in checkout.diff


@pytest.mark.parametrize(("name", "dirty"), [("churn.ipynb", True), ("more.py", True), ("notes.txt", False)])
def test_sources_that_are_not_tracked_make_it_dirty_and_all_are_named(
    repository: Path, name: str, dirty: bool
) -> None:
    (repository / name).write_text("x")
    checkout = read_checkout(repository)
    assert checkout
    assert checkout.commit.dirty is dirty
    assert checkout.commit.untracked == (name,)
    assert checkout.diff == f"# Untracked files, whose content is not kept:\n#   {name!r}\n"


def test_the_remote_loses_its_credentials_and_is_that_of_the_branch(repository: Path) -> None:
    git(repository, "remote", "add", "fork", "https://ana:t0k3n@example.com/fork.git")
    git(repository, "remote", "add", "origin", "https://example.com/origin.git")
    checkout = read_checkout(repository)
    assert checkout
    assert checkout.commit.remote == "https://example.com/origin.git"
    git(repository, "config", "branch.main.remote", "fork")
    git(repository, "config", "branch.main.merge", "refs/heads/main")
    checkout = read_checkout(repository)
    assert checkout
    assert checkout.commit.remote == "https://***@example.com/fork.git"


def test_a_large_diff_is_cut_at_a_line_and_says_so(repository: Path, monkeypatch) -> None:
    monkeypatch.setattr(commit, "MOST_BYTES", 2_000)
    (repository / "features.py").write_text("".join(f"ratio = {number}\n" for number in range(2_000)))
    checkout = read_checkout(repository)
    assert checkout
    *lines, last = checkout.diff.splitlines()
    assert sum(len(line) + 1 for line in lines) <= 2_000
    assert lines[-1].startswith("+ratio = ")
    size = len(git(repository, "diff", "HEAD").encode()) + 1
    assert last == f"# Cut: the first {sum(len(line) + 1 for line in lines):,} of {size:,} bytes are kept."


def test_no_program_that_the_repository_names_is_run(repository: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    program = repository / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    for key in ("diff.external", "core.fsmonitor", "diff.evil.textconv", "diff.evil.command"):
        git(repository, "config", key, str(program))
    (repository / ".git" / "info" / "attributes").write_text("*.py diff=evil\n")
    (repository / "features.py").write_text("ratio = 3\n")
    checkout = read_checkout(repository)
    assert checkout
    assert "+ratio = 3" in checkout.diff
    assert not mark.exists()


def test_without_repository_commit_or_git_there_is_none(tmp_path: Path, monkeypatch) -> None:
    assert read_checkout(tmp_path) is None
    git(tmp_path, "init", "--quiet")
    assert read_checkout(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_checkout(tmp_path) is None


def test_a_git_that_hangs_is_ended_at_its_deadline(repository: Path, tmp_path: Path, monkeypatch) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(commit, "GIT_SECONDS", 0.2)
    assert read_checkout(repository) is None

"""Commit: the state of the git repository around the working folder, with what differs from it."""

from __future__ import annotations

import os
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

from noren_bento.masking import mask_credentials

GIT_SECONDS = 5.0
"""Deadline of each git command: a slow disk may cost the tag no more."""
MOST_BYTES = 1_000_000
"""Bytes of a diff that a version keeps."""
MOST_NAMES = 200
SOURCES = (".py", ".ipynb")


@dataclass(frozen=True, slots=True)
class Commit:
    """The git commit that the working folder was at."""

    sha: str
    branch: str
    dirty: bool
    """Whether tracked files differed from the commit, or a source (.py, .ipynb) was not tracked."""
    remote: str = ""
    """Address of the repository that it is pushed to, without credentials; empty where there is none."""
    untracked: tuple[str, ...] = ()
    """Files below the working folder that git does not track and does not ignore, at most 200."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit with what differed from it."""

    commit: Commit
    diff: str
    """Text of `git diff HEAD`, then the names of untracked files; not masked yet. Empty where nothing differs."""


def read_checkout(folder: Path) -> Checkout | None:
    """Return the checkout around a folder; None without a repository, a commit or git."""
    status, _ = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = status.splitlines()
    heads = dict(line[2:].split(" ", 1) for line in lines if line.startswith("# ") and " " in line[2:])
    sha = heads.get("branch.oid", "(initial)")
    if sha == "(initial)":
        return None
    changed = any(not line.startswith("# ") for line in lines)
    listed, _ = _git(folder, "ls-files", "--others", "--exclude-standard", "-z")
    untracked = tuple(sorted(name for name in listed.split("\0") if name))
    commit = Commit(
        sha,
        heads.get("branch.head", ""),
        dirty=changed or any(name.endswith(SOURCES) for name in untracked),
        remote=mask_credentials(_read_remote(folder, heads.get("branch.upstream", ""))),
        untracked=untracked[:MOST_NAMES],
    )
    return Checkout(commit, _read_changes(folder, changed=changed, untracked=untracked))


def _read_remote(folder: Path, upstream: str) -> str:
    told, _ = _git(folder, "config", "--get-regexp", r"^remote\..*\.url$")
    urls = dict(line.split(" ", 1) for line in told.splitlines() if " " in line)
    wanted = (f"remote.{upstream.partition('/')[0]}.url", "remote.origin.url")
    return next((urls[name] for name in wanted if name in urls), next(iter(urls.values()), ""))


def _read_changes(folder: Path, *, changed: bool, untracked: tuple[str, ...]) -> str:
    parts = []
    if changed:
        diff, size = _git(folder, "diff", "--no-ext-diff", "--no-textconv", "--no-color", "HEAD")
        parts.append(diff)
        if size > MOST_BYTES:
            parts.append(f"# Cut: the first {len(diff.encode()):,} of {size:,} bytes are kept.\n")
    if untracked:
        parts.append("# Untracked files, whose content is not kept:\n")
        parts += [f"#   {name!r}\n" for name in untracked[:MOST_NAMES]]
        if len(untracked) > MOST_NAMES:
            parts.append(f"#   and {len(untracked) - MOST_NAMES:,} more\n")
    return "".join(parts)


def _git(folder: Path, *arguments: str) -> tuple[str, int]:
    """Run git; return the first megabyte of what it says, in whole lines, and how many bytes it said.

    Nothing where it fails or misses its deadline. It writes nothing, not even its index.
    """
    command = [
        "git",
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.quotepath=false",
        "-C",
        str(folder),
        *arguments,
    ]
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C.UTF-8"}
    try:
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
    except OSError:  # no git here
        return "", 0
    watch = threading.Timer(GIT_SECONDS, process.kill)
    watch.daemon = True
    watch.start()
    try:
        with process:
            assert process.stdout is not None
            kept, size = process.stdout.read(MOST_BYTES), 0
            size = len(kept)
            while more := process.stdout.read(MOST_BYTES):
                size += len(more)
    finally:
        watch.cancel()
    if process.returncode:
        return "", 0
    if size > MOST_BYTES:
        end = b"\0" if b"\0" in kept else b"\n"
        kept = kept[: kept.rfind(end) + 1]
    return kept.decode(errors="replace"), size

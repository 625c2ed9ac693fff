"""Program: one process tree that supervisord keeps: a value, JSON on disk, a section of supervisord's configuration."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from noren_bento.errors import NorenError
from noren_bento.targets.logs import LOG_BYTES

RUN = "NOREN_RUN_FOLDER"
SOCKET = "NOREN_SUPERVISOR_SOCKET"
"""supervisord takes its two paths from its environment: that way they pass none of its parsers."""


@dataclass(frozen=True, slots=True)
class Program:
    """One supervised process tree."""

    name: str
    command: tuple[str, ...]
    log: Path
    environment: tuple[tuple[str, str], ...] = ()
    stop_seconds: int = 15
    start_retries: int = 5
    priority: int = 500
    """Higher ones are ended first: control before what it looks after."""
    start_seconds: int = 1
    """What ends sooner than this has failed to start."""


def program_to_json(program: Program) -> bytes:
    """Write a program."""
    return msgspec.json.format(msgspec.json.encode(program, enc_hook=str), indent=1)


def program_from_json(text: bytes) -> Program:
    """Read a program; raises msgspec.MsgspecError where the text is none."""
    return msgspec.json.decode(text, type=Program, dec_hook=lambda kind, value: kind(value))


def configuration(programs: Iterable[Program]) -> str:
    """Return supervisord's configuration in one file: its `[include]` splits at spaces and takes `[` for a pattern.

    Raises NorenError where a program holds a control character.
    """
    return _HEAD + "".join(f"\n{_section(program)}" for program in programs)


_HEAD = f"""[unix_http_server]
file=%(ENV_{SOCKET})s
chmod=0700

[supervisord]
logfile=%(ENV_{RUN})s/supervisord.log
logfile_maxbytes={LOG_BYTES}
logfile_backups=2
pidfile=%(ENV_{RUN})s/supervisord.pid
childlogdir=%(ENV_{RUN})s
directory=%(ENV_{RUN})s
identifier=noren

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _section(program: Program) -> str:
    return f"""[program:{program.name}]
command={" ".join(_word(word) for word in _command(program))}
autostart=true
autorestart=true
startsecs={program.start_seconds}
startretries={program.start_retries}
stopwaitsecs={program.stop_seconds}
priority={program.priority}
stopasgroup=true
killasgroup=true
stdout_logfile=NONE
stderr_logfile=NONE
"""


def _command(program: Program) -> tuple[str, ...]:
    """The command in a shell that opens the log: supervisord's pipe would break when supervisord is killed.

    Variables are set by `env`, whose arguments hold what supervisord's `environment=` cannot. It stands before the
    shell, so that it never takes a command with `=` in its path for one more variable.
    """
    settings = tuple(f"{name}={value}" for name, value in program.environment)
    shell = ("/bin/sh", "-c", 'log=$1; shift; exec "$@" >>"$log" 2>&1', "noren", str(program.log))
    return ("/usr/bin/env", *settings, *shell, *program.command)


def _word(text: str) -> str:
    """Quote one word for configparser, supervisord's % expansion and shlex, in the order in which they read it.

    Each odd character has quotes of its own: so no `;` or `#` follows a space, where a comment would begin.

    >>> print(_word("5 % ;"))
    5' ''%%'' '';'
    """
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in text):
        raise NorenError(
            f"{text!r} has a control character or is not valid text, so supervisord cannot pass it on. "
            "Change the path or value that it comes from."
        )
    return re.sub(r"[^A-Za-z0-9_./:=@+,-]", _quote, text) or "''"


def _quote(found: re.Match[str]) -> str:
    character = found.group()
    if character == "'":
        return '"\'"'
    return "'%%'" if character == "%" else f"'{character}'"

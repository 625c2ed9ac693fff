"""What a program says reaches supervisord to the letter, through every parser on the way."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from supervisor.options import ServerOptions

from noren_bento.errors import NorenError
from noren_bento.targets.program import (
    RUN,
    SOCKET,
    Program,
    configuration,
    program_from_json,
    program_to_json,
)

ODD = "a b'\"%(x)s;#[=]$`\\~*é雪\u2028\u00a0"
TEXT = st.text(
    st.one_of(st.sampled_from(ODD), st.characters(blacklist_categories=("Cc", "Cs"))), min_size=0, max_size=30
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(RUN, str(tmp_path))
    monkeypatch.setenv(SOCKET, str(tmp_path / "supervisor.sock"))
    return tmp_path


def argv_in_supervisord(program: Program, folder: Path) -> list[str]:
    """The words that supervisord would execute, read with its own code."""
    path = folder / "supervisord.conf"
    path.write_text(configuration([program]))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    [group] = options.process_group_configs
    [process] = group.process_configs
    assert process.name == program.name
    return shlex.split(process.command)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    words=st.lists(TEXT, min_size=1, max_size=4), value=TEXT, name=TEXT.filter(lambda text: "/" not in text)
)
@example(words=["a ; b", " ; ", ";", "#", " #x"], value="%(here)s", name="x")
@example(words=["%", "%%", "%(ENV_HOME)s", ""], value="", name="[x]")
@example(words=["'", '"', "'\"'", "\\", "\\'"], value="'", name="~")
@example(words=["[program:x]", "command=ls", "=", ":"], value="=", name=" a ")
def test_words_values_and_paths_come_through_to_the_letter(
    folder: Path, words: list[str], value: str, name: str
) -> None:
    log = Path("/logs") / f"{name}.log"
    program = Program("odd", ("/bin/echo", *words), log, environment=(("NOREN_VALUE", value),))
    argv = argv_in_supervisord(program, folder)
    assert argv[:2] == ["/usr/bin/env", f"NOREN_VALUE={value}"]
    assert argv[-len(words) - 2 :] == [str(log), "/bin/echo", *words]


@given(words=st.lists(TEXT, max_size=4), value=TEXT)
def test_a_program_survives_its_file(words: list[str], value: str) -> None:
    program = Program("odd", ("/bin/echo", *words), Path("/logs/odd.log"), environment=(("V", value),))
    assert program_from_json(program_to_json(program)) == program


@pytest.mark.parametrize("word", ["a\nb", "\x00", "\x85", "\udcff"])
def test_what_no_configuration_file_can_carry_is_refused(word: str) -> None:
    with pytest.raises(NorenError, match="control character or is not valid text"):
        configuration([Program("odd", ("/bin/echo", word), Path("/logs/odd.log"))])


def test_supervisord_s_own_log_is_rotated(folder: Path) -> None:
    path = folder / "supervisord.conf"
    path.write_text(configuration([]))
    options = ServerOptions()
    options.realize(["-c", str(path)])
    assert (options.logfile_maxbytes, options.logfile_backups) == (20_000_000, 2)

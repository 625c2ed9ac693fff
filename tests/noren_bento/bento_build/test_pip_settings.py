"""What is set for pip is said to uv: read from real files by the real pip."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from noren_bento.bento_build import pip_settings
from noren_bento.bento_build.pip_settings import list_pip_settings, read_pip_settings, say_to_uv
from noren_bento.errors import NorenError


def environ_of(folder: Path, **more: str) -> dict[str, str]:
    """Only this folder has settings for pip, as the user's home."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PIP_", "UV_", "XDG_", "SSL_"))
    }
    return kept | {"HOME": str(folder), **more}


def write_conf(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_the_users_pip_conf_is_read_and_the_environment_wins_over_it(tmp_path: Path) -> None:
    conf = "[global]\nindex-url = https://user.example/simple\ntrusted-host = a.example\n    b.example\n"
    write_conf(tmp_path / ".config" / "pip" / "pip.conf", conf)
    found = list_pip_settings(environ_of(tmp_path))
    assert found["index-url"] == "https://user.example/simple"
    assert found["trusted-host"].split() == ["a.example", "b.example"]
    found = list_pip_settings(environ_of(tmp_path, PIP_INDEX_URL="https://environment.example/simple"))
    assert found["index-url"] == "https://environment.example/simple"


def test_the_file_that_pip_config_file_names_wins_over_the_users(tmp_path: Path) -> None:
    write_conf(tmp_path / ".config" / "pip" / "pip.conf", "[global]\nindex-url = https://user.example\n")
    named = write_conf(tmp_path / "named.conf", "[install]\nindex-url = https://named.example\n")
    found = list_pip_settings(environ_of(tmp_path, PIP_CONFIG_FILE=str(named)))
    assert found["index-url"] == "https://named.example"


def test_what_is_set_for_another_command_of_pip_does_not_count() -> None:
    assert read_pip_settings([":env:.default-timeout='9'"]) == {"timeout": "9"}
    lines = ["download.index-url='https://a'", "global.index-url='https://b'", "wheel.index-url='https://c'"]
    assert read_pip_settings(lines) == {"index-url": "https://b"}


def test_every_place_of_packages_has_its_word_in_uv() -> None:
    pip = {
        "index-url": "https://a/simple",
        "extra-index-url": "https://b/simple\nhttps://c/simple",
        "find-links": "/tmp\nhttps://wheels.example\n/nowhere\n~",
        "trusted-host": "a\nb",
        "cert": "/ca.pem",
        "proxy": "http://proxy:3128",
        "timeout": "60",
    }
    assert say_to_uv(pip, {}).environment == {
        "UV_DEFAULT_INDEX": "https://a/simple",
        "UV_INDEX": "https://b/simple https://c/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": f"/tmp,https://wheels.example,{Path.home()}",  # pip leaves out what is not there
        "UV_INSECURE_HOST": "a b",
        "SSL_CERT_FILE": "/ca.pem",
        "ALL_PROXY": "http://proxy:3128",
        "UV_HTTP_TIMEOUT": "60",
    }


def test_where_uv_is_told_an_index_itself_pips_indexes_are_left_out() -> None:
    pip = {"index-url": "https://a", "extra-index-url": "https://b", "no-index": "true", "cert": "/ca.pem"}
    uv = say_to_uv(pip, {"UV_DEFAULT_INDEX": "https://own"})
    assert uv.environment == {"UV_DEFAULT_INDEX": "https://own", "SSL_CERT_FILE": "/ca.pem"}
    assert uv.options == ()
    assert say_to_uv(pip, {"SSL_CERT_FILE": "/own.pem"}).environment["SSL_CERT_FILE"] == "/own.pem"


def test_without_an_index_none_is_asked() -> None:
    uv = say_to_uv({"no-index": "yes", "index-url": "https://a", "find-links": "/"}, {})
    assert (uv.environment, uv.options) == ({"UV_FIND_LINKS": "/"}, ("--no-index",))
    assert say_to_uv({"no-index": "false"}, {}).options == ()


def test_a_pip_conf_that_pip_cannot_read_is_said_in_pips_words(tmp_path: Path) -> None:
    broken = write_conf(tmp_path / "broken.conf", "index-url = https://ana:s3cret@a.example\n")
    with pytest.raises(NorenError, match="pip cannot read its settings") as caught:
        list_pip_settings(environ_of(tmp_path, PIP_CONFIG_FILE=str(broken)))
    assert "s3cret" not in str(caught.value)


def test_without_pip_its_variables_count_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(pip_settings, "find_spec", lambda name: None)
    environ = environ_of(
        tmp_path, PIP_INDEX_URL="https://a", PIP_NO_INDEX="0", PIP_DEFAULT_TIMEOUT="9", PIP_NO_COLOR="1"
    )
    assert list_pip_settings(environ) == {"index-url": "https://a", "no-index": "0", "timeout": "9"}

"""Masking texts before they are written."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from noren_bento.tagging.secrets.secrets import Secrets, read_secrets

VALUE = 'p"ss w\\rd & <1>'


def test_values_of_telling_variables_are_masked_wherever_they_stand() -> None:
    secrets = read_secrets({"CHURN_DB_PASSWORD": VALUE, "HOME": "/home/ana", "LANG": "C.UTF-8"})
    forms = (VALUE, json.dumps(VALUE), json.dumps(json.dumps(VALUE)), quote(VALUE, safe=""), repr(VALUE))
    for form in forms:
        masked = secrets.mask(f"printed {form} here")
        assert "rd" not in masked, form
        assert "***" in masked, form


def test_passwords_in_addresses_of_the_environment_are_masked_where_they_stand_alone() -> None:
    secrets = read_secrets({"DATABASE_URL": "postgresql://ana:correct%20horse@db/churn"})
    assert secrets.mask("'correct horse' or correct%20horse") == "'***' or ***"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DB_PASSWORD", "short"),
        ("TOKENIZERS_PARALLELISM", "false-alarm"),
        ("SECRET_KEY_FILE", "/run/secrets/key"),
        ("USE_TOKEN", "true"),
        ("PWD", "/home/ana/churn"),
        ("SSH_AUTH_SOCK", "/tmp/agent.sock"),
        ("OLDPWD", "/home/ana/else"),
        ("MAX_TOKEN", "12345678"),
    ],
)
def test_values_that_are_no_secret_or_too_short_to_tell_are_not_masked_everywhere(
    name: str, value: str
) -> None:
    assert read_secrets({name: value}).mask(f"a {value} b") == f"a {value} b"


def test_what_one_cell_assigns_is_masked_where_another_uses_it_bare() -> None:
    cells = ["password = 'correct horse 9'", "connect('ana', 'correct horse 9')", "short = password"]
    secrets = Secrets().learn(*cells)
    assert [secrets.mask(cell) for cell in cells] == ["password = '***'", "connect('ana', '***')", cells[2]]


def test_masked_code_is_still_code() -> None:
    code = """password = r'a"b'\napi_key: str = f"x{1}y"\nd = {'token': '''a\nb'''}\n"""
    masked = Secrets().mask(code)
    compile(masked, "cell", "exec")
    assert masked.count("***") == 3


def test_colours_between_a_name_and_its_value_hide_nothing() -> None:
    line = "\x1b[32m      2\x1b[39m password \x1b[38;5;241m=\x1b[39m \x1b[33m'hunter2'\x1b[39m"
    assert "hunter2" not in Secrets().mask(line)
    harmless = "\x1b[31mValueError\x1b[39m: no"
    assert Secrets().mask(harmless) == harmless


def test_every_text_of_a_tree_is_masked_and_numbers_stay() -> None:
    tree = {"a": [1, None, "password='hunter2'"], "api_key": "plain", "n": 2.5, "token": True}
    assert Secrets().mask_tree(tree) == {
        "a": [1, None, "password='***'"],
        "api_key": "***",
        "n": 2.5,
        "token": True,
    }


def test_masking_twice_is_masking_once() -> None:
    text = "password='hunter2' https://ana:x@db AKIAQ3EGRIF7T2MEXMPL"
    once = Secrets().mask(text)
    assert Secrets().mask(once) == once


def test_secrets_do_not_show_themselves() -> None:
    assert VALUE not in repr(Secrets(frozenset({VALUE})))

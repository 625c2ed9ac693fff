import ast

import pytest

from noren_validation import bundle
from noren_validation.declaration import called_checks, promised_checks
from tests.noren_validation.notebook_of import display, executed


def called(code: str) -> list[str]:
    return list(called_checks([ast.parse("from noren import check\nimport noren as n\n" + code)]))


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("check('a', 1, at_least=0)", ["a"]),
        ("v = check('a', 1, at_least=0)", ["a"]),
        ("print(n.check('a', 1, at_least=0))", ["a"]),
        ("try:\n    check('a', 1)\nexcept Exception:\n    pass", ["a"]),
        ("with open('x') as f:\n    check('a', 1)", ["a"]),
        ("if x:\n    check('a', 1)", []),
        ("for x in y:\n    check('a', 1)", []),
        ("def f():\n    check('a', 1)", []),
        ("[check('a', x) for x in y]", []),
        ("x and check('a', 1)", []),
        ("check(name, 1)", []),
        ("schema.check('a')", []),
    ],
)
def test_a_check_is_promised_where_it_is_always_reached(code, names):
    assert called(code) == names


def test_a_check_of_another_library_is_not_ours():
    assert list(called_checks([ast.parse("from pandera import check\ncheck('a')")])) == []


def test_an_import_in_one_cell_serves_the_next_and_magics_do_not_disturb():
    notebook = executed(
        ("%matplotlib inline\nfrom noren import check", []),
        ("!ls\ncheck('a', 1, at_least=0)", []),
        ("%%time\ncheck('b', 1, at_least=0)", []),
        ("this is no Python", []),
    )
    assert promised_checks(notebook) == ("a",)


def test_declared_and_called_checks_are_promised_once_each():
    notebook = executed(
        (
            "from noren_validation import check",
            [display(bundle.DECLARED_MIME, bundle.write_declared(["b", "a"]))],
        ),
        ("check('a', 1, at_least=0)\ncheck('c', 1, at_least=0)", []),
    )
    assert promised_checks(notebook) == ("b", "a", "c")

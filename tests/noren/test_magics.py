"""The magics parse, call and show; a mistake is one clean message that fails the cell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from noren.magics import NorenMagics
from noren_bento.errors import NorenError, NotFoundError
from tests.noren.control_home import control_home
from tests.noren_bento.release.log import canary

MAGICS = (
    "deploy",
    "tag",
    "build",
    "validate",
    "canary",
    "drift",
    "promote",
    "rollback",
    "approve",
    "releases",
)


@pytest.fixture(scope="module")
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "noren")
    yield shell
    InteractiveShell.clear_instance()


def test_every_step_of_the_ring_has_a_magic(shell: InteractiveShell) -> None:
    assert set(MAGICS) == set(NorenMagics.magics["line"])


@pytest.mark.parametrize("magic", MAGICS)
def test_each_magic_explains_itself(magic: str, shell: InteractiveShell) -> None:
    text = shell.find_line_magic(magic).__doc__
    assert text
    assert f"%{magic}" in text
    assert len(text.strip().splitlines()[-1]) < 120


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%deploy missing_model --name churn", "no variable 'missing_model'"),
        ("%deploy modle --name churn", "Did you mean model"),
        ("%deploy model --train X_train --test X_test", "is not data"),
        ("%deploy churn/3 --steps ten", "percentages such as 10,50"),
        ("%deploy churn/3 --steps 50,10", "rising weights"),
        ("%tag model", "needs a name"),
        ("%releases churn", "takes no arguments"),
        ("%drift churn", "noren up"),
    ],
)
def test_a_mistake_is_one_clean_message_and_fails_the_cell(
    line: str, says: str, shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.user_ns.update(model=object(), X_train=[[1.0]], X_test=[[1.0]], y_train=[1], y_test=[1])
    result = shell.run_cell(line)
    assert isinstance(result.error_in_exec, NorenError)
    assert says in str(result.error_in_exec)
    printed = capsys.readouterr().out
    assert "Traceback" not in printed
    assert says in printed


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("%drift m", "m has no version that serves, so nothing can drift. %deploy releases one."),
        ("%drift m/2", "m has no version that serves"),
        ("%drift churn", "Nothing was released as 'churn'. Released models: m."),
        ("%drift churn/3", "Nothing was released as 'churn'"),
        ("%drift a/b/c", "Give a model's name"),
        ("%drift m?x", "Nothing was released as 'm?x'"),
        (
            "%promote m/3",
            "m/3 is not in the latest release of m: that is m@1 with m/2, canary. Give the name: m.",
        ),
        ("%rollback churn/3", "Nothing was released as 'churn'"),
        ("%canary churn", "Nothing was released as 'churn'"),
    ],
)
def test_a_name_that_does_not_fit_is_one_clean_message_too(
    line: str, says: str, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOREN_HOME", str(tmp_path))
    with control_home(tmp_path, canary()) as _:
        result = shell.run_cell(line)
    assert isinstance(result.error_in_exec, NorenError)
    assert says in str(result.error_in_exec)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (
            "%deploy model --stepps 10",
            "%deploy: unrecognized arguments: --stepps 10. Did you mean --steps? `%deploy?`",
        ),
        ("%deploy", "required: model. `%deploy?` explains"),
        ("%tag model --name", "argument --name: expected one argument. `%tag?`"),
    ],
)
def test_a_mistake_in_a_line_names_the_nearest_option_and_where_to_read(
    line: str, says: str, shell: InteractiveShell
) -> None:
    error = shell.run_cell(line).error_in_exec
    assert isinstance(error, NorenError)
    assert says in str(error)


def test_an_unattended_run_plans_and_does_nothing(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("NOREN_YES", raising=False)
    result = shell.run_cell("%deploy churn/3 --steps 5,25")
    assert result.success
    assert "Nothing was done" in capsys.readouterr().out


@pytest.mark.parametrize("quote", ["'", '"'])
def test_quotes_hold_a_text_together_and_are_no_part_of_it(quote: str, shell: InteractiveShell) -> None:
    result = shell.run_cell(
        f"%validate churn/3 --notebook {quote}my fairness.ipynb{quote} --notebook b.ipynb x"
    )
    assert isinstance(result.error_in_exec, NorenError)  # x is one word too many, the notebooks are none
    magics = NorenMagics(shell)
    args = magics._parse(
        NorenMagics.validate, f"churn/3 --notebook {quote}my fairness.ipynb{quote} --notebook b.ipynb"
    )
    assert args.notebooks == ["my fairness.ipynb", "b.ipynb"]
    assert magics._parse(NorenMagics.approve, f"churn --note {quote}all read{quote}").note == "all read"


def test_a_notebook_that_is_not_there_is_said_before_anything_is_done(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOREN_HOME", str(tmp_path))
    for line in ("%validate churn/3", "%canary churn/3", "%deploy churn/3"):
        result = shell.run_cell(f"{line} --notebook missing.ipynb")
        assert isinstance(result.error_in_exec, NotFoundError)
        assert "no notebook missing.ipynb" in str(result.error_in_exec)
    assert list(tmp_path.iterdir()) == []

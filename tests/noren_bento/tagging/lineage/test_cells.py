"""The cells that ran before a tag, as a file."""

from __future__ import annotations

import ast

from noren_bento.tagging.lineage import cells
from noren_bento.tagging.lineage.cells import Trace, cells_to_text, count_cells
from noren_bento.tagging.secrets.secrets import Secrets


def test_each_execution_stands_there_in_order_under_its_number_repeats_included() -> None:
    text = cells_to_text(Trace("churn.ipynb", ("a = 1", "", "a += 1", "a += 1")), Secrets())
    assert text.split("# %% ")[1:] == ["In 1\na = 1\n\n", "In 3\na += 1\n\n", "In 4\na += 1\n"]
    assert count_cells(Trace(None, ("a", " ", "b"))) == 2


def test_magics_and_shell_commands_become_comments_and_the_file_is_python() -> None:
    trace = Trace(
        None,
        ("%load_ext noren\n!ls\na = 5\nlen?", "%%bash\nls -l\n", "b = (a\n  % 2)", "%tag clf --name churn"),
    )
    text = cells_to_text(trace, Secrets())
    ast.parse(text)
    assert "# %load_ext noren\n# !ls\na = 5\n# len?" in text
    assert "# %%bash\n# ls -l" in text
    assert "b = (a\n  % 2)" in text


def test_secrets_are_masked_also_in_the_name() -> None:
    secrets = Secrets(frozenset({"hunter2-xyz"}))
    text = cells_to_text(
        Trace("hunter2-xyz\n.ipynb", ("login('hunter2-xyz')", "%env API_TOKEN=abc-123")), secrets
    )
    assert "hunter2" not in text
    assert "abc-123" not in text


def test_of_too_much_code_the_latest_stays_and_what_is_missing_is_said(monkeypatch) -> None:
    monkeypatch.setattr(cells, "MOST_CHARACTERS", 10)
    text = cells_to_text(Trace(None, ("x = 1", "y = 2", "z = 3")), Secrets())
    assert "x = 1" not in text
    assert "# The first 1 of 3 executions are left out: 10 characters are kept." in text
    assert "# %% In 2\ny = 2\n\n# %% In 3\nz = 3\n" in text


def test_where_nothing_ran_there_is_no_file() -> None:
    assert cells_to_text(Trace("churn.ipynb", ("", "  ")), Secrets()) == ""

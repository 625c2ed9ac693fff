import pytest

from noren_bento.release.check import Outcome
from noren_validation import bundle
from noren_validation.bundle import Measurement
from noren_validation.gate import judge_notebook, judge_notebooks, name_checks
from noren_validation.limit import Limit
from tests.noren_validation.notebook_of import DIGEST, display, executed

AT_LEAST_ONE = Limit(at_least=1)


def reported(name: str, value: object, limit: Limit = AT_LEAST_ONE) -> dict:
    return display(bundle.VERDICT_MIME, bundle.write_measurement(Measurement(name, value, limit, "")))


def declared(*names: str) -> dict:
    return display(bundle.DECLARED_MIME, bundle.write_declared(names))


def proved(digest: str = DIGEST) -> dict:
    return display(bundle.DIGEST_MIME, bundle.write_digest("m/1", digest))


def judge(*cells, **more):
    return judge_notebook("n", executed(*cells), digest=DIGEST, **more)


def test_a_notebook_that_does_everything_right_passes():
    result = judge(("1", [declared("a", "b"), proved()]), ("2", [reported("a", 1), reported("b", 2)]))
    assert result.outcome is Outcome.PASS
    assert result.closed == ()
    assert [verdict.check for verdict in result.checks] == ["a", "b"]


def test_the_outcome_that_stands_in_a_bundle_is_not_believed():
    forged = bundle.write_measurement(Measurement("a", 0.1, Limit(at_least=1), "")) | {"outcome": "pass"}
    result = judge(("1", [proved(), display(bundle.VERDICT_MIME, forged)]))
    assert result.outcome is Outcome.FAIL


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ([("1", [declared("a", "b"), proved(), reported("a", 1)])], "'b' did not report"),
        ([("1", [proved()])], "reported no check"),
        ([("1", [])], "did not prove"),
        ([("1", [reported("a", 1)])], "did not prove"),
        ([("1", [reported("a", 1), proved("e" * 64)])], "tested digest eeee"),
        ([("1", [reported("a", 1), proved(), proved("e" * 64)])], "tested digest eeee"),
        ([("1", [proved(), display(bundle.VERDICT_MIME, "pass")])], "not in format"),
        ([("1", [proved(), display(bundle.VERDICT_MIME, {"format": 9})])], "not in format"),
    ],
)
def test_whatever_is_not_proved_closes_the_gate(cells, reason):
    result = judge(*cells)
    assert result.outcome is Outcome.FAIL
    assert reason in " ".join(result.closed)


@pytest.mark.parametrize(
    "error",
    [
        {"output_type": "error", "ename": "SystemExit", "evalue": "0", "traceback": []},
        {"output_type": "error", "ename": "SystemExit", "evalue": "", "traceback": []},
        {"output_type": "error", "ename": "ValueError", "evalue": "x", "traceback": []},
    ],
)
def test_an_error_closes_the_gate_sys_exit_zero_included(error):
    result = judge(("1", [declared("a"), proved(), reported("a", 1)]), ("2", [error]))
    assert result.outcome is Outcome.FAIL
    assert "code cell 3 ended with" in result.closed[0]


def test_a_cell_that_did_not_run_closes_the_gate():
    notebook = executed(("1", [declared("a"), proved(), reported("a", 1)]), ("2", []))
    notebook["cells"][2]["execution_count"] = None
    assert judge_notebook("n", notebook, digest=DIGEST).closed == ("code cell 3 did not run",)


def test_an_empty_cell_need_not_run():
    notebook = executed(("1", [declared("a"), proved(), reported("a", 1)]), ("  \n", []))
    notebook["cells"][2]["execution_count"] = None
    assert judge_notebook("n", notebook, digest=DIGEST).outcome is Outcome.PASS


def test_what_was_interrupted_is_closed_though_all_its_checks_passed():
    result = judge(("1", [declared("a"), proved(), reported("a", 1)]), interruption="its kernel died")
    assert result.closed == ("its kernel died",)
    assert [verdict.outcome for verdict in result.checks] == [Outcome.PASS, Outcome.FAIL]


@pytest.mark.parametrize("notebook", [{}, {"cells": []}, {"cells": None}, {"worksheets": []}])
def test_what_is_no_notebook_closes_the_gate(notebook):
    assert judge_notebook("n", notebook, digest=DIGEST).outcome is Outcome.FAIL


def test_of_a_check_that_reports_twice_the_worst_counts_in_any_order():
    for values in ((0, 1), (1, 0), (1, None, 1)):
        result = judge(("1", [proved(), *(reported("a", value) for value in values)]))
        assert result.outcome is not Outcome.PASS


def test_an_unmeasured_check_leaves_the_notebook_unsure():
    result = judge(("1", [proved(), reported("a", None), reported("b", 1)]))
    assert result.outcome is Outcome.UNSURE
    assert judge_notebooks([result]) is Outcome.UNSURE


def test_a_swallowed_check_is_missed():
    code = "from noren import check\ntry:\n    check('b', boom(), at_least=0)\nexcept Exception:\n    pass"
    result = judge(("1", [proved(), reported("a", 1)]), (code, []))
    assert result.closed == ("check 'b' did not report",)


def test_checks_of_the_same_name_are_told_apart_by_their_notebooks():
    cells = ("1", [proved(), reported("a", 1)]), ("2", [reported("b", 1)])
    one = judge_notebook("one", executed(*cells), digest=DIGEST)
    two = judge_notebook("two", executed(cells[0]), digest=DIGEST)
    assert [verdict.check for verdict in name_checks([one, two])] == ["one: a", "b", "two: a"]
    assert judge_notebooks([one, two]) is Outcome.PASS

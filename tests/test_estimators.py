"""Every estimator of scikit-learn that predicts is tagged and answers the same in a fresh process."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from tests.imports import REPOSITORY

TOOL = REPOSITORY / "tools" / "estimators.py"


def load_tool() -> ModuleType:
    spec = spec_from_file_location("estimators_tool", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.mark.soak
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")
def test_every_estimator_answers_the_same_in_a_fresh_process() -> None:
    rows = load_tool().survey()
    assert len(rows) > 110
    assert [row for row in rows if row.equal != "equal"] == []


def test_the_page_says_what_came_of_each_and_how_many_were_equal() -> None:
    tool = load_tool()
    rows = [tool.Row("svm", "SVC", "skops", "equal"), tool.Row("x", "Odd", "", "", "It has no state.")]
    page = tool.render(rows)
    assert "**1 of 2 answer equally**; 1 stored with skops." in page
    assert "| x | Odd | refused | It has no state. |" in page


def test_the_tool_says_what_it_does() -> None:
    done = subprocess.run([sys.executable, str(TOOL), "--help"], capture_output=True, text=True, check=True)
    assert "every estimator of scikit-learn" in done.stdout

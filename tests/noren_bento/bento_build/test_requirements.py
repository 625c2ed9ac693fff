from __future__ import annotations

from importlib.metadata import version

import pytest

from noren_bento.bento_build.requirements import ENGINES, SERVING, pin_requirements
from noren_bento.errors import NorenError


def test_everything_is_pinned_to_what_is_installed() -> None:
    pins = pin_requirements((*SERVING, *ENGINES["onnx"]))
    assert f"bentoml=={version('bentoml')}" in pins
    assert f"starlette=={version('starlette')}" in pins
    assert all("==" in pin for pin in pins)
    assert len(pins) == len({pin.partition("==")[0] for pin in pins})


def test_a_compiled_version_needs_neither_scikit_learn_nor_noren() -> None:
    names = {pin.partition("==")[0] for pin in pin_requirements((*SERVING, *ENGINES["onnx"]))}
    assert not names & {
        "scikit-learn",
        "pandas",
        "scipy",
        "skl2onnx",
        "mlflow",
        "noren",
        "jupyterlab",
        "ipython",
    }


def test_each_step_of_the_ladder_needs_what_it_imports_and_no_more() -> None:
    heavy = {"onnxruntime", "scikit-learn", "scipy", "skops", "pandas"}
    needed = {
        runtime: {pin.partition("==")[0] for pin in pin_requirements((*SERVING, *names))} & heavy
        for runtime, names in ENGINES.items()
    }
    assert needed == {
        "exact": set(),
        "onnx": {"onnxruntime"},
        "arrays": {"scikit-learn", "scipy", "skops"},
        "sklearn": {"scikit-learn", "scipy", "skops", "pandas"},
    }


def test_the_pins_of_the_fit_win() -> None:
    assert "scikit-learn==1.7.0" in pin_requirements(ENGINES["sklearn"], ["scikit-learn==1.7.0"])


def test_what_is_not_installed_is_named() -> None:
    with pytest.raises(NorenError, match="no-such-thing is not installed"):
        pin_requirements(["no-such-thing"])

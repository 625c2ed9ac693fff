"""What cannot be tagged: each refusal says what is wrong and what to change."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from noren_bento.errors import ConflictError, NorenError
from noren_bento.settings import Settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.tag import tag_model

FRAME = pd.DataFrame({"age": np.arange(20.0), "income": np.arange(20.0)[::-1]})
Y = np.arange(20.0)
MODEL = Ridge().fit(FRAME, Y)
GOOD: dict[str, Any] = {"train": (FRAME, Y), "test": (FRAME.head(5), Y[:5])}


def refused(settings: Settings, model: Any = MODEL, name: str = "refused", **data: Any) -> str:
    """The text of the refusal; nothing may be in the store afterwards."""
    before = ModelStore(settings).names()
    with pytest.raises(NorenError) as caught:
        tag_model(model, name, settings=settings, **{**GOOD, **data})
    assert ModelStore(settings).names() == before
    return str(caught.value)


def test_an_unfitted_model(settings: Settings) -> None:
    assert "not fitted. Call .fit(X, y)" in refused(settings, Ridge())
    assert "not fitted" in refused(settings, make_pipeline(StandardScaler(), Ridge()))


def test_a_class_instead_of_a_model(settings: Settings) -> None:
    assert "Ridge is a class" in refused(settings, Ridge)


def test_a_model_without_predict(settings: Settings) -> None:
    text = refused(settings, StandardScaler().fit(FRAME))
    assert "StandardScaler has no `predict`" in text
    assert "tag the Pipeline" in text


def test_columns_that_the_model_was_not_fitted_on(settings: Settings) -> None:
    text = refused(settings, test=(FRAME.rename(columns={"income": "incomes"}), Y))
    assert "X of test lacks 'income'" in text
    assert "Is 'incomes' meant to be 'income'?" in text


def test_columns_in_another_order(settings: Settings) -> None:
    assert "another order" in refused(settings, train=(FRAME[["income", "age"]], Y))


def test_an_array_for_a_model_that_was_fitted_on_a_frame_and_the_other_way_round(settings: Settings) -> None:
    assert "without column names" in refused(settings, train=(FRAME.to_numpy(), Y))
    on_array = Ridge().fit(FRAME.to_numpy(), Y)
    assert "fitted on an array" in refused(settings, on_array)
    assert "fitted on 2 columns and X of train has 1" in refused(
        settings, on_array, train=(FRAME.to_numpy()[:, :1], Y)
    )


def test_x_and_y_of_different_length(settings: Settings) -> None:
    assert "X of train has 20 rows and y of train has 19" in refused(settings, train=(FRAME, Y[:-1]))


def test_no_test_data(settings: Settings) -> None:
    assert "There is no test data" in refused(settings, test=None)
    assert "test=(X_test, y_test)" in refused(settings, test=None)
    assert "X of test is empty" in refused(settings, test=(FRAME.head(0), Y[:0]))
    assert "y is None" in refused(settings, test=(FRAME, None))
    assert "a DataFrame as test data" in refused(settings, test=FRAME)


def test_a_target_with_missing_values_or_one_of_which_the_model_knows_nothing(settings: Settings) -> None:
    assert "20 missing values" in refused(settings, train=(FRAME, Y * np.nan))
    assert "its target makes it (20, 2)" in refused(settings, train=(FRAME, np.zeros((20, 2))))
    assert "one value a row" in refused(settings, train=(FRAME, np.zeros((20, 2, 2))))


def test_a_series_of_what_is_no_text(settings: Settings) -> None:
    assert "of what is no text" in refused(settings, train=(FRAME.iloc[:, 0], Y))


@pytest.mark.parametrize("name", ["", "../up", "a b", "<b>", "a\0", "ü", "x" * 65, "churn\n", ".hidden"])
def test_a_name_that_is_not_allowed(settings: Settings, name: str) -> None:
    assert "is not a model name" in refused(settings, name=name)


def test_a_name_that_another_kind_of_model_has(settings: Settings) -> None:
    tag_model(MODEL, "taken", settings=settings, **GOOD)
    labels = (Y > 9).astype(int)
    classifier = LogisticRegression().fit(FRAME, labels)
    with pytest.raises(ConflictError, match="taken by regression models") as caught:
        tag_model(classifier, "taken", train=(FRAME, labels), test=(FRAME, labels), settings=settings)
    assert "choose another name" in str(caught.value)
    assert len(ModelStore(settings).versions("taken")) == 1


def test_a_lambda_inside_is_named_by_its_place(settings: Settings) -> None:
    model = make_pipeline(FunctionTransformer(lambda X: X), Ridge()).fit(FRAME, Y)
    text = refused(settings, model)
    assert "model.steps[0][1].func is a lambda" in text
    assert "--with features.py" in text


def test_a_lambda_in_a_partial_and_a_function_in_a_function(settings: Settings) -> None:
    def inner(X: Any) -> Any:
        return X

    held = partial(lambda X, times: X * times, times=2)
    assert "is a lambda" in refused(settings, make_pipeline(FunctionTransformer(held), Ridge()).fit(FRAME, Y))
    local = make_pipeline(FunctionTransformer(inner), Ridge()).fit(FRAME, Y)
    assert "defined inside a function" in refused(settings, local)


class Notebook(Ridge):
    """Stands for a class that a notebook's cell defines."""


def test_a_class_that_the_notebook_defines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Notebook, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Notebook", Notebook, raising=False)
    text = refused(settings, Notebook().fit(FRAME, Y))
    assert "Notebook, which is defined in the notebook" in text
    assert "Move it to a module" in text
    assert "--with features.py" in text


def test_a_class_of_a_module_that_is_not_installed(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "noren_test_local.py"
    source.write_text("def same(X):\n    return X\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import noren_test_local

    model = make_pipeline(FunctionTransformer(noren_test_local.same), Ridge()).fit(FRAME, Y)
    text = refused(settings, model)
    assert "noren_test_local is not an installed package" in text
    assert f"--with {source}" in text
    version = tag_model(model, "with-local", settings=settings, with_modules=[source], **GOOD)
    assert ModelStore(settings).files(version).model().predict(FRAME).shape == (20,)


def test_modules_that_are_not_there(settings: Settings, tmp_path: Path) -> None:
    assert "there is no module here" in refused(settings, with_modules=[tmp_path / "gone.py"])
    (tmp_path / "my-features.py").touch()
    assert "cannot be imported under this name" in refused(
        settings, with_modules=[tmp_path / "my-features.py"]
    )


def test_data_that_a_request_cannot_carry(settings: Settings) -> None:
    odd = FRAME.rename(columns={"age": 7})
    assert "the column name 7" in refused(settings, train=(odd, Y))
    twice = pd.concat([FRAME, FRAME[["age"]]], axis=1)
    assert "'age' more than once" in refused(settings, train=(twice, Y))
    assert "is a Series" in refused(settings, train=(FRAME["age"], Y))
    assert "must be a table" in refused(settings, train=(Y, Y))
    assert "rows of different lengths" in refused(settings, train=([[1.0], [1.0, 2.0]], Y))


def test_a_column_of_lists_or_durations(settings: Settings) -> None:
    frame = FRAME.assign(waits=pd.to_timedelta(FRAME["age"], unit="s"))
    model = make_pipeline(FunctionTransformer(partial(pd.DataFrame.filter, items=["age"])), Ridge()).fit(
        frame, Y
    )
    text = refused(settings, model, train=(frame, Y), test=(frame, Y))
    assert "'waits' holds timedelta" in text


def test_a_model_that_answers_nan_or_not_at_all(settings: Settings) -> None:
    nan = Ridge().fit(FRAME, Y)
    nan.coef_ = nan.coef_ * np.nan
    assert "20 of 20 rows of train with NaN" in refused(settings, nan)
    broken = Ridge().fit(FRAME, Y)
    broken.coef_ = np.zeros(5)
    assert "predict fails on X of train" in refused(settings, broken)


def test_what_cannot_be_stored_is_named_by_its_place(settings: Settings, tmp_path: Path) -> None:
    model = Ridge().fit(FRAME, Y)
    with (tmp_path / "log").open("w") as file:
        model.log_ = file
        assert "model.log_ is a _io.TextIOWrapper, which cannot be stored" in refused(settings, model)

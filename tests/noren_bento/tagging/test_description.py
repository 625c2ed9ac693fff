"""What a model is in words."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from noren_bento.errors import NorenError
from noren_bento.tagging.description import describe_model, description_from_json, description_to_json
from noren_bento.tagging.secrets.secrets import Secrets


def test_of_a_pipeline_the_steps_are_named_and_only_what_is_not_default() -> None:
    model = make_pipeline(
        make_column_transformer((StandardScaler(with_mean=False), ["a"]), remainder="passthrough"),
        LogisticRegression(C=0.5, class_weight={0: 1, 1: 2}),
    )
    told = describe_model(model, Secrets())
    assert (told.kind, told.name) == ("sklearn.pipeline.Pipeline", "Pipeline")
    assert told.parts == ("ColumnTransformer", "LogisticRegression")
    assert told.changed == {
        "columntransformer__remainder": "passthrough",
        "columntransformer__standardscaler__with_mean": "False",
        "logisticregression__C": "0.5",
        "logisticregression__class_weight": "{0: 1, 1: 2}",
    }
    assert told.parameters["logisticregression__max_iter"] == "100"
    assert description_from_json(description_to_json(told)) == told


def test_defaults_are_recognised_whatever_they_are() -> None:
    for model in (CountVectorizer(), RandomForestClassifier(), Ridge(), FunctionTransformer()):
        assert describe_model(model, Secrets()).changed == {}


def test_functions_arrays_and_other_numbers_of_the_same_value_are_written_shortly() -> None:
    assert describe_model(FunctionTransformer(np.log1p), Secrets()).changed == {"func": "<ufunc 'log1p'>"}
    assert describe_model(Ridge(alpha=np.array([1.0, 2.0])), Secrets()).changed == {
        "alpha": "array([1., 2.])"
    }
    assert len(describe_model(Ridge(alpha=list(range(9_999))), Secrets()).changed["alpha"]) == 500


def test_a_search_names_what_it_chose() -> None:
    search = GridSearchCV(Ridge(), {"alpha": [0.1, 1.0]}, cv=2).fit(
        np.arange(8.0).reshape(-1, 1), np.arange(8.0)
    )
    assert describe_model(search, Secrets()).parts == ("Ridge",)


def test_a_model_of_no_library_has_its_class() -> None:
    class Mean:
        """Without get_params."""

    told = describe_model(Mean(), Secrets())
    assert told.name == "Mean"
    assert not told.parameters


def test_secrets_among_the_parameters_are_masked() -> None:
    model = Ridge(solver="hunter2-xyz", alpha="https://ana:pw@db")
    told = describe_model(model, Secrets(frozenset({"hunter2-xyz"})))
    assert told.changed == {"alpha": "https://***@db", "solver": "***"}
    assert told.parameters["solver"] == "***"


def test_a_damaged_description_is_named() -> None:
    with pytest.raises(NorenError, match="damaged"):
        description_from_json(b"[]")

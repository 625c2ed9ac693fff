"""A secret that would travel inside the model is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from noren_bento.errors import NorenError
from noren_bento.tagging.secrets.refuse import require_no_secrets
from noren_bento.tagging.secrets.secrets import Secrets

TOKEN = "ghp_" + "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"


class Client(BaseEstimator):
    """Asks a service, with whatever it is given."""

    def __init__(self, password: Any = None, options: Any = None, pad_token: str = "[PAD]") -> None:
        self.password = password
        self.options = options
        self.pad_token = pad_token


@pytest.mark.parametrize(
    ("model", "place"),
    [
        (Client(password="hunter"), "'password'"),
        (Client(options={"deep": [{"api_key": "abc1234"}]}), "'options'"),
        (Client(options=["postgresql://ana:pw@db"]), "'options'"),
        (Client(options=TOKEN), "'options'"),
        (Client(options="in-the-environment-1"), "'options'"),
        (make_pipeline(CountVectorizer(), Client(password="hunter2")), "'client__password'"),
    ],
)
def test_a_secret_in_a_parameter_is_refused_with_its_place_and_without_itself(model: Any, place: str) -> None:
    with pytest.raises(NorenError, match=r"each copy of the model would carry it.*os\.environ") as raised:
        require_no_secrets(model, (), Secrets(frozenset({"in-the-environment-1"})))
    assert place in str(raised.value)
    for secret in ("hunter", "abc1234", "pw@", TOKEN, "environment-1"):
        assert secret not in str(raised.value)


def test_a_secret_in_a_fitted_attribute_is_refused() -> None:
    model = make_pipeline(CountVectorizer(), LogisticRegression())
    model[-1].source_ = f"https://x-access-token:{TOKEN}@github.com/ana/churn"
    with pytest.raises(NorenError, match=r"attribute 'logisticregression\.source_'"):
        require_no_secrets(model, (), Secrets())


def test_a_secret_in_a_module_that_travels_is_refused_with_its_line(tmp_path: Path) -> None:
    module = tmp_path / "features.py"
    module.write_text("import os\nkey = os.environ['API_KEY']\npassword = 'hunter2-xyz'\n")
    with pytest.raises(NorenError, match=r"features\.py, line 3, holds a secret"):
        require_no_secrets(Client(), [module], Secrets())
    module.write_text("password = 'none'\ntoken = None\npattern = 'token=(.*)'\n")
    require_no_secrets(Client(), [module], Secrets())


def test_usual_models_are_not_refused() -> None:
    texts = TfidfVectorizer().fit([f"password secret token word{number}" for number in range(50)])
    for model in (
        texts,
        Client(password="", options=0),
        Client(password=None),
        object(),
        LogisticRegression(),
    ):
        require_no_secrets(model, (), Secrets(frozenset({"in-the-environment-1"})))

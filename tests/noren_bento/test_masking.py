"""No text that Noren shows has the credentials of a URL; what only looks like them stays readable."""

from __future__ import annotations

from pathlib import Path

import pytest

from noren_bento.errors import NorenError, UnreachableError
from noren_bento.masking import mask_credentials
from noren_bento.settings import load_settings
from noren_bento.stores.events import EventStore
from noren_bento.stores.models import ModelStore
from noren_bento.stores.reach import unreachable


@pytest.mark.parametrize(
    "url",
    [
        "https://ana:s3cret@mlflow.example:5000/api",
        "https://s3cret@mlflow.example",  # a token in the place of the user
        "postgresql+psycopg://ana:a@s3cret@db/mlflow",
        "postgresql://ana:a/s3cret@db/mlflow",
        "mysql://db/mlflow?user=ana&password=s3cret",
        "https://store.example/files?X-Amz-Signature=s3cret&x=1",
        "https://store.example/files?access_token=s3cret#part",
        "two: http://a:s3cret@one.example http://b:s3cret@two.example",
    ],
)
def test_credentials_are_masked_wherever_a_url_may_carry_them(url: str) -> None:
    masked = mask_credentials(f"{url} does not answer")
    assert "s3cret" not in masked
    assert "***" in masked
    assert masked.endswith(" does not answer")


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8620/churn@2",
        "see http://localhost/churn, ana@example.org asked for it",
        "sqlite:////srv/ana@home/mlflow.db",
        "churn@2: 4 of 35 requests failed",
        "https://docs.example/search?q=drift",
    ],
)
def test_what_has_no_credentials_stays_as_it_is(text: str) -> None:
    assert mask_credentials(text) == text


def test_an_error_about_a_store_names_its_place_and_no_credentials() -> None:
    uri = "https://ana:s3cret@mlflow.example:5000"
    said = str(unreachable(uri, f"{uri}/health timed out"))
    assert said.startswith("MLflow at https://***@mlflow.example:5000 does not answer: https://***@mlflow")
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "uri", ["foo://ana:s3cret@mlflow.example", "postgresql://ana:s3cret@127.0.0.1:9/mlflow"]
)
def test_a_store_that_cannot_be_used_is_one_message_without_credentials(uri: str, tmp_path: Path) -> None:
    settings = load_settings({"home": tmp_path, "tracking_uri": uri}, environ={}, folder=Path("/"))
    assert "s3cret" not in repr(settings)
    with pytest.raises((NorenError, UnreachableError)) as caught:
        ModelStore(settings).names()
    assert "s3cret" not in str(caught.value)
    assert "***@" in str(caught.value)
    assert caught.value.__cause__ is None or "s3cret" not in str(caught.value.__cause__)


def test_a_damaged_event_store_is_named_without_credentials(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    path.write_text("no database, and long enough to be read as one " * 40)
    with pytest.raises(NorenError, match="damaged") as caught:
        EventStore(f"sqlite:///file:{path}?mode=rw&uri=true&password=s3cret").create()
    assert "s3cret" not in str(caught.value)

"""Secrets in cells, repository, parameters, notebooks, environment and addresses: none is in any file that is kept."""

from __future__ import annotations

import sqlite3
import zipfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

from noren_bento.bento_build.build import build_bento
from noren_bento.errors import NorenError
from noren_bento.settings import Settings, load_settings
from noren_bento.stores.models import ModelStore
from noren_bento.tagging.lineage.cells import Trace
from noren_bento.tagging.tag import tag_model
from noren_bento.tagging.version_files import VersionFiles
from noren_validation.runner import validate_bento
from noren_validation.validation import Validation
from tests.faults.conftest import Figure
from tests.noren_bento.tagging.lineage.test_commit import git, repository
from tests.noren_validation.notebook_of import write_notebook

__all__ = ["repository"]
pytestmark = pytest.mark.slow

A36 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
SEEDS = {
    "token in a cell": "AKIA" + "Q3EGRIF7T2MEXMPL",
    "password assigned in one cell and used in another": "correct-horse-2",
    "variable set by a magic": "battery-staple-3",
    "token in the diff": "xoxb-" + "1234567890-abcdefABCDEF",
    "private key in the diff": "MIIEowIBAAKCAQEA5kx",
    "credentials of the remote": "remote-pass-6",
    "variable of the environment": "environment-word-7",
    "parameter of the model": "parameter-word-8",
    "code of a validation notebook": "notebook-word-9",
    "output of a validation notebook": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0." + A36,
    "traceback of a validation notebook": "ghp_" + A36,
    "index of packages": "index-pass-12",
}
CELLS = (
    f"client = connect('{SEEDS['token in a cell']}')",
    f"password = '{SEEDS['password assigned in one cell and used in another']}'",
    f"login('ana', '{SEEDS['password assigned in one cell and used in another']}')",
    f"%env CHURN_API_TOKEN={SEEDS['variable set by a magic']}",
    f"print('{SEEDS['variable of the environment']}')",
    "%tag model --name churn",
)
NOTEBOOK = (
    "import os\nfrom noren_validation import check, open_subject\nsubject = open_subject(subject)",
    "subject.prove_files()\ncheck('rows', len(subject.files.test()), at_least=1)",
    f"api_key = '{SEEDS['code of a validation notebook']}'\nprint('with', api_key, os.environ['CHURN_DB_PASSWORD'])",
    f"print('{SEEDS['output of a validation notebook']}'[:20] + '{SEEDS['output of a validation notebook']}'[20:])",
    "os.write(2, os.environ['CHURN_DB_PASSWORD'].encode())",
    f"raise ValueError('no answer for {SEEDS['traceback of a validation notebook']}')",
)


class Client(ClassifierMixin, BaseEstimator):
    """Asks a service, with the key that it is given."""

    def __init__(self, api_key: str = "") -> None:
        self.api_key = api_key

    def fit(self, X: Any, y: Any) -> Client:
        self.classes_ = [0]
        return self

    def predict(self, X: Any) -> list[int]:
        return [0] * len(X)


@pytest.fixture
def settings(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home of its own, a repository with changes as the working folder, and an environment with secrets."""
    key = SEEDS["private key in the diff"]
    (repository / "features.py").write_text(
        f"SLACK = '{SEEDS['token in the diff']}'\nKEY = '''-----BEGIN RSA PRIVATE KEY-----\n{key}\n{key}\n"
        "-----END RSA PRIVATE KEY-----'''\n"
    )
    git(
        repository,
        "remote",
        "add",
        "origin",
        f"https://ana:{SEEDS['credentials of the remote']}@example.com/a.git",
    )
    monkeypatch.chdir(repository)
    monkeypatch.setenv("CHURN_DB_PASSWORD", SEEDS["variable of the environment"])
    monkeypatch.setenv(
        "PIP_INDEX_URL", f"https://ana:{SEEDS['index of packages']}@packages.example.com/simple"
    )
    return load_settings({"home": str(tmp_path / "home")}, environ={}, folder=Path("/"))


def run(settings: Settings, folder: Path) -> tuple[VersionFiles, Validation]:
    """Tag, build and validate as a user does who is careless with every secret."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    data = {"train": (X, y), "test": (X, y)}
    with pytest.raises(NorenError, match="holds a secret"):
        tag_model(Client(SEEDS["parameter of the model"]).fit(X, y), "client", **data, settings=settings)
    model = LogisticRegression(max_iter=500).fit(X, y)
    version = tag_model(model, "churn", **data, settings=settings, trace=Trace("churn.ipynb", CELLS))
    files = ModelStore(settings).files(version)
    build = build_bento(files, settings=settings)
    notebook = write_notebook(folder / "careless.ipynb", *NOTEBOOK)
    validation = validate_bento(
        files, build, champion=None, service=lambda: "", settings=settings, notebooks=[notebook]
    )
    return files, validation


def test_of_12_secrets_none_is_in_any_file_under_the_home(
    settings: Settings, tmp_path: Path, figure: Figure
) -> None:
    files, validation = run(settings, tmp_path)
    leaked = {
        seed: str(path)
        for path in walk(settings.home)
        for seed, secret in SEEDS.items()
        if holds(path, secret)
    }
    assert leaked == {}, f"leaked {len(leaked)} of {len(SEEDS)}"
    figure(33, f"0 of {len(SEEDS)} leaked into any file under the home")
    # The files are there and say what they are for: nothing was left out to keep the secrets.
    assert "login('ana', '***')" in files.cells()
    assert "+SLACK = '***'" in files.diff()
    assert files.lineage().commit.remote == "https://***@example.com/a.git"  # type: ignore[union-attr]
    executed = (validation.report.parent / "careless.ipynb").read_text(encoding="utf-8")
    assert "api_key = '***'" in executed
    assert "no answer for ***" in executed
    assert "no answer for ***" in validation.report.read_text(encoding="utf-8")
    assert not validation.passed


def test_the_search_would_find_each_secret_wherever_it_was(tmp_path: Path) -> None:
    for secret in SEEDS.values():
        (tmp_path / "plain.txt").write_text(f"a {secret} b")
        with zipfile.ZipFile(tmp_path / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("schema.json", f'{{"a": "{secret}"}}')
        pd.DataFrame({"a": [secret]}).to_parquet(tmp_path / "values.parquet")
        pd.DataFrame({secret: [1]}).to_parquet(tmp_path / "names.parquet")
        with closing(sqlite3.connect(tmp_path / "store.db")) as store:
            store.execute("create table if not exists t (a text)")
            store.execute("insert into t values (?)", ("x" * 5_000 + secret,))  # over several pages
            store.commit()
        assert [path.name for path in walk(tmp_path) if not holds(path, secret)] == []


def walk(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())


def holds(path: Path, secret: str) -> bool:
    """Whether a secret is in a file, in its name, its bytes, or what an archive, table or database holds."""
    return (
        secret in str(path)
        or secret.encode() in path.read_bytes()
        or any(secret in text for text in inside(path))
    )


def inside(path: Path) -> Iterator[str]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            yield from (archive.read(name).decode(errors="replace") for name in archive.namelist())
    elif path.suffix == ".parquet":
        yield str(pq.read_schema(path).metadata)
        yield pd.read_parquet(path).to_csv()
    elif path.read_bytes().startswith(b"SQLite format 3"):
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as store:
            yield "\n".join(store.iterdump())

"""Who gets which of the caller's variables: what is not named is a secret."""

from __future__ import annotations

from noren_bento.targets.inherited import for_launch, for_service, for_supervisor

CALLER = {
    "PATH": "/bin",
    "LC_ALL": "C.UTF-8",
    "NO_PROXY": "localhost",
    "SSL_CERT_FILE": "/ca.pem",
    "NOREN_PORT": "8620",
    "NOREN_TRACKING_URI": "postgresql://me:password@db/mlflow",
    "NOREN_MASTER": "17",
    "NOREN_CALLER": "17 1.0",
    "PIP_INDEX_URL": "https://me:password@packages/simple",
    "UV_INDEX_OURS_PASSWORD": "password",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "MLFLOW_TRACKING_PASSWORD": "secret",
    "GITHUB_TOKEN": "secret",
    "JPY_API_TOKEN": "secret",
    "PYTHONPATH": "/kernel",
}
PLAIN = {"PATH", "LC_ALL", "NO_PROXY", "SSL_CERT_FILE", "NOREN_PORT"}
INSTALLERS = {"PIP_INDEX_URL", "UV_INDEX_OURS_PASSWORD"}
STORES = {"AWS_SECRET_ACCESS_KEY", "MLFLOW_TRACKING_PASSWORD"}


def test_a_service_gets_no_secret() -> None:
    assert for_service(CALLER).keys() == PLAIN


def test_making_an_environment_gets_where_packages_come_from_as_well() -> None:
    assert for_launch(CALLER).keys() == PLAIN | INSTALLERS


def test_control_gets_what_opens_the_stores_and_nothing_else_of_the_caller_s() -> None:
    assert for_supervisor(CALLER).keys() == PLAIN | INSTALLERS | STORES

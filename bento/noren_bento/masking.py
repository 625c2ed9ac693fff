"""Masking: a text as it may be shown, without the credentials of the URLs in it."""

from __future__ import annotations

import re

MASK = "***"
# A password may hold `@` and even `/`, which SQLAlchemy takes unescaped; digits and a slash are a port and a path.
_USER = re.compile(r"(?<=://)(?:[^/\s]*|[^\s/@:]*:(?!\d+[/?#])\S*?)@")
_PARAMETER = re.compile(
    r"([?&][^=&\s]*(?:passw|pwd|secret|token|key|sig)[^=&\s]*=)[^&#\s'\"]*", re.IGNORECASE
)


def mask_credentials(text: str) -> str:
    """Return the text with user and password, and what a URL's query calls a secret, replaced by `***`.

    >>> mask_credentials("MLflow at https://ana:p@ss@mlflow:5000/api does not answer")
    'MLflow at https://***@mlflow:5000/api does not answer'
    >>> mask_credentials("postgresql://db/mlflow?user=ana&password=s3cret")
    'postgresql://db/mlflow?user=ana&password=***'
    """
    return _PARAMETER.sub(rf"\1{MASK}", _USER.sub(f"{MASK}@", text))

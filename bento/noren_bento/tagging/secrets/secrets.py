"""Secrets: what must not be written down, and how a text is masked before it is.

Used on whatever comes out of a notebook or a repository: cells, diffs, parameters, outputs, tracebacks, addresses.
Data is left alone: columns and their values are the user's.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from noren_bento.masking import MASK, mask_credentials
from noren_bento.tagging.secrets.shapes import find_secrets, is_secret_name

LEAST_KNOWN = 8
"""Characters from which a value is masked wherever it stands: a shorter one would mask half of the words."""
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_WORD = re.compile(r"[A-Za-z]{1,11}|[\d.,:/ -]+|(?i:true|false|none|null)")
_NOTHING = re.compile(r"\s*|[-+]?[\d.]{1,6}|(?i:true|false|none|null)")
_PLACE = re.compile(r"(?:FILE|PATH|DIR|HOME|SOCK|URL|URI|NAME)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Secrets:
    """Values that are known to be secret; they are masked in any text, beside whatever looks like a secret."""

    known: frozenset[str] = field(default=frozenset(), repr=False)

    def mask(self, text: str) -> str:
        """Return the text with each secret replaced by `***`.

        >>> Secrets(frozenset({"correct horse"})).mask("login('correct horse', api_key='8f2c')")
        "login('***', api_key='***')"
        """
        plain = _ANSI.sub("", text) if "\x1b" in text else text  # colours stand between a name and its value
        masked = self._mask_known(_mask_found(plain))
        return text if masked == plain else masked

    def mask_value(self, name: str, value: str) -> str:
        """Return a named value as it may be written.

        >>> Secrets().mask_value("api_key", "hunter2"), Secrets().mask_value("alpha", "0.5")
        ('***', '0.5')
        """
        return MASK if is_secret_name(name) and not _NOTHING.fullmatch(value) else self.mask(value)

    def mask_tree(self, value: Any) -> Any:
        """Return a JSON value with every text in it masked, names of fields included."""
        match value:
            case str():
                return self.mask(value)
            case Mapping():
                return {
                    self.mask(name): self.mask_value(name, one)
                    if isinstance(one, str)
                    else self.mask_tree(one)
                    for name, one in value.items()
                }
            case list() | tuple():
                return [self.mask_tree(one) for one in value]
            case _:
                return value

    def learn(self, *texts: str) -> Secrets:
        """Return these and what the texts hold: a value that is assigned once is masked where it is used bare.

        >>> Secrets().learn("password = 'correct horse'").mask("login('correct horse')")
        "login('***')"
        """
        found = {text[span.start : span.end] for text in texts for span in find_secrets(text)}
        return Secrets(self.known | {one for one in found if is_telling(one)})

    def holds(self, text: str) -> bool:
        """Whether a text has a secret in it."""
        return self.mask(text) != text

    def _mask_known(self, text: str) -> str:
        forms = {form for one in self.known for form in _forms(one) if form in text}
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, MASK)
        return text


def read_secrets(environ: Mapping[str, str]) -> Secrets:
    """Return the secrets in an environment: what variables with telling names and addresses with a password hold.

    >>> sorted(read_secrets({"DB_PASSWORD": "correct horse", "HOME": "/home/ana"}).known)
    ['correct horse']
    """
    found: set[str] = set()
    for name, value in environ.items():
        if is_secret_name(name) and not _PLACE.search(name):
            found.add(value)
        if "://" in value:
            found |= _passwords(value)
    return Secrets(frozenset(one for one in found if is_telling(one)))


def _mask_found(text: str) -> str:
    parts, at = [], 0
    for span in find_secrets(text):
        parts += [text[at : span.start], MASK]
        at = span.end
    return "".join((*parts, text[at:]))


def _passwords(url: str) -> set[str]:
    try:
        password = urlsplit(url).password or ""
    except ValueError:
        return set()
    return {password, unquote(password)} if mask_credentials(url) != url else set()


def is_telling(value: str) -> bool:
    """Whether a value is so special that each place where it stands is the secret."""
    return len(value) >= LEAST_KNOWN and not _WORD.fullmatch(value)


def _forms(value: str) -> Iterable[str]:
    """The value as code, JSON, HTML and addresses write it."""
    in_json = json.dumps(value)[1:-1]
    return {
        value,
        in_json,
        json.dumps(in_json)[1:-1],
        quote(value, safe=""),
        html.escape(value),
        repr(value)[1:-1],
    }

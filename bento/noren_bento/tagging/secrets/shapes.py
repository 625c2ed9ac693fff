r"""The shapes of secrets in a text: well-known tokens, and what is assigned to a name such as `password`. Pure.

Each pattern takes time that is linear in the text: quantifiers are bounded, and none begins with one. A pattern is
tried only where one of its hints is in the text, so that a text without secrets costs a few substring searches.

Weighed: detect-secrets (Yelp) and the rules of gitleaks. detect-secrets finds secrets in files, line by line, for a
person who then keeps a baseline; it does not mask, knows no values of this process's environment, takes every long hex
string for one (digests, which lineage is full of), may ask the network whether a token is live, and brings requests
and PyYAML. gitleaks is a Go program. What is needed of them are the published shapes of tokens, and those are here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from noren_bento.masking import MASK, mask_credentials


class Span(NamedTuple):
    """A part of a text that is a secret."""

    start: int
    end: int
    by_name: bool
    """Whether only the name before it says so; else its own shape does."""


_TOKENS = (
    (("AKIA", "ASIA", "ABIA", "ACCA"), r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b"),
    (("gh", "github_pat_"), r"\bgh[pousr]_[A-Za-z0-9]{36,255}|\bgithub_pat_\w{22,255}"),
    (("gl",), r"\bgl(?:pat|dt|rt|ptt|cbt|soat|ft|imt|agent|oas|ffct)-[\w.-]{20,255}"),
    (("xox", "xapp-"), r"\bxox[a-z]-[\w-]{10,255}|\bxapp-\d-[\w-]{10,255}"),
    (("hooks.slack",), r"(?<=hooks\.slack\.com/)[\w/-]{20,255}"),
    (("AIza", "ya29.", "GOCSPX-"), r"\bAIza[\w-]{35}|\bya29\.[\w-]{20,2000}|\bGOCSPX-[\w-]{28}"),
    (("AccountKey=", "SharedAccessKey="), r"(?<=Key=)[A-Za-z0-9+/]{40,100}={0,2}"),
    (("Q~",), r"(?<![\w~.-])[\w~.-]{3}\dQ~[\w~.-]{31,34}"),
    (("eyJ",), r"\beyJ[\w-]{8,4000}\.eyJ[\w-]{8,8000}(?:\.[\w-]{0,2000})?"),
    (("sk-",), r"\bsk-(?:proj|ant|svcacct|admin|or)-[\w-]{20,255}|\bsk-[A-Za-z0-9]{32,255}"),
    (("sk_", "rk_"), r"\b[rs]k_(?:live|test)_\w{16,255}"),
    (("hf_", "npm_"), r"\bhf_[A-Za-z0-9]{30,255}|\bnpm_[A-Za-z0-9]{36}"),
    (("pypi-", "dapi"), r"\bpypi-A[\w-]{50,1000}|\bdapi[0-9a-f]{32}"),
    (("SG.",), r"\bSG\.[\w-]{16,64}\.[\w-]{16,64}"),
)
TOKENS = tuple((hints, re.compile(pattern)) for hints, pattern in _TOKENS)

_KEY_HEAD = re.compile(r"-----BEGIN[A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----")
MOST_KEY_CHARACTERS = 20_000
_URL = re.compile(r"\b[A-Za-z][\w+.-]{1,20}://[^\s\"'<>\\]{1,2000}")
_SCHEME = re.compile(r"\b(Bearer|Basic|Token)\s{1,3}([A-Za-z0-9._~+/-]{12,4000}={0,2})", re.IGNORECASE)

NAME = (
    r"(?:passw(?:or)?d|passwd|passphrase|(?<=[_-])pwd|(?-i:\bpwd)|secret|credentials?|connection_?string|(?<!no)token"
    r"|(?:api|access|private|secret|account|auth|encryption|signing|master|shared|license|ssh|sas)[_-]?key)"
)
"""The end of a name whose value is a secret. Bare `key` is not: most keys in code are a dictionary's."""
SUFFIX = r"(?:_?\d{1,3}|_(?:prod|live|dev|test|staging|old|new|value|id|base|env|str))?"
_QUOTE = r"\\?[\"']|&quot;|&\#0?39;|&\#x27;"
_ASSIGNED = re.compile(
    rf"""
    (?P<name>{NAME}{SUFFIX}) (?![\w-])
    (?P<closed>(?:{_QUOTE})?) [ ]{{0,2}} \]?                       # "password": and environ["password"] =
    (?P<sep> [ \t]{{0,20}}
      (?: :[ ]{{0,2}}[A-Za-z_][\w.\[\]|, ]{{0,60}}=(?!=)              # password: str =
        | ==? | != | => | :(?!:) | ,(?=\s{{0,3}}[rbuf]{{0,2}}\\?["']) )
      [ \t]{{0,20}} | [ \t]{{1,3}} )
    (?: [rbuf]{{0,2}} (?: (?P<triple>\"\"\"|''') (?P<long>.{{1,4000}}?) (?P=triple)
                        | (?P<quote>[\"']) (?P<short>(?:\\.|(?!(?P=quote))[^\\\r\n]){{1,4000}}) (?P=quote)
                        | (?P<escaped>{_QUOTE}) (?P<inner>(?:(?!(?P=escaped))[^\r\n]){{1,4000}}?) (?P=escaped) )
      | (?P<bare>[^\s\"'`,;(){{}}<>&|\[\]\\]{{3,4000}}) (?P<call>[(\[]?) )
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)  # fmt: skip
_BEGINNINGS = re.compile(
    "pass|pwd|secret|token|credential|connection|api|access|private|account|auth|encryption|signing|master|shared"
    "|license|ssh|sas"
)
"""What such a name begins with: on a text in lower case ten times as fast as the whole pattern on the text itself."""
_VOCABULARY = re.compile(
    r"(?:pad|eos|bos|unk|sep|cls|mask|special|start|end|stop|first|last|next)_$", re.IGNORECASE
)
"""What stands before `token` where it is a word of a text, not a credential."""
_EXPRESSION = re.compile(
    r"[A-Za-z_][A-Za-z_.]*|[-+]?[\d.]+(?:e-?\d+)?|True|False|None|\*+|\.{2,}", re.IGNORECASE
)
"""What stands unquoted for a value in code: a name, a number, nothing, or a mask."""
_SHELL = re.compile(r"(?:^|[\s;\"'])[A-Z][A-Z0-9_]*$")


def find_secrets(text: str) -> list[Span]:
    """Return where secrets stand in a text, in order, without overlap.

    >>> text = "connect(user='ana', password='hunter2')"
    >>> [text[span.start:span.end] for span in find_secrets(text)]
    ['hunter2']
    >>> find_secrets("password = os.environ['DB_PASSWORD']; max_tokens = 512; pad_token = '[PAD]'")
    []
    """
    spans = sorted([*_find_shapes(text), *_find_urls(text), *_find_assigned(text)])
    kept: list[Span] = []
    for span in spans:
        if kept and span.start < kept[-1].end:
            last = kept[-1]
            kept[-1] = Span(last.start, max(last.end, span.end), last.by_name and span.by_name)
        else:
            kept.append(span)
    return kept


def is_secret_name(name: str) -> bool:
    """Whether a parameter or variable of this name holds a secret.

    >>> is_secret_name("AWS_SECRET_ACCESS_KEY"), is_secret_name("token_pattern"), is_secret_name("max_tokens")
    (True, False, False)
    """
    found = re.search(rf"{NAME}{SUFFIX}$", name, re.IGNORECASE)
    return found is not None and not _VOCABULARY.search(name[: found.start()])


def _find_shapes(text: str) -> Iterator[Span]:
    for hints, pattern in TOKENS:
        if any(hint in text for hint in hints):
            for match in pattern.finditer(text):
                yield Span(match.start(), match.end(), by_name=False)
    if "PRIVATE KEY" in text:
        for match in _KEY_HEAD.finditer(text):
            last = match.end() + MOST_KEY_CHARACTERS
            end = text.find("-----", match.end(), last)
            yield Span(match.end(), min(last, len(text)) if end < 0 else end, by_name=False)
    lowered = text.lower()
    for match in (
        _SCHEME.finditer(text) if any(hint in lowered for hint in ("bearer", "basic", "token")) else ()
    ):
        if _is_credential(match[1], match[2]):
            yield Span(*match.span(2), by_name=False)


def _is_credential(scheme: str, value: str) -> bool:
    if scheme.lower() != "basic":
        return any(letter.isdigit() for letter in value) and len(value) >= 16
    try:
        return b":" in base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return False


def _find_urls(text: str) -> Iterator[Span]:
    if "://" not in text:
        return
    for match in _URL.finditer(text):
        url = match[0]
        masked = mask_credentials(url)
        if masked != url:
            # Each mask stands for what differs between the texts around it.
            yield from _differences(url, masked, match.start())


def _differences(url: str, masked: str, offset: int) -> Iterator[Span]:
    at = 0
    parts = masked.split(MASK)
    for place, part in enumerate(parts):
        found = url.find(part, at) if part else (len(url) if place == len(parts) - 1 else at)
        if place and found > at and url[at:found] != MASK:
            yield Span(offset + at, offset + found, by_name=False)
        at = found + len(part)


def _find_assigned(text: str) -> Iterator[Span]:
    lowered, end = _lower(text), 0
    for begin in _BEGINNINGS.finditer(lowered):
        match = _ASSIGNED.match(text, begin.start()) if begin.start() >= end else None
        if match is None:
            continue
        end = match.end()
        if _VOCABULARY.search(text[max(0, match.start() - 12) : match.start()]):
            continue
        group = next((one for one in ("long", "short", "inner", "bare") if match[one] is not None), "bare")
        if _is_value(match, group, text):
            yield Span(*match.span(group), by_name=True)


def _lower(text: str) -> str:
    """The text in lower case, each character at its place."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else "".join(one.lower()[:1] for one in text)


def _is_value(match: re.Match[str], group: str, text: str) -> bool:
    value, separator = match[group], match["sep"]
    if value.strip("*") == "":
        return False
    if not separator.strip():  # `--password hunter2` and `%env API_TOKEN hunter2`, not "the token is"
        before = text[max(0, match.start() - 40) : match.start()].rpartition("\n")[2]
        return bool(re.search(r"(?:^|\s)--[\w-]*$|%env \w*$", before)) and not value.startswith("-")
    if group != "bare":
        return len(value) >= 3 or "pass" in match["name"].lower()
    if match["call"]:
        return False
    if separator == "=" and _SHELL.search(text[max(0, match.start() - 60) : match.end("name")]):
        return value.lower() not in (
            "true",
            "false",
            "none",
            "null",
        )  # DB_PASSWORD=hunter, as .env files have it
    return not _EXPRESSION.fullmatch(value)

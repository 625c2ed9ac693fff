"""What is a secret in a text, and what only looks like one."""

from __future__ import annotations

import time

import pytest

from noren_bento.tagging.secrets.shapes import find_secrets, is_secret_name

A36 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N"
TOKENS = (
    "AKIA" + "Q3EGRIF7T2MEXMPL",
    "ghp_" + A36,
    "github_pat_" + A36,
    "glpat-" + A36[:20],
    "xoxb-" + "1234567890-abcdefABCDEF",
    "AIza" + A36[:35],
    JWT,
    "sk-proj-" + A36,
    "sk_live_" + A36[:24],
    "hf_" + A36[:34],
    "npm_" + A36,
    "dapi" + "0123456789abcdef" * 2,
    "SG." + A36[:22] + "." + A36,
)


def found(text: str) -> list[str]:
    return [text[span.start : span.end] for span in find_secrets(text)]


@pytest.mark.parametrize("token", TOKENS, ids=lambda token: token[:6])
def test_a_well_known_token_is_found_wherever_it_stands(token: str) -> None:
    for text in (token, f"x = f('{token}')", f"<b>{token}</b>", f"see {token}, or", f'{{"a": "{token}"}}\\n'):
        assert found(text) == [token], text


@pytest.mark.parametrize(
    "text",
    [
        "password = '{}'",
        'PASSWORD="{}"',
        "db_password: str = '{}'",
        "connect('db', user='ana', passwd='{}')",
        "os.environ['DB_PASSWORD'] = '{}'",
        "os.environ.setdefault('DB_PASSWORD', '{}')",
        '{{"api_key": "{}"}}',
        "{{'client_secret': '{}', 'a': 1}}",
        "api_key: {}",
        "export API_TOKEN={}",
        "%env API_TOKEN={}",
        "%env API_TOKEN {}",
        "!tool --password {} --verbose",
        "!tool --api-key={}",
        "if password == '{}':",
        "AWS_SECRET_ACCESS_KEY={}",
        "secret_key = b'{}'",
        "token = '''{}'''",
        '+    "password = \\"{}\\"\\n",',
        "<span>password=&quot;{}&quot;</span>",
        "password=&#x27;{}&#x27;",
        "Authorization: Bearer {}abcdefgh",
        "hf_token = f'{}'",
        "token2 = '{}'",
    ],
)
def test_what_is_assigned_to_a_telling_name_is_found(text: str) -> None:
    assert [one.removesuffix("abcdefgh") for one in found(text.format("hunter2-xyz"))] == ["hunter2-xyz"]


@pytest.mark.parametrize(
    "text",
    [
        "password = os.environ['DB_PASSWORD']",
        "password = getpass.getpass('Password: ')",
        "connect(password=password, token=self.token, api_key=settings.api_key)",
        "def connect(user: str, password: str, token: Optional[str] = None) -> None:",
        "max_tokens = 512",
        "CountVectorizer(token_pattern='(?u)\\\\b\\\\w+\\\\b', tokenizer=None)",
        "pad_token = '[PAD]'",
        "eos_token='<|endoftext|>'",
        "the token is valid; your password must not be empty",
        "password: ***",
        "digest " + "d41d8cd98f00b204e9800998ecf8427e" * 2,
        "commit 61b0a297c1d52e4f8f0a9d3c5b7e1f2a3b4c5d6e",
        "sort(key='price')",
        "primary_key = True",
        "https://example.com/a?b=c&d=e",
        "Basic usage of the pipeline",
        "the bearer of good news",
        "sk-learn-is-what-they-call-scikit-learn",
        "passing = 'yes'; compass = 'north'",
        "GPG keyring",
        "SECRET_NUMBER=true",
    ],
)
def test_what_only_looks_like_a_secret_is_left(text: str) -> None:
    assert found(text) == []


def test_addresses_lose_their_credentials_and_nothing_else() -> None:
    assert found("pip install -i https://ana:s3cret@pypi.example.com/simple x") == ["ana:s3cret"]
    assert found("see https://db/x?user=ana&password=s3cret&ssl=1") == ["s3cret"]
    assert found("git@github.com:ana/repo.git and http://127.0.0.1:8620/churn") == []


def test_a_private_key_is_found_whole_even_where_its_end_was_cut_off() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n+MIIEow\n+IBAAK\n-----END RSA PRIVATE KEY-----"
    assert found(key) == ["\n+MIIEow\n+IBAAK\n"]
    assert found(key[:50]) == [key[31:50]]


def test_basic_authentication_is_found_by_what_it_decodes_to() -> None:
    assert found("Authorization: Basic YW5hOmh1bnRlcjI=") == ["YW5hOmh1bnRlcjI="]


SLOW = [
    "password=",
    "password='",
    "token ",
    "--token ",
    "a",
    "://",
    "https://a:",
    "eyJa",
    "eyJabcdefgh.",
    '"',
    "\\'",
]
SLOW += ["-----BEGIN PRIVATE KEY-----", "api_key: ", "password:str", "Bearer ", "x@", "key" + "'" * 3]


@pytest.mark.parametrize("part", SLOW)
def test_a_megabyte_made_to_be_slow_is_read_in_time(part: str) -> None:
    begun = time.process_time()
    find_secrets(part * (1_000_000 // len(part)))
    assert time.process_time() - begun < 5


@pytest.mark.parametrize(
    "name", ["password", "DB_PASSWORD", "apiKey", "github_token", "AZURE_CLIENT_SECRET", "secret_2"]
)
def test_names_of_secrets_are_known(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["token_pattern", "tokenizer", "pad_token", "key", "passthrough", "random_state"]
)
def test_names_of_parameters_are_not_mistaken(name: str) -> None:
    assert not is_secret_name(name)

"""Connections in Airflow's two forms, and what is said about those that cannot be used."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest

from mediation.endpoint import Endpoint, EndpointError, endpoint_from_uri, endpoint_of

_BLOB = (11).to_bytes(4, "big") + b"ssh-ed25519" + (32).to_bytes(4, "big") + bytes(range(224, 256))
KEY = f"ssh-ed25519 {base64.b64encode(_BLOB).decode()}"
QUERY = f"key_file=/keys/nordtel&host_key={quote(KEY, safe='')}"


def test_uri_with_key() -> None:
    found = endpoint_from_uri(f"sftp://rate%20mill@sftp.nordtel.example:2222/?{QUERY}")
    assert found == Endpoint(
        "sftp.nordtel.example", 2222, "rate mill", Path("/keys/nordtel"), None, KEY
    )


def test_uri_with_password_and_default_port() -> None:
    found = endpoint_from_uri(f"sftp://u:p%40ss@h/?host_key={quote(KEY, safe='')}")
    assert (found.port, found.password, found.key_file) == (22, "p@ss", None)


def test_uri_with_nested_extra() -> None:
    extra = quote(json.dumps({"key_file": "/k", "host_key": KEY}), safe="")
    assert endpoint_from_uri(f"sftp://u@h/?__extra__={extra}").host_key == KEY


@pytest.mark.parametrize("nest", [json.dumps, lambda extra: extra], ids=["text", "object"])
def test_json(nest: Callable[[dict[str, str]], object]) -> None:
    text = json.dumps(
        {
            "conn_type": "sftp", "host": "h", "login": "u", "port": 2022, "password": "p",
            "extra": nest({"key_file": "/k", "host_key": f"{KEY} a comment"}),
        }
    )
    assert endpoint_from_uri(text) == Endpoint("h", 2022, "u", Path("/k"), "p", KEY)


def test_of_connection() -> None:
    found = endpoint_of("sftp_nordtel", {"AIRFLOW_CONN_SFTP_NORDTEL": f"sftp://u@h/?{QUERY}"})
    assert found.where == "sftp://u@h:22"


def test_secret_is_in_no_text() -> None:
    uri = f"sftp://u:geheim@h/?host_key={quote(KEY, safe='')}"
    assert "geheim" not in repr(endpoint_from_uri(uri))
    for broken in (uri.replace("sftp:", "ftp:"), uri + "x", uri.replace("@h", "@h:x"),
                   '{"password": "geheim", "conn_type": "sftp"', '{"password": "geheim"}'):
        with pytest.raises(EndpointError) as caught:
            endpoint_of("c", {"AIRFLOW_CONN_C": broken})
        assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sftp://u@h/?key_file=/k", "pinned"),
        (f"sftp://u@h/?host_key={quote(KEY, safe='')}", "neither key_file nor password"),
        (f"sftp://u@h/?private_key=x&host_key={quote(KEY, safe='')}", "store it in a file"),
        (f"sftp://h/?{QUERY}", "no user"),
        (f"sftp://u@/?{QUERY}", "no host"),
        (f"sftp://u@h:99999/?{QUERY}", "not a connection URI"),
        (f"ftp://u@h/?{QUERY}", "'ftp' is not sftp"),
        ("sftp://u@h/?key_file=/k&host_key=AAAA", "ssh-keyscan"),
        (f"sftp://u@h/?key_file=/k&host_key={KEY.replace(' ', '%20')}", "%2B"),
        ("[]", "scheme"),
        ('{"conn_type": "http"}', "'http' is not sftp"),
        ('{"conn_type": "sftp", "extra": [1]}', "extra is not"),
        ('{"conn_type": "sftp", "extra": "{"}', "extra is not JSON"),
        (
            json.dumps(
                {
                    "conn_type": "sftp", "host": "h", "login": "u", "port": "x", "password": "p",
                    "extra": {"host_key": KEY},
                }
            ),
            "port 'x'",
        ),
    ],
)
def test_unusable(uri: str, said: str) -> None:
    with pytest.raises(EndpointError, match="(?s)" + said.replace("(", r"\(")):
        endpoint_from_uri(uri)


def test_unset_says_how_to_set_it() -> None:
    with pytest.raises(EndpointError, match=r"AIRFLOW_CONN_SFTP_X is not set; set it to sftp://"):
        endpoint_of("sftp_x", {})

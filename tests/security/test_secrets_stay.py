"""Marked passwords and real keys: after runs that end well and badly they stand nowhere."""

import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import duckdb
import polars as pl
import pytest

from ratemill.airflow_stack import REPOSITORY
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home

sys.path.insert(0, str(Path(__file__).parent))

from secret_search import named, secrets_in

MARKS = {
    "our password at a partner's": "Wq7-marked/sftp+word",
    "password of the ledger": "Lx4markedledger",
    "password of the mail server": "Mz9markedmail", "token of the webhook": "Tk2markedhook",
}
SFTP, LEDGER, MAIL, HOOK = MARKS.values()
RUN = """
import logging, os, sys
from contextlib import nullcontext
from ratemill.home import Home
from ratemill.run import run
from ratemill.settings import clock

class Quiet:
    def step(self, *_):
        return nullcontext(lambda: None)

logging.basicConfig(level=logging.DEBUG)
home = Home.find(None, os.environ)
done = run(home, list(home.profiles()), now=clock(home.settings), environ=os.environ,
           progress=Quiet())
for error in done.unreachable:
    print(f"{error} {error!r}")
print("FINISHED", len(done.finished))
"""
STATUS = "from ratemill.cli import main; main()"


def said(program: str, *arguments: str, environ: dict[str, str]) -> str:
    """All that a Python program says, on both streams."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environ, cwd=REPOSITORY, text=True,
        capture_output=True, check=False, timeout=300,
    )
    return done.stdout + done.stderr


def with_password(uri: str, password: str) -> str:
    """A connection's address with a password beside its key."""
    user, at, rest = uri.partition("@")
    return f"{user}:{quote(password, '')}{at}{rest}"


def private_keys(home: Home) -> dict[str, str]:
    """A line of each private key that no other key has, by the key's file."""
    return {
        path.name: path.read_text().splitlines()[-3] for path in (home.root / "keys").iterdir()
        if path.suffix != ".pub"
    }


@pytest.mark.e2e
@pytest.mark.slow
def test_a_run_leaves_no_secret_in_any_file_or_line(tmp_path: Path, postgres_url: str) -> None:
    home = prepare_home(tmp_path / "home")
    ledger = postgres_url.replace("postgres@", f"postgres:{LEDGER}@")
    assert LEDGER in ledger
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RATEMILL"))}
    with partners_online(home, clean) as on:
        connections = {
            k: with_password(v, SFTP) for k, v in on.items() if k.startswith("AIRFLOW_CONN")
        }
        well = on | connections | {
            "RATEMILL_HOME": str(home.root), "RATEMILL_LEDGER": ledger,
            "AIRFLOW_CONN_SMTP_RATEMILL": f"smtp://ratemill:{MAIL}@127.0.0.1:1",
            "AIRFLOW_CONN_HOOK": f"https://user:{HOOK}@127.0.0.1:1/",
        }
        # a login that is refused, a host key that is another, a port nobody listens on
        first, second, third, *_ = sorted(connections)
        ill = well | {
            first: re.sub(r"client_\w+", "host_ed25519", well[first]),
            second: well[second][:-1] + ("A" if well[second][-1] != "A" else "B"),
            third: re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:1", well[third]),
        }
        texts = [said(RUN, environ=ill), said(RUN, environ=well)]
        texts.append(said(STATUS, "status", environ=well))
        keys = private_keys(home)
    assert "FINISHED 0" not in texts[1], texts[1][-3000:]
    assert "FINISHED" in texts[1], texts[1][-3000:]
    for words in ("refuse", "host key", "127.0.0.1:1"):
        assert words in texts[0], texts[0][-3000:]
    marks = MARKS | keys
    for text in texts:
        assert named(text, marks) == []
    assert len(list(home.lake.rglob("*.parquet"))) > 100
    assert secrets_in(home.root, marks, [home.root / "keys"]) == []
    assert len(secrets_in(home.root / "keys", keys)) == len(keys)


@pytest.mark.parametrize("kind", ["text", "parquet", "sqlite", "duckdb", "address"])
def test_a_secret_is_found_in_files_of_every_kind(tmp_path: Path, kind: str) -> None:
    # Long and often, so that no compression leaves it as it is.
    rows = pl.DataFrame({"a": [f"{'x' * 900}{i}{SFTP}{'y' * 9000}" for i in range(50)]})
    path = tmp_path / "inner" / "file"
    path.parent.mkdir()
    if kind == "text":
        path.write_text(f"password {SFTP}")
    elif kind == "address":
        path.write_text(with_password("sftp://u@h/", SFTP))
    elif kind == "parquet":
        rows.write_parquet(path, compression="zstd")
    elif kind == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.execute("create table t (a text)")
            connection.executemany("insert into t values (?)", rows.rows())
        connection.close()
    else:
        with duckdb.connect(str(path)) as connection:
            connection.from_arrow(rows.to_arrow()).create("t")
    assert secrets_in(tmp_path, MARKS) == ["our password at a partner's: inner/file"]
    assert secrets_in(tmp_path, MARKS, [tmp_path / "inner"]) == []
    assert secrets_in(tmp_path, {"another": "Wq8"}) == []

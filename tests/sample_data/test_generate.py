"""The sample inbox is what its generator writes, and each file fares as sample_data/README says."""

import gzip
import hashlib
import subprocess
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Gate
from mediation.mediate import mediate
from mediation.profile import Profile, load_profiles
from rating.catalog import Catalog, load_catalog
from rating.rate import rate

SAMPLE = Path(__file__).parents[2] / "sample_data"
# Beside the files lie the results expected of them.
GOLDEN = (".usage.csv", ".charges.csv", ".rejects.csv")
RECEIVED_AT = datetime.fromisoformat("2026-10-01T06:00")


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A fresh inbox, and what the command printed."""
    out = tmp_path_factory.mktemp("inbox")
    run = subprocess.run(
        [sys.executable, str(SAMPLE / "generate.py"), "--out", str(out)],
        check=True,
        capture_output=True,
        text=True,
    )
    return out, run.stdout


def _contents(inbox: Path) -> dict[str, bytes]:
    """Relative path to bytes, unpacked: compressed octets differ between zlib builds."""
    return {
        path.relative_to(inbox).as_posix(): gzip.decompress(data) if path.suffix == ".gz" else data
        for path in sorted(inbox.glob("*/outgoing/*"))
        if not path.name.endswith(GOLDEN)
        for data in [path.read_bytes()]
    }


def test_the_committed_inbox_is_what_the_generator_writes(generated: tuple[Path, str]) -> None:
    fresh, committed = _contents(generated[0]), _contents(SAMPLE / "inbox")
    assert fresh.keys() == committed.keys()
    assert [name for name in fresh if fresh[name] != committed[name]] == []


def test_the_command_lists_every_file_with_its_size(generated: tuple[Path, str]) -> None:
    rows = {line.split()[1]: line.split()[-1] for line in generated[1].splitlines()[1:-1]}
    files = {p.name: str(p.stat().st_size) for p in generated[0].glob("*/outgoing/*")}
    assert rows == files
    assert sum(map(int, files.values())) < 3_000_000


def _readme_rows() -> dict[str, list[str]]:
    """File name to state, records and the rejects of mediation and rating, as README has them."""
    lines = (SAMPLE / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return {row[0].strip("`"): row[2:] for row in rows if len(row) == 6 and "`" in row[0]}


def _counts(codes: pl.Series) -> str:
    """Reject codes as README has them."""
    counted = sorted(Counter(codes.to_list()).items())
    return ", ".join(f"{code} {count}" for code, count in counted) or "-"


def _as_found(catalog: Catalog, gate: Gate, profile: Profile) -> dict[str, list[str]]:
    """The same of one partner's files, by the programs themselves."""
    found: dict[str, list[str]] = {}
    earlier, keys = pl.DataFrame(schema=EARLIER), pl.DataFrame(schema=KNOWN)

    def known(asked: pl.Series) -> pl.DataFrame:
        return keys.filter(pl.col("usage_key").is_in(asked.implode()))

    for path in sorted((SAMPLE / "inbox" / profile.name / "outgoing").iterdir()):
        data = path.read_bytes()
        file_id = hashlib.sha256(data).hexdigest()
        if path.name.endswith(GOLDEN):
            continue
        if file_id in earlier["file_id"]:
            found[path.name] = ["copy", "-", "-", "-"]
            continue
        ctx = FileContext(profile.name, file_id, path.name, RECEIVED_AT)
        got = mediate(data, profile, ctx, earlier, known, gate)
        priced = rate(got.usage, catalog, ctx).outcome
        state, records = got.figures["state"], got.figures["records"]
        found[path.name] = [
            state,
            str(records),
            _counts(got.rejects["code"]),
            _counts(priced.rejects["code"]),
        ]
        stated = got.header
        row = (file_id, path.name, stated.sequence, stated.kind, state, stated.sender,
               stated.recipient, got.figures["notes"])
        earlier.extend(pl.DataFrame([row], schema=EARLIER, orient="row"))
        keys.extend(got.usage.select(*KNOWN))
    return found


@pytest.mark.slow
def test_each_file_fares_as_the_readme_says() -> None:
    catalog = load_catalog(SAMPLE / "home" / "catalog", "Europe/Vienna")
    gate = Gate(None)
    found: dict[str, list[str]] = {}
    for profile in load_profiles(SAMPLE / "home" / "partners").values():
        found |= _as_found(catalog, gate, profile)
    assert found == _readme_rows()

"""Files as partners offer them for collection: two thousand small ones, or a single large one.

Twenty thousand distinct events are repeated, each time with references of their own: no record is
another's duplicate.
"""

import os
import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import gen_alpenfon
import gen_tap
import polars as pl
from decode_input import FILE_TAG, LIST_TAG, group, inside
from gen_events import day_of_events, travellers
from gen_iot import agreed_charge

from asn1.encode import encode_transfer_batch
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home

DAY: Final = date(2026, 9, 20)
DISTINCT: Final = 20_000
SETTLED: Final = datetime(2026, 9, 21, tzinfo=UTC).timestamp()
HEAD: Final = ";".join(gen_alpenfon.HEADER) + "\r\n"


class CsvLines:
    """Alpenfon's lines without end, no reference twice."""

    def __init__(self) -> None:
        """The distinct events, without their references."""
        rng = random.Random(2)
        events = day_of_events(rng, DAY, travellers(0, 45), DISTINCT, ("420602", "4202", "48601"))
        rows = [gen_alpenfon.row(rng, gen_alpenfon.as_written(event)) for event in events]
        texts = gen_alpenfon.text(rows).decode("latin-1").split("\r\n")[1:-1]
        kind, _, rest = zip(*(text.split(";", 2) for text in texts), strict=True)
        self._rows = pl.DataFrame({"kind": kind, "rest": rest})
        self._used = 0

    def take(self, octets: int) -> tuple[bytes, int]:
        """A file of about that many octets, and its records."""
        rows = self._rows
        mean = rows.select((pl.col("kind") + pl.col("rest")).str.len_chars().mean()).item() + 15
        count = max(1, round(octets / mean))
        first = self._used
        self._used += count
        numbers = pl.DataFrame({"number": range(first, self._used)})
        lines = numbers.select(pl.format(
            "{};A{};{}\r\n",
            *(pl.lit(rows["kind"]).gather(pl.col("number") % DISTINCT),
              pl.col("number").cast(pl.String).str.zfill(10),
              pl.lit(rows["rest"]).gather(pl.col("number") % DISTINCT)),
        ).str.join("").alias("text")).item()
        return (HEAD + lines).encode("latin-1"), count


@contextmanager
def offered(folder: Path, sessions: int) -> Iterator[Home]:
    """A home whose partners offer nothing yet, their server on loopback while the block lasts."""
    home = prepare_home(folder)
    for profile in (folder / "partners").glob("*.toml"):
        text = profile.read_text()
        profile.write_text(text.replace("settle_s = 10", f"settle_s = 0\nsessions = {sessions}"))
    for path in (folder / "sftp").glob("*/outgoing/*"):
        path.unlink()
    with partners_online(home, os.environ) as environ:
        # The process that collects inherits the connections.
        os.environ.update(environ)
        yield home


def outgoing(home: Home, partner: str) -> Path:
    """The folder that the partner's server offers."""
    return home.root / "sftp" / partner / "outgoing"


def put(home: Home, partner: str, name: str, data: bytes) -> None:
    """A file of the partner's that does not change any more."""
    path = outgoing(home, partner) / name
    path.write_bytes(data)
    os.utime(path, (SETTLED, SETTLED))


def csv_name(number: int) -> str:
    """The name of Alpenfon's file of that number."""
    return f"ALPENFON_{DAY:%Y%m%d}_{number:04d}.csv"


def tap_file(octets: int) -> tuple[bytes, int]:
    """A TAP file of NordTel's of about that many octets, and its records: a block repeated."""
    rng = random.Random(1)
    events = day_of_events(rng, DAY, travellers(20, 60), DISTINCT, ("479", "4722", "46705"))
    batch = gen_tap.batch(71, datetime(2026, 9, 21, 2), [
        gen_tap.Priced(e, agreed_charge("nordtel", e) // gen_tap.MICROS_PER_UNIT, 0)
        for e in events
    ])
    block = inside(inside(encode_transfer_batch({"callEventDetails": batch["callEventDetails"]})))
    times = max(1, round(octets / len(block)))
    audit = batch["auditControlInfo"]
    audit |= {name: audit[name] * times for name in audit
              if name.startswith("total") or name == "callEventDetailsCount"}
    before = {name: batch[name] for name in
              ("batchControlInfo", "accountingInfo", "networkInfo")}
    content = b"".join((
        inside(encode_transfer_batch(before)), group(LIST_TAG, block * times, "definite"),
        inside(encode_transfer_batch({"auditControlInfo": audit})),
    ))
    return group(FILE_TAG, content, "definite"), DISTINCT * times


def widen(home: Home, partner: str, *, by_place: bool = False) -> None:
    """Let a large file of the partner's pass the gate, its records by their places if told so."""
    path = home.root / "partners" / f"{partner}.toml"
    text = path.read_text().replace("charge_max_micros = 10_", "charge_max_micros = 9_000_000_")
    if by_place:
        text = re.sub(r"(?m)^(voice|sms|data)_(m[ot]) = .*$", r'\1_\2 = ["byte_offset"]', text)
    path.write_text(text)

"""Formats: CSV, fixed-width and XML from octets to deduplicated usage, against bare readers.

Bare readers give texts and no meaning: Polars' `read_csv` for CSV, the same reading lines for
fixed width, `lxml.iterparse` for XML. Duplicates are looked for in a window of thirty million usage
keys, as they lie on disk.
"""

import io
import random
import tempfile
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Final

import gen_alpenfon
import gen_fixline
import gen_xmlcom
import numpy as np
import polars as pl
from gen_events import Event, day_of_events, travellers
from gen_iot import agreed_charge
from lxml import etree
from report import ROOT, ROUNDS, SCALE, Timing, publish

from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Verdict
from mediation.mediate import mediate
from mediation.profile import Profile, load_profile
from ratemill.key_runs import Run, distinct
from ratemill.key_store import keep, kept
from ratemill.known_keys import heads_of

DAY: Final = date(2026, 9, 20)
RECORDS: Final = {"csv": round(400_000 * SCALE), "fixed": round(400_000 * SCALE),
                  "xml": round(100_000 * SCALE)}
KEYS: Final = round(30_000_000 * SCALE)
FILES: Final = 600
PARTNERS: Final = {"csv": "alpenfon", "fixed": "fixline", "xml": "xmlcom"}


class OpenGate:
    """A gate that lets all pass: what it costs does not depend on the format."""

    def check(self, *_: object) -> Verdict:
        return Verdict()


def events(kind: str) -> list[Event]:
    """The events of a file."""
    return day_of_events(random.Random(kind), DAY, travellers(0, 45), RECORDS[kind],
                         ("420602", "4202", "48601"))


def csv_file() -> bytes:
    rng = random.Random(2)
    rows = [gen_alpenfon.row(rng, gen_alpenfon.as_written(e)) for e in events("csv")]
    return gen_alpenfon.text(rows)


def fixed_file() -> bytes:
    lines = [gen_fixline.detail(e) for e in events("fixed")]
    ends = f"HDRDEUFXAUTRM000071{DAY:%Y%m%d}", f"TRL{len(lines):09d}"
    return "".join(f"{line}\n" for line in (ends[0], *lines, ends[1])).encode("ascii")


def xml_file() -> bytes:
    given = events("xml")
    charges = [agreed_charge("xmlcom", e) for e in given]
    written = [gen_xmlcom.element(e, "USAXM", c, -4) for e, c in zip(given, charges, strict=True)]
    return gen_xmlcom.document(71, DAY, written, sum(charges)).encode()


def read_csv(data: bytes) -> None:
    pl.read_csv(io.BytesIO(data), separator=";", encoding="latin1", infer_schema=False)


def read_lines(data: bytes) -> None:
    pl.read_csv(io.BytesIO(data), separator="\x1f", has_header=False, infer_schema=False)


def read_xml(data: bytes) -> None:
    for _, element in etree.iterparse(io.BytesIO(data), tag=f"{{{gen_xmlcom.NAMESPACE}}}event"):
        element.clear()


MAKERS: Final[dict[str, tuple[Callable[[], bytes], Callable[[bytes], None]]]] = {
    "csv": (csv_file, read_csv), "fixed": (fixed_file, read_lines), "xml": (xml_file, read_xml),
}


def window(place: Path) -> None:
    """Usage keys of earlier files on disk."""
    rng = np.random.default_rng(3)
    heads = np.sort(rng.integers(0, 2**64 - 1, KEYS, dtype=np.uint64))
    files = rng.integers(0, FILES, KEYS).astype(np.uint32)
    keep(place, Run(heads, files), [(("p", str(n)), (1, 1)) for n in range(FILES)], {})


def measure(kind: str, place: Path) -> list[dict[str, object]]:
    """The figures of one format."""
    make, bare = MAKERS[kind]
    data, records = make(), RECORDS[kind]
    profile = load_profile(ROOT / f"sample_data/home/partners/{PARTNERS[kind]}.toml")
    ctx = FileContext(profile.name, "ab" * 32, _name(kind), datetime(2026, 10, 1))
    whole, reading, searching = Timing(), Timing(), Timing()
    keys: list[pl.Series] = []
    for _ in range(ROUNDS):
        keys.clear()
        whole.run(lambda: _usage(data, profile, ctx, keys))
        reading.run(lambda: bare(data))
        searching.run(lambda: _search(keys[0], place))
        assert keys[0].len() > records * 0.95, (kind, keys[0].len())
    size = f"{records:,} records, {len(data) / 1e6:.1f} MB"
    shown = [
        ("rows_per_s", records / whole.wall, "rows/s"),
        ("rows_per_cpu_s", records / whole.cpu, "rows/CPU s"),
        ("vs_bare_reader", whole.cpu / reading.cpu, "x CPU"),
        ("dedupe_share", 100 * searching.cpu / (whole.cpu + searching.cpu), "% of CPU"),
    ]
    return [{"name": f"{kind}_{name}", "value": value, "unit": unit, "input": size}
            for name, value, unit in shown]


def _name(kind: str) -> str:
    return {"csv": f"ALPENFON_{DAY:%Y%m%d}_0071.csv", "fixed": f"FXL_{DAY:%Y%m%d}_0071.dat",
            "xml": f"XC_{DAY:%Y%m%d}_0071.xml"}[kind]


def _usage(data: bytes, profile: Profile, ctx: FileContext, keys: list[pl.Series]) -> None:
    """One file to usage; the keys that are asked for are noted."""
    def known(asked: pl.Series) -> pl.DataFrame:
        keys.append(asked)
        return pl.DataFrame(schema=KNOWN)

    mediate(data, profile, ctx, pl.DataFrame(schema=EARLIER), known, OpenGate())


def _search(keys: pl.Series, place: Path) -> None:
    """What a window costs: that of the file's own duplicates is in the rest."""
    heads = distinct(heads_of(keys))
    for one in kept(place):
        one.run.holders(heads)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "keys"
        window(place)
        publish("formats", [row for kind in MAKERS for row in measure(kind, place)])


if __name__ == "__main__":
    main()

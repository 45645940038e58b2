"""Goldens of the ready profiles: what each sample file becomes, as CSV beside it."""

import hashlib
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl

from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Gate
from mediation.mediate import Mediated, mediate
from mediation.profile import Profile, load_profile

sys.path.insert(0, str(Path(__file__).parent))
from golden import csv_text

READY = Path(__file__).parents[2] / "sample_data" / "ready"
RECEIVED_AT = datetime.fromisoformat("2026-10-01T06:00")
KINDS = (".usage.csv", ".rejects.csv")


def samples(name: str) -> list[Path]:
    """The sample files of a ready profile in the order of their names."""
    found = sorted((READY / name / "sample").iterdir())
    return [p for p in found if not p.name.endswith(KINDS)]


def names() -> list[str]:
    """The ready profiles."""
    return sorted(p.name for p in READY.iterdir() if p.is_dir())


def ready_profile(name: str) -> Profile:
    """A ready profile as it lies beside its samples."""
    return load_profile(READY / name / f"{name}.toml")


def _as_it_is(data: bytes) -> bytes:
    return data


def mediated(
    profile: Profile, change: Callable[[bytes], bytes] = _as_it_is
) -> dict[str, Mediated]:
    """Sample file name to what mediation makes of its changed octets, each after those before."""
    name = profile.name
    found: dict[str, Mediated] = {}
    earlier, keys = pl.DataFrame(schema=EARLIER), pl.DataFrame(schema=KNOWN)

    def known(asked: pl.Series) -> pl.DataFrame:
        return keys.filter(pl.col("usage_key").is_in(asked.implode()))

    for path in samples(name):
        data = change(path.read_bytes())
        ctx = FileContext(name, hashlib.sha256(data).hexdigest(), path.name, RECEIVED_AT)
        got = mediate(data, profile, ctx, earlier, known, Gate(None))
        found[path.name] = got
        row = (ctx.file_id, path.name, got.header.sequence, got.header.kind, got.figures["state"],
               got.header.sender, got.header.recipient, got.figures["notes"])
        earlier.extend(pl.DataFrame([row], schema=EARLIER, orient="row"))
        keys.extend(got.usage.select(*KNOWN))
    return found


def ready_goldens() -> dict[Path, str]:
    """Path beside each sample file to what becomes of it."""
    texts = {}
    for name in names():
        for file, got in mediated(ready_profile(name)).items():
            at = READY / name / "sample" / file
            texts[at.with_name(f"{file}.usage.csv")] = csv_text(got.usage)
            if got.rejects.height:
                away = got.rejects.sort("record_index", nulls_last=False).drop("raw")
                texts[at.with_name(f"{file}.rejects.csv")] = csv_text(away)
    return texts


def stored_ready() -> set[Path]:
    """All goldens that lie beside the samples."""
    return {p for kind in KINDS for p in READY.rglob(f"*{kind}")}

"""What the last proof of a home found, kept for alarms."""

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from ratemill.atomic import replacing
from ratemill.home import Home

_SHOWN: Final = 20
"""Contradictions that are kept: `ratemill ledger check` lists them all"""


class LastProof(msgspec.Struct, frozen=True):
    """When the sums were proven (naive UTC), and what contradicted them."""

    at: datetime
    faults: list[str]


def keep_proof(home: Home, at: datetime, faults: list[str]) -> None:
    """Remember what a proof found."""
    with replacing(_path(home)) as part:
        part.write_bytes(msgspec.json.encode(LastProof(at, faults[:_SHOWN])))


def last_proof(home: Home) -> LastProof | None:
    """The last proof; None before the first."""
    try:
        return msgspec.json.decode(_path(home).read_bytes(), type=LastProof)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _path(home: Home) -> Path:
    return home.root / "alerts" / "proof.json"

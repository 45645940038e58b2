"""The batch gate: one file's figures against all limits that hold for it."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import msgspec

from mediation.decoded import FileHeader
from mediation.file_context import FileContext
from mediation.gate_figures import Figures
from mediation.gate_history import Earlier, NothingEarlier, of_history
from mediation.gate_limits import Limit, of_file, of_profile
from mediation.profile import Profile

CHECKS = "checks"
"""Folder of what was checked, below the gate's root: PARTNER/FILE_ID.json"""
_NOTHING = NothingEarlier()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of a file: it may pass when nothing failed."""

    failed: tuple[str, ...] = ()
    """the limits that it does not keep, as sentences"""
    notes: tuple[str, ...] = ()


class BatchGate(Protocol):
    """What judges the figures of a whole file."""

    def check(
        self, profile: Profile, ctx: FileContext, header: FileHeader, figures: Figures
    ) -> Verdict:
        """Whether the file may pass."""


class Check(msgspec.Struct, frozen=True):
    """One file's check as it is kept: the newest one of the file."""

    partner: str
    file_id: str
    name: str
    received_at: datetime
    limits: tuple[Limit, ...]
    notes: tuple[str, ...]

    @property
    def findings(self) -> tuple[str, ...]:
        """What people are told of the limits that the file does not keep."""
        return tuple(limit.finding for limit in self.limits if not limit.kept)


class Gate:
    """The gate over the accepted files before a file; with a root each check is kept below it.

    Its pages are made from the checks later, many at once: mediation/gate_docs.py.
    """

    def __init__(self, root: Path | None, earlier: Earlier = _NOTHING) -> None:
        self._root, self._earlier = root, earlier

    def after(self, earlier: Earlier) -> "Gate":
        """The same gate for a file that these were before."""
        return Gate(self._root, earlier)

    def check(
        self, profile: Profile, ctx: FileContext, header: FileHeader, figures: Figures
    ) -> Verdict:
        """Whether the file may pass."""
        by_history, notes = of_history(
            profile.gate.history, self._earlier, figures,
            header.currency or figures.traffic.currency, ctx.received_at,
        )
        limits = (*of_profile(profile, figures), *of_file(header, figures), *by_history)
        check = Check(
            ctx.partner, ctx.file_id, ctx.name, ctx.received_at, limits, tuple(notes)
        )
        if self._root is not None:
            _keep(self._root / CHECKS / ctx.partner / f"{ctx.file_id}.json", check)
        return Verdict(check.findings, check.notes)


def _keep(path: Path, check: Check) -> None:
    """Write a check, whole or not at all.

    A power cut may take it, which costs a line on a page: the verdict is with the file's row.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    written = msgspec.json.encode(check)
    try:
        part.write_bytes(written)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(written)
    part.replace(path)

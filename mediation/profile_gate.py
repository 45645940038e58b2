"""The parts of a partner profile that say which files are held back as a whole."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from mediation.profile_form import Positive, Strict, Whole

Times = Annotated[float, Meta(ge=1, le=1_000_000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Span = Annotated[str, Meta(pattern="^[0-9]{1,4}[mhd]$")]
New = Literal["hold", "note", "pass"]


class History(Strict, frozen=True, kw_only=True):
    """How far a file may differ from the partner's accepted files before it.

    What the files before it did differ among themselves is allowed in any case.
    """

    files: Annotated[int, Meta(ge=0, le=1000)] = 30
    """How many of the newest accepted files a file is compared with; 0: with none"""
    files_min: Positive = 10
    """With fewer of them there is no verdict"""
    same_weekday: bool = False
    """Compare records and charges with files received on the same day of the week (UTC) only"""
    records_min: Whole = 100
    """Files with fewer records, as the earlier ones, are too small to judge by counts and sums"""
    records_times: Times = 5.0
    """Records: at most so many times the median of the earlier files, at least that part of it"""
    charge_times: Times = 5.0
    """The same for the sum of the charges that the partner states"""
    record_charge_times: Times = 1.5
    """The same for the charge of a record on average"""
    reject_share_more: Share = 0.1
    """How far the share of rejected records may be above the median of the earlier files"""
    age_more: Span = "7d"
    """How much older than in the earlier files events may be, taking the median of each file"""
    oldest_more: Span = "30d"
    """The same for the oldest event of each file"""
    new_networks: New = "hold"
    """What to do with a file with serving networks that no accepted file had"""
    new_services: New = "hold"
    """The same for services with their direction, as voice_mo"""
    new_destinations: New = "note"
    """The same for country codes of called numbers"""

    def __post_init__(self) -> None:
        """Refuse a comparison that never comes to a verdict."""
        if 0 < self.files < self.files_min:
            raise ValueError(f"files: {self.files} are compared, but files_min needs "
                             f"{self.files_min}; 0 compares with none")


class Gate(Strict, frozen=True, kw_only=True):
    """Limits of the batch gate; a file outside them is quarantined."""

    reject_share_max: Share = 0.2
    """Largest share of records that decode, normalize and validate may turn away"""
    charge_max_micros: int = 1_000_000_000_000
    """Largest charge of one record"""
    file_charge_max_micros: int = 1_000_000_000_000_000
    """Largest total charge of one file"""
    history: History = msgspec.field(default_factory=History)
    """How far a file may differ from those before it"""

"""What every stage may know of the file it works on."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class FileContext:
    """Identity of one received file; received_at is naive UTC and stands in for a clock."""

    partner: str
    file_id: str
    name: str
    received_at: datetime

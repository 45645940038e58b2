"""ratemill.toml: the operator's settings, read into frozen structs that refuse unknown fields."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec

from ratemill.errors import SettingsError


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A struct that refuses fields it does not know."""


class Demo(Strict, frozen=True, kw_only=True):
    """What only an example home has."""

    partner_server: str
    """Folder below the home that an embedded SFTP server offers to us while a run lasts"""
    clock: datetime
    """The moment a run of the example takes place: its records would be too old otherwise"""


class LifeCycle(Strict, frozen=True, kw_only=True):
    """How long prepaid accounts live; `ratemill life-cycle` brings them to the state they have.

    An account is active until the end of its validity, then in grace, suspended and closed. One
    that was never topped up has no end.
    """

    days_per_top_up: int
    """Days from a top-up or voucher for which the account is valid at least"""
    grace_days: int
    """Days of grace after the end of validity while money is left"""
    suspend_after_days: int
    """Days of grace when nothing is left"""
    close_after_days: int
    """Days that an account is suspended before it is closed and forfeits what is left"""

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.days_per_top_up < 1:
            raise ValueError("days_per_top_up is less than 1")
        for name in ("grace_days", "suspend_after_days", "close_after_days"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is less than 0")
        if self.suspend_after_days > self.grace_days:
            raise ValueError("suspend_after_days is more than grace_days")


class Settings(Strict, frozen=True, kw_only=True):
    """The operator and the few choices that hold for the whole home."""

    operator: str
    """Our TADIG code"""
    title: str
    zone: str
    """IANA name of the home time zone: catalog dates begin at its midnight"""
    duplicate_window_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 90
    """How long before a file others may have arrived whose records mediation takes its own for
    duplicates of; the ledger charges no usage twice however long ago it came"""
    gate_checks_days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 400
    """How many days before the newest check of the gate others are kept; what the gate compares
    files with is not among them, and the verdict on each file stays with its row"""
    demo: Demo | None = None
    life_cycle: LifeCycle | None = None
    """Absent: accounts have no end"""


def load_settings(path: Path) -> Settings:
    """The settings in a TOML file; SettingsError names the file, the field and what is wrong."""
    try:
        return msgspec.toml.decode(path.read_bytes(), type=Settings)
    except OSError as error:
        raise SettingsError(
            str(path), f"cannot be read: {error.strerror}",
            "RATEMILL_HOME names an operator's home; `ratemill demo` makes an example",
        ) from error
    except msgspec.MsgspecError as error:
        raise SettingsError(str(path), str(error)) from error


def clock(settings: Settings) -> datetime:
    """Now as naive UTC: the example's own moment in an example home, the real one elsewhere."""
    now = settings.demo.clock if settings.demo else datetime.now(UTC)
    return now.astimezone(UTC).replace(tzinfo=None)

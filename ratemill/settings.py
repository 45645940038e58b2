"""ratemill.toml: the operator's settings, read into frozen structs that refuse unknown fields."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final, Literal

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


AlarmKind = Literal[
    "hold", "check", "run", "deadline", "quarantine", "refused", "late", "gap", "stuck", "suspense"
]
"""What an alarm may be about, the most urgent first"""
QUIET_HOURS: Final[dict[AlarmKind, int]] = {
    "hold": 4, "check": 24, "run": 4, "deadline": 4, "quarantine": 24, "refused": 24, "late": 24,
    "gap": 72, "stuck": 24, "suspense": 168,
}
"""How many hours a thing that was said is not said again, where the settings name no others"""


class Alerts(Strict, frozen=True, kw_only=True):
    """Who is told what a person has to see to.

    A thing is said again when its quiet hours are over, or when it has doubled.
    """

    email_to: list[str] = []
    """Addresses that get the message; none: no e-mail is sent"""
    email_from: str = ""
    """The sender's address; absent: `from_email` of the connection"""
    smtp: str = "smtp_ratemill"
    """Airflow connection of the mail server"""
    webhook: str = ""
    """Airflow connection of an address that takes JSON with a field `text`; absent: none"""
    quiet_hours: dict[AlarmKind, Annotated[int, msgspec.Meta(ge=0, le=8760)]] = {}
    """By kind, how many hours what was said is not said again, in place of the usual ones"""
    stuck_hours: Annotated[int, msgspec.Meta(ge=1, le=8760)] = 6
    """How long a file may take from its arrival until it is finished"""
    suspense_days: Annotated[int, msgspec.Meta(ge=0, le=3650)] = 14
    """How long records may be in suspense before somebody is told"""

    def quiet(self, kind: AlarmKind) -> int:
        """Hours for which what was said of this kind is not said again."""
        return self.quiet_hours.get(kind, QUIET_HOURS[kind])


class Retention(Strict, frozen=True, kw_only=True):
    """How long received files are kept."""

    archive_minimum_days: Annotated[int, msgspec.Meta(ge=0)] = 180
    """What the law asks for at least; archive_days may not be less"""
    archive_days: int | None = None
    """Days after which the octets of a finished file are removed; absent: they are kept for good"""

    def __post_init__(self) -> None:
        """Refuse to remove what must be kept."""
        if self.archive_days is not None and self.archive_days < self.archive_minimum_days:
            raise ValueError("archive_days is less than archive_minimum_days")


_HOST_PORT: Final = r"(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+):\d{1,5}"
_COLLECTOR: Final = r"https?://[^\s/@?]+(/[^\s@?]*)?"


class Metrics(Strict, frozen=True, kw_only=True):
    """Where the DAGs publish and alarms push figures to; `ratemill metrics` lists them."""

    statsd: str = ""
    """HOST:PORT of a StatsD server that takes tags as DogStatsD writes them; absent: none"""
    otlp: str = ""
    """Address of an OpenTelemetry collector, as http://127.0.0.1:4318 (OTLP over HTTP); absent:
    none"""

    def __post_init__(self) -> None:
        """Refuse what cannot be an address, or would hold a password."""
        if self.statsd and not re.fullmatch(_HOST_PORT, self.statsd):
            raise ValueError("statsd is not HOST:PORT")
        if self.otlp and not re.fullmatch(_COLLECTOR, self.otlp):
            raise ValueError("otlp is not http://HOST:PORT, or has a login in it")


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
    alerts: Alerts = Alerts()
    """Absent: alarms stand in Airflow's log alone"""
    retention: Retention = Retention()
    metrics: Metrics = Metrics()
    """Absent: figures go nowhere by themselves"""


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

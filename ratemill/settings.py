"""ratemill.toml: the operator's settings, read into frozen structs that refuse unknown fields."""

from datetime import UTC, datetime
from pathlib import Path

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


class Settings(Strict, frozen=True, kw_only=True):
    """The operator and the few choices that hold for the whole home."""

    operator: str
    """Our TADIG code"""
    title: str
    zone: str
    """IANA name of the home time zone: catalog dates begin at its midnight"""
    demo: Demo | None = None


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

"""An operator's home: the one folder that holds configuration, data and results."""

import fcntl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from mediation.profile import Profile, load_profiles
from ratemill.errors import SettingsError
from ratemill.settings import Settings, load_settings

DEFAULT = ".ratemill"


@dataclass(frozen=True)
class Home:
    """Paths below the home, its settings and its partner profiles."""

    root: Path
    ledger: str

    @classmethod
    def find(cls, path: Path | None, environ: Mapping[str, str]) -> "Home":
        """The home at `path`, else at RATEMILL_HOME, else at .ratemill in the current folder."""
        root = Path(path or environ.get("RATEMILL_HOME") or DEFAULT).absolute()
        return cls(root, environ.get("RATEMILL_LEDGER") or str(root / "ledger.db"))

    @cached_property
    def settings(self) -> Settings:
        """ratemill.toml; SettingsError when it cannot be used."""
        return load_settings(self.root / "ratemill.toml")

    def profiles(self) -> dict[str, Profile]:
        """Partner profiles by name; ProfileError when one cannot be used."""
        return self._profiles

    @cached_property
    def _profiles(self) -> dict[str, Profile]:
        return load_profiles(self.root / "partners")

    def refuse_unknown(self, *partners: str) -> None:
        """SettingsError where there is no profile of one of the partners."""
        unknown = sorted(set(partners) - set(self.profiles()))
        if unknown:
            raise SettingsError(
                str(self.root / "partners"), f"no profile of {', '.join(unknown)}",
                f"there are {', '.join(self.profiles())}",
            )

    @property
    def catalog(self) -> Path:
        """Folder of the catalog's CSV files."""
        return self.root / "catalog"

    @property
    def catalog_versions(self) -> Path:
        """Folder of every catalog that was loaded or rated with, one folder a version."""
        return self.root / "catalog_versions"

    @property
    def catalog_cache(self) -> Path:
        """Folder of catalogs made ready to load; it may be deleted at any time."""
        return self.root / "cache" / "catalog"

    @property
    def usage_keys(self) -> Path:
        """Folder of the usage keys of earlier files, sorted; it may be deleted at any time."""
        return self.root / "cache" / "usage_keys"

    @property
    def archive(self) -> Path:
        """Folder of the received bytes, content-addressed."""
        return self.root / "archive"

    @property
    def lake(self) -> Path:
        """Folder of the Parquet tables."""
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        """The analysts' DuckDB file."""
        return self.root / "warehouse.duckdb"

    @property
    def outbox(self) -> Path:
        """Folder of receipts to deliver, one folder a partner."""
        return self.root / "outbox"

    @property
    def reports(self) -> Path:
        """Folder of HTML pages."""
        return self.root / "reports"

    @contextmanager
    def alone(self, task: str) -> Iterator[None]:
        """A block that one process at a time is in for the task."""
        with (self.root / f"{task}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def archived(self, partner: str, file_id: str) -> Path:
        """Where the received bytes of a file are."""
        return self.archive / partner / file_id[:2] / file_id

"""The parts of a partner profile that say where files come from and where answers go."""

import posixpath
from typing import Annotated, Literal

from msgspec import Meta

from mediation.calendar import Span
from mediation.profile_form import Name, Strict


class Collect(Strict, frozen=True, kw_only=True):
    """Where a partner's files are, when they are ready, and what we do with them afterwards."""

    connection: Name = ""
    """Connection id of their server: AIRFLOW_CONN_<ID in capitals> holds it, here and under
    Airflow; this or folder"""
    folder: str = ""
    """Drop folder of ours that the partner writes to: absolute, or HOME/<folder>/<partner>"""
    path: str = ""
    """Folder within it; 'outgoing' for a connection and 'upload' for a drop folder when empty"""
    glob: str = "*"
    exclude: tuple[str, ...] = ("*.part", "*.tmp", ".*")
    """File names, and with recursive folder names, that are passed over"""
    recursive: bool = False
    """Sub-folders too"""
    settle_s: Annotated[int, Meta(ge=0, le=3600)] = 10
    """A file younger than this is looked at twice, this long apart, and must not change."""
    marker: Annotated[str, Meta(pattern=r"^([^/]*\{name\}[^/]*)?$")] = ""
    """As '{name}.done': a file is ready once a file of this name is beside it, and only then"""
    after: Literal["leave", "delete", "rename", "move"] = "leave"
    """What becomes of a file, and of its marker, once it is registered here"""
    after_to: str = ""
    """rename: the suffix its name gets, as '.fetched'; move: the folder it goes to"""
    sessions: Annotated[int, Meta(ge=1, le=8)] = 1
    """Connections used at once, where their server allows them"""
    watch_s: Annotated[int, Meta(ge=0, le=86_400)] = 60
    """Under Airflow: how often their folder is looked at for new files; 0: only on schedule"""
    look_every: Span = "15m"
    """Under Airflow: how often files are collected whatever the watch says"""

    def __post_init__(self) -> None:
        if bool(self.connection) == bool(self.folder):
            raise ValueError("give exactly one of connection and folder")
        if bool(self.after_to) != (self.after in ("rename", "move")):
            raise ValueError("give after_to with after = 'rename' or 'move', and only with them")
        if self.after == "rename" and "/" in self.after_to:
            raise ValueError("after_to is a suffix for after = 'rename': it holds no '/'")
        if self.after == "move" and posixpath.normpath(self.after_to) == self.where:
            raise ValueError("after_to is the folder itself: files would stay where they are")
        if self.marker == "{name}":
            raise ValueError("marker names the file itself; write it as '{name}.done'")

    @property
    def where(self) -> str:
        """The folder that files are listed in."""
        return posixpath.normpath(self.path or ("outgoing" if self.connection else "upload"))


class Deliver(Strict, frozen=True, kw_only=True):
    """Where receipts and RAP files are put for the partner."""

    connection: Name
    """Connection id of their server: AIRFLOW_CONN_<ID in capitals> holds it"""
    path: str = "incoming"
    """Folder on it, which must be there"""
    receipts: bool = True
    """Receipts of files too, not only RAP files"""

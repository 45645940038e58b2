"""The limits of one collection run, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectLimits:
    """Bounds on time, size and number; seconds and bytes."""

    connect_s: float = 15.0
    """TCP, key exchange and login, each: a live server needs a second or two."""
    reply_s: float = 60.0
    """One answer of the server: disks of partners spin up, yet a task must end."""
    keepalive_s: int = 30
    """While young files settle nothing is sent, and firewalls forget idle connections."""
    attempts: int = 4
    """Connections that one file may lose before it waits for the next run."""
    losses: int = 40
    """Connections lost in one run: ten bad files, or a line that is of no use today."""
    pauses_s: tuple[float, ...] = (0.5, 5.0, 20.0)
    """Before each attempt to connect again: a restart of their server takes some seconds."""
    ahead: int = 4
    """Files per session that may be under way or wait for an earlier one to be registered."""
    together: int = 64
    """Files that are registered at once, if so many are there: each by itself waits for the disk"""
    stalls: int = 3
    """Answers that never came before the server counts as gone: one bad file must not cost all."""
    files: int = 5_000
    """Fetched in one run: a backlog is worked off in portions that the next stages can follow."""
    listed: int = 200_000
    """Entries of the folder and those below it: about 200 MB of memory."""
    depth: int = 8
    """Levels of sub-folders: dates and kinds need three."""
    file_bytes: int = 4 * 1024**3
    """One file: decoding holds it in memory."""
    request_bytes: int = 32_768
    """One read request: the largest that every server answers in full."""
    requests: int = 64
    """Reads under way at once: fills a link of 20 ms and 100 MB/s, and no server refuses it."""


LIMITS = CollectLimits()

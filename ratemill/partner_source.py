"""The place that a partner's files come from, and which of them are ready there."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from mediation.after_fetch import marker_of
from mediation.collect import wanted
from mediation.collect_limits import LIMITS
from mediation.drop_folder import DropFolder
from mediation.endpoint import endpoint_of
from mediation.profile import Profile
from mediation.sftp import SftpSession
from mediation.source import RemoteFile, Source
from ratemill.home import Home


def source_of(
    home: Home, profile: Profile, environ: Mapping[str, str]
) -> Callable[[], Source]:
    """What opens the place that the partner's files come from; EndpointError."""
    rule = profile.collect
    if rule.connection:
        return partial(SftpSession, endpoint_of(rule.connection, environ), LIMITS)
    folder = Path(rule.folder)
    # An absolute one is the partner's own; sshd wants its place to belong to root.
    place = folder if folder.is_absolute() else home.root / folder / profile.name
    return partial(DropFolder, place, LIMITS)


def ready_files(home: Home, profile: Profile, environ: Mapping[str, str]) -> list[RemoteFile]:
    """The files that collection would take or has taken, in path order.

    ConnectError, FileError and EndpointError when the place cannot be used.
    """
    rule = profile.collect
    with source_of(home, profile, environ)() as source:
        found, _ = source.files(rule.where, recursive=rule.recursive)
    there = {file.path for file in found}
    return [
        file for file in found
        if wanted(rule, file.path)
        and (not rule.marker or marker_of(rule, file.path) in there)
    ]

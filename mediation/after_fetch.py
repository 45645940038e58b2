"""What becomes of a partner's file at its source once it is registered with us."""

import posixpath

from mediation.profile_collect import Collect
from mediation.source import FileError, MissingError, RemoteFile, Source

_CHANGED = "changed after it was fetched"


def marker_of(rule: Collect, path: str) -> str:
    """The path of the file that says that the one at `path` is complete."""
    folder, name = posixpath.split(path)
    return posixpath.join(folder, rule.marker.replace("{name}", name))


def is_marker(rule: Collect, name: str) -> bool:
    """Whether a file name has the form of a marker, even of one whose file is gone."""
    before, _, behind = rule.marker.partition("{name}")
    return (
        bool(rule.marker) and len(name) > len(before) + len(behind)
        and name.startswith(before) and name.endswith(behind)
    )


def is_finished(rule: Collect, path: str) -> bool:
    """Whether a path is one that finish() has given to a file."""
    if rule.after == "rename":
        return path.endswith(rule.after_to)
    return rule.after == "move" and _inside(path, rule.after_to)


def finish(source: Source, rule: Collect, file: RemoteFile) -> None:
    """Nothing; the file and its marker are deleted, renamed or moved as the profile says.

    It may be repeated: a file that is gone is finished. FileError says why it stays where it is.
    """
    if not _is_still(source, file):
        return
    marker = marker_of(rule, file.path) if rule.marker else ""
    # First: a file without its marker is not fetched, a marker without its file is litter.
    marked = bool(marker) and _is_there(source, marker)
    if marked:
        _put_away(source, rule, marker)
    try:
        _put_away(source, rule, file.path, file)
    except FileError:
        if marked and rule.after != "delete" and not _is_there(source, marker):
            source.rename(_target(rule, marker), marker)
        raise


def _put_away(source: Source, rule: Collect, path: str, file: RemoteFile | None = None) -> None:
    """Nothing; what is at `path`, the file if one is given, is not there any more. FileError."""
    to = "" if rule.after == "delete" else _target(rule, path)
    # Many servers overwrite silently, and what is there may be the only copy.
    if to and _is_there(source, to):
        raise FileError(f"{to} exists already")
    if rule.after == "move":
        source.make_folder(posixpath.dirname(to))
    if file and not _is_still(source, file):
        return
    if not to:
        source.remove(path)
        return
    source.rename(path, to)
    if file and source.look(to) != (file.size_bytes, file.modified_at):
        # The partner was quicker by a moment: this one was not fetched yet.
        if _is_there(source, path):
            raise FileError(f"changed when it was moved; what was there is at {to}")
        source.rename(to, path)
        raise FileError(_CHANGED)


def _is_still(source: Source, file: RemoteFile) -> bool:
    """Whether the file is there as it was fetched; FileError when it is another."""
    try:
        found = source.look(file.path)
    except MissingError:
        return False
    if found != (file.size_bytes, file.modified_at):
        raise FileError(_CHANGED)
    return True


def _target(rule: Collect, path: str) -> str:
    """Where a file goes; sub-folders keep files of one name apart."""
    if rule.after == "rename":
        return path + rule.after_to
    return posixpath.join(rule.after_to, below(rule, path))


def below(rule: Collect, path: str) -> str:
    """A path as it reads below the listed folder."""
    return path.removeprefix(rule.where.rstrip("/") + "/")


def _is_there(source: Source, path: str) -> bool:
    """Whether there is something at `path`."""
    try:
        source.look(path)
    except MissingError:
        return False
    return True


def _inside(path: str, folder: str) -> bool:
    """Whether a path is somewhere below a folder."""
    return posixpath.normpath(path).startswith(posixpath.normpath(folder) + "/")

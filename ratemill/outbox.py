"""The outbox: receipts and RAP files put on the partners' servers, each once."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from mediation.collect_limits import LIMITS
from mediation.endpoint import EndpointError, endpoint_of
from mediation.profile_collect import Deliver
from mediation.sftp import SftpSession
from mediation.source import CollectError, FileError
from ratemill.atomic import replacing
from ratemill.errors import PartnerUnreachable
from ratemill.home import Home

_SENT = ".sent"
"""Folder of what was delivered: a file of the same name holds stamp and hash of what was sent"""
_RECEIPT = ".receipt."


def send(
    home: Home, partners: Iterable[str], *, environ: Mapping[str, str]
) -> tuple[list[Path], list[PartnerUnreachable]]:
    """The files that were put on their partner's server now, and the partners that hold some up.

    A file that was made anew since, as the receipt of a file that was run again, takes the place
    of the old one. Killed between sending and noting it, the next call sends the same once more
    over itself.
    """
    sent: list[Path] = []
    unreachable: list[PartnerUnreachable] = []
    for partner in partners:
        rule = home.profiles()[partner].deliver
        waiting = list(_waiting(home.outbox / partner, rule)) if rule else []
        if not rule or not waiting:
            continue
        try:
            with SftpSession(endpoint_of(rule.connection, environ), LIMITS) as session:
                for path in waiting:
                    _put(session, path, rule)
                    sent.append(path)
        except EndpointError as error:
            unreachable.append(PartnerUnreachable(partner, str(error)))
        except CollectError as error:
            unreachable.append(PartnerUnreachable(partner, str(error), retryable=error.retryable))
        except FileError as error:
            unreachable.append(PartnerUnreachable(
                partner, f"folder {rule.path!r} takes no file: {error}",
                "correct deliver.path, or ask the partner to let our user write there",
            ))
    return sent, unreachable


def _waiting(folder: Path, rule: Deliver) -> Iterator[Path]:
    """What of a partner's outbox is not on his server, in name order."""
    for path in sorted(folder.glob("[!.]*")):
        if (rule.receipts or _RECEIPT not in path.name) and not _is_sent(path):
            yield path


def _is_sent(path: Path) -> bool:
    """Whether what the file holds was sent; it is read only where it was written since."""
    note = _note(path)
    if not note.exists():
        return False
    stamp, digest = note.read_text().split()
    return stamp == _stamp(path) or digest == _digest(path.read_bytes())


def _put(session: SftpSession, path: Path, rule: Deliver) -> None:
    """Send a file and note what of it was sent."""
    stamp, data = _stamp(path), path.read_bytes()
    session.put(data, f"{rule.path.rstrip('/')}/{path.name}")
    with replacing(_note(path)) as part:
        part.write_text(f"{stamp} {_digest(data)}")


def _note(path: Path) -> Path:
    return path.parent / _SENT / path.name


def _stamp(path: Path) -> str:
    """What changes when the file is written again."""
    state = path.stat()
    return f"{state.st_size}:{state.st_mtime_ns}:{state.st_ino}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

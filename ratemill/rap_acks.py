"""Acknowledgements of RAP files (TD.32): the partner's of ours noted, ours of his made."""

from collections.abc import Mapping
from typing import Any, Final

import polars as pl

from asn1.rap_header import RapHeader
from asn1.rap_write import acknowledgement
from asn1.tap import NotTapError, read
from charging import audit
from charging.ledger import Ledger
from mediation.profile import Profile
from mediation.schema import RETURNED
from mediation.unpack import UnpackError, unpack
from ratemill.atomic import replacing
from ratemill.decisions import Author
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.lake import Lake
from ratemill.returns import moment_of, returned

ACKS: Final = ("acknowledged", "acknowledgement")
"""Kinds of table returned that are no RAP files: the partner's of ours, and ours of his"""


def acknowledge(home: Home, data: bytes, name: str, author: Author) -> dict[str, Any]:
    """The row (table returned) of an acknowledgement, noted or made once for a RAP file.

    `data` is an acknowledgement from a partner, which is noted beside our RAP file that it is for;
    or a RAP file from a partner, for which ours is put into the outbox. RatemillError where it is
    neither, or not between us and a partner whose TAP files we read.
    """
    header = _header(data, name)
    mine = header.kind == "return_batch"
    profile = _partner(home, header, name, mine=mine)
    test = header.file_type == "T"
    number = f"{header.sequence:05d}"
    us, him = profile.recipient, profile.sender
    subject = f"{'RT' if test else 'RC'}{him + us if mine else us + him}{number}"
    with home.alone("return"):
        known = returned(home, profile.name)
        found = known.filter(pl.col("kind").is_in(ACKS), subject=subject)
        if found.height:
            return found.row(0, named=True)
        if not mine and known.filter(name=subject).is_empty():
            raise RatemillError(name, f"is for {subject}, which is no RAP file of ours",
                                "`ratemill rap list` names them; ask the partner what it is")
        ack = f"{'AT' if test else 'AC'}{us + him if mine else him + us}{number}"
        if mine:
            with replacing(home.outbox / profile.name / ack) as part:
                part.write_bytes(_octets(home, header, profile, author))
        return _noted(home, author, {
            "partner": profile.name, "subject": subject, "name": ack, "kind": ACKS[mine],
            "rap_sequence": header.sequence,
        })


def _header(data: bytes, name: str) -> RapHeader:
    """What the file says of itself, where it is of RAP and complete as far as we need it."""
    try:
        file = read(unpack(data))
    except (NotTapError, UnpackError) as error:
        raise RatemillError(name, str(error), "an acknowledgement or a RAP file is wanted") \
            from error
    if not isinstance(file.header, RapHeader):
        raise RatemillError(name, "is neither a RAP file nor the acknowledgement of one",
                            "`ratemill inspect FILE` says what it is")
    if file.header.sequence is None:
        raise RatemillError(name, "states no RAP file's number", "write to the partner")
    return file.header


def _partner(home: Home, header: RapHeader, name: str, *, mine: bool) -> Profile:
    """The profile of the partner that the file is from.

    Public sources do not say whether an acknowledgement names its own sender first or repeats the
    RAP file's: either is taken.
    """
    stated = [(header.sender, header.recipient)]
    if not mine:
        stated.append((header.recipient, header.sender))
    found = [
        profile for profile in home.profiles().values()
        if profile.format.kind == "tap" and (profile.sender, profile.recipient) in stated
    ]
    if len(found) != 1:
        what = "no profile" if not found else "profiles " + ", ".join(p.name for p in found)
        raise RatemillError(
            name, f"is from {header.sender} to {header.recipient}: {what} of a TAP partner",
            "sender and recipient of one profile must be those of the file",
        )
    return found[0]


def _octets(home: Home, header: RapHeader, profile: Profile, author: Author) -> bytes:
    """The acknowledgement of a partner's RAP file."""
    moment = moment_of(home, author.at)
    values: dict[str, Any] = {
        "sender": profile.recipient, "recipient": profile.sender,
        "rapFileSequenceNumber": f"{header.sequence:05d}",
        "ackFileCreationTimeStamp": moment, "ackFileAvailableTimeStamp": moment,
    }
    return acknowledgement(
        values | ({"fileTypeIndicator": "T"} if header.file_type == "T" else {})
    )


def _noted(home: Home, author: Author, columns: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an acknowledgement, written to the lake and the audit trail."""
    row = RETURNED.fill(pl.DataFrame([{
        "details": 0, "charge_micros": 0, "currency": None, "who": author.who,
        "why": author.why, "at": author.at, **columns,
    }], schema_overrides={"at": pl.Datetime("us"), "currency": pl.String}))
    with Ledger(home.ledger) as ledger, ledger.writing() as connection:
        audit.record(connection, author.at, who=author.who, why=author.why, action="acknowledge",
                     subject=f"{columns['partner']}/{columns['subject']}",
                     after={"name": columns["name"]})
    lake = Lake(home.lake)
    lake.write(RETURNED, lake.root / RETURNED.name / columns["partner"] /
               f"{columns['name']}.parquet", row)
    return row.row(0, named=True)

"""Acknowledgements of RAP files (TD.32): the partner's of ours noted, ours of his made."""

from collections.abc import Mapping
from dataclasses import dataclass
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

ACKNOWLEDGED: Final = "acknowledged"
ACKS: Final = (ACKNOWLEDGED, "acknowledgement")
"""Kinds of table returned that are no RAP files: the partner's of ours, and ours of his"""


def acknowledge(home: Home, data: bytes, name: str, author: Author) -> dict[str, Any]:
    """The row (table returned) of an acknowledgement, noted or made once for a RAP file.

    `data` is an acknowledgement from a partner, which is noted beside our RAP file that it is for;
    or a RAP file from a partner, for which ours is put into the outbox. RatemillError where it is
    neither, or not between us and a partner whose TAP files we read.
    """
    return _taken(home, _read(home, data, name), author)


def noted(
    home: Home, data: bytes, name: str, partner: str, author: Author
) -> dict[str, Any] | None:
    """The row of an acknowledgement among a partner's files, noted once.

    Of his own RAP file that of ours; None while nobody has had one made. RatemillError as above,
    and for what is somebody else's.
    """
    came = _read(home, data, name)
    if came.profile.name != partner:
        raise RatemillError(name, f"is {came.profile.name}'s, and came from {partner}",
                            "ask both whose it is; `ratemill rap ack` takes it all the same")
    if not came.theirs:
        return _taken(home, came, author)
    found = _acknowledgements(returned(home, partner), came)
    return found.row(0, named=True) if found.height else None


@dataclass(frozen=True, slots=True)
class _Came:
    """A partner's acknowledgement of a RAP file of ours, or a RAP file of theirs."""

    name: str
    header: RapHeader
    profile: Profile
    theirs: bool

    @property
    def subject(self) -> str:
        """The name of the RAP file by TD.32."""
        return self._named("R", from_him=self.theirs)

    @property
    def acknowledgement(self) -> str:
        """The name of the acknowledgement by TD.32."""
        return self._named("A", from_him=not self.theirs)

    def _named(self, kind: str, *, from_him: bool) -> str:
        us, him = self.profile.recipient, self.profile.sender
        use = "T" if self.header.file_type == "T" else "C"
        return f"{kind}{use}{him + us if from_him else us + him}{self.header.sequence:05d}"


def _read(home: Home, data: bytes, name: str) -> _Came:
    header = _header(data, name)
    theirs = header.kind == "return_batch"
    return _Came(name, header, _partner(home, header, name, theirs=theirs), theirs)


def _acknowledgements(known: pl.DataFrame, came: _Came) -> pl.DataFrame:
    """The row of table returned that says it was acknowledged, if one does."""
    return known.filter(pl.col("kind").is_in(ACKS), subject=came.subject)


def _taken(home: Home, came: _Came, author: Author) -> dict[str, Any]:
    """The row of an acknowledgement, noted or made once."""
    profile = came.profile
    with home.alone("return"):
        known = returned(home, profile.name)
        found = _acknowledgements(known, came)
        if found.height:
            return found.row(0, named=True)
        if not came.theirs and known.filter(name=came.subject).is_empty():
            raise RatemillError(came.name, f"is for {came.subject}, which is no RAP file of ours",
                                "`ratemill rap list` names them; ask the partner what it is")
        if came.theirs:
            with replacing(home.outbox / profile.name / came.acknowledgement) as part:
                part.write_bytes(_octets(home, came.header, profile, author))
        return _noted(home, author, {
            "partner": profile.name, "subject": came.subject, "name": came.acknowledgement,
            "kind": ACKS[came.theirs], "rap_sequence": came.header.sequence,
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


def _partner(home: Home, header: RapHeader, name: str, *, theirs: bool) -> Profile:
    """The profile of the partner that the file is from.

    Public sources do not say whether an acknowledgement names its own sender first or repeats the
    RAP file's: either is taken.
    """
    stated = [(header.sender, header.recipient)]
    if not theirs:
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

"""Acknowledgements of RAP files among a partner's TAP files: noted as they are mediated."""

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import polars as pl

from asn1.identify import identify
from charging.posting import PIPELINE
from mediation.reject import ends
from mediation.schema import REJECT
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.settings import clock

if TYPE_CHECKING:
    from mediation.mediate import Mediated, Read

RAP: Final = "rap"
"""State of a file that is the acknowledgement of a RAP file, or one that was acknowledged"""
_WHY: Final = "it came among the TAP files"


def taken(home: Home, file: "Read | None", result: "Mediated") -> "Mediated":
    """What became of a file; of one that was refused as it is of RAP, that it was noted.

    Told by its content, never by its name. Noted is a partner's acknowledgement of a RAP file of
    ours, once however often the file is mediated. His own RAP file is refused until somebody has
    it acknowledged: that tells him that it was accepted.
    """
    if file is None or result.figures["state"] != "refused" or not _of_rap(home, file):
        return result
    from ratemill.decisions import Author
    from ratemill.rap_acks import ACKNOWLEDGED, noted

    name, partner = file.ctx.name, file.ctx.partner
    try:
        row = noted(home, file.content, name, partner,
                    Author(PIPELINE, _WHY, clock(home.settings)))
    except RatemillError as error:
        return _refused(result, str(error))
    if row is None:
        return _refused(result, f"`ratemill rap ack {name}` acknowledges it")
    said = (f"acknowledges RAP file {row['subject']}" if row["kind"] == ACKNOWLEDGED else
            f"RAP file {row['subject']}, acknowledged by {row['name']}")
    nothing = REJECT.empty()
    return replace(result, rejects=nothing,
                   figures=result.figures | ends(nothing) | {"state": RAP, "notes": said})


def _of_rap(home: Home, file: "Read") -> bool:
    profile = home.profiles()[file.ctx.partner]
    return profile.format.kind == "tap" and identify(file.content) == "rap"


def _refused(result: "Mediated", why: str) -> "Mediated":
    """The file as refused for a reason more."""
    told = pl.format("{}; {}", "detail", pl.lit(why))
    return replace(result, rejects=result.rejects.with_columns(detail=told))

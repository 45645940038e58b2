"""What an operator's form says, as the functions behind it take it; errors name the field."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from ratemill.errors import RatemillError
from ratemill.home import Home

if TYPE_CHECKING:
    from ratemill.rerate_catalog import ChosenCatalog

ALL: Final = "all"
"""The choice of no partner in particular"""
_EVERYTHING: Final = "true"
_VERSION: Final = re.compile(r"[0-9a-f]{4,64}")


def partner_of(form: Mapping[str, Any]) -> str | None:
    """The partner that a form names; None for all."""
    return None if form["partner"] == ALL else str(form["partner"])


def period(
    form: Mapping[str, Any], first: str, last: str
) -> tuple[datetime | None, datetime | None]:
    """Two moments of a form, naive UTC and half-open; RatemillError where none is between them."""
    begin, end = _utc(first, form[first]), _utc(last, form[last])
    if begin is not None and end is not None and begin >= end:
        raise RatemillError("form", f"no time is from {begin} and before {end} (UTC)",
                            "the first moment must be the earlier one")
    return begin, end


def _utc(field: str, text: str | None) -> datetime | None:
    """The naive UTC moment of a form's date-time; without an offset it is taken as UTC."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise RatemillError(field, f"{text!r} is no moment", "write it as 2026-11-04T12:00:00+01:00"
                            ) from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def condition(form: Mapping[str, Any]) -> str:
    """The condition, as `ratemill rerate --where` takes it, for the records of a form."""
    partner = partner_of(form)
    begin, end = period(form, "used_from", "used_to")
    own = (form["condition"] or "").strip()
    parts = [
        *([] if partner is None else [f"partner = {_quoted(partner)}"]),
        *([] if begin is None else [f"started_at >= TIMESTAMP {_quoted(begin.isoformat(' '))}"]),
        *([] if end is None else [f"started_at < TIMESTAMP {_quoted(end.isoformat(' '))}"]),
    ]
    if not parts:
        return own or _EVERYTHING
    # a comment at the end of the operator's text must not swallow the bracket
    return " AND ".join([*parts, f"({own}\n)"] if own else parts)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def in_words_of_form(error: RatemillError) -> RatemillError:
    """The error for who has filled in a form, and knows no option of the command line."""
    if not error.where.startswith("--where"):
        return error
    return RatemillError("further condition", error.what, error.hint)


def catalog_of(home: Home, form: Mapping[str, Any]) -> "ChosenCatalog":
    """The catalog that a form names: the home's, a folder below the home, or a version kept."""
    from ratemill.rerate_catalog import choose_catalog

    named = (form["catalog"] or "").strip()
    if not named:
        return choose_catalog(home, None)
    folder = (home.root / named).resolve()
    if folder.is_dir() and folder.is_relative_to(home.root.resolve()):
        return choose_catalog(home, str(folder))
    if not _VERSION.fullmatch(named):
        raise RatemillError(f"catalog {named}", "is no folder below the home and no version",
                            "put a copy of the catalog there, or name a version that is kept")
    return choose_catalog(home, named)

"""The summary of a TAP, RAP or NRTRDE file as a person reads it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from ratemill.inspect_lists import Currency, amount_text, currency_of, header_lists
from ratemill.inspect_summary import Finding, Summary, Total
from ratemill.screen import out, plain_table, printable

_KINDS: Final = {
    "transfer_batch": "TAP transfer batch", "notification": "TAP notification",
    "return_batch": "RAP return batch", "acknowledgement": "RAP acknowledgement",
    "nrtrde": "NRTRDE file",
}
_SHOWN_ROWS: Final = 10
"""Lines of a header list: a network table can have a thousand."""
_IN_TITLE: Final = frozenset({"kind", "sender", "recipient", "sequence", "release"})
_IN_AUDIT: Final = frozenset({"earliest", "latest"})
_MONEY_ENDS: Final = ("Charge", "Refund", "Value", "Tax")
_STAMP_LENGTH: Final = 14


def show_summary(name: str, summary: Summary) -> None:
    """Print the summary of the file of that name, and those of the files behind it."""
    currency = currency_of(summary.header)
    _title(name, summary)
    _damage(summary)
    _header(summary)
    for listed in header_lists(summary.groups, currency):
        _section(f"{listed.title} ({len(listed.lines):,})")
        _lines(listed.lines, len(listed.lines), _SHOWN_ROWS)
    _records(summary)
    _audit(summary.audit, currency)
    if summary.unknown_tags:
        _section("Unknown tags, passed over")
        out.print(plain_table(("tag", "times"), [
            (printable(tag), n) for tag, n in summary.unknown_tags.items()]))
    _findings("Errors", summary.errors, summary.error_count)
    _findings("Notes on records that were read", summary.notes, summary.note_count)
    for number, following in enumerate(summary.following, 2):
        out.print()
        show_summary(f"{name}, file {number} in it", following)


def _title(name: str, summary: Summary) -> None:
    header = summary.header
    kind = f"{_KINDS[summary.kind]}{f' {summary.release}' if summary.release else ''}"
    way = f"{header.get('sender') or '?'} → {header.get('recipient') or '?'}"
    sequence = header.get("sequence")
    number = "without a number" if sequence is None else f"number {sequence}"
    octets = "" if summary.octets is None else f", {summary.octets:,} octets"
    text = f"{name}: {kind}, {way}, {number}{octets}"
    out.print(printable(text), style="bold", markup=False, soft_wrap=True)


def _damage(summary: Summary) -> None:
    if summary.repaired:
        out.print(f"  repaired: {summary.repaired}", markup=False, style="yellow")
    if not summary.complete:
        out.print("  not complete: the file was cut, or damage may hide records", style="red")


def _header(summary: Summary) -> None:
    for name, value in summary.header.items():
        told = name in _IN_TITLE | _IN_AUDIT or name.startswith("audit_")
        if summary.kind == "notification":
            told |= name.startswith("tap_")
        if not told and value is not None and not isinstance(value, dict):
            meaning = " (test data)" if (name, value) == ("file_type", "T") else ""
            text = f"  {name.replace('_', ' '):<20} {_time_text(value)}{meaning}"
            out.print(printable(text), markup=False, soft_wrap=True)


def _time_text(value: object) -> str:
    """A header's YYYYMMDDhhmmss+hhmm with signs between; anything else as it is."""
    text = str(value)
    stamp, offset = text[:_STAMP_LENGTH], text[_STAMP_LENGTH:]
    if len(stamp) != _STAMP_LENGTH or not stamp.isdigit():
        return text
    day, time = stamp[:8], stamp[8:]
    return (f"{day[:4]}-{day[4:6]}-{day[6:]} {time[:2]}:{time[2:4]}:{time[4:]} {offset}").rstrip()


def _records(summary: Summary) -> None:
    if not summary.record_count:
        return
    _section("Records")
    read = sum(summary.records.values())
    rows: list[tuple[str, int]] = list(summary.records.items())
    if read != summary.record_count:
        rows.append(("not read", summary.record_count - read))
    out.print(plain_table(("kind", "records"), [*rows, ("in all", summary.record_count)]))
    _section("Rows by table")
    out.print(plain_table(("table", "rows"), list(summary.rows.items())))


def _audit(totals: Sequence[Total], currency: Currency) -> None:
    if not totals:
        return
    _section("Audit")
    rows = []
    for total in totals:
        money = total.name.startswith("total") and total.name.endswith(_MONEY_ENDS)
        cells = [_value_text(v, currency, money=money) for v in (total.stated, total.computed)]
        rows.append((total.name, *cells, _difference_text(total, currency, money=money)))
    table = plain_table(("total", "stated", "computed", "difference"), rows)
    for column in table.columns[1:]:
        column.justify = "right"
    out.print(table)


def _value_text(value: int | datetime | None, currency: Currency, *, money: bool) -> str:
    if value is None:
        return "-"
    if isinstance(value, datetime):
        return f"{value} UTC"
    return f"{value:,} ({amount_text(value, currency)})" if money else f"{value:,}"


def _difference_text(total: Total, currency: Currency, *, money: bool) -> str:
    if total.difference is None:
        return "not stated" if total.stated is None else ""
    if not total.difference:
        return "none"
    if isinstance(total.stated, datetime):
        return f"{total.difference:+,} s"
    amount = f" ({amount_text(total.difference, currency)})" if money else ""
    return f"{total.difference:+,}{amount}"


def _findings(title: str, findings: Sequence[Finding], count: int) -> None:
    if not count:
        return
    _section(f"{title} ({count:,})")
    _lines([_finding_text(f) for f in findings], count, len(findings))


def _finding_text(finding: Finding) -> str:
    where = "file" if finding.record_index is None else f"record {finding.record_index:,}"
    detail = finding.detail if "offset" in finding.detail else (
        f"offset {finding.offset}: {finding.detail}"
    )
    return f"{where}: {finding.code}: {detail}"


def _section(title: str) -> None:
    out.print(f"\n{title}", style="bold", markup=False)


def _lines(lines: Sequence[str], count: int, shown: int) -> None:
    for line in lines[:shown]:
        out.print(printable(f"  {line}"), markup=False, soft_wrap=True)
    if count > shown:
        out.print(f"  … {count - shown:,} more")

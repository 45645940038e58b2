"""`ratemill inspect`: what is inside one file, before any stage."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from asn1.identify import HEAD_OCTETS, identify
from asn1.tree import TreeLine, record_tree, tree
from mediation.profile import ProfileError
from mediation.unpack import UnpackError, unpack
from ratemill.errors import RatemillError
from ratemill.home import Home
from ratemill.screen import out, tlv_text

if TYPE_CHECKING:
    from asn1.tap import TapFile

_FINDINGS_SHOWN = 20
_LINES_SHOWN = 100


@dataclass(frozen=True)
class Wanted:
    """What to show of a file; where nothing is chosen, its summary or its profile's reading."""

    partner: str | None = None
    tree: bool = False
    record: int | None = None
    parquet: Path | None = None
    limit: int | None = None
    as_json: bool = False


def inspect_command(
    file: Path, path: Path | None, environ: Mapping[str, str], wanted: Wanted
) -> int:
    """Print what is wanted of the file; exit code 0, RatemillError when it cannot be read."""
    _refuse_contradictions(wanted)
    source = _source(file)
    if wanted.record is not None:
        _show_record(file, source, wanted.record, wanted)
    elif wanted.tree:
        _show_lines(tree(_octets(source)), wanted.limit or _LINES_SHOWN, as_json=wanted.as_json)
    elif wanted.parquet is not None:
        _write(_read(file, source), wanted.parquet, as_json=wanted.as_json)
    elif wanted.partner is None and (isinstance(source, Path) or identify(source)):
        _show_summary(file, _read(file, source), wanted)
    else:
        _show_other(file, _octets(source), Home.find(path, environ), wanted)
    return 0


def _refuse_contradictions(wanted: Wanted) -> None:
    given = {
        "--partner": wanted.partner is not None,
        "--tree": wanted.tree or wanted.record is not None,
        "--parquet": wanted.parquet is not None,
    }
    chosen = [name for name, is_given in given.items() if is_given]
    if len(chosen) > 1:
        raise RatemillError(" and ".join(chosen), "exclude each other", "choose one of them")


def _source(file: Path) -> Path | bytes:
    """The file's path when it is TAP, RAP or NRTRDE as it is; else its octets, unpacked."""
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_OCTETS)
            return file if identify(head) else unpack(head + opened.read())
    except OSError as error:
        raise RatemillError(str(file), f"cannot be read: {error.strerror}") from error
    except UnpackError as error:
        raise RatemillError(
            str(file), str(error), "take an archive apart, and inspect the files in it one by one"
        ) from error


def _octets(source: Path | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.read_bytes()


def _read(file: Path, source: Path | bytes, hint: str = "") -> "TapFile":
    from asn1.tap import NotTapError, read

    try:
        return read(source)
    except NotTapError as error:
        hint = hint or "--tree shows any BER file; without options a partner's profile reads it"
        raise RatemillError(str(file), str(error), hint) from error


def _show_lines(lines: Iterator[TreeLine], limit: int | None, *, as_json: bool) -> None:
    shown = list(islice(lines, limit))
    more = next(lines, None) is not None
    if as_json:
        out.print_json(msgspec.json.encode(shown).decode())
        return
    for line in shown:
        out.print(tlv_text(line), markup=False, soft_wrap=True)
    if more:
        out.print("… the file goes on; --limit shows more")


def _show_record(file: Path, source: Path | bytes, number: int, wanted: Wanted) -> None:
    """The elements of one record, whether it is sound or not."""
    read = _read(file, source)
    span = _span_of(read, number)
    if span is None:
        raise RatemillError(str(file), f"has no record {number}", "the first one is 0")
    if read.repaired and not wanted.as_json:
        out.print(f"offsets are in the repaired file: {read.repaired}", markup=False)
    lines = record_tree(read.data, read.layout.name, *span)
    _show_lines(lines, wanted.limit, as_json=wanted.as_json)


def _span_of(read: "TapFile", number: int) -> tuple[int, int] | None:
    """Where the record begins and ends."""
    rows = read.records.filter(record_index=number).select("byte_offset", "byte_length").rows()
    bad = [(e.offset, e.length) for e in read.errors if e.record_index == number]
    for start, length in (*rows, *bad):
        return start, start + length
    return None


def _show_summary(file: Path, read: "TapFile", wanted: Wanted) -> None:
    from ratemill.inspect_summary import summary_of

    if wanted.as_json:
        summary = summary_of(read, wanted.limit or _LINES_SHOWN)
        # Sums of amounts can be wider than msgspec's encoder takes.
        out.print_json(json.dumps(msgspec.to_builtins(summary, str_keys=True)))
        return
    from ratemill.inspect_screen import show_summary

    show_summary(file.name, summary_of(read, wanted.limit or _FINDINGS_SHOWN))


def _write(read: "TapFile", folder: Path, *, as_json: bool) -> None:
    from ratemill.inspect_parquet import write_tables

    written = write_tables(read, folder)
    if as_json:
        out.print_json(json.dumps([{"path": str(path), "rows": rows} for path, rows in written]))
        return
    for path, rows in written:
        out.print(f"{path}: {rows:,} rows", markup=False, soft_wrap=True)


def _show_other(file: Path, data: bytes, home: Home, wanted: Wanted) -> None:
    """As the partner's profile reads it; without one, as the damaged TAP file that it may be."""
    from ratemill.inspect_profile import profile_of, show_reading

    try:
        profile, names = profile_of(home, file, wanted.partner), ", ".join(home.profiles())
        hint = f"no profile fits it either: --partner takes one of {names}"
    except ProfileError as error:
        profile, hint = None, f"and there is no profile to read it by: {error}"
    if profile is None and wanted.partner is not None:
        raise RatemillError(str(file), f"no profile of {wanted.partner}", hint)
    if profile is None:
        _show_summary(file, _read(file, data, hint), wanted)
    else:
        limit = wanted.limit or _LINES_SHOWN
        show_reading(data, file, profile, limit, as_json=wanted.as_json)

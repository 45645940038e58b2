"""Reads TAP, RAP and NRTRDE files of any release, and forgives what can be forgiven."""

import sys
from functools import partial
from pathlib import Path
from typing import Final, Literal

from asn1.audit import audit_agrees
from asn1.ber import Octets
from asn1.damage import CONVERTED, first_replaced, repairs
from asn1.identify import identify
from asn1.layout import Selection
from asn1.reader import Engine, read_files
from asn1.tap_file import DecodeError, NotTapError, TapFile

__all__ = ["DecodeError", "EngineName", "NotTapError", "TapFile", "identify", "read"]

EngineName = Literal["auto", "kernel", "walker"]

KERNEL_PAYS_FROM: Final = 1_000_000
"""Octets of a file for which loading the kernel takes less time than it saves."""
LOADED_KERNEL_PAYS_FROM: Final = 32_000
"""The same for a kernel that is there: each call has to make room first."""


def read(
    source: Path | str | bytes, *, columns: Selection | None = None, engine: EngineName = "auto"
) -> TapFile:
    """The content of a file, given by its path or as its octets.

    `columns` are the ones to read, by table; None means all. A file that a text-mode transfer has
    damaged is repaired if then all of it can be read and its audit agrees. Raises NotTapError when
    it does not begin as TAP, RAP or NRTRDE, or when a text conversion has destroyed it,
    SelectionError for columns that do not exist, OSError; and nothing else.
    """
    name = _chosen(source, engine)
    data, opened = _opened(source, name)
    file = _file_or_refusal(data, opened, columns)
    if isinstance(file, TapFile) and _is_clean(file):
        return _on(source, file)
    repaired = _repaired(data, name, columns)
    if repaired is not None:
        return repaired
    replaced = first_replaced(data)
    if replaced is not None:
        raise NotTapError(replaced, CONVERTED)
    if isinstance(file, NotTapError):
        raise file
    return _on(source, file)


def _on(source: Path | str | bytes, file: TapFile) -> TapFile:
    """The file on the caller's octets, where it has them, not on a copy of them."""
    if isinstance(source, bytes):
        for one in file.all_files():
            one.data = source
    return file


def _file_or_refusal(
    data: Octets, engine: Engine, columns: Selection | None
) -> TapFile | NotTapError:
    try:
        return read_files(data, engine, columns)
    except NotTapError as refusal:
        return refusal


def _repaired(data: Octets, engine: EngineName, columns: Selection | None) -> TapFile | None:
    """The file without the damage of its transport, if there is proof that it was that."""
    for repair in repairs(data):
        octets, opened = _opened(repair.data, engine)
        file = _file_or_refusal(octets, opened, None)
        if isinstance(file, NotTapError) or not _is_clean(file):
            continue
        if all(map(audit_agrees, file.all_files())):
            if columns is not None:
                file = read_files(octets, opened, columns)
            file.repaired = repair.words
            return file
    return None


def _is_clean(file: TapFile) -> bool:
    return all(f.complete and not f.errors for f in file.all_files())


def _chosen(source: Path | str | bytes, engine: EngineName) -> EngineName:
    """The engine to use: the kernel pays for large files, and the sooner if it is loaded."""
    if engine != "auto":
        return engine
    size = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    enough = LOADED_KERNEL_PAYS_FROM if "asn1.kernel_run" in sys.modules else KERNEL_PAYS_FROM
    return "kernel" if size >= enough else "walker"


def _opened(source: Path | str | bytes, engine: EngineName) -> tuple[Octets, Engine]:
    """The octets as the engine wants them, and the engine."""
    from asn1.walker import explain

    if engine == "walker":
        from asn1.walker import read_records

        data = source if isinstance(source, bytes) else Path(source).read_bytes()
        return data, Engine(partial(read_records, data), partial(explain, data))
    from asn1 import kernel_run

    padded = (
        kernel_run.Padded.of(source)
        if isinstance(source, bytes)
        else kernel_run.Padded.from_file(Path(source))
    )
    return padded.octets, Engine(
        partial(kernel_run.read_records, padded), partial(explain, padded.octets)
    )

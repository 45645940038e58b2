"""Reads and writes TAP, RAP and NRTRDE files, and BER of any kind; knows no business."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asn1.layout import Selection
    from asn1.tap import EngineName, TapFile


def read(
    source: Path | str | bytes,
    *,
    columns: "Selection | None" = None,
    engine: "EngineName" = "auto",
) -> "TapFile":
    """The content of a file, as asn1.tap.read gives it."""
    from asn1 import tap

    return tap.read(source, columns=columns, engine=engine)

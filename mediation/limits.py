"""The limits of mediation on what a partner's file may make us do, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How far one compressed file may grow."""

    max_bytes: int = 1 << 30
    """A whole file is decoded in memory, at up to about ten times its size, and two files are
    decoded at once; 1 GiB holds some eight million CSV records."""
    max_ratio: int = 200
    """Call records shrink five to thirty times; gzip alone can reach a thousand."""
    ratio_from_bytes: int = 1 << 20
    """Below this the ratio is not looked at: a short file of like lines may shrink very far."""


UNPACK_LIMITS = UnpackLimits()

RAW_MAX_BYTES = 65_536
"""Longest piece of a damaged file that a reject row carries; whole records are far shorter."""

DETAIL_TEXT_MAX = 80
"""Longest piece of a partner's text that a reject's detail quotes; the raw record has it all."""

"""Which files a mapped task takes: not too many, and not too many octets."""

from collections.abc import Sequence

from ratemill.home import Home
from ratemill.refs import split


def in_batches(
    home: Home, refs: Sequence[str], most_files: int, most_octets: int
) -> list[list[str]]:
    """The references in order, cut by both limits; a file larger than the limit is alone.

    Octets are those received, packed or not.
    """
    found: list[list[str]] = []
    octets = 0
    for ref in refs:
        path = home.archived(*split(ref))
        size = path.stat().st_size if path.exists() else 0
        if not found or len(found[-1]) == most_files or octets + size > most_octets:
            found.append([])
            octets = 0
        found[-1].append(ref)
        octets += size
    return found

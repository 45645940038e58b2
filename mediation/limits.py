"""The limits of mediation on what a partner's file may make us do, each with its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class UnpackLimits:
    """How far one compressed file may grow."""

    max_bytes: int = 1 << 30
    """A whole file is decoded in memory, at up to MEMORY_TIMES_FILE times its size; 1 GiB holds
    some eight million CSV records."""
    max_ratio: int = 200
    """Call records shrink five to thirty times; gzip alone can reach a thousand."""
    ratio_from_bytes: int = 1 << 20
    """Below this the ratio is not looked at: a short file of like lines may shrink very far."""
    members: int = 10_000
    """Files in one archive: a month of files every five minutes is some nine thousand."""
    archive_bytes: int = 4 << 30
    """All files of one archive together: as much as the largest file that is collected."""
    name_chars: int = 255
    """Path of a file in its archive: what file systems allow for one name."""
    directory_bytes: int = 16 << 20
    """A zip's list of its files, which is read at once: a long name each for `members` of them."""
    header_bytes: int = 1 << 16
    """An extended header of a tar, which is read at once: a path and some times."""


UNPACK_LIMITS = UnpackLimits()

RAW_MAX_BYTES = 65_536
"""Longest piece of a damaged file that a reject row carries; whole records are far shorter."""

DETAIL_TEXT_MAX = 80
"""Longest piece of a partner's text that a reject's detail quotes; the raw record has it all."""

JSON_LINE_MAX_BYTES = 1 << 20
"""Longest line of a JSON file: a call with all its events takes some 20 kB."""
JSON_DEPTH_MAX = 64
"""Deepest nesting within one line; call records nest three to six deep."""

GUESS_RECORDS = 2_000
"""Records of a sample that a guess looks at: enough to meet the rare kinds, done in a second."""
GUESS_LINES = 2 * GUESS_RECORDS
"""Lines of a sample that are cut into records to find that many."""
GUESS_WIDTH = 4_000
"""Longest line of fixed width that is guessed at: the whole sample is held as characters."""
GUESS_BYTES = 64 << 20
"""Largest sample that is guessed at: an XML document is held as a whole, at some ten times this."""

GATE_NAMES_MAX = 2_000
"""Networks, or country codes, of one file that its row keeps: more than there are in the world, and
some 12 kB."""
GATE_SPREAD = 6
"""A figure may be so many times as far from the median as the earlier ones are in the middle; where
those are spread like chance has it, that is four standard deviations."""
GATE_CHECKS_SHOWN = 5_000
"""Newest checks that the gate's pages show: what a browser still opens at once, some 1 MB."""

THREADS_FROM_ROWS = 50_000
"""Rows of a file from which its columns are read by two threads: below it takes some ms anyway."""

MEMORY_TIMES_FILE = 6
"""Memory that a file takes at most while it is mediated, in times its own size unpacked: itself,
the places of all it consists of, and then its usage. A test holds it to that."""
MEMORY_BESIDE = 350 << 20
"""What a process that mediates takes whatever it reads: the libraries, and one slice."""

SLICE_ROWS = 60_000
"""Records of a file that get columns and meaning at a time: what is made on the way takes some 1 kB
for each of them, and of fewer a slice costs hardly less."""

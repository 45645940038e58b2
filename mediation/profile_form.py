"""The part of a partner profile that says how files are cut, read, dropped and controlled."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_]{1,30}$")]
Positive = Annotated[int, Meta(gt=0)]
Whole = Annotated[int, Meta(ge=0)]
Rule = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9_]{2,40}$")]
Count = Annotated[int, Meta(ge=0, le=1000)]
Place = Annotated[int, Meta(ge=0)]
Mark = Annotated[str, Meta(max_length=1)]
Reader = Literal[
    "text", "digits", "integer", "decimal_micros", "local_time", "utc_time", "duration", "number",
    "map", "const", "elapsed",
]
Unit = Literal["B", "kB", "MB", "GB", "KiB", "MiB", "GiB", "s", "min", "h"]


class ProfileError(Exception):
    """A partner profile that cannot be used; says file, place and hint."""


class Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A struct that refuses fields it does not know."""


class Condition(Strict, frozen=True, kw_only=True):
    """What is asked of one column's text; everything that is given must hold."""

    equals: tuple[str, ...] = ()
    """One of these"""
    matches: str = ""
    """A regular expression found anywhere in the text; anchor it with ^ and $"""
    at_least: int | None = None
    """A whole number not below this; a text that is none does not hold"""
    at_most: int | None = None
    """A whole number not above this"""
    empty: bool | None = None
    """true: the column is empty or absent; false: it is not"""
    negate: bool = False
    """The opposite: true where what is given above does not hold"""


Where = dict[str, tuple[str, ...] | Condition]
"""Column name to the texts of which one must stand there, or to a test; all must hold."""


class Line(Strict, frozen=True, kw_only=True):
    """One line type of a fixed-width or delimited file: how it is told, and its columns."""

    type: Literal["header", "detail", "trailer"]
    starts_with: str = ""
    """What stands at the beginning of the line"""
    at: Place = 0
    """Where `equals` is looked for, from zero. fixed: a character; delimited: a column"""
    equals: tuple[str, ...] = ()
    """In place of starts_with: one of these stands at `at`; delimited: is the whole column"""
    columns: dict[str, tuple[int, Positive]] = {}
    """fixed: column name to (zero-based start, length), in characters"""
    names: tuple[str, ...] = ()
    """delimited: the names of the line's columns; a detail line without takes format.names or
    those of the file's own line of names"""
    length: Place = 0
    """fixed: the exact number of characters of a detail line; 0: at least to its last column"""


class Nodes(Strict, frozen=True, kw_only=True):
    """xml: a column that is made of several nodes."""

    path: str
    """As a plain path"""
    join: str
    """The texts of all nodes found, in document order, with this between"""


class Format(Strict, frozen=True, kw_only=True):
    """How a file is cut into records of named text columns."""

    kind: Literal["tap", "delimited", "fixed", "xml", "jsonl"]
    encoding: Literal["utf-8", "latin-1", "cp1252", "utf-16"] = "utf-8"
    """delimited, fixed, jsonl; an XML document says it itself. utf-16 needs a byte order mark"""
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] = ","
    quote: Mark = '"'
    """delimited: what encloses a column; doubled inside it. Empty: quotes are text"""
    escape: Literal["", "\\"] = ""
    """delimited: stands before a quote, or before itself, that is text within an enclosed column"""
    names: tuple[str, ...] = ()
    """delimited: the names of the columns of a file that has no line of names"""
    skip_lines: Count = 0
    """delimited, fixed: lines before everything else that are not read"""
    skip_after_header: Count = 0
    """delimited: lines behind the line of names that are not read (types, units)"""
    comment: str = ""
    """delimited, fixed, jsonl: a line that starts with this is no record"""
    ragged: Literal["reject", "pad"] = "reject"
    """delimited: a line with too few columns is a reject, or its last columns are empty"""
    lines: tuple[Line, ...] = ()
    """fixed, delimited: the line types; columns of header and trailer lines are variables hdr.X
    and trl.X"""
    record: str = ""
    """xml: path of the record element below the root, in ElementPath with the prefixes below;
    `.` when the root itself is the one record"""
    namespaces: dict[str, str] = {}
    columns: dict[str, str | Nodes] = {}
    """xml: column name to a relative path (`p:a/p:b`, `@attr`, `p:a/@attr`, `../@id`); the first
    node counts. jsonl: column name to a path (`a.b[0].c`)"""
    header: dict[str, str] = {}
    """xml: header variable to a path from the root; becomes hdr.X"""
    many_documents: bool = False
    """xml: several documents may stand one behind another; one that is broken costs itself only"""
    percent_encoded: bool = False
    """Columns are written as in a URL (%2B for +), and are read back before anything else"""


class Case(Strict, frozen=True, kw_only=True):
    """One of several ways to come to a field's text; the first whose `where` holds counts."""

    where: Where = {}
    """Empty: always"""
    value: str | int | None = None
    """The text itself"""
    column: str = ""
    """In place of value: the column that holds the text"""


class Field(Strict, frozen=True, kw_only=True):
    """How one usage column is read from one or more text columns."""

    read: Reader = "text"
    column: str | tuple[str, ...] = ""
    """Column name(s); several are joined with a blank. hdr.X and trl.X name file variables."""
    compose: str = ""
    """In place of column: text with column names in braces, as "{area}-{number}"."""
    cases: tuple[Case, ...] = ()
    """In place of column: the first case whose `where` holds gives the text; none: a reject"""
    extract: str = ""
    """A regular expression with one group, found in the text: the group is what is read"""
    value: str | int | None = None
    """const: the value"""
    format: str = ""
    """local_time, utc_time: strptime format; one that ends in %z takes the offset from the text.
    utc_time also 'epoch_s', 'epoch_ms' or 'epoch_us' (since 1970).
    elapsed: the strptime or epoch format of its two columns, from and to; seconds between them.
    duration: 's', 'ms', 'us', 's.f' (seconds with a fraction), 'hms' (hours:minutes:seconds,
    colons may be absent), 'm:s' or 'iso8601' (PT1H2M3S)"""
    rounding: Literal["up", "down", "nearest"] = "up"
    """duration, elapsed: what becomes of a part of a second; nearest takes a half up"""
    zone: str = ""
    """local_time, elapsed: IANA zone name. utc_time: the zone that utc_offset_s is taken from; 0
    without zone and offset"""
    ambiguous: Literal["earlier", "later", "reject"] = "earlier"
    """local_time with a zone: an hour that the clocks show twice is the earlier instant, the later
    one or a reject; one that they leave out is always a reject"""
    offset_column: str = ""
    """local_time, utc_time: column holding +hhmm, +hh:mm or Z instead of a zone"""
    decimal: Literal[".", ","] = "."
    """decimal_micros: the decimal mark"""
    thousands: Literal["", ",", ".", " ", "'", "_"] = ""
    """decimal_micros, integer: the mark that may stand between groups of three digits"""
    charge_scale: Positive = 1
    """decimal_micros: the amount is in units of 1/charge_scale of the currency (100: cents)"""
    scale: Positive = 1
    """integer, duration: multiply by this (1024 for a column in KiB)"""
    unit: Unit | None = None
    """integer, duration: in place of scale; the unit that the column is in"""
    map: dict[str, str] = {}
    """map: text to value; a text that is not listed is a reject"""
    otherwise: str | None = None
    """map: the value of a text that is not listed"""
    optional: bool = False
    """An empty text is null instead of a reject."""
    empty: tuple[str, ...] = ()
    """Texts that count as empty, as 'anonymous' or '-'"""
    country_code: str = ""
    """number: replaces the national prefix of a national number"""
    national_prefix: str = "0"
    """number: empty when every number without the international prefix is national"""
    international_prefix: str = "00"
    where: Where = {}
    """Read only when each named column holds one of these texts or passes its test; null
    otherwise."""


class Drop(Strict, frozen=True, kw_only=True):
    """Records that are dropped on purpose, by a named rule; everything given must hold."""

    rule: Rule
    column: str = ""
    equals: tuple[str, ...] = ()
    """The short form: the column holds one of these"""
    where: Where = {}
    """Each named column passes its test"""
    any: tuple[Where, ...] = ()
    """At least one of these passes"""


class Check(Drop, frozen=True, kw_only=True):
    """Records that go to suspense, by a code of the profile's own; everything given must hold.

    `rule` is the code.
    """

    says: str
    """What is wrong with such a record: receipts and suspense say it"""


class Control(Strict, frozen=True, kw_only=True):
    """Where a file states its own number and totals."""

    sequence_from_name: str = ""
    """Regular expression with one group over the file name"""
    sequence: str = ""
    """hdr.X or trl.X"""
    sequence_range: tuple[Whole, Positive] | None = None
    """First and last number of a counter that begins again after the last; TAP has 1 to 99999"""
    sequence_skipped: tuple[tuple[Whole, Whole], ...] = ()
    """Numbers from the first to the second never come, as agreed with the partner: no gap"""
    records: str = ""
    """hdr.X or trl.X: declared number of records"""
    charge: str = ""
    """hdr.X or trl.X: declared total of the partner's charges"""
    charge_scale: Positive = 1
    """charge in units of 1/charge_scale of the currency"""
    charge_decimal: Literal[".", ","] = "."
    """decimal mark of the declared charge"""
    currency: str = ""
    """hdr.X, trl.X or empty: currency of the declared charge"""

    def __post_init__(self) -> None:
        """Refuse ranges that end before they begin."""
        for name, pairs in (("sequence_range", [self.sequence_range or (0, 1)]),
                            ("sequence_skipped", self.sequence_skipped)):
            for first, last in pairs:
                if last < first or (name == "sequence_range" and first == last):
                    raise ValueError(f"{name}: {last} is not after {first}")

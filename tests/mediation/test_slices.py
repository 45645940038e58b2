"""A large file comes to the same in slices as whole, and takes no more memory than is declared."""

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl
import pytest

from mediation import decoded, delimited, slices
from mediation import mediate as mediating
from mediation.decided import EDITS, Decided
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Gate
from mediation.limits import MEMORY_BESIDE, MEMORY_TIMES_FILE
from mediation.mediate import mediate, opened, read
from mediation.profile import load_profile
from mediation.schema import USAGE
from mediation.slices import gathered

HOME = Path(__file__).parents[2] / "sample_data" / "home"
PARTNERS = ("alpenfon", "fixline", "nordtel", "xmlcom")
PROFILES = {name: load_profile(HOME / "partners" / f"{name}.toml") for name in PARTNERS}
FILES = [(name, path) for name in PARTNERS
         for path in sorted((HOME.parent / "inbox" / name / "outgoing").iterdir())
         if path.suffix != ".csv" or path.name.count(".") == 1]
RECEIVED = datetime(2026, 10, 1, 6)
NOTHING, LET_PASS = Decided(), Decided(released="me: a test")


@pytest.fixture
def sliced(monkeypatch):
    """From the call on, files of more than that many records are large."""
    def few(rows):
        for module in (decoded, delimited, mediating, slices):
            monkeypatch.setattr(module, "SLICE_ROWS", rows)
    return few


def mediated(name, data, decisions=NOTHING, profile=None):
    ctx = FileContext(name, "a" * 64, "CDNORNTAUTRM00001", RECEIVED)
    nothing = pl.DataFrame(schema=EARLIER), lambda _: pl.DataFrame(schema=KNOWN)
    return mediate(data, profile or PROFILES[name], ctx, *nothing, Gate(None), decisions)


def same_end(one, other):
    assert USAGE.plain(one.usage).equals(USAGE.plain(other.usage))
    assert one.rejects.equals(other.rejects)
    assert one.figures == other.figures
    assert one.parts.equals(other.parts)


@pytest.mark.parametrize(("name", "path"), FILES, ids=[path.name for _, path in FILES])
def test_a_file_in_slices_ends_as_it_does_whole(name, path, sliced):
    whole = mediated(name, path.read_bytes())
    sliced(max(1, whole.figures["records"] // 3))
    same_end(mediated(name, path.read_bytes()), whole)


def test_lines_that_are_no_record_stand_between_slices(sliced):
    name, path = FILES[0]
    head, *lines = path.read_bytes().splitlines()
    torn = [b'"no end;' + line for line in lines[:40:5]] + [b"\xef\xbb\xbf" + lines[0], b"x"]
    quoted = [b'"' + line.replace(b";", b'";"') + b'"' for line in lines[:60]]
    data = b"\r\n".join([head, *(line for pair in zip(quoted, torn * 6, strict=False)
                                 for line in pair), b"", *lines[:9]])
    whole = mediated(name, data, LET_PASS)
    assert whole.usage.height
    assert whole.rejects.height > 10
    for rows in (5, 16):
        sliced(rows)
        same_end(mediated(name, data, LET_PASS), whole)


@pytest.mark.parametrize("name", PARTNERS)
def test_edits_reach_records_in_slices(name, sliced):
    data = next(path.read_bytes() for of, path in FILES if of == name)
    ctx = FileContext(name, "a" * 64, "x", RECEIVED)
    found = opened(data, PROFILES[name], ctx)[1].records
    column = next(c for c in found.columns[3:] if found.schema[c] == pl.String)
    edits = pl.DataFrame([(found["record_index"][20], column, "1", "me", "why"),
                          (0, "none", "1", "me", "why")], schema=EDITS, orient="row")
    whole = mediated(name, data, Decided(edits))
    sliced(19)
    same_end(mediated(name, data, Decided(edits)), whole)
    assert opened(data, PROFILES[name], ctx)[1].records.equals(found)


def test_parts_of_sessions_are_found_in_slices(sliced):
    raw = msgspec.to_builtins(PROFILES["alpenfon"])
    raw["partials"] = {"indicator": "TAX_EUR", "key": ["IMSI"], "first": ["0,0000"],
                       "last": ["x"], "rule": "ORPHAN_PART"}
    profile = msgspec.convert(raw, type(PROFILES["alpenfon"]))
    data = FILES[0][1].read_bytes()
    whole = mediated("alpenfon", data, LET_PASS, profile)
    assert whole.parts.height
    sliced(100)
    same_end(mediated("alpenfon", data, LET_PASS, profile), whole)


@pytest.mark.parametrize("name", PARTNERS)
def test_some_records_of_a_large_file_are_told(name, sliced):
    data = next(path.read_bytes() for of, path in FILES if of == name)
    ctx = FileContext(name, "a" * 64, "x", RECEIVED)
    found = opened(data, PROFILES[name], ctx)[1].records
    sliced(4)
    file = read(data, PROFILES[name], ctx).decoded
    assert file.told is not None
    assert file.records.columns == ["record_index", "byte_offset", "byte_length"]
    assert file.whole().records.equals(found)
    some = file.records[[1, 5, 6, 13]]
    assert file.told(some).equals(found[[1, 5, 6, 13]])


def test_gathered_words_are_few_or_text():
    one = mediated(*FILES[0][:1], FILES[0][1].read_bytes()).usage.head(3)
    many = pl.concat([one.with_columns(record_type=pl.lit(str(n))) for n in range(300)])
    parts = [one, many, one.clear(), one.with_columns(apn=pl.lit("internet"))]
    found = gathered(USAGE, parts)
    assert USAGE.plain(found).equals(pl.concat(parts))
    kinds = found.schema
    assert kinds["record_type"] == pl.String
    assert isinstance(kinds["partner"], pl.Enum)
    assert list(kinds["apn"].categories) == ["internet"]
    assert gathered(USAGE, [one.clear()]).equals(USAGE.empty())


_CHILD = """
import json, re, sys
from datetime import datetime
from pathlib import Path
import polars as pl
from mediation.dedupe import KNOWN
from mediation.file_context import FileContext
from mediation.file_control import EARLIER
from mediation.gate import Gate
from mediation.mediate import mediate
from mediation.profile import load_profile

profile, path = load_profile(Path(sys.argv[1])), Path(sys.argv[2])
ctx = FileContext(profile.name, "a" * 64, path.name, datetime(2026, 10, 1))
found = mediate(path.read_bytes(), profile, ctx, pl.DataFrame(schema=EARLIER),
                lambda _: pl.DataFrame(schema=KNOWN), Gate(None))
# not getrusage: a process begins with what its parent had
peak = re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]
print(json.dumps([found.usage.height, found.rejects.height, int(peak) << 10]))
"""


def test_a_large_file_keeps_to_the_declared_memory(tmp_path):
    head, line = (HOME.parent / "inbox" / "alpenfon" / "outgoing").joinpath(
        FILES[0][1].name).read_bytes().splitlines()[:2]
    kind, _, rest = line.split(b";", 2)
    path = tmp_path / "ALPENFON_20260920_0001.csv"
    count = 60_000_000 // (len(line) + 2)
    path.write_bytes(head + b"\r\n" + b"".join(
        b"%b;A%010d;%b\r\n" % (kind, number, rest) for number in range(count)))
    profile = HOME / "partners" / "alpenfon.toml"
    told = subprocess.run([sys.executable, "-c", _CHILD, str(profile), str(path)],
                          check=True, capture_output=True, text=True).stdout
    passed, away, peak = json.loads(told)
    assert passed + away == count
    # Nothing is written here and no earlier file asked: that is half of what a file may take.
    # Without slices this one takes 580 MB, with them 507.
    assert peak <= MEMORY_BESIDE + MEMORY_TIMES_FILE * path.stat().st_size // 2

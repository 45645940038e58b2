"""Large XML by its octets: the same as lxml's reading of whatever documents, or left to it."""

import subprocess
import sys
from datetime import datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediation import xml_fast, xml_octets
from mediation.file_context import FileContext
from mediation.profile import Collect, Control, Format, Nodes, Profile
from mediation.xml_fast import read_fast
from mediation.xml_plain import Read, not_plain, read_plain
from mediation.xml_xpath import column_of

CTX = FileContext("switch", "f" * 64, "a_1.cdr.xml", datetime(2026, 10, 1))
COLUMNS: dict[str, Any] = {
    "kind": "@kind", "spaced": "@u:kind", "text": "u:a", "deep": "u:a/u:b",
    "deep_kind": "u:a/@kind", "plain": "a", "all": Nodes(path="u:a", join="+"),
    "kinds": Nodes(path="u:a/@kind", join=","), "around": "../@kind", "top": "../../@u:kind",
    "whole": ".", "other": "v:a",
}
FORM: dict[str, Any] = {
    "record": "u:s/u:e", "namespaces": {"u": "urn:u", "v": "urn:v"}, "columns": COLUMNS,
    "header": {"no": "u:h/@kind", "text": "u:h", "kind": "@kind", "day": "u:s/@kind"},
}


def profile(**form: Any) -> Profile:
    return Profile(
        name="switch", title="", sender="", recipient="", identity={}, control=Control(),
        collect=Collect(connection="sftp_switch"), format=Format(kind="xml", **{**FORM, **form}),
    )


def both(data: bytes, asked: Profile) -> tuple[Read | None, Read]:
    columns = {name: column_of(asked, at) for name, at in asked.format.columns.items()}
    header = {f"hdr.{name}": column_of(asked, at) for name, at in asked.format.header.items()}
    return read_fast(data, asked, columns), read_plain(data, asked, columns, header)


def shown(read: Read) -> tuple[object, ...]:
    return (read.places.rows(), read.texts.to_dicts(), read.headers, read.owners.tolist(),
            read.faults.rows())


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_fast, "LEAST_OCTETS", 0)
    monkeypatch.setattr(xml_octets, "PIECE_OCTETS", 150)


BLANKS = st.sampled_from(["", "\n  ", " ", "\r\n", "<!-- <u:e> -->", "<?pi <u:e?>", "text"])
TEXTS = st.lists(st.sampled_from([
    "", "a", "twelve chars", "more than twelve characters", " x ", "&amp;", "&#65;", "ä€𝄞",
    "<![CDATA[<u:a>&]]>",
    "<!-- - -->", "<?p ?>", "\r\n", "]", ">", "é" * 12, "\t", "<u:b>in</u:b>", "<b/>",
]), max_size=3).map("".join)
VALUES = st.sampled_from(["", "1", "a b", "a>b", "&lt;&quot;", "x\n\ty", "'", "/>", "=",
                          "long long value ü"])
PREFIXES = st.sampled_from(["u:", "w:", "v:", ""])
NAMES = st.sampled_from(["a", "a", "b", "e", "s", "h", "ab", "a-b"])


@st.composite
def attributes(draw: st.DrawFn) -> str:
    names = draw(st.lists(st.sampled_from(["kind", "u:kind", "v:kind", "kin", "kinds", "a"]),
                          unique=True, max_size=3))
    written = []
    for name in names:
        blank, around = draw(st.sampled_from([" ", "\n ", "  "])), draw(st.sampled_from(["", " "]))
        written.append(f'{blank}{name}{around}={around}"{draw(VALUES)}"')
    spaces = draw(st.sampled_from([""] * 6 + [
        " xmlns='urn:u'", ' xmlns=""', " xmlns:w='urn:u'", " xmlns:u='urn:x'", " xmlns:w='urn:v'"]))
    # In front of what it is for, or behind.
    return spaces + "".join(written) if draw(st.booleans()) else "".join(written) + spaces


@st.composite
def elements(draw: st.DrawFn, name: str, depth: int) -> str:
    start = f"<{name}{draw(attributes())}{draw(st.sampled_from(['', ' ']))}"
    if not draw(st.integers(0, 5)):
        return start + "/>"
    inner = draw(st.lists(
        st.one_of(TEXTS, elements(draw(PREFIXES) + draw(NAMES), depth - 1)) if depth else TEXTS,
        max_size=4))
    return f"{start}>{''.join(inner)}</{name}{draw(st.sampled_from(['', ' ']))}>"


@st.composite
def documents(draw: st.DrawFn) -> str:
    """A document in which most elements are where the profile looks for them."""
    sets = []
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(["u:s", "u:s", "w:s", "s", "u:h"]))
        events = draw(st.lists(
            st.one_of(elements("u:e", 3), elements("w:e", 2), elements("u:x", 2)), max_size=4))
        inner = "".join(event + draw(BLANKS) for event in events)
        sets.append(f"<{name}{draw(attributes())}>{draw(BLANKS)}{inner}</{name}>")
    head = draw(st.sampled_from(["", "<u:h kind='7'> 8 </u:h>", "<u:h>&amp;</u:h>"]))
    root = draw(attributes())
    bound = "".join(
        f' xmlns:{p}="{uri}"' for p, uri in (("u", "urn:u"), ("v", "urn:v"), ("w", "urn:u"))
        if f"xmlns:{p}=" not in root)
    body = "".join(part + draw(BLANKS) for part in [head, *sets])
    return f"<u:r{root}{bound}>{body}</u:r>"


SETTINGS = settings(suppress_health_check=[
    HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large])


@SETTINGS
@given(documents(), st.sampled_from(["", "\ufeff", '<?xml version="1.0" encoding="UTF-8"?>\n']))
def test_the_octets_say_what_lxml_says(document: str, begin: str) -> None:
    data = (begin + document).encode()
    fast, plain = both(data, profile())
    if plain.headers and plain.faults.is_empty():
        assert fast is not None
        assert shown(fast) == shown(plain)
    else:
        assert fast is None


@SETTINGS
@given(documents(), st.integers(0, 10**6), st.integers(0, 6), st.binary(max_size=4))
def test_damaged_octets_are_left_to_lxml(document: str, at: int, gone: int, put: bytes) -> None:
    data = document.encode()
    at %= len(data)
    data = data[:at] + put + data[at + gone :]
    if not_plain(data):
        return
    fast, plain = both(data, profile())
    if fast is not None:
        assert shown(fast) == shown(plain)
    elif plain.headers:
        assert not plain.faults.is_empty() or plain.places.is_empty() or b"xml" in data


HEAD = (
    "<u:r kind='R' xmlns:u='urn:u'><u:h kind='7'> 8 </u:h>"
    "<u:s kind='&lt;1' u:kind='a day of more than twelve'>"
)
EVENT = "<u:e kind='%d'><u:a>%s</u:a></u:e>\n"


def test_pieces_of_a_large_document_are_read_as_one() -> None:
    texts = ["&amp;" if n % 40 == 3 else "text " * (n % 7) for n in range(3000)]
    events = "".join(EVENT % (n, text) for n, text in enumerate(texts))
    cut = events.index("<u:e kind='1500'>")
    between = "</u:s><u:s><u:x/></u:s><u:s kind='2'>"
    data = f"{HEAD}{events[:cut]}{between}{events[cut:]}</u:s></u:r>".encode()
    fast, plain = both(data, profile())
    assert fast is not None
    assert shown(fast) == shown(plain)
    assert fast.texts["around"].to_list() == ["<1"] * 1500 + ["2"] * 1500
    assert fast.texts["top"].null_count() == 3000
    assert fast.headers == [{"hdr.no": "7", "hdr.text": "8", "hdr.kind": "R", "hdr.day": "<1"}]


@pytest.mark.parametrize("bad", [
    "<u:a kind='1' kind='2'/>", "<u:a>&nothing;</u:a>", "<u:a></u:b>", "<q:a/>", "<u:a u:=''/>",
    "<u:a xml:id='1'/>", "]]>", "<u:a>\x01</u:a>", "<!-- -- -->", "<!DOCTYPE a>", "<u:a b='<'/>",
    "<?xml version='1.0'?>", "<u:a b=1/>", "</u:s>", "<u:a>", "<", "<u:a b='1'c='2'/>", "<1/>",
    "<u:a xmlns:w=''/>", "<u:a>" * 300 + "</u:a>" * 300,
])
def test_what_lxml_refuses_is_not_read(bad: str) -> None:
    events = [EVENT % (n, "x") for n in range(20)]
    events.insert(10, f"<u:e>{bad}</u:e>")
    fast, plain = both(f"{HEAD}{''.join(events)}</u:s></u:r>".encode(), profile())
    assert fast is None
    assert plain.faults.height == 1


def test_many_nodes_of_one_record_are_set_aside() -> None:
    nodes = "<u:a kind='k'>t</u:a>" * 5000
    data = f"{HEAD}<u:e>{nodes}</u:e></u:s></u:r>".encode()
    fast, plain = both(data, profile())
    assert fast is not None
    assert shown(fast) == shown(plain)
    assert fast.texts["all"][0] == "+".join("t" * 5000)


def test_paths_that_need_a_tree_are_found_in_its_pieces() -> None:
    columns = {"kind": "@kind", "part": "substring(u:a, 2, 3)", "count": "count(u:a | u:b)",
               "words": Nodes(path="u:a[text()]", join=" "), "around": "../@kind"}
    events = "".join(EVENT % (n, f"text {n}") for n in range(200))
    data = f"{HEAD}{events}</u:s></u:r>".encode()
    asked = profile(columns=columns)
    fast, plain = both(data, asked)
    assert fast is not None
    assert fast.texts.columns == list(columns)
    assert shown(fast) == shown(plain)


@pytest.mark.parametrize("path", ["../u:a", "preceding-sibling::u:e/@kind", "//u:a", "string(/*)"])
def test_paths_beyond_the_record_are_left_to_the_exact_reading(path: str) -> None:
    data = f"{HEAD}{EVENT % (1, 'x')}</u:s></u:r>".encode()
    assert both(data, profile(columns={"a": path}))[0] is None


@pytest.mark.parametrize("header", ["u:s", "u:s/u:e/@kind", "count(u:s)", "u:s/u:e/u:a"])
def test_variables_around_or_in_records_are_left_to_the_exact_reading(header: str) -> None:
    data = f"{HEAD}{EVENT % (1, 'x')}</u:s></u:r>".encode()
    assert both(data, profile(header={"a": header}))[0] is None


@pytest.mark.parametrize(("name", "read"), [("ISO-8859-1", True), ("us-ascii", False)])
def test_octets_of_another_encoding_are_translated(name: str, read: bool) -> None:  # noqa: FBT001
    head = HEAD.replace("R", "\xe4")
    data = f"<?xml version='1.0' encoding='{name}'?>{head}{EVENT % (1, 'ü')}</u:s></u:r>"
    fast, plain = both(data.encode("latin-1"), profile())
    assert (fast is not None) == read
    if fast is not None:
        assert shown(fast) == shown(plain)
        assert fast.texts["text"].to_list() == ["ü"]


CALL = "<?xml version=\"1.0\"?>\n<u:c core='%d' xmlns:u='urn:u'><v><d>%%2B43 %d</d></v></u:c>\n"
CALLS: dict[str, Any] = {
    "record": ".", "columns": {"core": "@core", "d": "v/d", "odd": "concat(v/d, '!')"},
    "many_documents": True, "header": {"core": "@core"},
}


@pytest.mark.parametrize("columns", [CALLS["columns"], {"core": "@core", "d": "v/d"}])
def test_documents_one_behind_another_are_read_together(columns: dict[str, str]) -> None:
    data = "".join(CALL % (n, n) for n in range(50)).encode()
    fast, plain = both(data, profile(**CALLS | {"columns": columns}))
    assert fast is not None
    assert shown(fast) == shown(plain)
    assert fast.owners.tolist() == list(range(50))


def test_documents_of_several_records_keep_their_own_variables() -> None:
    one = "<r no='{0}'><e i='{0}'/><x/><e i='b'/></r>\n"
    data = "".join(one.format(n or "") for n in range(60)).encode()
    form = CALLS | {"record": "e", "columns": {"i": "@i"}, "header": {"no": "@no"},
                    "namespaces": {}}
    fast, plain = both(data, profile(**form))
    assert fast is not None
    assert shown(fast) == shown(plain)


@pytest.mark.parametrize("between", [
    "rubbish", "<!-- a -->", "<?xml version='1.0' encoding='latin-1'?>", "<?a?>", "<q:c/>", "<c>",
])
def test_what_stands_between_documents_is_left_to_the_exact_reading(between: str) -> None:
    data = "".join(CALL % (n, n) + (between if n == 5 else "") for n in range(10)).encode()
    assert both(data, profile(**CALLS))[0] is None


@SETTINGS
@given(st.integers(0, 10**6), st.integers(0, 6), st.binary(max_size=4))
def test_damage_to_several_documents_is_left_to_lxml(at: int, gone: int, put: bytes) -> None:
    data = "".join(CALL % (n, n) for n in range(5)).encode()
    at %= len(data)
    data = data[:at] + put + data[at + gone :]
    if not not_plain(data):
        fast, plain = both(data, profile(**CALLS))
        assert fast is None or shown(fast) == shown(plain)


def test_the_compiled_pass_is_compiled_once() -> None:
    code = (
        "from mediation.xml_octets import warm; warm();"
        "from mediation.xml_kernel import read_piece;"
        "print(*(sum(c.values()) for c in read_piece.stats[1:]))"
    )
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "0"]

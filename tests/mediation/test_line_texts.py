"""The compiled pass over a text file finds what is found one octet at a time."""

import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from plain_lines import plain_cell, plain_lines

from mediation import line_texts
from mediation.line_texts import texts_by_part, texts_by_place
from mediation.lines import TORN, Lines, TextFile, cut_lines, equal_to, starting_with, undecodable

LONG = "more than twelve octets, and after some more even more than sixty-four of them"
PIECES = st.sampled_from(
    ["a", '"', '""', '"', ";", ";", "\n", "\r\n", "\r", "ä", "€", " ", "x" * 12, "y" * 13, LONG,
     f'"{LONG} ""ä"""', '"ä;\n"', ";;", '";"', '"\n"']
)


def drawn(most: int) -> st.SearchStrategy[str]:
    return st.lists(PIECES, max_size=most).map("".join)


def where(lines: Lines) -> list[tuple[int, int]]:
    return list(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True))


def readable(lines: Lines, data: bytes, encoding: str) -> Lines:
    return lines.where(~lines.noted(TORN) & ~undecodable(data, lines, encoding))


@given(drawn(60), st.sampled_from(["utf-8", "latin-1", "cp1252"]), st.sampled_from(['"', "'", ""]))
@example("\ufeff" + f'"{LONG}"' * 2, "utf-8", '"')
@example(f'{LONG};"{LONG}\n{LONG}";{LONG}\n"{LONG}', "utf-8", '"')
def test_lines_and_columns_are_those_found_one_by_one(text: str, encoding: str, quote: str) -> None:
    data = text.encode(encoding, "ignore")
    found, wanted = cut_lines(data, ";", quote), plain_lines(data, b";", quote.encode())
    assert where(found) == [(one.start, one.start + len(one.text)) for one in wanted]
    assert found.noted(TORN).tolist() == [one.columns is None for one in wanted]
    sound = readable(found, data, encoding)
    columns = [one.columns for one in wanted if one.columns is not None]
    assert sound.columns.tolist() == [len(one) for one in columns]
    for at in range(3):
        starts, ends = sound.column(at)
        pieces = [data[a:b] for a, b in zip(starts, ends, strict=True)]
        assert pieces == [(*one, b"", b"", b"")[at] for one in columns]
    places = np.array([[0, -1, 2], [1, 0, 5]])
    kinds = np.arange(len(sound)) % 2
    texts = texts_by_part(TextFile(data, encoding), sound, kinds, places, quote)
    for column, series in enumerate(texts):
        assert series.dtype == pl.String
        at = [places[kind, column] for kind in kinds]
        assert series.to_list() == [
            plain_cell(one[n], quote, encoding) if 0 <= n < len(one) else None
            for one, n in zip(columns, at, strict=True)
        ]


@given(drawn(20), st.sampled_from(["utf-8", "latin-1", "cp1252"]), st.integers(0, 90))
def test_places_count_characters(text: str, encoding: str, start: int) -> None:
    data = text.replace('"', "\u00a0 ").encode(encoding, "ignore")
    lines = readable(cut_lines(data), data, encoding)
    texts = [data[a:b].decode(encoding) for a, b in where(lines)]
    places = np.array([[0, 3, start, 14, -1, -1], [start, 90, -1, -1, 2, 1]])
    kinds = np.arange(len(lines)) % 2
    found = texts_by_place(TextFile(data, encoding), lines, kinds, places)
    sliced = pl.Series(texts, dtype=pl.String)
    for column, series in enumerate(found):
        for kind in range(2):
            at, size = places[kind, 2 * column : 2 * column + 2].tolist()
            wanted = sliced.str.slice(max(at, 0), size if at >= 0 else 0).str.strip_chars()
            mine = pl.Series(kinds == kind)
            assert series.filter(mine).to_list() == [
                None if at < 0 else one for one in wanted.filter(mine)
            ]


def test_many_rows_are_read_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("é" * (n % 40), f"{n:07}" * (n % 4), 'x"' * (n % 3)) for n in range(50_001)]
    cells = [";".join(f'"{t.replace(chr(34), chr(34) * 2)}"' for t in row) for row in rows]
    data = "\n".join(cells).encode("latin-1")
    monkeypatch.setattr(line_texts, "_SHARED_ROWS", 1000)
    lines = cut_lines(data, ";", '"')
    kinds, places = np.zeros(len(lines), np.int64), np.array([[0, 1, 2]])
    found = texts_by_part(TextFile(data, "latin-1"), lines, kinds, places, '"')
    assert list(zip(*found, strict=True)) == rows


@pytest.mark.parametrize("data", [b"", b"\n" * 200, b"\r\n" * 100, b"a\n" * 99 + b"a", b";" * 200])
def test_there_is_room_for_all_lines(data: bytes) -> None:
    assert where(cut_lines(data, ";", '"')) == [
        (one.start, one.start + len(one.text)) for one in plain_lines(data, b";", b'"')
    ]


@pytest.mark.slow
def test_a_file_may_be_longer_than_a_window_of_views() -> None:
    data = b"%b;%b\n" % (LONG.encode(), b"x" * (1 << line_texts.WINDOW)) + LONG.encode() + b";12\n"
    lines = cut_lines(data, ";", "")
    one, other = texts_by_part(
        TextFile(data, "utf-8"), lines, np.zeros(2, np.int64), np.array([[0, 1]]), ""
    )
    assert one.to_list() == [LONG, LONG]
    assert (other.str.len_bytes().to_list(), other[1]) == ([1 << line_texts.WINDOW, 2], "12")


def test_texts_stay_when_the_file_is_gone() -> None:
    data = bytes(bytearray(f"{LONG};1\n".encode() * 1000))
    lines = cut_lines(data, ";", "")
    (texts,) = texts_by_part(
        TextFile(data, "utf-8"), lines, np.zeros(1000, np.int64), np.array([[0]]), ""
    )
    del data, lines
    junk = [bytes(100_000) for _ in range(100)]
    assert texts.unique().to_list() == [LONG]
    assert len(junk) == 100


@given(drawn(30), st.lists(st.sampled_from(["a", "ä", '"a"', "x" * 12, ";", LONG]), min_size=1))
def test_lines_are_told_by_their_texts(text: str, marks: list[str]) -> None:
    data, texts = text.encode(), [mark.encode() for mark in marks]
    lines = cut_lines(data, ";", "")
    whole = [data[a:b] for a, b in where(lines)]
    assert starting_with(data, lines, texts[0]).tolist() == [w.startswith(texts[0]) for w in whole]
    assert equal_to(data, lines.starts, lines.ends, texts).tolist() == [w in texts for w in whole]


WARMED = r'''
import sys
import numpy as np
from mediation.line_texts import texts_by_part, texts_by_place
from mediation.lines import TextFile, cut_lines, starting_with
data = 'a;"b ""c"""\nd;é\n'.encode("latin-1") * 30_000
lines = cut_lines(data, ";", '"')
lines = lines.where(starting_with(data, lines, b"a")).after(1)
kinds, text = np.zeros(len(lines), np.int64), TextFile(data, "latin-1")
texts_by_part(text, lines, kinds, np.array([[0, 1]]), '"')
texts_by_place(text, lines, kinds, np.array([[0, 1]]))
from mediation import line_kernel as k
made = (k.counted, k.cut, k.told_apart, k.part_texts, k.slice_texts)
print(*(sum(one.stats.cache_misses.values()) for one in made))
'''


def test_a_warmed_process_compiles_nothing_for_lines() -> None:
    line_texts.warm()
    done = subprocess.run([sys.executable, "-c", WARMED], capture_output=True, text=True,
                          check=True)
    assert done.stdout.split() == ["0"] * 5

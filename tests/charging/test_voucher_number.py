"""Voucher numbers: 95 random bits, and a check that finds how people mistype."""

import secrets
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from charging.voucher_number import LENGTH, SYMBOLS, drawn, read, written

NUMBERS = st.binary(min_size=LENGTH - 1, max_size=LENGTH - 1).map(lambda raw: drawn(lambda _: raw))


@given(NUMBERS)
def test_what_is_written_is_read(number):
    assert len(number) == LENGTH
    assert set(number) <= set(SYMBOLS)
    assert written(number).count("-") == 4
    for typed in (number, written(number), f" {written(number).lower()}\n",
                  number.replace("0", "o").replace("1", "l"), number.replace("1", "I")):
        assert read(typed) == number


@given(NUMBERS, st.integers(0, LENGTH - 1), st.sampled_from(SYMBOLS))
def test_one_wrong_symbol_is_found(number, at, symbol):
    typed = number[:at] + symbol + number[at + 1:]
    assert read(typed) == (number if typed == number else None)


@given(NUMBERS, st.integers(0, LENGTH - 2))
def test_swapped_neighbours_are_found(number, at):
    typed = number[:at] + number[at + 1] + number[at] + number[at + 2:]
    assert read(typed) == (number if typed == number else None)


def test_what_is_no_number():
    number = drawn(secrets.token_bytes)
    for typed in ("", number[:-1], number + "0", "U" * LENGTH, "é" * LENGTH, "-"):
        assert read(typed) is None


def test_every_bit_is_drawn():
    octets = [bytes([value]) * (LENGTH - 1) for value in range(256)]
    numbers = [drawn(lambda _, raw=raw: raw) for raw in octets]
    assert {number[0] for number in numbers} == set(SYMBOLS)
    assert all(a != b for a, b in pairwise(numbers))

"""Damage to files: what lines, disks and programs do, and what an attacker would."""

import random

_LENGTHS = (
    b"\x80", b"\xff", b"\x81\x00", b"\x84\x00\x00\x00\x01", b"\x88" + b"\xff" * 8, b"\x7f",
    b"\x88\x7f" + b"\xff" * 7, b"\x82\xff\xff", b"\xfe" + b"\x00" * 20,
)
_CHUNKS = (
    b"\0\0", b"\x5f\x81\x49\x01", b"\x69\x00", b"\x24\x80", b"\x04\x00",
    b"\x7f\x8f\xff\xff\x7f\x00", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x5f\x87\x68\x01A", b"\x30\x80" * 40,
)


def mutated(rng: random.Random, data: bytes, others: list[bytes]) -> bytes:
    """The data after one to four mutations."""
    octets = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        if not octets:
            break
        rng.choice(_WAYS)(rng, octets, others)
    return bytes(octets)


def _flip(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    octets[rng.randrange(len(octets))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    octets[rng.randrange(len(octets))] = rng.choice((0, 0x7F, 0x80, 0xFF, 0x20, rng.randrange(256)))


def _cut(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    del octets[rng.randrange(len(octets)) :]


def _remove(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    at = rng.randrange(len(octets))
    del octets[at : at + rng.randint(1, 12)]


def _insert(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    at = rng.randrange(len(octets) + 1)
    octets[at:at] = rng.choice(_CHUNKS)


def _length(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    at = rng.randrange(len(octets))
    octets[at : at + 1] = rng.choice(_LENGTHS)


def _repeat(rng: random.Random, octets: bytearray, _: list[bytes]) -> None:
    at = rng.randrange(len(octets))
    octets[at:at] = octets[at : at + rng.randint(1, 40)] * rng.randint(1, 3)


def _splice(rng: random.Random, octets: bytearray, others: list[bytes]) -> None:
    other = rng.choice(others)
    at, start = rng.randrange(len(octets)), rng.randrange(len(other))
    octets[at : at + rng.randint(0, 60)] = other[start : start + rng.randint(1, 60)]


def _ascii_mode(_: random.Random, octets: bytearray, __: list[bytes]) -> None:
    octets[:] = octets.replace(b"\n", b"\r\n")


_WAYS = (_flip, _flip, _set, _set, _cut, _remove, _insert, _length, _length, _repeat, _splice,
         _ascii_mode)

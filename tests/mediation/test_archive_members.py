"""Archives of several files: what comes out of them, and what is refused."""

import bz2
import gzip
import io
import random
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable

import pyarrow as pa
import pytest

from mediation.archive_members import archive_kind, members
from mediation.compressed import UnpackError
from mediation.limits import UNPACK_LIMITS, UnpackLimits
from mediation.unpack import unpack

FILES = {
    "CD00001.csv": b"id;seconds\n1;60\n",
    "late/CD00002.csv": b"".join(b"%d;%d\n" % (i, i * 7919) for i in range(3000)),
    "empty.csv": b"",
    "block.csv": bytes(range(256)) * 2,
    "f\u00fcnf.csv": b"5",
    "n" * 150 + "/CD00003.csv": b"long name",
}


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.mkdir("late")
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tar_of(files: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("./late")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, data in files.items():
            entry = tarfile.TarInfo(f"./{name}")
            entry.size = len(data)
            entry.mtime = 1_700_000_000.5
            archive.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zip_of,
    "zip stored": lambda files: zip_of(files, zipfile.ZIP_STORED),
    "tar": tar_of,
    "tar gnu": lambda files: tar_of(files, tarfile.GNU_FORMAT),
    "gzip tar": lambda files: gzip.compress(tar_of(files)),
    "bz2 tar": lambda files: bz2.compress(tar_of(files)),
    "zstd tar": lambda files: zstd(tar_of(files)),
}


def content(data: bytes, limits: UnpackLimits = UNPACK_LIMITS) -> dict[str, bytes]:
    return {m.name: b"".join(m.chunks) for m in members(io.BytesIO(data), limits)}


def refused(data: bytes, said: str, limits: UnpackLimits = UNPACK_LIMITS) -> None:
    with pytest.raises(UnpackError, match=said):
        content(data, limits)
    with pytest.raises(UnpackError):
        unpack(data, limits)


@pytest.mark.parametrize("kind", ARCHIVES)
def test_every_file_comes_out_in_order(kind: str) -> None:
    data = ARCHIVES[kind](FILES)
    assert archive_kind(io.BytesIO(data)) == kind.removesuffix(" stored").removesuffix(" gnu")
    assert list(content(data).items()) == list(FILES.items())


@pytest.mark.parametrize("kind", ARCHIVES)
def test_files_that_are_not_read_are_checked_and_passed_over(kind: str) -> None:
    data = ARCHIVES[kind](FILES)
    assert [m.name for m in members(io.BytesIO(data))] == list(FILES)


@pytest.mark.parametrize(
    "data", [b"", b"a;b\n", b"PK", gzip.compress(b"a;b\n"), bytes(2048)],
    ids=["nothing", "text", "a beginning", "gzip", "zeros"],
)
def test_other_files_hold_no_files(data: bytes) -> None:
    assert archive_kind(io.BytesIO(data)) is None
    assert content(data) == {}


@pytest.mark.parametrize("name", ["/etc/CD1", "../CD1", "a/../../CD1", "C:/CD1", "..\\CD1"])
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_names_that_lead_outside_are_refused(pack, name: str) -> None:
    if pack is tar_of and name.startswith(("/", "C:")):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            archive.addfile(tarfile.TarInfo(name))
        refused(out.getvalue(), "leads out of the archive")
    else:
        refused(pack({"good": b"1", name: b"2"}), "leads out of the archive")


@pytest.mark.parametrize("name", ["a\nb", "x" * 256])
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_names_that_cannot_be_shown_are_refused(pack, name: str) -> None:
    refused(pack({"good": b"1", name: b"2"}), "the name .* is empty, longer than 255")


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_two_files_of_one_name_are_refused(pack) -> None:
    refused(pack({"a/CD1": b"1", "a/./CD1": b"2"}), "two files 'a/CD1'")


def test_folders_written_with_backslashes_are_folders() -> None:
    assert list(content(zip_of({"a\\CD1": b"1", "b\\CD1": b"2"}))) == ["a/CD1", "b/CD1"]


def test_an_encrypted_zip_is_refused() -> None:
    data = bytearray(zip_of({"CD1": b"1", "CD2": b"2"}))
    for mark, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.rindex(mark)
        data[place + at] |= 1
    refused(bytes(data), "'CD2' is encrypted; ask for it without a password")


def test_methods_that_few_programs_know_are_refused() -> None:
    refused(zip_of({"CD1": b"1"}, zipfile.ZIP_LZMA), "packed by method 14; ask for deflate")


def test_links_in_a_zip_are_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("CD1", b"1")
        link = zipfile.ZipInfo("CD2")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    refused(out.getvalue(), "'CD2' is a link or a device")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE,
                                  tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE])
@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_is_no_file_in_a_tar_is_refused(kind: bytes, form: int) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        entry = tarfile.TarInfo("CD2")
        entry.type = kind
        entry.linkname = "/etc/" + "x" * 200
        archive.addfile(entry)
    refused(out.getvalue(), "'CD2' is a link, a device or sparse")


def test_sparse_files_of_a_tar_are_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        entry = tarfile.TarInfo("CD1")
        entry.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.realsize": "99999999"}
        archive.addfile(entry)
    refused(out.getvalue(), "'CD1' is a link, a device or sparse")


def test_limits_of_number_and_size() -> None:
    few, many = {"CD1": b"1" * 5, "CD2": b"2" * 5}, {"CD1": b"1", "CD2": b"2", "CD3": b"3"}
    for pack in (zip_of, tar_of, ARCHIVES["gzip tar"]):
        limits = UnpackLimits(members=2)
        assert len(content(pack(few), limits)) == 2
        refused(pack(many), "more than 2 files", limits)
        refused(pack(few), "'(./)?CD1' has more than 4 octets", UnpackLimits(max_bytes=4))
    refused(zip_of(few), "unpacks to more than 9 octets", UnpackLimits(archive_bytes=9))
    packed = tar_of(few)
    refused(gzip.compress(packed), f"more than {len(packed) - 1} octets",
            UnpackLimits(archive_bytes=len(packed) - 1))


def test_bombs_stop_at_the_ratio() -> None:
    bomb = {"CD1": bytes(3_000_000), "CD2": bytes(3_000_000)}
    for kind in ("zip", "gzip tar", "bz2 tar", "zstd tar"):
        refused(ARCHIVES[kind](bomb), "more than 200 times its size")


def test_files_that_share_their_octets_count_each() -> None:
    """A list of many names for one packed file, as overlapping bombs have."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("CD1", bytes(900_000))
    data = out.getvalue()
    list_at, end_at = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    entries = [data[list_at:end_at].replace(b"CD1", b"C%02d" % i) for i in range(50)]
    end = bytearray(data[end_at:])
    end[8:10] = end[10:12] = (50).to_bytes(2, "little")
    end[12:16] = sum(map(len, entries)).to_bytes(4, "little")
    packed = data[:list_at] + b"".join(entries) + end
    with pytest.raises(UnpackError, match="broken"):
        content(packed)
    with pytest.raises(UnpackError, match="more than 200 times its size"):
        content(packed.replace(b"CD1", b"C00"))


def test_long_lists_and_headers_are_not_read() -> None:
    names = {f"CD{i:04}.csv": b"" for i in range(100)}
    refused(zip_of(names), "its list of files is longer than 4096",
            UnpackLimits(directory_bytes=4096))
    refused(tar_of({"n" * 200: b""}), "extended header is longer than 100",
            UnpackLimits(header_bytes=100))


def test_archives_behind_one_another_are_refused() -> None:
    """Each program would show one of them: what is in the other would be lost."""
    refused(zip_of({"CD1": b"1", "CD2": b"2"}) + zip_of({"CD3": b"3", "CD4": b"4"}),
            "octets before its first file")
    refused(tar_of({"CD1": b"1"}) + tar_of({"CD2": b"2"}), "octets behind its end")
    both = gzip.compress(tar_of({"CD1": b"1"})) + gzip.compress(tar_of({"CD2": b"2"}))
    refused(both, "octets behind its end")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_a_damaged_header_is_not_the_end(form: int) -> None:
    data = bytearray(tar_of({"CD1": b"1", "CD2": b"2", "CD3": b"3"}, form))
    place = data.index(b"./CD2")
    data[place] ^= 0xFF
    refused(bytes(data), "tar archive is broken: bad checksum")


@pytest.mark.parametrize("kind", ARCHIVES)
def test_a_cut_anywhere_is_refused(kind: str) -> None:
    files = {"CD1.csv": b"1" * 700, "CD2.csv": b"2" * 512, "CD3.csv": b"3"}
    data = ARCHIVES[kind](files)
    whole = len(data)
    if kind.startswith("tar"):
        # Two blocks of zeros end it, filled up with more.
        whole = len(data.rstrip(b"\0")) // 512 * 512 + 512
    for cut in range(600 if kind.startswith("tar") else 40, whole, 7):
        with pytest.raises(UnpackError, match=r"broken|ends in the middle"):
            # So little of a compressed one that nobody can say what is in it
            assert content(data[:cut]) == unpack(data[:cut])


def _mutated(rng: random.Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed))
        if rng.random() < 0.2:
            del changed[at : at + rng.randint(1, 300)]
            changed += b"\0"
        else:
            changed[at] = rng.randrange(256)
    return bytes(changed)


@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("rounds", [60, pytest.param(3000, marks=pytest.mark.slow)])
def test_damage_is_refused_or_harmless(
    kind: str, rounds: int, thinned: Callable[[int], int]
) -> None:
    """No other exception ever; and no file of a checked archive comes out other than it was."""
    rng = random.Random(kind)
    files = {f"CD{i}": rng.randbytes(rng.randint(0, 900)) for i in range(4)}
    data = ARCHIVES[kind](files)
    sums = {zlib.crc32(content) for content in files.values()}
    for _ in range(max(60, thinned(rounds))):
        try:
            found = content(_mutated(rng, data))
        except UnpackError:
            continue
        if kind in ("zip", "zip stored", "gzip tar", "bz2 tar"):
            assert {zlib.crc32(octets) for octets in found.values()} <= sums

"""Images of catalogs: the same catalog as from CSV, never a stale or damaged one, and quick."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from rating import catalog as catalog_module
from rating import catalog_image
from rating.catalog import CatalogError, load_catalog

VIENNA = "Europe/Vienna"


@pytest.fixture
def images(tmp_path_factory):
    return tmp_path_factory.mktemp("home") / "images"


@pytest.fixture
def parses(monkeypatch):
    """The number of times that CSV files were parsed."""
    done = []
    parse = catalog_module._read
    monkeypatch.setattr(catalog_module, "_read", lambda *a: done.append(a) or parse(*a))
    return done


def change(folder, name="zones", old="Austria", new="Austria-Hungary"):
    path = folder / f"{name}.csv"
    path.write_text(path.read_text().replace(old, new))


def test_an_image_holds_the_catalog(folder, images, parses):
    first = load_catalog(folder, VIENNA, images)
    second = load_catalog(folder, VIENNA, images)
    assert len(parses) == 1
    assert second.version == first.version
    assert list(second.frames) == list(first.frames)
    for name, frame in first.frames.items():
        assert_frame_equal(second.frames[name], frame)
    assert_frame_equal(second.identity, first.identity)
    for name, frame in first.number_plan.frames().items():
        assert_frame_equal(second.number_plan.frames()[name], frame)


def test_a_process_makes_what_an_image_holds_once(folder, images):
    load_catalog(folder, VIENNA, images)
    first = load_catalog(folder, VIENNA, images)
    assert load_catalog(folder, VIENNA, images) is first
    assert load_catalog(folder, "Europe/Oslo", images) is not first
    for path in images.glob("*/rates.arrow"):
        os.utime(path, (1000, 1000))
    again = load_catalog(folder, VIENNA, images)
    assert again is not first
    assert again.version == first.version


def test_a_mapped_column_is_one_piece(folder, images):
    rows = "".join(f"8{i:06},Somewhere,home,,\n" for i in range(200_000))
    with (folder / "number_plan.csv").open("a") as file:
        file.write(rows)
    load_catalog(folder, VIENNA, images)
    again = load_catalog(folder, VIENNA, images)
    assert {f.n_chunks() for f in again.frames.values()} == {1}
    assert again.number_plan.rows.n_chunks() == 1


def test_whatever_is_read_makes_another_image(folder, images, parses, monkeypatch):
    versions = [load_catalog(folder, VIENNA, images).version]
    versions.append(load_catalog(folder, "Europe/Oslo", images).version)
    change(folder)
    versions.append(load_catalog(folder, VIENNA, images).version)
    (folder / "ported.csv").write_text("number,destination,zone,valid_from,valid_to\n4,a,home,,\n")
    versions.append(load_catalog(folder, VIENNA, images).version)
    assert len(set(versions)) == 4
    monkeypatch.setattr(catalog_image, "_code", lambda: "changed")
    assert load_catalog(folder, VIENNA, images).version == versions[-1]
    assert len(parses) == 5


def test_a_catalog_that_is_refused_has_no_image(folder, images):
    change(folder, "accounts", "prepaid", "prepayed")
    for _ in range(2):
        with pytest.raises(CatalogError, match="mode is 'prepayed'"):
            load_catalog(folder, VIENNA, images)
    assert not images.exists()


def test_files_that_change_while_they_are_read_make_no_image(folder, images, monkeypatch):
    parse = catalog_module._read

    def slow(*args):
        read = parse(*args)
        change(folder)
        return read

    monkeypatch.setattr(catalog_module, "_read", slow)
    before = load_catalog(folder, VIENNA, images)
    monkeypatch.undo()
    assert load_catalog(folder, VIENNA, images).version != before.version
    change(folder, old="Austria-Hungary", new="Austria")
    assert load_catalog(folder, VIENNA, images).version == before.version


def shorten(path):
    path.write_bytes(path.read_bytes()[:-8])


def overwrite(path):
    path.write_bytes(b"\0" * path.stat().st_size)


DAMAGES = [
    (shorten, "accounts.arrow"), (overwrite, "identity.arrow"), (os.remove, "image.json"),
    *(pytest.param(damage, name, marks=pytest.mark.slow) for damage, name in (
        (shorten, "identity.arrow"), (shorten, "image.json"), (overwrite, "accounts.arrow"),
        (overwrite, "image.json"), (os.remove, "accounts.arrow"), (os.remove, "identity.arrow"),
    )),
]


@pytest.mark.parametrize(("damage", "name"), DAMAGES)
def test_a_damaged_image_is_made_anew(folder, images, parses, name, damage):
    version = load_catalog(folder, VIENNA, images).version
    damage(next(images.glob(f"*/{name}")))
    assert load_catalog(folder, VIENNA, images).version == version
    assert load_catalog(folder, VIENNA, images).version == version
    assert len(parses) == 2
    assert len(list(images.iterdir())) == 1


def test_the_images_used_last_are_kept(folder, images, parses):
    for number in range(7):
        change(folder, "zones", "Vienna", f"Vienna {number}")
        load_catalog(folder, VIENNA, images)
        for age, path in enumerate(sorted(images.iterdir(), key=lambda p: p.stat().st_mtime)):
            os.utime(path, (1000 + age, 1000 + age))
        if number == 0:
            first = next(images.iterdir())
        os.utime(first, (2000, 2000))
    assert len(list(images.iterdir())) == 5
    assert first in images.iterdir()
    load_catalog(folder, VIENNA, images)
    assert len(parses) == 7


def test_what_a_killed_process_left_is_cleared(folder, images):
    for name, age in (("old", 7200), ("fresh", 60)):
        left = images / f".new-{name}"
        left.mkdir(parents=True)
        os.utime(left, (time.time() - age,) * 2)
    load_catalog(folder, VIENNA, images)
    assert {p.name for p in images.iterdir() if p.name.startswith(".new-")} == {".new-fresh"}


def test_a_folder_that_cannot_be_written(folder, images):
    images.parent.mkdir(exist_ok=True)
    images.write_text("not a folder")
    assert load_catalog(folder, VIENNA, images).frames


def test_several_at_once(folder, images):
    with ThreadPoolExecutor(4) as pool:
        loads = [pool.submit(load_catalog, folder, VIENNA, images) for _ in range(8)]
        assert len({load.result().version for load in loads}) == 1
    assert len(list(images.iterdir())) == 1


def big_catalog(folder, rows, prefixes):
    """The small catalog with more accounts, SIMs, subscriptions and prefixes."""
    number = pl.DataFrame({"n": range(rows)})

    def digits(head, width):
        return pl.lit(head) + pl.col("n").cast(pl.String).str.zfill(width)

    account, empty = digits("B", 8), pl.lit("")
    columns = {
        "accounts": [account, pl.lit("C1"), pl.lit("prepaid"), pl.lit("EUR"), pl.lit(VIENNA),
                     pl.lit("active"), empty, empty, empty, pl.lit("12.50")],
        "sims": [digits("8943", 16), digits("23299", 10), digits("43699", 8), account,
                 pl.lit("2026-01-01"), empty],
        "subscriptions": [account, empty, pl.lit("home_bands"), empty, empty],
    }
    for name, values in columns.items():
        path = folder / f"{name}.csv"
        header = path.read_text().splitlines()[0].split(",")
        named = [value.alias(column) for value, column in zip(values, header, strict=True)]
        number.select(named).write_csv(path, quote_style="never")
    lines = [f"{p},Somewhere,home,," for p in range(100_000, 100_000 + prefixes)]
    with (folder / "number_plan.csv").open("a") as file:
        file.write("\n".join([*lines, ""]))


@pytest.mark.slow
def test_a_million_subscribers(folder, images):
    big_catalog(folder, 1_000_000, 60_000)
    started = time.process_time()
    load_catalog(folder, VIENNA, images)
    parsed = time.process_time() - started
    started = time.process_time()
    catalog = load_catalog(folder, VIENNA, images)
    assert catalog.number_plan.rows.height == 60_005
    mapped = time.process_time() - started
    assert catalog.identity.height == 1_000_000
    # seconds of CPU; they take half of it and less by the clock on two cores
    assert parsed < 20
    assert mapped < 0.75


@pytest.mark.slow
def test_a_plan_of_250_000_prefixes(folder):
    big_catalog(folder, 10, 250_000)
    started = time.process_time()
    assert load_catalog(folder, VIENNA).number_plan.rows.height == 250_005
    assert time.process_time() - started < 5

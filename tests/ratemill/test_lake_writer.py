"""Outputs that are written while others are made: in order, whole, and never in silence lost."""

import polars as pl
import pytest

from mediation.schema import FILE, REJECT, USAGE
from ratemill import lake_writer
from ratemill.lake import Lake
from ratemill.lake_writer import LakeWriter


def outputs(number):
    row = FILE.fill(pl.DataFrame([{
        "partner": "p", "file_id": f"f{number}", "file_number": number, "name": "x",
        "size_bytes": 1, "received_at": None, "stage": "mediate", "state": "mediated",
    }]).with_columns(received_at=pl.lit("2026-11-01").str.to_datetime()))
    return {USAGE: USAGE.empty(), REJECT: REJECT.empty(), FILE: row}


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


def test_all_that_was_given_is_there_when_the_block_ends(lake, monkeypatch):
    monkeypatch.setattr(lake_writer, "_TOGETHER", 3)
    with LakeWriter(lake, "mediate") as writer:
        for number in range(1, 9):
            writer.save(f"p/f{number}", outputs(number))
        writer.wait()
        assert lake.file_rows("mediate").height == 8
        writer.save("p/f9", outputs(9))
    assert lake.file_rows("mediate")["file_id"].to_list() == [f"f{n}" for n in range(1, 10)]
    assert not list(lake.root.rglob("*.part"))


def test_much_is_written_before_many_are_there(lake, monkeypatch):
    monkeypatch.setattr(lake_writer, "_OCTETS", 1)
    with LakeWriter(lake, "mediate") as writer:
        for number in range(1, 4):
            writer.save(f"p/f{number}", outputs(number))
        assert not writer._given


def test_what_cannot_be_written_is_said(lake, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Lake, "save_all", full)
    with pytest.raises(OSError, match="No space"), LakeWriter(lake, "mediate") as writer:
        writer.save("p/f1", outputs(1))


def test_an_error_of_the_block_is_not_hidden(lake):
    def broken():
        with LakeWriter(lake, "mediate") as writer:
            writer.save("p/f1", outputs(1))
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        broken()
    assert lake.file_rows("mediate").is_empty()


def test_the_row_of_a_file_comes_after_all_outputs(lake, monkeypatch):
    order = []
    monkeypatch.setattr(Lake, "write_all", lambda _, some: order.append(
        [(table.name, path.name.partition(".")[0]) for table, path, _ in some]))
    lake.save_all("mediate", [("p/f1", outputs(1)), ("p/f2", outputs(2))])
    assert order == [
        [("usage", "f1"), ("reject", "f1"), ("usage", "f2"), ("reject", "f2")],
        [("file", "f1"), ("file", "f2")],
    ]


def test_rows_of_an_earlier_release_lack_columns(lake):
    row = outputs(1)[FILE]
    lake.write(FILE, lake.path(FILE, "p", "f1", "mediate"), row)
    other = lake.path(FILE, "p", "f2", "mediate")
    row.with_columns(file_id=pl.lit("f2"), file_number=pl.lit(2, pl.Int64)).drop(
        "networks").write_parquet(other)
    assert lake.file_rows().equals(pl.concat([
        row, row.with_columns(file_id=pl.lit("f2"), file_number=pl.lit(2, pl.Int64))]))

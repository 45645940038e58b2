"""Files of the small home taken to the ledger, and the proof that lake and ledger agree."""

from datetime import datetime

import polars as pl

from charging.checks import check
from charging.ledger import Ledger
from charging.ledger_schema import POSTING as POSTING_ROWS
from charging.legs import legs_of_file
from charging.posting_id import LEGS, unpacked
from charging.schema import POSTING
from mediation.schema import FILE
from ratemill import pipeline
from ratemill.charges_now import charges_of
from ratemill.file_rows import state_after
from ratemill.lake import Lake
from ratemill.refs import split

NOW = datetime.fromisoformat("2026-12-01T06:00")
A1, A2, UNKNOWN = "232990000000001", "232990000000002", "232990000000003"


def posted(home, refs):
    """The current rows of the files, rated and posted."""
    pipeline.rate(home, refs, now=NOW)
    return pipeline.post(home, refs, now=NOW)


def revisions(home, ref):
    """Per record and leg that stands the revision and the amount of its charge."""
    return {
        (row["record_index"], row["leg"]): (row["revision"], row["amount_micros"])
        for row in charges_of(Lake(home.lake), [ref]).iter_rows(named=True)
    }


def prove(home):
    """Lake and ledger agree on every posting, and of finished files on all that stands."""
    lake = Lake(home.lake)
    with Ledger(home.ledger) as ledger:
        assert check(ledger) == []
        files = ledger.file_states()
        with ledger.reading() as connection:
            on_ledger = {
                row["file_number"]: legs_of_file(connection, row["file_number"]).filter("stands")
                for row in files.iter_rows(named=True)
            }
            ids = connection.execute(
                POSTING_ROWS.select().with_only_columns(
                    POSTING_ROWS.c.posting_id, POSTING_ROWS.c.amount_micros)
            ).all()
    in_lake = lake.read(POSTING, lake.files(POSTING))
    assert in_lake.height == len(ids)
    assert in_lake["amount_micros"].sum() == sum(amount for _, amount in ids)
    for file in files.iter_rows(named=True):
        ref = f"{file['partner']}/{file['file_id']}"
        if not lake.done(*split(ref), "post"):
            continue  # what is to be run again has its charges on the ledger alone
        parts = unpacked(pl.col("leg_id"))
        known = on_ledger[file["file_number"]].select(
            record_index=parts["record_index"], leg=parts["leg"], revision="revision",
            charge="charged_micros",
        )
        legs = {(row["record_index"], LEGS[row["leg"]]): (row["revision"], row["charge"])
                for row in known.iter_rows(named=True)}
        now = revisions(home, ref)
        assert {leg: value[0] for leg, value in now.items()} == {
            leg: value[0] for leg, value in legs.items()}
        assert all(charge in {None, now[leg][1]} for leg, (_, charge) in legs.items())
        _prove_file(lake, file)


def _prove_file(lake, file):
    row = lake.load(FILE, file["partner"], file["file_id"], "post").row(0, named=True)
    assert row["posted"] == file["records"]
    assert row["state"] == state_after(row["state"], file["state"])
    assert row["records"] == sum(
        row[name] for name in ("posted", "duplicate", "suspended", "dropped"))
    rejects = lake.rejects(file["partner"], file["file_id"]).drop_nulls("record_index")
    assert rejects.height == row["records"] - row["posted"]
    assert rejects["record_index"].n_unique() == rejects.height


def contents(home):
    """Every file below the home but what the ledger and locks are made of, octet by octet."""
    return {
        path: path.read_bytes() for path in home.root.rglob("*")
        if path.is_file() and not path.name.startswith("ledger.db") and path.suffix != ".lock"
    }

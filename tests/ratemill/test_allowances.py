"""What allowances have used is what charges say, on the ledger or still to be posted, each once."""

from datetime import datetime, timedelta

import polars as pl
import pytest

from charging.correction import roll_back
from charging.ledger import Ledger
from charging.posting import post as ledger_post
from charging.posting import register_file
from mediation.schema import FILE, USAGE
from ratemill.allowances import AllowanceUse, busy_accounts, holders_of
from ratemill.lake import Lake
from rating.catalog import load_catalog
from rating.schema import CHARGE

NOVEMBER = datetime.fromisoformat("2026-10-31T23:00")
NOW = datetime.fromisoformat("2026-12-01")
HOLDERS = pl.Series("holder", ["account:A1", "sim:1"])


def charges(name, *drawn, revision=0, at=NOW):
    """Table charge of one file: per record who drew and how much (in 1/2 units)."""
    constant = {
        "partner": "p", "file_id": name, "leg": "retail", "revision": revision, "account": "A1",
        "used_by": "A1", "currency": "EUR", "amount_micros": 1, "net_micros": 1, "tax_micros": 0,
        "source": "tariff", "service": "voice", "direction": "mo", "started_at": at,
        "serving_zone": "home", "destination_zone": "home", "unit": "s", "used_units": 9,
        "billed_units": 9, "covered_units": 9, "setup_fee_micros": 0, "adjustment_micros": 0,
        "discount_micros": 0, "rounding_micros": 0, "catalog_version": "c",
    }
    rows = [
        constant | {
            "record_index": index, "usage_key": f"{key:032x}", "parts": [],
            "draws": [{"allowance": "m", "holder": holder, "period_start": NOVEMBER, "units": 1,
                       "before": 0, "taken": taken, "scale": 2}] if taken else [],
        }
        for index, (key, holder, taken) in enumerate(drawn)
    ]
    schema = {n: t for n, t in CHARGE.polars.items() if n in rows[0]}
    return CHARGE.fill(pl.DataFrame(rows, schema=schema))


def file_row(name, number):
    return FILE.fill(pl.DataFrame([{
        "partner": "p", "file_id": name, "file_number": number, "name": name, "size_bytes": 1,
        "received_at": NOW, "stage": "rate", "state": "rated",
    }]).cast({"received_at": pl.Datetime("us")}))


@pytest.fixture
def store(small):
    """Writes a file's charges; rated says whether the rating of the file is done."""
    lake, ledger = Lake(small.lake), Ledger(small.ledger)

    def done(name, stage="post"):
        lake.write(FILE, lake.path(FILE, "p", name, stage), file_row(name, 1))

    def put(name, *drawn, rated=True, post=False, **facts):
        number = register_file(ledger, "p", name)
        frame = charges(name, *drawn, **facts)
        lake.write(CHARGE, lake.path(CHARGE, "p", name, "rate"), frame)
        lake.write(FILE, lake.path(FILE, "p", name, "collect"), file_row(name, number))
        if rated:
            lake.write(FILE, lake.path(FILE, "p", name, "rate"), file_row(name, number))
        if post:
            ledger_post(ledger, "p", name, frame, NOW)
        return frame

    put.done = done
    with ledger:
        yield put


def used(state):
    return {row["holder"]: row["used"] for row in state.rows(named=True)}


def test_rated_files_count_and_only_for_the_holders_asked(small, store):
    store("a", (1, "account:A1", 5), (2, "pool:P", 7), (3, "account:A1", 0))
    store("b", (4, "account:A1", 2), (5, "sim:1", 1))
    state = AllowanceUse(small, HOLDERS).before("p/c")
    assert used(state) == {"account:A1": 7, "sim:1": 1}
    assert state.row(0) == ("account:A1", "m", NOVEMBER, 7, 2)


def test_a_draw_without_a_holder_is_that_of_the_account_used_by(small, store):
    store("a", (1, None, 5), (2, "account:A1", 2), (3, "sim:1", 1))
    use = AllowanceUse(small, HOLDERS)
    assert used(use.before()) == {"account:A1": 7, "sim:1": 1}
    store("b", (4, None, 10))
    assert used(use.before()) == {"account:A1": 17, "sim:1": 1}


def test_of_a_file_that_is_not_rated_only_what_is_posted_counts(small, store):
    store("a", (1, "account:A1", 5), rated=False)
    store("b", (2, "account:A1", 3), rated=False, post=True)
    assert used(AllowanceUse(small, HOLDERS).before("p/b")) == {"account:A1": 3}


def test_what_the_ledger_refused_does_not_count(small, store):
    store("a", (1, "account:A1", 5), post=True)
    store("b", (1, "account:A1", 5), (2, "account:A1", 1), post=True)
    assert used(AllowanceUse(small, HOLDERS).before()) == {"account:A1": 6}


def test_files_are_added_as_they_come_and_once(small, store):
    use = AllowanceUse(small, HOLDERS)
    store("b", (2, "account:A1", 3), rated=False, post=True)
    assert used(use.before("p/b")) == {"account:A1": 3}
    store("a", (1, "account:A1", 5))
    assert used(use.before("p/b")) == {"account:A1": 8}
    # Another process rates b again and finds one more record.
    store("b", (2, "account:A1", 3), (3, "account:A1", 4))
    store("c", (9, "account:A1", 100))
    assert used(use.before("p/d")) == {"account:A1": 112}
    # And posts it; the same units are those of the ledger now, with its output or without.
    store("c", (9, "account:A1", 100), post=True)
    assert used(use.before("p/d")) == {"account:A1": 112}
    store.done("c")
    assert used(use.before("p/d")) == {"account:A1": 112}
    assert used(AllowanceUse(small, HOLDERS).before("p/d")) == {"account:A1": 112}
    # Rated once more before it is posted, a file counts as it is now.
    store("a", (1, "account:A1", 6))
    assert used(use.before("p/d")) == {"account:A1": 113}


def test_a_file_that_was_rolled_back_counts_when_it_is_rated_anew(small, store):
    frame = store("a", (1, "account:A1", 5), post=True)
    with Ledger(small.ledger) as ledger:
        roll_back(ledger, "p", "a", frame, NOW, who="me", why="wrong")
    use = AllowanceUse(small, HOLDERS)
    assert used(use.before("p/b")) == {}
    store("a", (1, "account:A1", 4), revision=1)
    assert used(use.before("p/b")) == {"account:A1": 4}
    store("a", (1, "account:A1", 4), revision=1, post=True)
    assert used(use.before("p/b")) == {"account:A1": 4}


def test_the_latest_event_that_drew(small, store):
    store("a", (1, "account:A1", 5), post=True, at=NOW + timedelta(hours=2))
    store("b", (2, "account:A1", 5), at=NOW + timedelta(hours=1))
    use = AllowanceUse(small, HOLDERS)
    assert use.state("p/c")["last_event_at"].item() == NOW + timedelta(hours=2)
    store("c", (3, "account:A1", 5), at=NOW + timedelta(hours=3))
    assert use.state("p/d")["last_event_at"].item() == NOW + timedelta(hours=3)


def test_accounts_are_busy_until_all_of_them_is_posted(small, store):
    with Ledger(small.ledger) as ledger:
        store("a", (1, None, 0))
        assert busy_accounts(Lake(small.lake), ledger).to_list() == ["A1"]
        store("a", (1, None, 0), post=True)
        assert busy_accounts(Lake(small.lake), ledger).is_empty()


def test_lost_charges_of_a_posted_file_are_made_again_as_they_were(small, store):
    lake = Lake(small.lake)
    store("a", (1, "account:A1", 5), post=True)
    store("b", (2, "account:A1", 3), post=True)
    store("c", (3, "account:A1", 2), post=True)
    lake.path(CHARGE, "p", "b", "rate").unlink()
    assert used(AllowanceUse(small, HOLDERS).before("p/b")) == {"account:A1": 5}


def test_nothing_is_read_when_nobody_can_hold_anything(small):
    use = AllowanceUse(small, pl.Series("holder", [], pl.String))
    assert use.idle
    assert use.before("p/a").is_empty()
    assert not small.lake.exists()


def usage(**given):
    return pl.LazyFrame(given, schema={n: USAGE.polars[n] for n in given})


def test_holders_of_the_subscribers_in_a_file(small, write_catalog):
    write_catalog(small.catalog, pools="pool,account,valid_from,valid_to\nP,A2,,\n")
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    one = holders_of(catalog, usage(imsi=["232990000000002"], msisdn=[None]))
    assert one.to_list() == ["account:A2", "pool:P", "sim:232990000000002"]
    by_number = holders_of(catalog, usage(imsi=[None], msisdn=["43699000001"]))
    assert by_number.to_list() == ["account:A1", "sim:232990000000001"]


def test_a_catalog_without_allowances_has_no_holders(small, write_catalog):
    write_catalog(small.catalog, allowances=None, scopes=None, grants=None)
    catalog = load_catalog(small.catalog, "Europe/Vienna", cache=small.catalog_cache)
    assert holders_of(catalog, usage(imsi=["232990000000002"], msisdn=[None])).is_empty()

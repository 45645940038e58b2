"""Posting files together: one transaction, faulty files by themselves, overdraft and limits."""

import sys
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from charging.holds import hold, release
from charging.ledger import Ledger, LedgerError
from charging.posting import settled
from charging.schema import POSTING
from mediation.schema import FILE, USAGE
from ratemill import pipeline, posting_step
from ratemill.errors import FilesNotPosted
from ratemill.known_keys import KnownKeys
from ratemill.lake import Lake
from ratemill.posting_step import overdraft_policies
from ratemill.refs import receipt_path, split
from ratemill.rollback import roll_back_file
from rating.catalog import load_catalog
from rating.schema import CHARGE

sys.path.insert(0, str(Path(__file__).parent))
from mediated_files import Event, usage_of, write_mediated

NOW = datetime.fromisoformat("2026-12-01T06:00:00")
A1, A2 = "232990000000001", "232990000000002"
CAPPED = """
    product,tariff,tax,overdraft,valid_from,valid_to
    flex,flex,,{},2026-01-01,
    """


def catalog_of(home):
    return load_catalog(home.catalog, home.settings.zone, cache=home.catalog_cache)


def rated(home, name, *events):
    """The reference of a rated file with events (IMSI, hour of the day, seconds)."""
    catalog = catalog_of(home)
    usage = usage_of(catalog, [
        Event(imsi, f"2026-11-02T{hour:02}:00:00", seconds, f"{name}{number}".encode().hex()
              .rjust(32, "0"))
        for number, (imsi, hour, seconds) in enumerate(events)
    ])
    ref = write_mediated(home, name, usage)
    pipeline.rate(home, [ref], now=NOW)
    return ref


def balance(home, account):
    with Ledger(home.ledger) as ledger:
        return ledger.balances().filter(account=account)["balance_micros"].item()


def postings(home, ref):
    return Lake(home.lake).load(POSTING, *split(ref), "post")


def test_small_files_are_one_transaction(small, monkeypatch):
    refs = [rated(small, name, (A1, 10, 60)) for name in "abc"]
    calls = []

    def counted(ledger, files, *rest):
        calls.append(len(files))
        return real(ledger, files, *rest)

    real = posting_step.post_files
    monkeypatch.setattr(posting_step, "post_files", counted)
    monkeypatch.setattr(posting_step, "_CHARGES_AT_ONCE", 4)
    rows = pipeline.post(small, refs, now=NOW)
    assert calls == [2, 1]
    assert [row["state"] for row in rows] == ["posted"] * 3
    with Ledger(small.ledger) as ledger:
        for ref in refs:
            assert postings(small, ref).equals(ledger.postings(*split(ref)))


def test_a_faulty_file_holds_up_no_other(small):
    refs = [rated(small, name, (A1, 10, 60)) for name in "abc"]
    lake = Lake(small.lake)
    path = lake.path(CHARGE, *split(refs[1]), "rate")
    good = lake.read(CHARGE, [path])
    lake.write(CHARGE, path, good.with_columns(usage_key=pl.lit("no key")))
    with pytest.raises(FilesNotPosted, match=r"1 file is not posted.*\n.*p/b.*usage key") as caught:
        pipeline.post(small, refs, now=NOW)
    assert list(caught.value.faults) == [refs[1]]
    assert [lake.done(*split(ref), "post") for ref in refs] == [True, False, True]
    lake.write(CHARGE, path, good)
    pipeline.post(small, refs, now=NOW)
    assert all(lake.done(*split(ref), "post") for ref in refs)


def test_what_is_the_matter_with_the_ledger_is_no_file_s_fault(small):
    refs = [rated(small, name, (A1, 10, 60)) for name in "ab"]
    with Ledger(small.ledger) as ledger:
        hold(ledger, NOW, who="ann", why="sums differ")
        with pytest.raises(LedgerError, match=r"on hold since .*: sums differ"):
            pipeline.post(small, refs, now=NOW)
        release(ledger, NOW, who="ann", why="mended")
    pipeline.post(small, refs, now=NOW)
    assert postings(small, refs[0]).height


def test_the_lake_is_written_from_the_ledger_after_a_crash(small, monkeypatch):
    refs = [rated(small, name, (A1, 10, 60)) for name in "ab"]

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(posting_step, "_outputs", killed)
        with pytest.raises(KeyboardInterrupt):
            pipeline.post(small, refs, now=NOW)
    left = balance(small, "A1")
    assert left < 10_000_000
    rows = pipeline.post(small, refs, now=NOW + timedelta(hours=1))
    assert [row["posted"] for row in rows] == [1, 1]
    assert balance(small, "A1") == left
    assert postings(small, refs[0])["posted_at"].unique().to_list() == [NOW]


def test_what_was_posted_before_the_ledger_fails_is_in_the_lake(small, monkeypatch):
    refs = [rated(small, name, (A1, 10, 60)) for name in "abc"]
    posted = posting_step.post_files

    def failing(ledger, files, *others):
        if files[0].name == refs[2]:
            raise LedgerError(ledger.where, "is locked", "wait", retry=True)
        return posted(ledger, files, *others)

    monkeypatch.setattr(posting_step, "_CHARGES_AT_ONCE", 1)
    monkeypatch.setattr(posting_step, "post_files", failing)
    with pytest.raises(LedgerError, match="is locked"):
        pipeline.post(small, refs, now=NOW)
    lake = Lake(small.lake)
    assert [lake.done(*split(ref), "post") for ref in refs] == [True, True, False]


@pytest.mark.parametrize(
    ("policy", "kinds", "left"),
    [("negative", {"overdraft"}, None), ("cap", {"cap"}, 0), ("write_off", {"write_off"}, 0)],
)
def test_a_product_s_policy_holds_for_late_charges(small, write_catalog, policy, kinds, left):
    write_catalog(small.catalog, products=CAPPED.format(policy))
    ref = rated(small, "a", (A1, 10, 60), (A1, 11, 7_200))
    pipeline.post(small, [ref], now=NOW)
    retail = postings(small, ref).filter(leg="retail")
    charges = Lake(small.lake).load(CHARGE, *split(ref), "rate").filter(leg="retail")
    assert set(retail["kind"]) == {"usage"} | kinds
    assert balance(small, "A1") == 10_000_000 + retail["amount_micros"].sum()
    if left is None:
        assert -retail["amount_micros"].sum() == charges["amount_micros"].sum() > 10_000_000
    else:
        assert balance(small, "A1") == left


def test_a_credit_limit_marks_what_goes_over_it(small, write_catalog):
    write_catalog(small.catalog, accounts="""
        account,customer,mode,currency,timezone,status,credit_limit,payer,tax,opening_balance
        A1,C1,prepaid,EUR,Europe/Vienna,active,,,vat,10
        A2,C1,postpaid,EUR,Europe/Vienna,active,5,,,0
        """)
    ref = rated(small, "a", (A2, 10, 7_200))
    pipeline.post(small, [ref], now=NOW)
    retail = postings(small, ref).filter(leg="retail")
    amounts = dict(retail.select("kind", "amount_micros").iter_rows())
    assert amounts["usage"] == -5_000_000
    assert balance(small, "A2") == amounts["usage"] + amounts["over_limit"]


def test_policies_are_those_of_the_time(small, write_catalog):
    write_catalog(small.catalog, products="""
        product,tariff,tax,overdraft,valid_from,valid_to
        flex,flex,,cap,2026-01-01,2026-07-01
        flex,flex,,write_off,2026-07-01,2026-10-01
        later,flex,,cap,2027-01-01,
        plain,flex,,,2026-01-01,
        """)
    catalog = catalog_of(small)
    in_may, in_august, in_december = (
        overdraft_policies(catalog, datetime.fromisoformat(day))
        for day in ("2026-05-01", "2026-08-01", "2026-12-01")
    )
    assert in_may == {"flex": "cap", "later": "cap"}
    assert in_august == in_december == {"flex": "write_off", "later": "cap"}


def test_a_file_that_was_rolled_back_waits_until_it_is_reset(small):
    ref = rated(small, "a", (A1, 10, 60))
    pipeline.post(small, [ref], now=NOW)
    pipeline.deliver(small, [ref])
    lake, keys = Lake(small.lake), Lake(small.lake).load(USAGE, *split(ref), "mediate")["usage_key"]
    assert KnownKeys(lake, small.usage_keys).among([split(ref)], keys).height == 1
    with Ledger(small.ledger) as ledger:
        file = lake.load(FILE, *split(ref), "post").row(0, named=True)
        roll_back_file(small, ledger, file, NOW, who="ann", why="wrong file")
        assert settled(ledger, *split(ref)).is_empty()
    assert balance(small, "A1") == 10_000_000
    assert KnownKeys(lake, small.usage_keys).among([split(ref)], keys).is_empty()
    receipt_path(small, *split(ref)).unlink(missing_ok=True)
    assert pipeline.pending(small) == []
    pipeline.reset(small, [ref], "rate")
    assert pipeline.pending(small) == [ref]
    pipeline.rate(small, [ref], now=NOW)
    (row,) = pipeline.post(small, [ref], now=NOW)
    assert (row["state"], row["posted"]) == ("posted", 1)
    assert set(postings(small, ref)["revision"]) == {0, 1}
    assert balance(small, "A1") < 10_000_000

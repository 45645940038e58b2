"""A file is posted once, what another file posted is refused, and contradictions leave nothing."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from sqlalchemy import select

from charging.audit import GENESIS, sealed
from charging.correction import correct, roll_back
from charging.holds import hold, release
from charging.ledger import Ledger, LedgerError
from charging.ledger_schema import ALLOWANCE_USE, AUDIT, FILE_TOTAL
from charging.posting import post, post_files, register_file, register_files
from charging.posting_id import LARGEST_RECORD, LARGEST_REVISION
from charging.posting_rows import FileCharges
from charging.schema import POSTING
from charging.settled_files import digest_of, settled_digests
from mediation.tables import TableError, conform

NOW = datetime.fromisoformat("2026-03-02T12:00:00")
LEGS = [
    (0, "retail", 7, "anna", "EUR", 300),
    (0, "wholesale", 7, "partner:alpha", "XDR", 200),
    (2, "retail", 8, "bert", "EUR", 50),
]


def balances(ledger: Ledger) -> dict[tuple[str, str], tuple[int, int]]:
    columns = ("account", "currency", "balance_micros", "postings")
    return {row[:2]: row[2:] for row in ledger.balances().select(columns).iter_rows()}


def test_files_are_numbered_in_order_of_first_registration(ledger: Ledger) -> None:
    given = [("alpha", "f"), ("beta", "f"), ("alpha", "g"), ("beta", "f"), ("alpha", "f")]
    assert [register_file(ledger, *file) for file in given] == [1, 2, 3, 2, 1]
    assert ledger.file_states()["state"].to_list() == ["open"] * 3


def test_posting_negates_charges_and_moves_balances(ledger: Ledger, charge_frame) -> None:
    done = post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    assert (done.records, done.refused.height, done.repeated) == (2, 0, False)
    assert balances(ledger) == {
        ("anna", "EUR"): (-300, 1), ("bert", "EUR"): (-50, 1),
        ("partner:alpha", "XDR"): (-200, 1),
    }
    postings = conform(POSTING, ledger.postings("alpha", "f"))
    assert postings.equals(done.postings)
    assert postings.drop("partner", "file_id", "posted_at", "currency").rows() == [
        (1, 0, "retail", 0, "usage", "anna", -300, 1),
        (1, 0, "wholesale", 0, "usage", "partner:alpha", -200, 1),
        (1, 2, "retail", 0, "usage", "bert", -50, 1),
    ]
    assert ledger.batch("file:1:1").equals(postings)
    assert ledger.file_states().row(0) == ("alpha", "f", 1, "posted", 0, 2, 0, NOW)


def test_what_never_was_is_empty(ledger: Ledger) -> None:
    assert conform(POSTING, ledger.postings("alpha", "f")).is_empty()
    assert conform(POSTING, ledger.batch("none")).is_empty()
    assert ledger.refusals("alpha", "f").is_empty()
    assert ledger.balances().is_empty()
    assert ledger.file_states().is_empty()


def test_totals_of_a_file_are_kept_by_leg_kind_and_currency(ledger: Ledger, charge_frame) -> None:
    post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    more = [*LEGS, (5, "retail", 9, "carl", "EUR", 1)]
    post(ledger, "alpha", "f", charge_frame("alpha", "f", more), NOW)
    with ledger.reading() as connection:
        rows = [tuple(row) for row in connection.execute(select(FILE_TOTAL))]
    assert sorted(rows) == [(1, 0, 0, "EUR", 3, -351), (1, 1, 0, "XDR", 1, -200)]


def test_a_second_post_changes_nothing(
    ledger_url: str, charge_frame
) -> None:
    other = [(1, "retail", 8, "carl", "EUR", 9), (5, "retail", 9, "carl", "EUR", 9)]
    with Ledger(ledger_url) as ledger:
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
        first = post(ledger, "alpha", "g", charge_frame("alpha", "g", other), NOW)
        before = ledger.balances(), ledger.file_states()
    with Ledger(ledger_url) as ledger:
        later = NOW + timedelta(days=1)
        again = post(ledger, "alpha", "g", charge_frame("alpha", "g", other[1:]), later)
        assert (again.records, again.repeated) == (1, True)
        assert again.refused.equals(first.refused)
        assert conform(POSTING, again.postings).is_empty()
        assert ledger.brought("alpha", "g").equals(first.postings)
        assert (ledger.balances().equals(before[0]), ledger.file_states().equals(before[1])) == (
            True, True
        )


def test_a_file_that_comes_again_adds_only_what_it_had_not_brought(
    ledger: Ledger, charge_frame
) -> None:
    post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    more = [(0, "retail", 7, "anna", "EUR", 999), (9, "retail", 70, "anna", "EUR", 1)]
    done = post(ledger, "alpha", "f", charge_frame("alpha", "f", more), NOW)
    assert (done.records, done.postings.height, done.repeated) == (3, 1, False)
    assert ledger.brought("alpha", "f")["batch_number"].to_list() == [1, 1, 1, 2]
    assert balances(ledger)["anna", "EUR"] == (-301, 2)


def test_files_are_registered_together_once_each(ledger: Ledger) -> None:
    register_file(ledger, "alpha", "g")
    register_file(ledger, "beta", "f")
    assert register_files(ledger, "alpha", ["f", "g", "h", "f"]) == [3, 1, 4, 3]
    assert register_files(ledger, "alpha", ["h", "g"]) == [4, 1]
    assert register_files(ledger, "alpha", []) == []


def known_as_settled(ledger: Ledger) -> dict[int, str]:
    with ledger.reading() as connection:
        return settled_digests(ledger, connection, [1, 2, 3])


def test_what_was_posted_whole_is_posted_again_without_a_look_at_it(
    ledger: Ledger, charge_frame, monkeypatch: pytest.MonkeyPatch
) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    post(ledger, "alpha", "f", charges, NOW)
    assert known_as_settled(ledger) == {1: digest_of(charges.reverse())}
    with monkeypatch.context() as patched:
        patched.delattr("charging.posting._settled")
        again = post(ledger, "alpha", "f", charges.reverse(), NOW)
        assert (again.records, again.repeated, again.postings.height) == (2, True, 0)
        with pytest.raises(NameError):
            post(ledger, "alpha", "f", charges[1:2], NOW)
    assert post(ledger, "alpha", "f", charges[1:2], NOW).repeated
    more = charge_frame("alpha", "f", [*LEGS, (5, "retail", 9, "carl", "EUR", 1)])
    assert post(ledger, "alpha", "f", more, NOW).postings.height == 1
    assert known_as_settled(ledger) == {1: digest_of(more)}


def test_a_record_that_stands_no_more_is_posted_again(ledger: Ledger, charge_frame) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    post(ledger, "alpha", "f", charges, NOW)
    gone = charges.filter(pl.col("record_index") == 2)
    correct(ledger, "key", "rerate", gone, gone.clear(), NOW, who="test", why="withdrawn")
    assert known_as_settled(ledger) == {}
    next_one = charges.with_columns(
        revision=pl.when(pl.col("record_index") == 2).then(1).otherwise(0).cast(pl.Int32)
    )
    done = post(ledger, "alpha", "f", next_one, NOW)
    assert done.postings["record_index"].to_list() == [2]
    assert balances(ledger)["bert", "EUR"] == (-50, 3)


def test_a_record_whose_refusal_is_lifted_is_posted_again(ledger: Ledger, charge_frame) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    same = charge_frame("beta", "g", [(0, "retail", 7, "anna", "EUR", 300)])
    post(ledger, "alpha", "f", charges, NOW)
    assert post(ledger, "beta", "g", same, NOW).refused.height == 1
    assert post(ledger, "beta", "g", same, NOW).repeated
    roll_back(ledger, "alpha", "f", charges, NOW, who="test", why="wrong")
    assert known_as_settled(ledger) == {}
    done = post(ledger, "beta", "g", same, NOW)
    assert (done.records, done.repeated, done.refused.height) == (1, False, 0)


def test_a_key_of_another_file_refuses_every_leg_of_the_record(
    ledger: Ledger, charge_frame
) -> None:
    post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    legs = [
        (0, "retail", 8, "bert", "EUR", 50),
        (1, "retail", 7, "anna", "EUR", 300),
        (1, "wholesale", 7, "partner:beta", "XDR", 200),
        (3, "retail", 9, "bert", "EUR", 4),
    ]
    done = post(ledger, "beta", "g", charge_frame("beta", "g", legs), NOW)
    assert done.records == 1
    assert done.refused.rows() == [
        (0, f"{8:032x}", "alpha", "f", 2), (1, f"{7:032x}", "alpha", "f", 0)
    ]
    assert ledger.refusals("beta", "g").equals(done.refused)
    assert ledger.postings("beta", "g")["record_index"].to_list() == [3]
    assert ("partner:beta", "XDR") not in balances(ledger)
    assert ledger.file_states().row(1) == ("beta", "g", 2, "posted", 0, 1, 2, NOW)


def test_of_a_key_twice_in_one_file_the_first_record_is_posted(
    ledger: Ledger, charge_frame
) -> None:
    legs = [(4, "retail", 1, "anna", "EUR", 10), (3, "retail", 1, "anna", "EUR", 10)]
    done = post(ledger, "alpha", "f", charge_frame("alpha", "f", legs), NOW)
    assert done.refused.rows() == [(4, f"{1:032x}", "alpha", "f", 3)]
    assert balances(ledger)["anna", "EUR"] == (-10, 1)


def test_files_posted_together_end_as_those_posted_one_by_one(
    postgres_url: str, sqlite_url: str, charge_frame
) -> None:
    files = [
        FileCharges(partner, name, charge_frame(partner, name, legs)) for partner, name, legs in (
            ("alpha", "f", LEGS), ("beta", "f", [(1, "retail", 7, "anna", "EUR", 1)]),
            ("alpha", "g", []), ("beta", "g", [(0, "retail", 5, "anna", "EUR", 10)]),
        )
    ]
    with Ledger(postgres_url) as one, Ledger(sqlite_url) as other:
        together = post_files(one, files, NOW)
        single = [post(other, f.partner, f.file_id, f.charges, NOW) for f in files]
        for left, right in zip(together, single, strict=True):
            assert left.postings.equals(right.postings)
            assert left.refused.equals(right.refused)
            assert (left.records, left.repeated) == (right.records, right.repeated)
        assert one.balances().equals(other.balances())
        assert one.file_states().equals(other.file_states())
        assert [r.repeated for r in post_files(one, files, NOW)] == [True] * 4


def test_a_file_without_charges_is_posted_too(ledger: Ledger, charge_frame) -> None:
    empty = charge_frame("alpha", "f", [])
    assert not post(ledger, "alpha", "f", empty, NOW).repeated
    done = post(ledger, "alpha", "f", empty, NOW)
    assert (done.records, done.refused.height, done.repeated) == (0, 0, True)
    assert conform(POSTING, done.postings).is_empty()
    assert ledger.file_states()["state"].to_list() == ["posted"]


def test_what_posting_brought_about_is_without_corrections(ledger: Ledger, charge_frame) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    first = post(ledger, "alpha", "f", charges, NOW)
    roll_back(ledger, "alpha", "f", charges, NOW, who="anna", why="wrong file")
    anew = charges.with_columns(revision=pl.lit(1, pl.Int32))
    second, third = (post(ledger, "alpha", "f", anew, NOW) for _ in range(2))
    assert [done.first for done in (first, second, third)] == [True, False, False]
    assert [done.repeated for done in (first, second, third)] == [False, False, True]
    assert second.postings["batch_number"].to_list() == [3] * 3
    found = ledger.brought("alpha", "f")
    assert found.filter(revision=0).equals(first.postings)
    assert found.filter(revision=1).equals(second.postings)
    assert (found.height, ledger.postings("alpha", "f").height) == (6, 9)


def test_draws_that_are_posted_count_as_used(ledger: Ledger, charge_frame) -> None:
    charges = charge_frame("alpha", "f", LEGS)
    draw = {"allowance": "minutes", "period_start": datetime.fromisoformat("2026-03-01"),
            "scale": 1, "taken": 60, "holder": None}
    kind = charges.schema["draws"]
    drawn = charges.with_columns(
        draws=pl.when(pl.col("leg") == "retail")
        .then(pl.Series([[{f.name: draw.get(f.name) for f in kind.inner.fields}]], dtype=kind))
        .otherwise(pl.col("draws"))
    )
    for _ in range(2):
        post(ledger, "alpha", "f", drawn, NOW)
    with ledger.reading() as connection:
        rows = connection.execute(select(ALLOWANCE_USE.c.holder, ALLOWANCE_USE.c.used)).all()
    assert sorted(tuple(row) for row in rows) == [("account:anna", 60), ("account:bert", 60)]


def test_each_posting_leaves_a_sealed_trace(ledger: Ledger, charge_frame) -> None:
    for name in ("f", "g", "f"):
        post(ledger, "alpha", name, charge_frame("alpha", name, LEGS), NOW)
    with ledger.reading() as connection:
        rows = [row._asdict() for row in connection.execute(select(AUDIT).order_by("audit_number"))]
    assert [(row["who"], row["action"], row["subject"]) for row in rows] == [
        ("pipeline", "post", "alpha/f"), ("pipeline", "post", "alpha/g")
    ]
    seal = GENESIS
    for row in rows:
        seal = sealed(seal, row)
        assert row["hash"] == seal


def test_nothing_is_posted_on_hold(ledger: Ledger, charge_frame) -> None:
    hold(ledger, NOW, who="anna", why="balances differ")
    with pytest.raises(LedgerError, match=r"hold since 2026-03-02 12:00 UTC: balances differ"):
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW)
    assert ledger.file_states().is_empty()
    assert [release(ledger, NOW, who="anna", why="mended") for _ in range(2)] == [1, 0]
    assert post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW).records == 2


@pytest.mark.parametrize(
    ("legs", "what"),
    [
        ([LEGS[0], LEGS[0]], "two charges for record 0, leg retail, revision 0"),
        ([LEGS[0], (0, "wholesale", 9, "anna", "EUR", 1)], "record 0 has two usage keys"),
        ([(0, "retail", 16**32, "anna", "EUR", 1)], "record 0 has a usage key that is not 32 hex"),
        ([(0, "retail", -1, "anna", "EUR", 1)], "record 0 has a usage key that is not 32 hex"),
        ([(0, "retail", 1, "anna", "EUR", -(2**63))], "limit of 64 bits"),
        ([(n, "retail", n, "anna", "EUR", 2**62) for n in range(3)], "anna/EUR do not fit 64 bits"),
        ([(LARGEST_RECORD + 1, "retail", 1, "anna", "EUR", 1)], f"beyond {LARGEST_RECORD}"),
        ([(-1, "retail", 1, "anna", "EUR", 1)], "record -1 revision 0 is beyond"),
    ],
)
def test_contradicting_charges_are_refused_and_leave_nothing(
    ledger: Ledger, charge_frame, legs: list[tuple[object, ...]], what: str
) -> None:
    with pytest.raises(LedgerError, match=what) as caught:
        post(ledger, "alpha", "f", charge_frame("alpha", "f", legs), NOW)
    assert not caught.value.retry
    assert ledger.balances().is_empty()
    assert ledger.file_states().is_empty()


@pytest.mark.parametrize("revision", [1, LARGEST_REVISION + 1])
def test_charges_of_another_revision_are_refused(
    ledger: Ledger, charge_frame, revision: int
) -> None:
    charges = charge_frame("alpha", "f", LEGS).with_columns(revision=pl.lit(revision, pl.Int32))
    with pytest.raises(LedgerError, match=f"revision {revision}"):
        post(ledger, "alpha", "f", charges, NOW)
    assert ledger.file_states().is_empty()


def test_charges_of_another_file_are_refused(ledger: Ledger, charge_frame) -> None:
    with pytest.raises(LedgerError, match=r"alpha/g.*3 charges are of another file.*alpha/f"):
        post(ledger, "alpha", "g", charge_frame("alpha", "f", LEGS), NOW)
    with pytest.raises(LedgerError, match="time zone"):
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS), NOW.replace(tzinfo=UTC))
    with pytest.raises(TableError, match="columns differ"):
        post(ledger, "alpha", "f", charge_frame("alpha", "f", LEGS).drop("leg"), NOW)

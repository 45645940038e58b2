"""The ledger against a plain dictionary: whatever is done to it in whatever order, they agree."""

import shutil
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import psycopg
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg import sql

from charging.account_money import Order
from charging.accounts import open_accounts
from charging.checks import check
from charging.correction import close_period, correct, roll_back
from charging.ledger import Ledger, LedgerError
from charging.ledger_schema import METADATA
from charging.posting import post_files, register_file
from charging.posting_rows import FileCharges
from charging.reservations import Refusal, expire, reserve, settle, void
from charging.top_ups import adjust, top_up

sys.path.insert(0, str(Path(__file__).parent))
import ledger_model_corrections as corrections
import ledger_model_reservations as reservations
from ledger_model import Account, Charge, File, Model, Name, Refused, revised
from ledger_model_frames import (
    AMOUNTS,
    BATCHES,
    FILES,
    NAMES,
    OPENINGS,
    PEOPLE,
    POLICIES,
    PRICES,
    RECORDS,
    Opening,
    Priced,
    Record,
    account_table,
    charge_table,
    differences,
    of_file,
    posting_rows,
)

BEGIN = datetime.fromisoformat("2026-03-02T12:00:00")
STRANGE = 5
SELDOM = st.sampled_from([False] * 7 + [True])
KEYS = st.integers(0, 4).map("key{}".format)
MANY_KEYS = st.integers(0, 19).map("key{}".format)
Pick = tuple[int, str, Priced]
"""Which charge that stands, what becomes of it, and its new price"""
New = tuple[File, int, str, int, Priced]
"""File, record, leg, usage key and price of a leg that does not stand"""
PICKS = st.lists(
    st.tuples(st.integers(0, 99), st.sampled_from(["changed", "moved", "withdrawn"]), PRICES),
    min_size=1, max_size=4, unique_by=lambda pick: pick[0],
)


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger and a model of it side by side."""

    fresh: Callable[[], str]
    """gives the address of a ledger without rows"""

    def __init__(self) -> None:
        super().__init__()
        self.url = self.fresh()
        self.ledger = Ledger(self.url)
        self.model = Model()
        self.steps = 0

    def teardown(self) -> None:
        self.ledger.close()

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(minutes=self.model.minute)

    def both(
        self, modelled: Callable[[], object], done: Callable[[], object]
    ) -> tuple[object, ...]:
        """What the model and the ledger answer; nothing where both refuse."""
        try:
            expected = modelled()
        except Refused:
            with pytest.raises(LedgerError):
                done()
            return ()
        return expected, done()

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.url)

    @rule(minutes=st.integers(1, 3))
    def wait(self, minutes: int) -> None:
        self.model.minute += minutes

    @rule(file=FILES)
    def register(self, file: File) -> None:
        assert register_file(self.ledger, *file) == self.model.register(file)

    @rule(name=NAMES, opening=OPENINGS)
    def open_account(self, name: Name, opening: Opening) -> None:
        self._open(name, *opening)

    def _open(self, name: Name, mode: str, opening: int, limit: int | None) -> None:
        table = account_table(*name, Account(mode, limit), opening)
        opened = open_accounts(self.ledger, table, self.now)
        assert opened == self.model.open_account(name, mode, opening, limit)

    @rule(key=KEYS, name=NAMES, kind=st.sampled_from(["top_up", "adjustment"]), amount=AMOUNTS)
    def put_in(self, key: str, name: Name, kind: str, amount: int) -> None:
        order = Order(*name, amount, key, who="test", why="drawn")
        ask = top_up if kind == "top_up" else adjust
        answers = self.both(lambda: self.model.put_in(kind, key, name, amount),
                            lambda: ask(self.ledger, order, self.now))
        if answers:
            new, done = answers
            assert (done.repeated, done.after_micros) == (not new, self.model.account(name).balance)

    @initialize(openings=st.lists(OPENINGS, min_size=2, max_size=2), files=BATCHES)
    def begin(self, openings: list[Opening], files: dict[File, dict[int, Record]]) -> None:
        for person, (mode, opening, limit) in zip(PEOPLE, openings, strict=True):
            self._open((person, "EUR"), mode, opening, limit)
        self._post(files, {})

    @rule(file=FILES, records=RECORDS, policies=POLICIES)
    def post(self, file: File, records: dict[int, Record], policies: dict[str, str]) -> None:
        self._post({file: records}, policies)

    @rule(files=BATCHES, policies=POLICIES, late=st.sampled_from([0] * 9 + [1, -1]))
    def post_several(self, files: dict[File, dict[int, Record]], policies: dict[str, str],
                     late: int) -> None:
        self._post(files, policies, late)

    def _post(self, files: dict[File, dict[int, Record]], policies: dict[str, str],
              late: int = 0) -> None:
        charges = {file: of_file(self.model, file, records, late)
                   for file, records in files.items()}
        before = len(self.model.batches)
        answers = self.both(
            lambda: self.model.post(charges, policies),
            lambda: post_files(
                self.ledger, [FileCharges(*f, charge_table(c)) for f, c in charges.items()],
                self.now, policies,
            ),
        )
        # There is no answer where all was refused.
        for file, (expected, done) in zip(charges, zip(*answers, strict=True), strict=False):
            assert (done.records, done.repeated) == (expected.records, expected.repeated)
            assert done.refused.rows() == expected.refused
            brought = self.ledger.brought(*file)
            assert posting_rows(brought) == expected.postings
            assert brought.filter(pl.col("batch_number") > before).equals(done.postings)

    @rule(file=FILES, account=st.sampled_from([*PEOPLE, "carl"]))
    def post_too_much(self, file: File, account: str) -> None:
        """Refused when accounts are made and keys claimed, which must leave no trace."""
        prices = ("dora", "EUR", 1, "basic", 0, ()), (account, "EUR", 2**62, "basic", 0, ())
        records = {90 + n: (900 + n, {"retail": prices[n > 0]}) for n in range(4)}
        charges = charge_table(of_file(self.model, file, records))
        with pytest.raises(LedgerError, match="64 bits"):
            post_files(self.ledger, [FileCharges(*file, charges)], self.now)

    @precondition(lambda self: self.model.standing())
    @rule(file=FILES, spoilt=SELDOM)
    def roll_back(self, file: File, *, spoilt: bool) -> None:
        charges = self.model.standing(file)
        if spoilt and charges:
            charges = [revised(charges[0]), *charges[1:]]
        state = self.model.files.get(file)
        rollbacks = [key for kind, key in self.model.batches
                     if kind == "rollback" and key.startswith(f"rollback:{'/'.join(file)}:")]
        def ask() -> object:
            return roll_back(self.ledger, *file, charge_table(charges), self.now,
                             who="test", why="drawn")

        if state and state.state == "rolled_back":
            done = ask()
            assert (done.key, done.repeated) == (rollbacks[-1], True)
        elif not state or state.state == "open" or charges != self.model.standing(file):
            with pytest.raises(LedgerError):
                ask()
        else:
            key, lifted = corrections.roll_back(self.model, file)
            done = ask()
            assert (done.key, done.repeated, done.refusals.rows()) == (key, False, lifted)
            self._agrees_on(done.postings, len(self.model.batches))

    @precondition(lambda self: self.model.standing())
    @rule(key=MANY_KEYS, picks=PICKS, policies=POLICIES, spoilt=SELDOM)
    def rerate(self, key: str, picks: list[Pick], policies: dict[str, str], *,
               spoilt: bool) -> None:
        before, after = self._revisions(picks)
        if spoilt and before:
            before[0] = revised(before[0])
        self._correct(key, "rerate", before, after, policies)

    @precondition(lambda self: self.model.standing())
    @rule(key=MANY_KEYS, picks=PICKS, policies=POLICIES, new=st.lists(
        st.tuples(FILES, st.integers(0, 5), st.sampled_from(["retail", "wholesale"]),
                  st.integers(0, STRANGE), PRICES), max_size=2))
    def replay(self, key: str, picks: list[Pick], policies: dict[str, str],
               new: list[New]) -> None:
        before, after = self._revisions(picks)
        legs = {(c.file, c.record, c.leg) for c in self.model.standing()}
        after += [charge for charge in self._new_legs(new)
                  if (charge.file, charge.record, charge.leg) not in legs]
        self._correct(key, "replay", before, after, policies)

    def _correct(self, key: str, kind: str, before: list[Charge], after: list[Charge],
                 policies: dict[str, str]) -> None:
        if any(key == known for _, known in self.model.batches):
            self._correct_again(key, kind)
            return
        answers = self.both(
            lambda: corrections.correct(self.model, (kind, key), before, after, policies),
            lambda: correct(self.ledger, key, kind, charge_table(before), charge_table(after),
                            self.now, who="test", why="drawn", policies=policies),
        )
        if answers:
            lifted, done = answers
            assert (done.key, done.repeated, done.refusals.rows()) == (key, False, lifted)
            self._agrees_on(done.postings, len(self.model.batches))

    def _revisions(
        self, picks: list[Pick]
    ) -> tuple[list[Charge], list[Charge]]:
        """Some charges that stand, and what replaces them."""
        standing = self.model.standing()
        before, after = [], []
        for place, what, (account, currency, amount, product, minute, draws) in picks:
            charge = standing[place % len(standing)] if standing else None
            if charge is None or charge in before:
                continue
            before.append(charge)
            if what == "changed":
                after.append(revised(charge, amount=amount, draws=draws))
            elif what == "moved":
                after.append(revised(charge, account=account, currency=currency, amount=amount,
                                     product=product, minute=minute))
        return before, after

    def _new_legs(self, new: list[New]) -> Iterator[Charge]:
        """Legs that do not stand, mostly under the usage key that their record has, if any."""
        seen = set()
        for file, record, leg, key, priced in new:
            state = self.model.files.get(file)
            if state is None or (file, record) in seen:
                continue
            seen.add((file, record))
            mine = self.model.legs.get((state.number, record, leg))
            own = self.model.key_of((state.number, record), key)
            yield Charge(file, record, leg, mine.highest + 1 if mine else state.revision,
                         key if key == STRANGE else own, *priced)

    def _correct_again(self, key: str, kind: str) -> None:
        """A key once used does nothing, whatever comes with it."""
        charges = charge_table(self.model.standing())
        done = correct(self.ledger, key, kind, charges, charges.clear(), self.now, who="test",
                       why="drawn")
        assert done.repeated
        keys = [known for _, known in self.model.batches]
        self._agrees_on(done.postings, keys.index(key) + 1)

    def _agrees_on(self, postings: pl.DataFrame, batch: int) -> None:
        """The postings are those of the batch."""
        assert posting_rows(postings) == {
            posting: row[:3] for posting, row in self.model.postings.items() if row[3] == batch
        }

    @rule()
    def close_period(self) -> None:
        self.model.minute += 1
        self.model.close_period()
        close_period(self.ledger, self.now, self.now, who="test")

    @rule(key=KEYS, name=NAMES, amount=st.integers(1, 150), minutes=st.integers(1, 5),
          partial=st.booleans())
    def reserve(self, key: str, name: Name, amount: int, minutes: int, *, partial: bool) -> None:
        answers = self.both(
            lambda: reservations.reserve(self.model, key, name, amount, self.model.minute + minutes,
                                         partial=partial),
            lambda: reserve(self.ledger, key, *name, amount, self.now + timedelta(minutes=minutes),
                            self.now, partial=partial),
        )
        self._same_reservation(*answers)

    @precondition(lambda self: self.model.reservations)
    @rule(key=KEYS, charged=st.integers(0, 160))
    def settle(self, key: str, charged: int) -> None:
        held = self.model.reservations.get(key)
        charged = min(charged, held.amount) if held and charged < 150 else charged
        self._same_reservation(*self.both(
            lambda: reservations.settle(self.model, key, charged),
            lambda: settle(self.ledger, key, charged, self.now),
        ))

    @precondition(lambda self: self.model.reservations)
    @rule(key=KEYS)
    def void(self, key: str) -> None:
        self._same_reservation(*self.both(
            lambda: reservations.void(self.model, key), lambda: void(self.ledger, key, self.now),
        ))

    @precondition(lambda self: self.model.reservations)
    @rule()
    def expire(self) -> None:
        assert expire(self.ledger, self.now) == reservations.expire(self.model, self.model.minute)

    def _same_reservation(self, *answers: object) -> None:
        if not answers:
            return
        expected, done = answers
        if isinstance(done, Refusal):
            assert done.reason == expected
        else:
            assert (done.account, done.currency) == expected.name
            assert (done.state, done.amount_micros, done.posted_micros) == (
                expected.state, expected.amount, expected.posted
            )

    @invariant()
    def agree(self) -> None:
        assert differences(self.ledger, self.model) == []
        self.steps += 1
        if self.steps % 3 == 0:
            assert check(self.ledger) == []


_LONG = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["sqlite", "postgres"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Gives the address of a ledger without rows, the same one each time: no two are open."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    Ledger(url).close()
    if request.param == "sqlite":
        made, kept = tmp_path / "ledger.db", tmp_path / "empty.db"
        shutil.copy(made, kept)

        def copied() -> str:
            for file in tmp_path.glob("ledger.db*"):
                file.unlink()
            shutil.copy(kept, made)
            return url

        return copied

    def emptied() -> str:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")
            for table in METADATA.sorted_tables:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))
        return url

    return emptied


@pytest.mark.parametrize(("examples", "steps"), [(4, 16), pytest.param(40, 30, marks=_LONG)])
def test_the_ledger_is_what_the_model_says(
    fresh: Callable[[], str], examples: int, steps: int, monkeypatch: pytest.MonkeyPatch,
    thinned: Callable[[int], int],
) -> None:
    # Funds are looked up in one way for the largest payers and in another for all others.
    monkeypatch.setattr("charging.accounts._LARGE", 1)

    class Machine(LedgerMachine):
        """The machine on one of the databases."""

    Machine.fresh = staticmethod(fresh)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=max(4, thinned(examples)),
            stateful_step_count=steps,
            derandomize=True,
        ),
    )

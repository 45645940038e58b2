"""The ledger against a plain dictionary: any order of posting, repeating, opening, reopening."""

import tempfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from charging.ledger import Ledger
from charging.ledger_answers import ACCOUNTS

ChargeFrame = Callable[..., pl.DataFrame]
Record = tuple[int, list[tuple[str, str, str, int]]]
NOW = datetime.fromisoformat("2026-03-02T12:00:00")

_LEG = st.sampled_from(["retail", "wholesale"])
_CHARGE = st.tuples(
    _LEG,
    st.sampled_from(["anna", "bert", "partner:alpha"]),
    st.sampled_from(["EUR", "XDR"]),
    st.integers(-5, 10**12),
)
_RECORD = st.tuples(
    st.integers(0, 9), st.lists(_CHARGE, min_size=1, max_size=2, unique_by=lambda leg: leg[0])
)
_RECORDS = st.lists(_RECORD, max_size=6)
_FILE = st.tuples(st.sampled_from(["alpha", "beta"]), st.sampled_from(["f", "g", "h"]))


class LedgerMachine(RuleBasedStateMachine):
    """Drives a ledger and a model of it side by side."""

    charge_frame: ChargeFrame

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "ledger.db"
        self.ledger = Ledger(self.path)
        self.files: list[tuple[str, str]] = []
        self.answers: dict[tuple[str, str], tuple[int, list[tuple[object, ...]]]] = {}
        self.settled: dict[tuple[str, str], set[int]] = {}
        self.owners: dict[int, tuple[str, int]] = {}
        self.balances: dict[tuple[str, str], int] = {}
        self.opened: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.ledger.close()
        self.folder.cleanup()

    @rule()
    def reopen(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.path)

    @rule(file=_FILE)
    def register(self, file: tuple[str, str]) -> None:
        if file not in self.files:
            self.files.append(file)
        assert self.ledger.register_file(*file) == self.files.index(file) + 1

    @rule(account=st.sampled_from(["anna", "bert"]), amount=st.integers(-9, 10**9))
    def open_account(self, account: str, amount: int) -> None:
        frame = pl.DataFrame(
            [(account, "EUR", "prepaid", amount)], schema=ACCOUNTS.polars, orient="row"
        )
        new = (account, "EUR") not in self.opened
        assert self.ledger.open_accounts(frame) == new
        if new:
            self.opened.add((account, "EUR"))
            self._move(account, "EUR", amount)

    @rule(file=_FILE, records=_RECORDS)
    def post(self, file: tuple[str, str], records: list[Record]) -> None:
        legs = [(i, leg, key, *rest) for i, (key, all_) in enumerate(records)
                for leg, *rest in all_]
        done = self.ledger.post(*file, self.charge_frame(*file, legs), NOW)
        new = [i for i in range(len(records)) if i not in self.settled.get(file, ())]
        repeated = file in self.answers and not new
        self._post(file, {i: records[i] for i in new})
        assert (done.posted, done.refused.rows()) == self.answers[file]
        assert done.repeated == repeated

    def _post(self, file: tuple[str, str], records: dict[int, Record]) -> None:
        if file not in self.files:
            self.files.append(file)
        self.settled.setdefault(file, set()).update(records)
        posted, before = self.answers.get(file, (0, []))
        refused = list(before)
        for index, (key, legs) in records.items():
            if key in self.owners:
                refused.append((index, f"{key:032x}", *self.owners[key]))
                continue
            self.owners[key] = (file[1], index)
            for _leg, account, currency, amount in legs:
                self._move(account, currency, -amount)
            posted += 1
        self.answers[file] = (posted, sorted(refused))

    def _move(self, account: str, currency: str, amount: int) -> None:
        self.balances[account, currency] = self.balances.get((account, currency), 0) + amount

    @invariant()
    def agrees(self) -> None:
        assert self.ledger.check() == []
        columns = ("account", "currency", "balance_micros")
        rows = self.ledger.balances().select(columns).iter_rows()
        assert {(account, currency): amount for account, currency, amount in rows} == self.balances
        states = self.ledger.file_states().select("partner", "file_id", "state").rows()
        assert states == [
            (*file, "posted" if file in self.answers else "open") for file in self.files
        ]


@pytest.mark.parametrize("examples", [6, pytest.param(15, marks=pytest.mark.slow)])
def test_the_ledger_is_what_the_model_says(charge_frame: ChargeFrame, examples: int) -> None:
    class Machine(LedgerMachine):
        """The machine with the charges of conftest.py."""

    Machine.charge_frame = staticmethod(charge_frame)
    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            derandomize=True,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )

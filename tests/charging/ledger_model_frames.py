"""Drawn charges as the ledger takes them, and what a ledger holds as plain values."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import strategies as st
from ledger_model import Account, Charge, Draw, File, LegId, Model, PostingId
from sqlalchemy import Row, select

from charging.allowance_use import used
from charging.ledger import Ledger
from charging.ledger_answers import ACCOUNTS
from charging.ledger_schema import ACCOUNT, POSTING, REFUSAL
from charging.posting_id import KIND_NAMES, LEGS
from rating.schema import CHARGE

EVENTS = datetime.fromisoformat("2026-03-01T00:00:00")
PARTNERS = ["alpha", "beta"]
FILES = st.tuples(st.sampled_from(PARTNERS), st.sampled_from(["f", "g"]))
PEOPLE = ["anna", "bert"]
NAMES = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["EUR", "EUR", "XDR"]))
POLICIES = st.dictionaries(
    st.sampled_from(["basic", "plus"]), st.sampled_from(["negative", "cap", "write_off"])
)
AMOUNTS = st.one_of(st.integers(-3, 9), st.integers(10, 120), st.integers(0, 10**12))
# mode, opening, credit limit
OPENINGS = st.one_of(
    st.tuples(st.just("prepaid"), st.integers(-9, 200), st.none()),
    st.tuples(st.just("postpaid"), st.integers(-9, 200), st.one_of(st.none(), st.integers(0, 150))),
)
Opening = tuple[str, int, int | None]

# Keys of one first half are told apart by the other; a first half may be negative as a number.
_KEYS = st.tuples(st.sampled_from([0, 0, 1, 2, 1 << 63]), st.integers(0, 5)).map(
    lambda halves: (halves[0] << 64) + halves[1]
)
_DRAWS = st.builds(
    Draw, allowance=st.sampled_from(["data", "voice"]),
    holder=st.sampled_from([None, "pool:family", "account:anna"]), day=st.integers(0, 1),
    scale=st.sampled_from([1, 8]), taken=st.integers(0, 50),
)
# account, currency, amount, product, minute, draws
_PRICED = (
    st.sampled_from([*PEOPLE, "partner:alpha"]), st.sampled_from(["EUR", "EUR", "EUR", "XDR"]),
    AMOUNTS, st.sampled_from(["basic", "plus"]), st.integers(0, 3),
    st.lists(_DRAWS, max_size=2).map(tuple),
)
Priced = tuple[str, str, int, str, int, tuple[Draw, ...]]
Record = tuple[int, dict[str, Priced]]
PRICES = st.tuples(*_PRICED)
RECORDS = st.dictionaries(
    st.integers(0, 4),
    st.tuples(_KEYS, st.dictionaries(st.sampled_from(["retail", "wholesale"]), PRICES, min_size=1)),
    max_size=5,
)
BATCHES = st.dictionaries(FILES, RECORDS, min_size=1, max_size=3)


def of_file(model: Model, file: File, records: dict[int, Record], late: int = 0) -> list[Charge]:
    """The charges of drawn records, at the revisions that they must have, or so many later."""
    return [
        Charge(file, record, leg, max(0, model.next_revision(file, record) + late), key, *priced)
        for record, (key, legs) in records.items() for leg, priced in legs.items()
    ]


def charge_table(charges: Sequence[Charge]) -> pl.DataFrame:
    """Table charge."""
    rows = [_row(charge) for charge in charges]
    names = list(_row(_ANY))
    given = pl.DataFrame(rows, schema={name: CHARGE.polars[name] for name in names}, orient="row")
    return CHARGE.fill(given.with_columns(**{n: pl.lit(v) for n, v in _CONSTANT.items()}))


_CONSTANT = {
    "source": "tariff", "service": "voice", "direction": "mo", "serving_zone": "eu",
    "destination_zone": "eu", "unit": "s", "used_units": 60, "billed_units": 60, "covered_units": 0,
    "setup_fee_micros": 0, "adjustment_micros": 0, "discount_micros": 0, "rounding_micros": 0,
    "tax_micros": 0, "catalog_version": "c",
}
_ANY = Charge(("", ""), 0, "", 0, 0, "", "", 0, "", 0, ())


def _row(charge: Charge) -> dict[str, object]:
    return {
        "partner": charge.file[0], "file_id": charge.file[1], "record_index": charge.record,
        "leg": charge.leg, "revision": charge.revision, "usage_key": f"{charge.key:032x}",
        "account": charge.account, "used_by": charge.account, "product": charge.product,
        "currency": charge.currency, "amount_micros": charge.amount, "net_micros": charge.amount,
        "started_at": EVENTS + timedelta(minutes=charge.minute), "parts": [],
        "draws": [
            {"allowance": d.allowance, "holder": d.holder, "units": 0, "before": 0,
             "period_start": EVENTS + timedelta(days=d.day), "taken": d.taken, "scale": d.scale}
            for d in charge.draws
        ],
    }


def account_table(name: str, currency: str, account: Account, opening: int) -> pl.DataFrame:
    """Table accounts of one account."""
    row = (name, currency, account.mode, opening, account.limit)
    return pl.DataFrame([row], schema=ACCOUNTS.polars, orient="row")


def posting_rows(postings: pl.DataFrame) -> dict[PostingId, tuple[str, str, int]]:
    """Table posting as the model keeps it, without batches."""
    columns = ["file_number", "record_index", "leg", "revision", "kind"]
    rows = postings.select(*columns, "account", "currency", "amount_micros").rows()
    return {row[:5]: row[5:] for row in rows}


def differences(ledger: Ledger, model: Model) -> list[tuple[str, object, object]]:
    """What the ledger says and the model says, where they do not say the same."""
    with ledger.reading() as connection:
        postings = dict(_posting(row) for row in connection.execute(_POSTINGS))
        refusals = [
            (_parts(record)[:2], (int(key, 16), _parts(original)[:2]))
            for record, key, original in connection.execute(select(REFUSAL))
        ]
    sides = {
        "balances": (
            {row[:2]: row[2:] for row in ledger.balances().iter_rows()},
            {name: (a.mode, a.balance, a.reserved, a.postings)
             for name, a in model.accounts.items()},
        ),
        "files": (
            [row[:-1] for row in ledger.file_states().iter_rows()],
            [(*file, f.number, f.state, f.revision, f.records, f.refused)
             for file, f in model.files.items()],
        ),
        "used": (
            {(holder, allowance, (start - EVENTS).days, scale): taken
             for holder, allowance, start, scale, taken, _ in used(ledger).iter_rows()},
            model.used,
        ),
        "postings": (postings, model.postings),
        "nets": (_nets(postings), {id_: leg.net for id_, leg in model.legs.items()}),
        "refusals": (dict(refusals), model.refusals),
    }
    return [(name, *sides) for name, sides in sides.items() if sides[0] != sides[1]]


_POSTINGS = select(
    POSTING.c.posting_id, ACCOUNT.c.account, ACCOUNT.c.currency, POSTING.c.amount_micros,
    POSTING.c.batch_number,
).join_from(POSTING, ACCOUNT, ACCOUNT.c.account_number == POSTING.c.account_number)


def _posting(row: Row[Any]) -> tuple[PostingId, tuple[str, str, int, int]]:
    """A posting as the model keeps it."""
    number, record, leg, revision, kind = _parts(row.posting_id)
    return (number, record, LEGS[leg], revision, KIND_NAMES[kind]), tuple(row)[1:]


def _parts(posting_id: int) -> tuple[int, ...]:
    """File number, record index, leg, revision and kind of a posting id, from its bits."""
    bits = f"{posting_id:063b}"
    ends = (0, 27, 52, 53, 60, 63)
    return tuple(int(bits[here:there], 2) for here, there in pairwise(ends))


def _nets(postings: dict[PostingId, tuple[str, str, int, int]]) -> dict[LegId, int]:
    """What each leg comes to."""
    nets: dict[LegId, int] = {}
    for posting, (_, _, amount, _) in postings.items():
        nets[posting[:3]] = nets.get(posting[:3], 0) + amount
    return nets

"""Exchange rates at a moment, inverted where only the other direction is given."""

from datetime import datetime

import polars as pl

from rating.exchange import ExchangeBook


def asked(*rows):
    return pl.DataFrame(
        rows, orient="row", schema={"from": pl.String, "to": pl.String, "at": pl.Datetime("us")}
    )


def test_which_rate_holds(frames):
    book = ExchangeBook.of(frames(exchange_rates=[
        {"from": "EUR", "to": "USD", "rate": "1.0842", "valid_to": "2026-09-01"},
        {"from": "EUR", "to": "USD", "rate": "1.1", "valid_from": "2026-09-01"},
        {"from": "USD", "to": "EUR", "rate": "0.9", "valid_from": "2026-09-01",
         "valid_to": "2026-10-01"},
    ])["exchange_rates"])
    # midnight in Vienna is 22:00 UTC
    before, after = datetime(2026, 8, 31, 21, 59, 59), datetime(2026, 8, 31, 22)
    rows = book.rows(asked(
        ("EUR", "USD", before), ("EUR", "USD", after), ("USD", "EUR", before),
        ("USD", "EUR", after), ("USD", "EUR", datetime(2026, 12, 1)), ("SEK", "SEK", before),
        ("SEK", "EUR", before), ("EUR", "USD", None),
    ))
    assert rows.dtype == pl.Int64
    assert rows.to_list() == [0, 1, 3, 2, 4, -1, None, None]
    assert book.matrix[rows[0]].tolist() == [5421, 5000]
    assert book.matrix[rows[2]].tolist() == [5000, 5421]
    assert [book.line(row) for row in (0, 3, 2, 4)] == [
        "exchange_rates.csv:2", "exchange_rates.csv:2", "exchange_rates.csv:4",
        "exchange_rates.csv:3",
    ]


def test_no_rates(frames):
    book = ExchangeBook.of(frames()["exchange_rates"])
    rows = book.rows(asked(("EUR", "EUR", datetime(2026, 1, 1)), ("EUR", "USD", None)))
    assert rows.to_list() == [-1, None]
    assert book.matrix.shape == (0, 2)

"""Who stands behind a SIM at a time: sims and subscriptions made one table of intervals."""

from collections.abc import Mapping

import polars as pl

_SIM = ["imsi", "msisdn", "account"]
_INTERVAL = ["valid_from", "valid_to"]


def digits_number(digits: pl.Expr) -> pl.Expr:
    """Digits as one Int64 that tells leading zeros apart: 16 times the number, plus its length.

    Null for anything but 1 to 15 digits.
    """
    sized = digits.str.len_bytes().cast(pl.Int64)
    number = digits.cast(pl.Int64, strict=False)
    # the cast takes a sign, which is no digit
    plain = (number >= 0) & ~digits.str.starts_with("+") & ~digits.str.starts_with("-")
    return pl.when(plain & (sized <= 15)).then(number * 16 + sized)


def identities(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """One row per SIM and subscription interval, sorted by imsi_number and valid_from.

    imsi_number, msisdn_number (digits_number), account, product (null: no subscription holds),
    imsi, msisdn, valid_from, valid_to; account_no is the account's row in accounts, product_no
    its place among product_names, -1 for none. Rows of one SIM do not overlap.
    """
    sims = frames["sims"].select(*_SIM, *_INTERVAL).with_row_index("sim").cast({"sim": pl.Int64})
    hits = _hits(sims, frames["subscriptions"])
    counted = sims.select("sim").join(hits.group_by("sim").len("hits"), on="sim", how="left")
    several = counted.filter(pl.col("hits") > 1)["sim"]
    is_several = pl.col("sim").is_in(several.implode())
    plain = pl.concat([
        _with_gaps(sims.filter(~is_several), hits.filter(~is_several)),
        _divided(sims.filter(is_several), hits.filter(is_several)),
    ])
    numbered = _with_numbers(plain.join(sims.select("sim", *_SIM), on="sim"), frames)
    return numbered.select(
        "imsi_number", "msisdn_number", "account", "product", "imsi", "msisdn", *_INTERVAL,
        "account_no", "product_no",
    ).sort("imsi_number", "valid_from")


def product_names(products: pl.DataFrame) -> pl.Series:
    """The names of the products, in order; product_no counts in it."""
    return products["product"].unique().sort()


def _hits(sims: pl.DataFrame, subscriptions: pl.DataFrame) -> pl.DataFrame:
    """Per SIM and subscription that holds within its validity: sim, product, named, interval."""
    asked = subscriptions.rename({"valid_from": "sub_from", "valid_to": "sub_to"})
    named = sims.join(asked.filter(pl.col("imsi") != ""), on=["account", "imsi"])
    other = sims.join(asked.filter(pl.col("imsi") == "").drop("imsi"), on="account")
    both = pl.concat([
        frame.select(
            "sim", "product", named=pl.lit(by_imsi),
            valid_from=pl.max_horizontal("valid_from", "sub_from"),
            valid_to=pl.min_horizontal("valid_to", "sub_to"),
        )
        for frame, by_imsi in ((named, True), (other, False))
    ])
    return both.filter(pl.col("valid_from") < pl.col("valid_to"))


def _with_gaps(sims: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """The intervals of SIMs with at most one subscription, and what is left of their validity."""
    held = sims.join(
        hits.rename({"valid_from": "sub_from", "valid_to": "sub_to"}), on="sim", how="left"
    )
    nothing = pl.lit(None, pl.String)
    before = held.filter(pl.col("valid_from") < pl.col("sub_from")).select(
        "sim", "valid_from", product=nothing, valid_to="sub_from"
    )
    after = held.filter(pl.col("sub_to") < pl.col("valid_to")).select(
        "sim", "valid_to", product=nothing, valid_from="sub_to"
    )
    within = held.select(
        "sim", "product", valid_from=pl.coalesce("sub_from", "valid_from"),
        valid_to=pl.coalesce("sub_to", "valid_to"),
    )
    columns = ["sim", "product", *_INTERVAL]
    return pl.concat([f.select(columns) for f in (within, before, after)])


def _divided(sims: pl.DataFrame, hits: pl.DataFrame) -> pl.DataFrame:
    """The intervals of SIMs with several subscriptions: cut wherever one begins or ends."""
    cuts = pl.concat([
        frame.select("sim", valid_from=end) for frame in (sims, hits) for end in _INTERVAL
    ]).unique().sort("sim", "valid_from")
    pieces = cuts.with_columns(
        valid_to=pl.col("valid_from").shift(-1).over("sim")
    ).drop_nulls("valid_to")
    best = (
        pieces.join(hits, on="sim", suffix="_sub")
        .filter((pl.col("valid_from_sub") <= pl.col("valid_from"))
                & (pl.col("valid_from") < pl.col("valid_to_sub")))
        .sort("named", descending=True, maintain_order=True)
        .unique(["sim", "valid_from"], keep="first", maintain_order=True)
        .select("sim", "valid_from", "product")
    )
    return pieces.join(best, on=["sim", "valid_from"], how="left").select(
        "sim", "product", *_INTERVAL
    )


def _with_numbers(rows: pl.DataFrame, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    accounts = frames["accounts"].select("account").with_row_index("account_no")
    names = product_names(frames["products"]).to_frame().with_row_index("product_no")
    return (
        rows.join(accounts, on="account", how="left")
        .join(names, on="product", how="left")
        .with_columns(
            pl.col("account_no").cast(pl.Int64),
            pl.col("product_no").cast(pl.Int64).fill_null(-1),
            imsi_number=digits_number(pl.col("imsi")),
            msisdn_number=digits_number(pl.col("msisdn")),
        )
    )

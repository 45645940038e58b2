"""Reject rows made from what a stage found."""

from typing import get_args

import polars as pl

from mediation.codes import CODES, OutcomeName
from mediation.file_context import FileContext
from mediation.schema import REJECT

_OUTCOME = {c.code: c.outcome for c in CODES.values()}
_SEVERITY = {c.code: c.severity for c in CODES.values()}
_STAGE = {c.code: c.stage for c in CODES.values()}


def rejects(ctx: FileContext, found: pl.DataFrame) -> pl.DataFrame:
    """Table reject from rows with at least record_index, code and detail.

    Other columns of the table are taken when present. A code outside the code table is a drop
    rule of the profile: stage normalize, outcome dropped, severity warning.
    """
    if found.is_empty():
        return REJECT.empty()
    return REJECT.fill(
        found.with_columns(
            partner=pl.lit(ctx.partner),
            file_id=pl.lit(ctx.file_id),
            stage=pl.col("code").replace_strict(
                _STAGE, default="normalize", return_dtype=pl.String
            ),
            outcome=pl.col("code").replace_strict(
                _OUTCOME, default="dropped", return_dtype=pl.String
            ),
            severity=pl.col("code").replace_strict(
                _SEVERITY, default="warning", return_dtype=pl.String
            ),
        )
    )


def file_reject(ctx: FileContext, code: str, detail: str) -> pl.DataFrame:
    """Table reject with one row about the whole file (record_index null)."""
    return rejects(
        ctx,
        pl.DataFrame(
            {"record_index": [None], "code": [code], "detail": [detail]},
            schema={"record_index": pl.Int32, "code": pl.String, "detail": pl.String},
        ),
    )


def ends(rejected: pl.DataFrame) -> dict[str, int]:
    """Number of records in table reject by outcome, as table file has it; whole files apart."""
    if rejected.is_empty():
        return dict.fromkeys(get_args(OutcomeName), 0)
    outcome = rejected.filter(pl.col("record_index").is_not_null())["outcome"]
    return {name: int((outcome == name).sum()) for name in get_args(OutcomeName)}

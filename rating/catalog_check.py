"""Checks across the rows and tables of a catalog; each fault is a finding."""

import polars as pl

from rating.catalog_read import Finding, Findings
from rating.catalog_tables import ANY, SERVICE_UNIT, TABLES, CatalogTable
from rating.week import WEEK_MINUTES, clock, week_slots

Frames = dict[str, pl.DataFrame]


def check(frames: Frames) -> Findings:
    """What is wrong between the rows of readable tables: keys, validity, references, calendars."""
    findings: Findings = []
    for table in TABLES:
        frame = frames[table.name]
        for key in table.keys:
            findings += _doubled(table, key, frame)
        if table.dated:
            findings += _empty_validity(table, frame)
        findings += _dangling(table, frames)
    for name in ("rates", "agreements"):
        findings += _units(name, frames[name])
    findings += _calendars(frames["calendars"])
    findings += _currencies(frames["accounts"])
    return findings


def _doubled(table: CatalogTable, key: tuple[str, ...], frame: pl.DataFrame) -> Findings:
    known = frame.drop_nulls(list(key))
    if table.dated:
        known = known.sort(*key, "valid_from", "line")
        # the latest end so far, not the last row's: a long row may span several short ones
        until = pl.col("valid_to").cum_max().shift(1).over(key)
        bad = known.filter(pl.col("valid_from") < until)
        what = "is valid at the same time as another row of it"
    else:
        bad = known.filter(~pl.struct(key).is_first_distinct())
        what = "stands twice"
    return [
        Finding(
            f"{table.name}.csv:{row['line']}",
            f"{', '.join(key)} {', '.join(str(row[k]) for k in key)} {what}",
            "remove one row" + (", or end one where the other begins" if table.dated else ""),
        )
        for row in bad.iter_rows(named=True)
    ]


def _empty_validity(table: CatalogTable, frame: pl.DataFrame) -> Findings:
    bad = frame.filter(pl.col("valid_from") >= pl.col("valid_to"))
    return [
        Finding(f"{table.name}.csv:{line}", "valid_to is not after valid_from",
                "valid_to is the day after the last")
        for line in bad["line"]
    ]


def _dangling(table: CatalogTable, frames: Frames) -> Findings:
    findings: Findings = []
    for column in table.columns:
        if not column.refers:
            continue
        target, name = column.refers.split(".")
        known = frames[target][name].unique().drop_nulls().to_list()
        bad = frames[table.name].filter(
            pl.col(column.name).is_in([*known, *([ANY] if column.wild else []), ""]).not_()
        )
        findings += [
            Finding(f"{table.name}.csv:{line}", f"{column.name} {value!r} is not in {target}.csv",
                    f"add it to column {name} of {target}.csv, or correct it")
            for line, value in bad.select("line", column.name).iter_rows()
        ]
    return findings


def _units(name: str, frame: pl.DataFrame) -> Findings:
    expected = pl.col("service").replace_strict(SERVICE_UNIT, default=None)
    bad = frame.filter(pl.col("unit") != expected)
    return [
        Finding(f"{name}.csv:{line}", f"unit {unit} does not fit service {service}",
                f"price {service} by {SERVICE_UNIT[service]}")
        for line, unit, service in bad.select("line", "unit", "service").iter_rows()
    ]


def _calendars(frame: pl.DataFrame) -> Findings:
    backward = frame.filter(pl.col("from_minute") >= pl.col("to_minute"))
    findings = [
        Finding(f"calendars.csv:{line}", "to is not after from",
                "split what spans midnight: until 24:00, and from 00:00 of the next day")
        for line in backward["line"]
    ]
    unread = frame.filter(pl.any_horizontal(pl.all().is_null()))["calendar"]
    whole = frame.filter(~pl.col("calendar").is_in([*unread, *backward["calendar"]]))
    for (name,), rows in whole.group_by("calendar", maintain_order=True):
        fault = _coverage(rows)
        if fault:
            findings.append(Finding(
                f"calendars.csv:{rows['line'][0]}", f"calendar {name} {fault}",
                "cover each minute from mon 00:00 to sun 24:00 once",
            ))
    return findings


def _coverage(rows: pl.DataFrame) -> str:
    """The first fault in how a calendar covers the week, empty for none."""
    covered = 0
    for slot in week_slots(rows):
        if slot.start < covered:
            return f"has two bands at {clock(slot.start)}"
        if slot.start > covered:
            return f"has no band at {clock(covered)}"
        covered = slot.end
    return "" if covered == WEEK_MINUTES else f"has no band at {clock(covered)}"


def _currencies(accounts: pl.DataFrame) -> Findings:
    mixed = accounts.filter(pl.col("currency").n_unique().over("product") > 1)
    return [
        Finding(f"accounts.csv:{line}", f"product {product} has accounts in several currencies",
                "its prices are in the account's currency: make one product for each")
        for line, product in mixed.unique("product", keep="first", maintain_order=True)
        .select("line", "product").iter_rows()
    ]

"""What a profile asks of text columns (`where`, drop rules), as Polars expressions."""

import polars as pl

from mediation.codes import CODES
from mediation.profile import Check, Condition, Drop, ProfileError, Where


def stripped(column: str, present: set[str]) -> pl.Expr:
    """A text column without blanks around it; null where the file lacks the column."""
    return pl.col(column).str.strip_chars() if column in present else pl.lit(None, pl.String)


def columns_asked(where: Where) -> tuple[str, ...]:
    """The text columns that conditions look at, in order."""
    return tuple(where)


def columns_of_rule(rule: Drop) -> tuple[str, ...]:
    """The text columns that a drop rule or a check looks at, each once, in order."""
    own = (rule.column,) if rule.column else ()
    some = (column for where in rule.any for column in columns_asked(where))
    return tuple(dict.fromkeys((*own, *columns_asked(rule.where), *some)))


def holds(where: Where, present: set[str]) -> pl.Expr:
    """Whether every named column passes; an absent column is an empty one."""
    if not where:
        return pl.lit(value=True)
    return pl.all_horizontal(
        _passes(stripped(column, present), asked) for column, asked in where.items()
    )


def drops(rule: Drop, present: set[str]) -> pl.Expr:
    """Whether a drop rule or a check takes the record."""
    found = [holds(rule.where, present)]
    if rule.column:
        found.append(_passes(stripped(rule.column, present), rule.equals))
    if rule.any:
        found.append(pl.any_horizontal(holds(where, present) for where in rule.any))
    return pl.all_horizontal(found)


def check_where(place: str, where: Where) -> None:
    """ProfileError for a condition that asks nothing or cannot be read."""
    for column, asked in where.items():
        if isinstance(asked, tuple):
            continue
        if asked == Condition(negate=asked.negate):
            raise ProfileError(f"{place}.{column}: asks nothing; give equals, matches, at_least, "
                               "at_most or empty")
        if asked.matches:
            check_pattern(f"{place}.{column}", asked.matches)


def check_rule(rule: Drop) -> None:
    """ProfileError for a drop rule or a check that asks nothing, or cannot be read."""
    place = f"{'check' if isinstance(rule, Check) else 'drop'}.{rule.rule}"
    if isinstance(rule, Check) and rule.rule in CODES:
        raise ProfileError(f"{place}: is a code of ours, with a meaning; give it another")
    if not columns_of_rule(rule) or bool(rule.column) != bool(rule.equals):
        raise ProfileError(f"{place}: needs column and equals, where or any")
    if not all(rule.any):
        raise ProfileError(f"{place}: a part of any asks nothing")
    for where in (rule.where, *rule.any):
        check_where(place, where)


def check_pattern(place: str, pattern: str) -> None:
    """ProfileError for a regular expression that Polars cannot read."""
    try:
        pl.Series([""]).str.contains(pattern)
    except pl.exceptions.ComputeError as error:
        raise ProfileError(f"{place}: {pattern!r} is no regular expression: {error}") from error


def _passes(text: pl.Expr, asked: tuple[str, ...] | Condition) -> pl.Expr:
    if isinstance(asked, tuple):
        return text.fill_null("").is_in(list(asked))
    found: list[pl.Expr] = []
    number = text.cast(pl.Int64, strict=False)
    if asked.equals:
        found.append(text.fill_null("").is_in(list(asked.equals)))
    if asked.matches:
        found.append(text.str.contains(asked.matches))
    if asked.at_least is not None:
        found.append(number >= asked.at_least)
    if asked.at_most is not None:
        found.append(number <= asked.at_most)
    if asked.empty is not None:
        found.append(text.fill_null("").eq("") == asked.empty)
    every = pl.all_horizontal(one.fill_null(value=False) for one in found)
    return ~every if asked.negate else every

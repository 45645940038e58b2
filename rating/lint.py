"""What is wrong between the rows and tables of a catalog that can be read."""

from collections.abc import Mapping
from typing import Final

import polars as pl

from rating.catalog_read import Findings
from rating.lint_allowances import ALLOWANCE_CHECKS
from rating.lint_bounds import BOUND_CHECKS
from rating.lint_calendars import CALENDAR_CHECKS
from rating.lint_check import Check, Tables
from rating.lint_customers import CUSTOMER_CHECKS
from rating.lint_keys import KEY_CHECKS
from rating.lint_places import PLACE_CHECKS
from rating.lint_precision import PRECISION_CHECKS
from rating.lint_rates import RATE_CHECKS
from rating.lint_recurring import RECURRING_CHECKS

CHECKS: Final[tuple[Check, ...]] = (
    *KEY_CHECKS, *PLACE_CHECKS, *CALENDAR_CHECKS, *RATE_CHECKS, *BOUND_CHECKS, *PRECISION_CHECKS,
    *ALLOWANCE_CHECKS, *CUSTOMER_CHECKS, *RECURRING_CHECKS,
)
"""All checks, in the order in which their findings are told"""


def check(frames: Mapping[str, pl.DataFrame]) -> Findings:
    """The findings of all checks, errors and warnings, in typed frames of every table."""
    tables = Tables.of(frames)
    return [finding for each in CHECKS for finding in each.findings(tables)]

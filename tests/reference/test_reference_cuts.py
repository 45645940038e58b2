"""The reference cuts calls at borders of bands and rates as looking at every second does."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from random_catalogs import random_catalog
from random_events import random_usage
from reference_catalog import read_catalog
from reference_match import matching_rates, stretches, stretches_by_seconds
from reference_price import Turned
from reference_rater import Event


def cuts(seed, count):
    """Stretches of random calls both ways, of those that begin at a rate of their own."""
    texts, home = random_catalog(seed)
    catalog = read_catalog(texts, home)
    for row in random_usage(texts, home, seed, count):
        event = Event(row, catalog)
        try:
            event.locate()
        except Turned:
            continue
        question = event.question(catalog.tariffs[event.product["tariff"]])
        rates = matching_rates(catalog, question)
        if not question.timed or not 0 < question.units < 8_000:
            continue
        if not any(rate.markup is not None for rate in rates):
            yield stretches(question, rates), stretches_by_seconds(question, rates)


@pytest.mark.parametrize("seed", range(3))
def test_cuts_are_what_every_second_says(seed):
    found = list(cuts(seed, 50))
    assert found
    for by_borders, by_seconds in found:
        assert by_borders == by_seconds


@pytest.mark.slow
@pytest.mark.seeds
@pytest.mark.parametrize("seed", range(10, 30))
def test_cuts_over_many_catalogs(seed):
    for by_borders, by_seconds in cuts(seed, 400):
        assert by_borders == by_seconds

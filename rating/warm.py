"""`python -m rating.warm`: compile the charging function once, so no later process has to."""

import numpy as np

from rating.price_arrays import Cards, Events, Priced, Rates
from rating.price_batch import price_batch


def warm() -> Priced:
    """The price of one event of one second; its kernels are in numba's cache afterwards."""
    zero, one = np.zeros(1, np.int64), np.ones(1, np.int64)
    cards = Cards(np.array([0, 1], np.int64), zero, zero)
    events = Events(zero, zero, one, one, zero)
    return price_batch(events, cards, Rates(zero, one, one, one, one))


if __name__ == "__main__":
    warm()

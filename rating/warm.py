"""`python -m rating.warm`: compile what rating runs compiled once, so no later process has to."""

import numpy as np

from rating import row_search
from rating.price_arrays import Book
from rating.price_batch import Priced, price_batch

COLUMNS = {
    "tariffs": 6, "rates": 10, "tiers": 2, "epochs": 2, "slots": 2, "shifts": 2, "fx": 2,
    "holdings": 8, "allowances": 4, "scopes": 1,
}


def warm() -> Priced:
    """The price of no event; what computes it is in numba's cache afterwards."""
    row_search.warm()
    book = Book(*(
        np.zeros((1, COLUMNS[name]) if name in COLUMNS else 1, np.int64) for name in Book._fields
    ))
    none = np.zeros(0, np.int64)
    return price_batch(np.zeros((0, 16), np.int64), none, book, none)


if __name__ == "__main__":
    warm()

"""The order in which the events of a batch are priced."""

import numpy as np
import polars as pl

from rating.validity import Ints


def walking_order(at: Ints, keys: pl.Series, walk: Ints) -> Ints:
    """The places of the events as they come, those of one walk by start and usage key.

    Events of different walks, and those of none (-1), do not depend on each other.
    """
    order = np.arange(len(at))
    places = _to_order(at, walk)
    if len(places):
        events = pl.DataFrame({
            "place": places, "walk": walk[places], "at": at[places],
            "key": keys[pl.Series(places)],
        })
        # the events of a walk share their places among themselves
        order[places] = events.sort("walk", "at", "key")["place"].to_numpy()
    return order


def _to_order(at: Ints, walk: Ints) -> Ints:
    """The places of the walks whose events do not come by start, walk by walk."""
    counts = np.bincount(walk + 1)
    counts[:1] = 0
    places = np.flatnonzero(counts[walk + 1] > 1)
    places = places[np.argsort(walk[places], kind="stable")]
    walks, starts = walk[places], at[places]
    late = (walks[1:] == walks[:-1]) & (starts[1:] <= starts[:-1])
    asked = np.zeros(len(counts), np.bool_)
    asked[walks[1:][late]] = True
    return places[asked[walks]]

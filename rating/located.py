"""Events as the lookups take and give them."""

from typing import NamedTuple

import numpy as np

from rating.validity import Flags, Ints


class Located(NamedTuple):
    """Events with what the lookups found, as numbers (-1: none); one value an event in each."""

    row: Ints
    """row of the usage"""
    at: Ints
    """start, microseconds since 1970"""
    service: Ints
    """place in SERVICES, behind them for services that are not known"""
    direction: Ints
    partner: Ints
    """number of the partner's name"""
    network_name: Ints
    """number of the network's TADIG code"""
    relation: Ints
    """place in RELATIONS"""
    sim: Ints
    """row of the catalog's identity"""
    plan: Ints
    """row of the number plan"""
    destination: Ints
    """zone"""
    units: Ints
    account: Ints
    """row of accounts: the account of the SIM"""
    payer: Ints
    """row of accounts: the account that is charged"""
    currency: Ints
    """number of the payer's currency"""
    tax: Ints
    """number of the tax class: the payer's, else the product's"""
    product_number: Ints
    """number of the product's name"""
    product: Ints
    """row of products"""
    tariff: Ints
    agreed: Ints
    """tariff of the partner's agreement"""
    network: Ints
    """row of networks"""
    serving: Ints
    """zone"""
    place: Ints
    """service, direction, relation and zones as one number, for `SpotBook`"""

    def take(self, places: Ints) -> "Located":
        """Only the events at these places."""
        if len(places) == len(self.row):
            return self
        return Located(*(column[places] for column in self))

    def without(self, away: Flags) -> "Located":
        """Only the events where `away` is not true."""
        return self.take(np.flatnonzero(~away)) if away.any() else self


class Stated(NamedTuple):
    """What usage states of events; a value an event in each."""

    imsi: Ints
    """digits_number, -1 for none"""
    events: Ints
    duration: Ints
    up: Ints
    down: Ints

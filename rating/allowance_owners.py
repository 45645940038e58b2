"""Who has allowances of their own: accounts, SIMs and pools, numbered through, and their names."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from rating.row_spans import Ints
from rating.text_index import TextIndex
from rating.validity import gathered


@dataclass(frozen=True)
class Named:
    """Texts that differ from each other, and the place of each; found by an index made late."""

    texts: pl.Series

    @cached_property
    def _index(self) -> TextIndex:
        return TextIndex.of(self.texts)

    def find(self, texts: pl.Series) -> Ints:
        """The place of each text, -1 where it is none of them or null."""
        if texts.is_empty() or self.texts.is_empty():
            return np.full(len(texts), -1, np.int64)
        return self._index.find(texts)


@dataclass(frozen=True)
class Owners:
    """All who have allowances of their own: accounts, then SIMs, then pools, numbered through."""

    accounts: Named
    sims: Named
    """SIMs with grants, by IMSI"""
    pools: Named

    @property
    def first_sim(self) -> int:
        """The number of the first SIM."""
        return len(self.accounts.texts)

    @property
    def first_pool(self) -> int:
        """The number of the first pool."""
        return self.first_sim + len(self.sims.texts)

    @property
    def count(self) -> int:
        """How many there are."""
        return self.first_pool + len(self.pools.texts)

    def find(self, holders: pl.Series) -> Ints:
        """The number of each text like `account:A1`, -1 for an unknown one."""
        found = np.full(len(holders), -1, np.int64)
        for prefix, first, names in self._kinds():
            of_kind = holders.str.starts_with(prefix)
            places = names.find(holders.filter(of_kind).str.slice(len(prefix)))
            found[of_kind.to_numpy()] = np.where(places >= 0, places + first, -1)
        return found

    def named(self, owner: Ints) -> pl.Series:
        """The texts of owners as the state has them: `account:A1`."""
        return self._texts[pl.Series(owner.astype(np.uint32))]

    def others(self, other: Ints) -> pl.Series:
        """The texts of SIMs and pools by their number without the accounts; null for -1."""
        if self.count == self.first_sim:
            return pl.Series([None], dtype=pl.String).new_from_index(0, len(other))
        return gathered(self._other_texts, other)

    def _kinds(self) -> list[tuple[str, int, Named]]:
        return [
            ("account:", 0, self.accounts), ("sim:", self.first_sim, self.sims),
            ("pool:", self.first_pool, self.pools),
        ]

    @cached_property
    def _texts(self) -> pl.Series:
        return _prefixed(self._kinds())

    @cached_property
    def _other_texts(self) -> pl.Series:
        return _prefixed(self._kinds()[1:])


def _prefixed(kinds: list[tuple[str, int, Named]]) -> pl.Series:
    return pl.concat([prefix + names.texts.rename("holder") for prefix, _, names in kinds])

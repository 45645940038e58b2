"""The example's files put on the partners' servers one by one, as partners do it."""

from itertools import zip_longest
from pathlib import Path

from ratemill.home import Home

_WAITING = "arriving"
"""Folder of the home with the files that are still to come, laid out as on the servers"""


def hold_back(home: Home) -> int:
    """How many files of the example's servers wait from now on until `SampleArrivals` lets them.

    A home that is no example has none.
    """
    demo = home.settings.demo
    if demo is None:
        return 0
    served = home.root / demo.partner_server
    found = sorted(served.glob("*/outgoing/*"))
    for path in found:
        waits = home.root / _WAITING / path.relative_to(served)
        waits.parent.mkdir(parents=True, exist_ok=True)
        path.rename(waits)
    return len(found)


class SampleArrivals:
    """Has the next file arrive whenever so many seconds are over; 0: all of them at once."""

    def __init__(self, home: Home, seconds: float) -> None:
        """Files that an earlier one had not let arrive are still to come."""
        demo = home.settings.demo
        self._seconds, self._next = seconds, 0.0
        self._served = home.root / demo.partner_server if demo else home.root
        self._root = home.root / _WAITING
        self.left = in_turn(self._root)

    def tick(self, now: float) -> None:
        """Let arrive what is due; `now` is seconds of a clock that never goes back."""
        while self.left and now >= self._next:
            path = self.left.pop(0)
            path.rename(self._served / path.relative_to(self._root))
            self._next = now + self._seconds


def in_turn(root: Path) -> list[Path]:
    """The files below, each partner's by name, one of every partner after the other."""
    of_partner = [sorted(folder.glob("*/*")) for folder in sorted(root.glob("*"))]
    return [path for each in zip_longest(*of_partner) for path in each if path]

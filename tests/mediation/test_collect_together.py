"""Files that have come while others were registered are registered together."""

import sys
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, cast

import pytest

from mediation.collect import Fetched, _Run, collect
from mediation.collect_limits import LIMITS
from mediation.raw_store import RawStore
from mediation.sftp import SftpSession
from mediation.source import ConnectError, RemoteFile

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import NOW, OLD, Run, profile


def test_what_has_come_meanwhile_is_delivered_together(run: Run) -> None:
    for number in range(40):
        run.put(f"CD{number:02}", str(number).encode())
    lots: list[list[str]] = []

    def deliver(files: Sequence[Fetched]) -> None:
        lots.append([file.name for file in files])
        time.sleep(0.05)

    collect(
        profile(sessions=4), partial(SftpSession, run.endpoint, LIMITS),
        run.archive, lambda *_: False, lambda: NOW, deliver, run.slept.append,
        replace(LIMITS, together=5),
    )
    assert list(chain(*lots)) == [f"CD{number:02}" for number in range(40)]
    assert 1 < max(map(len, lots)) <= 5


def test_what_came_before_the_end_of_a_run_is_delivered(run: Run) -> None:
    for name in ("CD1", "CD2", "CD3"):
        run.put(name, name.encode())
    lots: list[list[str]] = []
    with ThreadPoolExecutor(1) as pool:
        ready: list[tuple[RemoteFile, Future[Fetched]]] = []
        for name in ("CD1", "CD2", "CD3"):
            file = RemoteFile(name, f"outgoing/{name}", 3, OLD)
            ready.append((file, pool.submit(_fetched_or_gone, run, file)))
        going = _Run(
            profile().collect, RawStore(run.archive), cast("Any", None), pool, {}
        )
        with pytest.raises(ConnectError, match="gone"):
            going._deliver(ready, lambda files: lots.append([file.name for file in files]))
    assert lots == [["CD1"]]
    assert [file.name for file in going.fetched] == ["CD1"]


def _fetched_or_gone(run: Run, file: RemoteFile) -> Fetched:
    if file.name == "CD2":
        raise ConnectError("here", "gone", "try again", retryable=True)
    return Fetched("nordtel", file.name, file.path, 3, OLD, "ab", run.archive)

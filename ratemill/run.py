"""One run over a home: collect from every partner, then every stage for what is not done."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from ratemill import pipeline
from ratemill.data_docs import build_data_docs
from ratemill.errors import FilesNotPosted, PartnerUnreachable
from ratemill.funnel import FunnelRow, funnel
from ratemill.home import Home
from ratemill.outbox import send
from ratemill.recycle import recycle_awaited, recycle_parts
from ratemill.refs import split
from ratemill.sweep import sweep
from ratemill.warehouse import build_warehouse


class Progress(Protocol):
    """Where a run reports its way."""

    def step(self, label: str, total: int) -> AbstractContextManager[Callable[[], None]]:
        """A context whose value is called once for each unit done."""
        ...


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run did: new files, files it finished, and what it could not do."""

    new: list[str]
    finished: list[str]
    unreachable: list[PartnerUnreachable]
    rows: list[FunnelRow]
    """The figures of every file this run finished, proven"""
    not_posted: FilesNotPosted | None = None
    """Files that the ledger did not take"""


def run(
    home: Home,
    partners: Sequence[str],
    *,
    now: datetime,
    environ: Mapping[str, str],
    progress: Progress,
) -> RunResult:
    """Collect from the partners and take every unfinished file of theirs to its end.

    A partner that cannot be reached costs only himself, as does a file that the ledger does not
    take. ConservationError when a record or a sum is not where it must be.
    """
    sweep(home)
    new, unreachable = _collect(home, partners, now, environ, progress)
    recycle_awaited(home)
    todo = [ref for ref in pipeline.pending(home) if split(ref)[0] in partners]
    done = finish(home, todo, now=now, progress=progress)
    if done.finished:
        with progress.step("pages of the gate", 1) as made:
            build_data_docs(home)
            made()
    _, deaf = send(home, partners, environ=environ)
    return replace(done, new=new, unreachable=[*unreachable, *deaf])


def finish(
    home: Home, todo: Sequence[str], *, now: datetime, progress: Progress
) -> RunResult:
    """Take files through every stage that is not done, and prove what became of them.

    The gate's pages are left to the next whole run: to make them takes longer than a few files do.
    """
    with progress.step("mediate", len(todo)) as done:
        pipeline.mediate(home, todo, done=done)
    # what came now may be what parts in files of before waited for
    again = recycle_parts(home)
    pipeline.mediate(home, again)
    todo = list(dict.fromkeys([*todo, *again]))
    with progress.step("rate", len(todo)) as done:
        pipeline.rate(home, todo, now=now, done=done)
    not_posted = _post(home, todo, now, progress)
    finished = [ref for ref in todo if not_posted is None or ref not in not_posted.faults]
    replayed = pipeline.replay_late(home, finished, now=now)
    pipeline.deliver(home, finished)
    rows = funnel(pipeline.reconcile(home, finished))
    if finished or replayed or not home.warehouse.exists():
        with progress.step("publish", 1) as done:
            build_warehouse(home)
            done()
    return RunResult([], finished, [], rows, not_posted)


def _post(
    home: Home, refs: Sequence[str], now: datetime, progress: Progress
) -> FilesNotPosted | None:
    """Post the files; what is the matter with those that could not be."""
    with progress.step("post", len(refs)) as done:
        try:
            pipeline.post(home, refs, now=now, done=done)
        except FilesNotPosted as error:
            return error
    return None


def _collect(
    home: Home, partners: Iterable[str], now: datetime, environ: Mapping[str, str],
    progress: Progress,
) -> tuple[list[str], list[PartnerUnreachable]]:
    new: list[str] = []
    unreachable: list[PartnerUnreachable] = []
    names = list(partners)
    with progress.step("collect", len(names)) as done:
        for partner in names:
            try:
                new += pipeline.collect(home, partner, now=now, environ=environ)
            except PartnerUnreachable as error:
                unreachable.append(error)
            done()
    return new, unreachable


"""A partner's SFTP server that fails on purpose, as often as it is told to."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh

from ratemill.partner_server import PartnerServer

STALL_S = 0.9


@dataclass
class Faults:
    """Which fault comes when: `left` of them, one in `every` answers, drawn from `rng`."""

    rng: random.Random
    left: int
    every: int = 6
    under_way: Callable[[], None] = lambda: None
    """What the partner does to its files at such a moment"""
    happened: list[str] = field(default_factory=list)

    def draw(self, operation: str, *kinds: str) -> str:
        """A kind of fault, or nothing."""
        if self.left <= 0 or self.rng.randrange(self.every):
            return ""
        self.left -= 1
        kind = self.rng.choice(kinds)
        self.happened.append(f"{operation} {kind}")
        return kind


class FaultyServer(PartnerServer):
    """Serves a user's folder, all of it writable, with faults."""

    def __init__(self, root: Path, keys: Path, faults: Faults) -> None:
        super().__init__(root, keys)
        self.faults = faults

    def _session(self, channel: Any) -> asyncssh.SFTPServer:
        home = self.root / channel.get_extra_info("username")
        return _FaultyFolder(channel, home, self.faults)


class _FaultyFolder(asyncssh.SFTPServer):
    """A folder whose every operation may go wrong, before or after it was done."""

    def __init__(self, channel: Any, home: Path, faults: Faults) -> None:
        super().__init__(channel, chroot=bytes(home))
        self._faults = faults

    async def _suffer(self, kind: str) -> None:
        if kind == "drop":
            self.channel.get_connection().abort()
        elif kind == "stall":
            await asyncio.sleep(STALL_S)
        elif kind == "refuse":
            raise asyncssh.SFTPPermissionDenied("not now")
        elif kind == "fail":
            raise asyncssh.SFTPFailure("disk trouble")
        elif kind == "change":
            self._faults.under_way()

    async def open(self, path: bytes, pflags: int, attrs: Any) -> object:
        await self._suffer(self._faults.draw("open", "drop", "stall", "refuse", "fail", "change"))
        return super().open(path, pflags, attrs)

    async def read(self, file_obj: Any, offset: int, size: int) -> Any:
        kind = self._faults.draw("read", "drop", "stall", "fail", "change", "cut", "few", "end")
        await self._suffer(kind)
        data = super().read(file_obj, offset, size)
        if kind == "cut":
            # Half the answer leaves, then the line is dead.
            self.channel.get_connection().abort()
        if kind in ("cut", "few"):
            return data[: max(1, len(data) // 2)]
        return b"" if kind == "end" else data

    async def stat(self, path: bytes) -> Any:
        kind = self._faults.draw("stat", "drop", "stall", "refuse", "fail", "change", "lie")
        await self._suffer(kind)
        found = asyncssh.SFTPAttrs.from_local(super().stat(path))
        if kind == "lie" and found.size:
            found.size += self._faults.rng.choice((-1, 1, 1000))
        return found

    async def scandir(self, path: bytes) -> AsyncIterator[Any]:
        kind = self._faults.draw("list", "drop", "stall", "fail", "change", "lie")
        await self._suffer(kind)
        async for entry in super().scandir(path):
            if kind == "lie" and entry.attrs.size and not entry.filename.startswith(b"."):
                entry.attrs.size += self._faults.rng.choice((-1, 1, 1000))
            yield entry

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._change("rename", lambda: super(_FaultyFolder, self).rename(oldpath, newpath))

    async def remove(self, path: bytes) -> None:
        await self._change("remove", lambda: super(_FaultyFolder, self).remove(path))

    async def mkdir(self, path: bytes, attrs: Any) -> None:
        await self._change("mkdir", lambda: super(_FaultyFolder, self).mkdir(path, attrs))

    async def _change(self, operation: str, do: Callable[[], object]) -> None:
        kind = self._faults.draw(operation, "drop", "stall", "refuse", "fail")
        late = bool(self._faults.rng.randrange(2)) and kind in ("drop", "stall")
        if late:
            do()
        await self._suffer(kind)
        if not late:
            do()

"""Runs of usage keys kept on disk, with the files whose keys they are; all may be deleted."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from ratemill.atomic import remove, replacing_folder
from ratemill.key_runs import Run, merged, to_merge

_HEADS, _FILES, _NAMES = "heads.npy", "files.npy", "files.json"
_NAME_DIGITS: Final = 32

File = tuple[str, str]
Stamp = tuple[int, int]
"""Size and modification time (ns) of a file's usage: another stamp, other keys"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A run on disk; its file numbers are places in `files`."""

    folder: Path
    run: Run
    files: list[tuple[File, Stamp]]


def kept(place: Path) -> list[Kept]:
    """All runs that can be read, the shortest first; their keys stay on disk until asked for."""
    found = []
    for folder in sorted(place.glob("[!.]*")):
        try:
            names = msgspec.json.decode(
                (folder / _NAMES).read_bytes(), type=list[tuple[File, Stamp]]
            )
            run = Run(*(np.load(folder / name, mmap_mode="r") for name in (_HEADS, _FILES)))
        except (OSError, ValueError, EOFError, msgspec.MsgspecError):
            continue  # another process has merged it, or it is damaged: it is made anew
        found.append(Kept(folder, run, names))
    return sorted(found, key=lambda one: len(one.run))


def keep(place: Path, run: Run, files: list[tuple[File, Stamp]], now: Mapping[File, Stamp]) -> None:
    """Write a run, together with shorter ones there; `now` has the files that still count."""
    there = kept(place)
    taken = there[:to_merge((len(one.run) for one in there), len(run))]
    parts, names = [run], list(files)
    for one in taken:
        counts = np.array([now.get(file) == stamp for file, stamp in one.files], dtype=bool)
        places = np.cumsum(counts) - 1 + len(names)
        names += [file for file, counted in zip(one.files, counts, strict=True) if counted]
        mine = counts[one.run.files] if len(counts) else np.zeros(0, dtype=bool)
        parts.append(Run(one.run.heads[mine], places[one.run.files[mine]].astype(np.uint32)))
    whole = merged(parts)
    text = msgspec.json.encode(names)
    target = place / hashlib.sha256(text).hexdigest()[:_NAME_DIGITS]
    with replacing_folder(target) as part:
        np.save(part / _HEADS, whole.heads)
        np.save(part / _FILES, whole.files)
        (part / _NAMES).write_bytes(text)
    for one in taken:
        if one.folder != target:
            remove(one.folder)

"""`ratemill profile check`, `preview` and `guess`: files in, findings out; nothing is written."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from mediation.profile import Profile, ProfileError, load_profile
from mediation.unpack import UnpackError
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home
from ratemill.profile_check import Doubt, doubts
from ratemill.profile_sample import Sample, read_sample, sample_doubts
from ratemill.profile_shape import Fault, at_line, line_numbers, read_shape
from ratemill.screen import out, printable
from ratemill.settings import clock

_FAULTY = 2


@dataclass(frozen=True)
class Shown:
    """How many records a preview shows, whether only those turned away, and in what form."""

    rows: int
    rejected: bool
    as_json: bool


def check_command(
    profile: str | None, sample: Path | None, path: Path | None, environ: Mapping[str, str],
    *, strict: bool, as_json: bool,
) -> int:
    """Print what is wrong in profiles; exit code 0, or 2 with errors (strict: with warnings)."""
    home = Home.find(path, environ)
    files = _profile_files(home, profile)
    if sample is not None and len(files) > 1:
        raise RatemillError("--sample", "is of one partner", "name the profile to check")
    found: list[Fault] = []
    against: dict[str, str | None] = {}
    for file in files:
        taken = _sample_of(home, file.stem, sample)
        against[file.stem] = None if taken is None else taken[0]
        found += sorted(check(home, file, taken), key=lambda f: _line(f.where))
    found += _fetched_twice(files)
    errors = sum(f.severity == "error" for f in found)
    if as_json:
        out.print_json(msgspec.json.encode(
            {"faults": [asdict(f) for f in found], "errors": errors,
             "warnings": len(found) - errors, "samples": against}).decode())
    else:
        _show_faults(found, against)
    return _FAULTY if errors or (strict and found) else 0


def _line(where: str) -> int:
    number = where.rpartition(":")[2]
    return int(number) if number.isdecimal() else 0


def _show_faults(found: Sequence[Fault], against: Mapping[str, str | None]) -> None:
    for fault in found:
        out.print(printable(str(fault)), markup=False, emoji=False, soft_wrap=True)
    errors = sum(f.severity == "error" for f in found)
    read = [f"{name} with {file}" for name, file in against.items() if file is not None]
    counts = ", ".join((_counted(errors, "error"), _counted(len(found) - errors, "warning")))
    out.print(printable(f"{_counted(len(against), 'profile')}: {counts}; "
                        f"sample: {', '.join(read) or 'none'}"),
              markup=False, emoji=False, soft_wrap=True)


def _counted(count: int, name: str) -> str:
    return f"{count:,} {name}{'' if count == 1 else 's'}"


def check(home: Home, file: Path, sample: tuple[str, bytes] | None) -> Iterator[Fault]:
    """What is wrong or doubtful in a profile's file, and in how it reads the sample."""
    try:
        octets = file.read_bytes()
    except OSError as error:
        raise RatemillError(str(file), f"cannot be read: {error.strerror}") from error
    shape = read_shape(file.name, file.stem, octets)
    yield from shape.faults
    if shape.profile is None:
        return
    lines = line_numbers(octets.decode())
    if shape.profile.name != file.stem:
        yield Fault(at_line(file.name, lines, "name"), "name",
                    f"is {shape.profile.name!r}, the file's name {file.stem!r}",
                    "a profile is named as its file")
    broken = {f.key.split(".")[1] for f in shape.faults if f.key.startswith("fields.")}
    found = list(doubts(shape.profile, broken))
    if sample is not None and not any(f.key.startswith("format") for f in shape.faults):
        wrong = {d.key.split(".")[1] for d in found
                 if d.severity == "error" and d.key.startswith("fields.")}
        whole = not shape.faults and not any(d.severity == "error" for d in found)
        found += _by_sample(shape.profile, wrong, sample, _now(home), whole=whole)
    for doubt in found:
        if doubt.key.partition(".")[2] in broken and doubt.key.startswith("fields."):
            continue
        yield Fault(at_line(file.name, lines, doubt.key), *doubt)


def _fetched_twice(files: Sequence[Path]) -> Iterator[Fault]:
    """Profiles that take the same files from the same place."""
    places: dict[tuple[str, str, str], str] = {}
    for file in files:
        profile = read_shape(file.name, file.stem, file.read_bytes()).profile
        if profile is None:
            continue
        collect = profile.collect
        # A drop folder that is not absolute is the partner's own.
        drop_folder = collect.folder if collect.folder.startswith("/") else file.stem
        own = collect.connection or drop_folder
        first = places.setdefault((own, collect.where, collect.glob), file.stem)
        if first != file.stem:
            yield Fault(file.name, "collect", f"takes the same files as {first}",
                        "tell them apart by glob or path", "warning")


def _by_sample(
    profile: Profile, wrong: Collection[str], sample: tuple[str, bytes], now: datetime,
    *, whole: bool,
) -> list[Doubt]:
    """What the sample shows, without the fields known to be wrong; `whole`: there are none."""
    name, data = sample
    fields = {n: field for n, field in profile.fields.items() if n not in wrong}
    sound = msgspec.structs.replace(profile, fields=fields)
    try:
        read = _read(data, name, sound, now, decode_only=not whole)
    except ProfileError:
        if whole:
            raise
        # What is wrong with the format was told without the sample.
        return []
    return list(sample_doubts(read, name, sound))


def _profile_files(home: Home, profile: str | None) -> list[Path]:
    folder = home.root / "partners"
    known = sorted(folder.glob("*.toml"))
    if profile is None:
        if not known:
            raise SettingsError(str(folder), "no partner profile (*.toml) found",
                                "name a profile's file, or give --home")
        return known
    if profile.endswith(".toml"):
        return [Path(profile)]
    file = folder / f"{profile}.toml"
    if file not in known:
        raise SettingsError(str(folder), f"no profile of {profile}",
                            f"there are {', '.join(f.stem for f in known) or 'none'}")
    return [file]


def _sample_of(home: Home, partner: str, sample: Path | None) -> tuple[str, bytes] | None:
    """Name and octets of the sample given, else of the file collected last from the partner."""
    if sample is not None:
        return sample.name, _octets(sample)
    from ratemill.lake import Lake

    arrivals = Lake(home.lake).arrivals(partner).sort("received_at", maintain_order=True)
    for name, file_id in reversed(arrivals.select("name", "file_id").rows()):
        if (kept := home.archived(partner, file_id)).exists():
            return name, kept.read_bytes()
    return None


def _octets(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise RatemillError(str(file), f"cannot be read: {error.strerror}") from error


def _read(
    data: bytes, name: str, profile: Profile, now: datetime, *, decode_only: bool = False
) -> Sample:
    try:
        return read_sample(data, name, profile, now, decode_only=decode_only)
    except UnpackError as error:
        raise RatemillError(name, str(error), "the archive is damaged or a bomb") from error


def _now(home: Home) -> datetime:
    """The home's moment; the real one where there is no home, as for a file beside nothing."""
    try:
        return clock(home.settings)
    except SettingsError:
        return datetime.now(UTC).replace(tzinfo=None)


def preview_command(
    file: Path, profile: str | None, path: Path | None, environ: Mapping[str, str], shown: Shown
) -> int:
    """Print how the profile reads a file's records; exit code 0, or 2 when the whole is refused."""
    from ratemill.profile_preview import as_json, seen, show

    home = Home.find(path, environ)
    data = _octets(file)
    chosen = _chosen(home, file, profile)
    sample = _read(data, file.name, chosen, _now(home))
    records = seen(sample, chosen, shown.rows, rejected=shown.rejected)
    if shown.as_json:
        out.print_json(as_json(sample, records))
    else:
        show(sample, records, f"{file.name} as {chosen.name}: {chosen.title}")
    return _FAULTY if sample.whole_file else 0


def _chosen(home: Home, file: Path, profile: str | None) -> Profile:
    """The profile named, by its file too, else the one that fits the sample's place or name."""
    from ratemill.inspect_profile import profile_of

    if profile is not None:
        return load_profile(_profile_files(home, profile)[0])
    try:
        found = profile_of(home, file, None)
    except ProfileError as error:
        raise RatemillError(str(file), f"no profile to read it by: {error}",
                            "--profile takes a name or a TOML file") from error
    if found is None:
        raise RatemillError(
            str(file), "no profile or more than one fits its folder and name",
            f"--profile takes a TOML file or one of {', '.join(home.profiles())}; "
            "`ratemill profile guess` makes a first one")
    return found


def guess_command(file: Path, name: str | None) -> int:
    """Print a first profile for the sample; exit code 0."""
    from mediation.guess import GuessError, guess

    made = name or name_of(file)
    if not re.fullmatch("[a-z][a-z0-9_]{1,30}", made):
        raise RatemillError("--name", f"{made!r} cannot name a profile",
                            "small letters, digits and _, two to 31, a letter first")
    try:
        text = guess(_octets(file), file.name, made)
    except (GuessError, UnpackError) as error:
        raise RatemillError(str(file), str(error),
                            "docs/profiles.md says how to write a profile by hand") from error
    out.print(text, markup=False, emoji=False, soft_wrap=True, end="")
    return 0


def name_of(file: Path) -> str:
    """A profile's name out of a file's: its letters before the first digit, in small."""
    words = re.findall("[a-z]+", re.split("[0-9.]", file.name.lower(), maxsplit=1)[0])
    name = "_".join(words)[:31].strip("_")
    return name if len(name) > 1 else "new_partner"

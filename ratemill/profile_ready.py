"""`ratemill profile list` and `add`: the home's profiles, and ready ones to begin with."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec

from mediation.profile import load_profile
from ratemill.atomic import replacing
from ratemill.demo import SAMPLE
from ratemill.errors import RatemillError, SettingsError
from ratemill.home import Home
from ratemill.screen import out, plain_table

READY = SAMPLE / "ready"
_NAME_LINE = re.compile(r'^name\s*=\s*"[^"\n]*"', re.MULTILINE)


def ready_profiles(folder: Path) -> dict[str, Path]:
    """The ready profiles of a folder by name."""
    return {p.stem: p for p in sorted(folder.glob("*/*.toml")) if p.stem == p.parent.name}


def list_command(
    path: Path | None, environ: Mapping[str, str], *, as_json: bool, folder: Path = READY
) -> int:
    """Print name, format and title of every profile; exit code 0."""
    home = Home.find(path, environ)
    own = {p.stem: p for p in sorted((home.root / "partners").glob("*.toml"))}
    rows = [
        {"name": name, "where": where, "format": profile.format.kind, "title": profile.title}
        for where, files in (("home", own), ("ready", ready_profiles(folder)))
        for name, file in files.items()
        for profile in (load_profile(file),)
    ]
    if as_json:
        out.print_json(msgspec.json.encode(rows).decode())
    else:
        out.print(plain_table(("name", "where", "format", "title"),
                              [tuple(row.values()) for row in rows]))
    return 0


def add_command(
    name: str, ready: str, path: Path | None, environ: Mapping[str, str], folder: Path = READY
) -> int:
    """Copy a ready profile into the home; never over one that is there. Exit code 0."""
    home, known = Home.find(path, environ), ready_profiles(folder)
    if ready not in known:
        raise RatemillError("--from", f"no ready profile {ready}", f"there are {', '.join(known)}")
    if not re.fullmatch("[a-z][a-z0-9_]{1,30}", name):
        raise RatemillError(name, "cannot name a profile",
                            "small letters, digits and _, two to 31, a letter first")
    file = home.root / "partners" / f"{name}.toml"
    if not file.parent.is_dir():
        raise SettingsError(str(file.parent), "is no folder of a home",
                            "RATEMILL_HOME or --home names an operator's home")
    if file.exists():
        raise SettingsError(str(file), "is there already", "choose another name")
    text = _NAME_LINE.sub(f'name = "{name}"', known[ready].read_text(), count=1)
    with replacing(file) as part:
        part.write_text(text)
    out.print(f"{file} is made; set title, sender, recipient and [collect], then run "
              f"`ratemill profile check {name}`.", markup=False, soft_wrap=True)
    return 0

"""The example home: a copy of sample_data with partners who serve their files over SFTP."""

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

from ratemill.atomic import replacing
from ratemill.errors import SettingsError
from ratemill.home import Home
from ratemill.settings import Settings, load_settings

SAMPLE = Path(__file__).parent.parent / "sample_data"
# What lies beside the inputs for comparison; a partner never offers it.
_GOLDEN = ("*.usage.csv", "*.charges.csv", "*.rejects.csv")


def prepare_home(root: Path, sample: Path = SAMPLE) -> Home:
    """The example home at `root`; made from sample_data when there is none, else left as it is."""
    home = Home.find(root, {})
    if (root / "ratemill.toml").exists():
        return home
    if not (sample / "home" / "ratemill.toml").exists():
        raise SettingsError(str(sample), "the example data are not there", "run from a checkout")
    # Call records are nobody else's business.
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    served = root / "sftp"
    shutil.copytree(sample / "inbox", served, ignore=shutil.ignore_patterns(*_GOLDEN),
                    dirs_exist_ok=True)
    shutil.copytree(sample / "home" / "partners", root / "partners", dirs_exist_ok=True)
    shutil.copytree(sample / "home" / "catalog", root / "catalog", dirs_exist_ok=True)
    settings = sample / "home" / "ratemill.toml"
    _age(served, load_settings(settings))
    # The settings come last: they mark the home as complete.
    with replacing(root / "ratemill.toml") as part:
        part.write_bytes(settings.read_bytes())
    return home


def _age(served: Path, settings: Settings) -> None:
    """Make the files an hour old at the example's moment: settled, and the same in every copy."""
    if settings.demo is None:
        raise SettingsError("sample_data/home/ratemill.toml", "[demo] is missing")
    stamp = (settings.demo.clock - timedelta(hours=1)).astimezone(UTC).timestamp()
    for path in served.rglob("*"):
        os.utime(path, (stamp, stamp))


@contextmanager
def partners_online(home: Home, environ: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The environment with the partners' connections; serves them in an example home."""
    demo = home.settings.demo
    if demo is None:
        yield dict(environ)
        return
    from ratemill.partner_server import PartnerServer

    users = {
        p.collect.connection: name
        for name, p in home.profiles().items() if p.collect.connection
    }
    with PartnerServer(home.root / demo.partner_server, home.root / "keys") as server:
        yield {**environ, **server.environ(users)}



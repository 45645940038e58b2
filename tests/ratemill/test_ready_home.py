"""The ready profiles at work: added to a home, collected over SFTP, mediated there."""

import os
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "golden"))

from golden import csv_text
from ready_goldens import READY, names, samples

from mediation.schema import USAGE
from ratemill.demo import prepare_home
from ratemill.lake import Lake


def offered(home, partner, ready):
    """The samples of a ready profile on a partner's server, an hour old."""
    served = home.root / home.settings.demo.partner_server / partner / "outgoing"
    served.mkdir(parents=True)
    stamp = (home.settings.demo.clock - timedelta(hours=1)).timestamp()
    for path in samples(ready):
        os.utime(shutil.copy(path, served), (stamp, stamp))


@pytest.mark.parametrize("ready", names())
def test_a_ready_profile_has_nothing_that_is_doubtful(ready, ratemill):
    shown = ratemill("profile", "check", READY / ready / f"{ready}.toml", "--strict")
    assert shown.returncode == 0, shown


def test_a_home_takes_the_ready_profiles_under_names_of_its_own(tmp_path, runner, ratemill):
    home = prepare_home(tmp_path / "home")
    partners = {f"{ready}_one": ready for ready in names()}
    for partner, ready in partners.items():
        assert ratemill("profile", "add", partner, "--from", ready, home=home).returncode == 0
        offered(home, partner, ready)
    runner(home, list(partners))
    lake = Lake(home.lake)
    arrivals = lake.arrivals().filter(pl.col("partner").is_in(list(partners)))
    wanted = [p.name for ready in partners.values() for p in samples(ready)]
    assert sorted(arrivals["name"]) == sorted(wanted)
    for row in arrivals.rows(named=True):
        usage = lake.load(USAGE, row["partner"], row["file_id"], "mediate")
        folder = READY / partners[row["partner"]] / "sample"
        assert csv_text(usage) == (folder / f"{row['name']}.usage.csv").read_text(), row["name"]

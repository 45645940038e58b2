"""Homes that several tests look at: made and run once a session."""

import os
import time
from contextlib import nullcontext

import pytest
from hypothesis import settings

# How long one example takes says more about the machine than about the code.
settings.register_profile("few", deadline=None, max_examples=25)
settings.register_profile("many", deadline=None, max_examples=150)

os.environ["TZ"] = "UTC"
os.environ["GX_ANALYTICS_ENABLED"] = "false"
time.tzset()


class Quiet:
    """A progress that nobody watches."""

    def step(self, *_):
        return nullcontext(lambda: None)


def run_home(home, partners=None):
    """Run over a home the way `ratemill run` does, with the partners online."""
    from ratemill.demo import partners_online
    from ratemill.run import run
    from ratemill.settings import clock

    with partners_online(home, {}) as environ:
        return run(home, partners or list(home.profiles()), now=clock(home.settings),
                   environ=environ, progress=Quiet())


@pytest.fixture(scope="session")
def runner():
    return run_home


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The example home after one run. Look, do not touch: other tests look at it too."""
    from ratemill.demo import prepare_home

    home = prepare_home(tmp_path_factory.mktemp("example") / "home")
    run_home(home)
    return home


def pytest_configure(config):
    settings.load_profile("few" if "not slow" in config.option.markexpr else "many")


def pytest_collection_modifyitems(config, items):
    """Marks that follow from what a test is.

    Whatever runs the whole pipeline is no unit test: it is e2e by the fixture it uses. A test of
    drawn examples is among the unit tests with a few of them and among the slow ones with many.
    """
    drawn_are_slow = "not slow" not in config.option.markexpr
    for item in items:
        if {"example", "runner"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("e2e")
        elif drawn_are_slow and getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            item.add_marker("slow")

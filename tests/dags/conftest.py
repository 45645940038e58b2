"""One Airflow home with a migrated database for all tests of a session, and an example home."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratemill.airflow_stack import AirflowStack, environment, free_port
from ratemill.demo import partners_online, prepare_home
from ratemill.home import Home


@pytest.fixture(scope="session")
def clean_environ() -> dict[str, str]:
    """This process's environment without any setting of Airflow or of a home."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "RATEMILL"))}


@pytest.fixture(scope="session")
def airflow_home(
    tmp_path_factory: pytest.TempPathFactory, clean_environ: dict[str, str]
) -> Path:
    """AIRFLOW_HOME with a migrated database and the pools."""
    path = tmp_path_factory.mktemp("airflow")
    environ = environment(clean_environ, path, path / "no_home", free_port(28080))
    with AirflowStack(environ) as stack:
        stack.prepare()
    return path


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An example home nothing has been collected into yet."""
    return prepare_home(tmp_path / "home")


@pytest.fixture
def connected(home: Home, clean_environ: dict[str, str]) -> Iterator[dict[str, str]]:
    """An environment that holds the connections to the home's partners, who are being served."""
    with partners_online(home, clean_environ) as environ:
        yield environ

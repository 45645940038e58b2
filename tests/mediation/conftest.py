"""A partner's server and an archive for the tests of collection."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ratemill.partner_server import PartnerServer

sys.path.insert(0, str(Path(__file__).parent))

from collect_scene import Run


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with PartnerServer(tmp_path / "root", tmp_path / "keys") as server:
        yield Run(server, tmp_path / "archive")

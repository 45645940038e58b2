"""Which faults a task is tried again for."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECIDE = """
import json
from pathlib import Path
from charging.ledger_error import LedgerError
from mediation.outcome import ConservationError
from mediation.profile import ProfileError
from ratemill.airflow_tasks import FaultPolicy
from ratemill.errors import PartnerUnreachable, SettingsError
from rating.catalog import CatalogError
faults = {
    "link": PartnerUnreachable("sftp", "timed out", retryable=True),
    "host key": PartnerUnreachable("sftp", "host key changed", "ask them", retryable=False),
    "settings": SettingsError("ratemill.toml", "cannot be read"),
    "profile": ProfileError("a.toml: wrong"),
    "sums": ConservationError("2 in, 1 out"),
    "catalog": CatalogError(Path("catalog"), []),
    "ledger": LedgerError("ledger", "cannot be read", "look", retry=False),
    "busy ledger": LedgerError("ledger", "is locked", "wait", retry=True),
    "disk": OSError("no space left"),
    "unknown": ValueError("who knows"),
}
print(json.dumps({k: FaultPolicy().evaluate(v, 1, 2).action.value for k, v in faults.items()}))
"""


@pytest.mark.slow
def test_only_faults_that_waiting_can_help_are_retried(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", DECIDE], capture_output=True, text=True, check=True, timeout=120,
        env={"AIRFLOW_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
    )
    assert json.loads(answer.stdout.splitlines()[-1]) == {
        "link": "default", "host key": "fail", "settings": "fail", "profile": "fail",
        "sums": "fail", "catalog": "fail", "ledger": "fail", "busy ledger": "default",
        "disk": "default", "unknown": "default",
    }

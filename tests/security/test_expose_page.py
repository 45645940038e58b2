"""The page on how to expose Airflow names settings, options and files that there are."""

import re
import subprocess
import sys

import pytest

from ratemill.airflow_stack import REPOSITORY, USERS

PAGE = (REPOSITORY / "docs" / "expose.md").read_text()
ASK = """
import sys
from airflow.configuration import conf
known = conf.configuration_description
for name in sys.argv[1:]:
    section, option = name.removeprefix("AIRFLOW__").lower().split("__", 1)
    if option not in known.get(section, {}).get("options", {}):
        print(name)
"""


@pytest.mark.airflow
def test_settings_that_the_page_names_are_settings_of_airflow() -> None:
    names = sorted(set(re.findall(r"AIRFLOW__[A-Z]+(?:_[A-Z]+)*__[A-Z_]*[A-Z]", PAGE)))
    assert len(names) > 10
    unknown = [*names, "AIRFLOW__CORE__MADE_UP"]
    said = subprocess.run(
        [sys.executable, "-c", ASK, *unknown], capture_output=True, text=True, check=True,
        timeout=120,
    )
    assert said.stdout.split() == ["AIRFLOW__CORE__MADE_UP"]


@pytest.mark.airflow
def test_airflow_has_the_options_that_the_page_names() -> None:
    for command, option in (("api-server", "--proxy-headers"), ("triggerer", "--skip-serve-logs")):
        assert option in PAGE
        said = subprocess.run(
            [sys.executable, "-m", "airflow", command, "--help"], capture_output=True, text=True,
            check=True, timeout=120,
        )
        assert option in said.stdout


def test_roles_of_the_page_are_those_of_the_stack() -> None:
    for user, role in USERS.items():
        assert re.search(rf"^\| {user} \| `{role}` \|", PAGE, re.MULTILINE)


def test_links_of_the_security_pages_lead_somewhere() -> None:
    for name in ("expose.md", "threat_model.md"):
        text = (REPOSITORY / "docs" / name).read_text()
        for target in re.findall(r"\]\(([\w.]+)(?:#[\w-]+)?\)", text):
            assert (REPOSITORY / "docs" / target).is_file(), target

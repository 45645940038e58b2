"""Tell people what they have to see to: once by e-mail and webhook, as one message.

Looks every quarter of an hour: posting on hold, files missing, late, held or not finished, records
that wait for long, runs that failed or take too long. What was said is said again when its quiet
hours are over, or when it has doubled. `[alerts]` in ratemill.toml says who is told; without it the
log of *look* is the only place.
"""

import os
from datetime import timedelta
from typing import Any

from airflow.sdk import dag, task

from ratemill import airflow_alerts as alerts
from ratemill import airflow_tasks as shared
from ratemill.home import Home


@dag(
    dag_id="alarms", dag_display_name="Alarms", doc_md=__doc__, tags=["ratemill"],
    schedule=timedelta(minutes=15), **shared.DAG_DEFAULTS,
)
def alarms() -> None:
    """The tasks and their order."""

    @task(doc_md="Find what a person has to see to; the log has a line for each thing.")
    def look() -> list[dict[str, Any]]:
        return alerts.look(Home.find(None, os.environ))

    @task(doc_md="Say what is new by every channel; the log has the message.")
    def tell(found: list[dict[str, Any]]) -> list[str]:
        return alerts.tell_all(Home.find(None, os.environ), found)

    @task(doc_md="Push the figures of files, money and queue.")
    def measure() -> int:
        return alerts.measure(Home.find(None, os.environ))

    tell(look())
    measure()


alarms()

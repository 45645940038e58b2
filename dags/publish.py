"""Renew what analysts look at: the DuckDB warehouse and the pages of the gate.

Starts when charges are posted, and every hour. What is posted while it runs waits for the next run,
which takes all of it at once. An open warehouse stays as it is for whoever has it open.
"""

import os
from datetime import timedelta

from airflow.sdk import dag, task

from ratemill import airflow_alerts as alerts
from ratemill import airflow_tasks as shared
from ratemill.airflow_watch import on_event_or_every
from ratemill.home import Home


@dag(
    dag_id="publish", dag_display_name="Publish the warehouse", doc_md=__doc__, tags=["ratemill"],
    schedule=on_event_or_every(timedelta(hours=1), shared.POSTED), **shared.DAG_DEFAULTS,
)
def publish() -> None:
    """The tasks and their order."""

    @task(pool="warehouse", doc_md="Replace the analysts' DuckDB file by a new one.")
    def warehouse() -> str:
        from ratemill import pipeline

        return str(pipeline.publish(Home.find(None, os.environ)))

    @task(doc_md="Push the figures to where `[metrics]` of ratemill.toml says.")
    def measure() -> int:
        return alerts.measure(Home.find(None, os.environ))

    warehouse() >> measure()


publish()
